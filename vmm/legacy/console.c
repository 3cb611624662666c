/* SPDX-License-Identifier: Apache-2.0 */
/* The console: a serial port between the guest and a file, pipe or terminal outside. */
#include "vmm/legacy/console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/syscalls.h"
#include "lib/text.h"

/* The guest's bytes are written by the vCPU that sends them. */
SYSCALLS(SYSCALL(SYSCALLS_VCPU, pwrite64), SYSCALL(SYSCALLS_VCPU, pread64),
	 SYSCALL(SYSCALLS_VCPU, ftruncate), SYSCALL(SYSCALLS_VCPU, poll));

#define KEY_ESCAPE 0x01u /* Ctrl-A */

/* Keeps the later half of a full file. Where that fails the file starts anew. */
static void shrink_file(struct console *console)
{
	size_t half = CONSOLE_FILE_MAX / 2;
	_cleanup_free_ uint8_t *kept = malloc(half);
	ssize_t n = 0;

	if (kept)
		n = fd_pread_full(console->out_fd, kept, half, (off_t)(console->file_bytes - half));
	console->file_bytes = 0;
	if (n > 0 && pwrite(console->out_fd, kept, (size_t)n, 0) == n)
		console->file_bytes = (uint64_t)n;
	if (ftruncate(console->out_fd, (off_t)console->file_bytes) < 0)
		console->file_bytes = CONSOLE_FILE_MAX; /* not a file we can bound: write no more */
}

static void write_to_file(struct console *console, const char *text, size_t len)
{
	if (console->file_bytes + len > CONSOLE_FILE_MAX)
		shrink_file(console);
	if (console->file_bytes + len <= CONSOLE_FILE_MAX &&
	    pwrite(console->out_fd, text, len, (off_t)console->file_bytes) == (ssize_t)len)
		console->file_bytes += len;
}

/* The file gets more room with each second that passed. */
static void refill(struct console *console)
{
	int64_t now_ms = clock_monotonic_ms(), seconds = (now_ms - console->filled_ms) / 1000;
	char note[64];

	if (seconds <= 0)
		return;
	console->filled_ms = now_ms;
	console->budget = (uint32_t)MIN((uint64_t)seconds * CONSOLE_RATE, (uint64_t)CONSOLE_BURST);
	if (console->dropped > 0) {
		(void)snprintf(note, sizeof(note), "\n[%llu bytes too fast to be kept]\n",
			       (unsigned long long)console->dropped);
		write_to_file(console, note, strlen(note));
	}
	console->dropped = 0;
}

static void output_to_file(struct console *console, uint8_t byte)
{
	char text[TEXT_CLEAN_MAX];
	size_t len;

	if (console->budget == 0)
		refill(console);
	if (console->budget == 0) {
		console->dropped++;
		return;
	}
	console->budget--;
	len = text_clean((char)byte, text);
	if (len > 0)
		write_to_file(console, text, len);
}

/* The descriptor may be shared with a shell, so it is asked first instead of made non-blocking. */
static void output_to_stream(struct console *console, uint8_t byte)
{
	struct pollfd poll_fd = { .fd = console->out_fd, .events = POLLOUT };
	int timeout_ms = console->stalled ? 0 : CONSOLE_STALL_MS;

	console->stalled = poll(&poll_fd, 1, timeout_ms) != 1 || !(poll_fd.revents & POLLOUT) ||
			   write(console->out_fd, &byte, 1) != 1;
}

static void on_output(void *ctx, uint8_t byte)
{
	struct console *console = ctx;

	if (console->is_file)
		output_to_file(console, byte);
	else
		output_to_stream(console, byte);
}

static void on_interrupt(void *ctx)
{
	struct console *console = ctx;

	(void)eventfd_write(console->interrupt_fd, 1);
}

static void on_drained(void *ctx)
{
	struct console *console = ctx;

	(void)eventfd_write(console->drained_fd, 1);
}

static const struct serial_ops console_serial_ops = {
	.output = on_output,
	.interrupt = on_interrupt,
	.drained = on_drained,
};

/* Takes Ctrl-A x, and turns Ctrl-A Ctrl-A into one. Returns how many bytes are for the guest. */
static size_t take_escapes(struct console *console, uint8_t *bytes, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		if (!console->quit || (!console->escape && bytes[i] != KEY_ESCAPE)) {
			bytes[kept++] = bytes[i];
		} else if (!console->escape) {
			console->escape = true;
		} else {
			console->escape = false;
			if (bytes[i] == 'x')
				console->quit(console->quit_ctx);
			else
				bytes[kept++] = bytes[i];
		}
	}
	return kept;
}

/* Without the means to wait there is no more input. */
static void watch_for(struct console *console, uint32_t events)
{
	if (console->in_source && loop_source_set_events(console->in_source, events) < 0) {
		loop_source_free(console->in_source);
		console->in_source = NULL;
	}
}

static void on_input(void *ctx, int fd, uint32_t events)
{
	struct console *console = ctx;
	uint8_t bytes[SERIAL_FIFO_BYTES];
	size_t room;
	ssize_t n;

	(void)events;
	pthread_mutex_lock(console->lock);
	room = serial_room(&console->serial);
	pthread_mutex_unlock(console->lock);
	if (room == 0) {
		/* Until the guest has read some of it. */
		watch_for(console, 0);
		return;
	}
	n = read(fd, bytes, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		loop_source_free(console->in_source);
		console->in_source = NULL;
		return;
	}
	n = (ssize_t)take_escapes(console, bytes, (size_t)n);
	pthread_mutex_lock(console->lock);
	/* Only this thread adds input but for the guest's loop-back, so ask again. */
	serial_input(&console->serial, bytes, MIN((size_t)n, serial_room(&console->serial)));
	pthread_mutex_unlock(console->lock);
}

static void on_room(void *ctx, int fd, uint32_t events)
{
	struct console *console = ctx;
	eventfd_t ignored;

	(void)events;
	(void)eventfd_read(fd, &ignored);
	watch_for(console, EPOLLIN);
}

/* A regular file, or /dev/null, cannot be waited for: it has nothing to type. */
static int watch_input(struct console *console, struct err *err)
{
	int r = loop_add_fd(console->loop, console->in_fd, EPOLLIN, on_input, console,
			    &console->in_source);

	if (r == -EPERM)
		return 0;
	if (r == 0)
		r = loop_add_fd(console->loop, console->drained_fd, EPOLLIN, on_room, console,
				&console->drained_source);
	return r < 0 ? err_set(err, -r, "cannot read console input") : 0;
}

int console_init(struct console *console, const struct console_config *config, struct err *err)
{
	struct stat st = { 0 };
	int r = 0;

	*console = (struct console){ .out_fd = config->out_fd,
				     .in_fd = config->in_fd,
				     .loop = config->loop,
				     .lock = config->lock,
				     .quit = config->quit,
				     .quit_ctx = config->quit_ctx,
				     .interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				     .drained_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	serial_init(&console->serial, &console_serial_ops, console);
	if (console->interrupt_fd < 0 || console->drained_fd < 0)
		r = err_set(err, errno, "cannot make the console");
	else if (fstat(console->out_fd, &st) < 0)
		r = err_set(err, errno, "cannot use the console's descriptor");
	if (r == 0 && config->bounded && S_ISREG(st.st_mode)) {
		console->is_file = true;
		console->budget = CONSOLE_BURST;
		console->filled_ms = clock_monotonic_ms();
		console->file_bytes = MIN((uint64_t)st.st_size, (uint64_t)CONSOLE_FILE_MAX);
	}
	if (r == 0 && console->in_fd >= 0)
		r = watch_input(console, err);
	if (r < 0)
		console_fini(console);
	return r;
}

void console_fini(struct console *console)
{
	if (!console->loop)
		return;
	loop_source_free(console->in_source);
	loop_source_free(console->drained_source);
	if (console->interrupt_fd >= 0)
		close(console->interrupt_fd);
	if (console->drained_fd >= 0)
		close(console->drained_fd);
	*console = (struct console){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A child's log: into a file, and its last error into memory. */
#include "shim/sandbox/log-tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/ratelimit.h"
#include "lib/text.h"

#define LOG_FILE_MAX (4u << 20)
#define CHUNK_BYTES  4096u

/* Lines that go into our own log: a kernel's boot at once, then ten a second. */
#define LINES_BURST	  2000u
#define LINES_INTERVAL_MS 100u

struct log_tail {
	struct loop_source *source;
	int pipe_fd, file_fd;
	const char *who;
	struct ratelimit limit;
	size_t written;
	char line[ERR_TEXT_MAX]; /* the one under way */
	size_t line_len;
	char last_error[ERR_TEXT_MAX];
};

/* "program: " in front of an error of lib/log.h's text form, "program: info: " and so on of the
 * rest. */
static const char *error_text(const char *line)
{
	static const char *const others[] = { "warning: ", "info: ", "debug: " };
	const char *text = strstr(line, ": ");

	if (!text)
		return NULL;
	text += 2;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(text, others[i], strlen(others[i])) == 0)
			return NULL;
	return text;
}

static void line_ended(struct log_tail *tail)
{
	uint32_t suppressed = 0;
	const char *text;
	size_t len;

	tail->line[tail->line_len] = '\0';
	tail->line_len = 0;
	if (log_enabled(LOG_LEVEL_DEBUG) &&
	    ratelimit_allow(&tail->limit, clock_monotonic_ms(), &suppressed))
		log_debug("%s: %s%s", tail->who, suppressed ? "[lines left out] " : "", tail->line);
	text = error_text(tail->line);
	len = text ? strlen(text) : 0;
	/* A dump of registers is an error's detail: indented, below a heading that ends in a colon.
	 */
	if (len == 0 || text[0] == ' ' || text[len - 1] == ':')
		return;
	(void)snprintf(tail->last_error, sizeof(tail->last_error), "%s", text);
}

/* As much as the file has room for, cleaned: it comes from the guest, or from what it took over. */
static void to_file(struct log_tail *tail, const char *data, size_t len)
{
	char text[CHUNK_BYTES * (TEXT_CLEAN_MAX - 1) + 1];
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
		used += text_clean(data[i], text + used);
	used = MIN(used, LOG_FILE_MAX - tail->written);
	tail->written += used;
	if (used > 0 && fd_write_full(tail->file_fd, text, used) < 0)
		tail->written = LOG_FILE_MAX; /* a full disk: the log ends here, the VM goes on */
}

static void take(struct log_tail *tail, const char *data, size_t len)
{
	to_file(tail, data, len);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			line_ended(tail);
		else if (data[i] == '\r')
			continue; /* a serial line's */
		else if (tail->line_len < sizeof(tail->line) - 1)
			tail->line[tail->line_len++] = data[i];
	}
}

static void pipe_ready(void *ctx, int fd, uint32_t events)
{
	struct log_tail *tail = ctx;
	char chunk[CHUNK_BYTES];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	(void)events;
	if (n > 0) {
		take(tail, chunk, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		loop_source_free(tail->source);
		tail->source = NULL;
	}
}

int log_tail_new(struct loop *loop, int pipe_fd, const char *path, const char *who,
		 struct log_tail **ret_tail, struct err *err)
{
	struct log_tail *tail = calloc(1, sizeof(*tail));
	int r;

	if (!tail) {
		close(pipe_fd);
		return err_set(err, ENOMEM, "cannot open %s", path);
	}
	tail->pipe_fd = pipe_fd;
	tail->who = who;
	tail->limit = RATELIMIT_INIT(LINES_BURST, LINES_INTERVAL_MS);
	tail->file_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (tail->file_fd < 0) {
		r = err_set(err, errno, "cannot open %s", path);
		log_tail_free(tail);
		return r;
	}
	r = fd_set_nonblock(pipe_fd, 1);
	if (r == 0)
		r = loop_add_fd(loop, pipe_fd, EPOLLIN, pipe_ready, tail, &tail->source);
	if (r < 0) {
		log_tail_free(tail);
		return err_set(err, -r, "cannot read the log of %s", who);
	}
	*ret_tail = tail;
	return 0;
}

void log_tail_free(struct log_tail *tail)
{
	if (!tail)
		return;
	loop_source_free(tail->source);
	close(tail->pipe_fd);
	if (tail->file_fd >= 0)
		close(tail->file_fd);
	free(tail);
}

void log_tail_flush(struct log_tail *tail)
{
	char chunk[CHUNK_BYTES];
	ssize_t n;

	/* No more than a pipe holds: others may go on writing. */
	for (int i = 0; i < 32 && (n = read(tail->pipe_fd, chunk, sizeof(chunk))) > 0; i++)
		take(tail, chunk, (size_t)n);
	if (tail->line_len > 0)
		line_ended(tail);
}

const char *log_tail_last_error(const struct log_tail *tail)
{
	return tail->last_error;
}

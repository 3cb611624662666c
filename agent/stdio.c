/* SPDX-License-Identifier: Apache-2.0 */
/* A process's standard streams and their relays. */
#include "agent/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/relay.h"
#include "lib/fd.h"

struct stdio {
	struct loop *loop;
	struct stdio_outside outside;
	int child[3]; /* the process's side, until stdio_start() */
	int inner[3]; /* our ends of its pipes, until a relay owns them */
	int master;
	struct relay *relays[3];
	loop_fn *drained;
	void *drained_ctx;
	unsigned int draining;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void stdio_outside_close(struct stdio_outside *outside)
{
	close_fd(&outside->in_fd);
	close_fd(&outside->out_fd);
	close_fd(&outside->err_fd);
}

static int *outside_fd(struct stdio *stdio, int i)
{
	int *fds[3] = { &stdio->outside.in_fd, &stdio->outside.out_fd, &stdio->outside.err_fd };

	return fds[i];
}

/* One of the three: a pipe to be relayed, the descriptor itself, or /dev/null. */
static int make_stream(struct stdio *stdio, int i, int null_fd, uint32_t uid, uint32_t gid)
{
	int ends[2];

	if (*outside_fd(stdio, i) < 0) {
		stdio->child[i] = fcntl(null_fd, F_DUPFD_CLOEXEC, 3);
		return stdio->child[i] < 0 ? -errno : 0;
	}
	if (stdio->outside.direct) {
		stdio->child[i] = *outside_fd(stdio, i);
		*outside_fd(stdio, i) = -1;
		return 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	stdio->child[i] = ends[i == 0 ? 0 : 1];
	stdio->inner[i] = ends[i == 0 ? 1 : 0];
	return fchown(stdio->child[i], uid, gid) < 0 ? -errno : 0;
}

int stdio_new(struct loop *loop, struct stdio_outside *outside, int null_fd, uint32_t uid,
	      uint32_t gid, struct stdio **ret_stdio, struct err *err)
{
	struct stdio *stdio = calloc(1, sizeof(*stdio));

	if (!stdio) {
		stdio_outside_close(outside);
		return err_set(err, ENOMEM, "cannot make the standard streams");
	}
	stdio->loop = loop;
	stdio->outside = *outside;
	*outside = STDIO_OUTSIDE_NONE;
	stdio->master = -1;
	for (int i = 0; i < 3; i++)
		stdio->child[i] = stdio->inner[i] = -1;
	for (int i = 0; i < 3 && !stdio->outside.terminal; i++) {
		int r = make_stream(stdio, i, null_fd, uid, gid);

		if (r < 0) {
			stdio_free(stdio);
			return err_set(err, -r, "cannot make the standard streams");
		}
	}
	*ret_stdio = stdio;
	return 0;
}

void stdio_free(struct stdio *stdio)
{
	if (!stdio)
		return;
	for (int i = 0; i < 3; i++) {
		relay_free(stdio->relays[i]);
		close_fd(&stdio->child[i]);
		close_fd(&stdio->inner[i]);
	}
	close_fd(&stdio->master);
	stdio_outside_close(&stdio->outside);
	free(stdio);
}

void stdio_child_fds(const struct stdio *stdio, int ret_fds[3])
{
	for (int i = 0; i < 3; i++)
		ret_fds[i] = stdio->child[i];
}

/* The relay gets from and to, which are forgotten here whatever happens. */
static int start_relay(struct stdio *stdio, int i, int *from, int *to, enum relay_end end)
{
	int from_fd = TAKE_FD(*from);
	int to_fd = TAKE_FD(*to);

	return relay_new(stdio->loop, from_fd, to_fd, end, &stdio->relays[i]);
}

int stdio_start(struct stdio *stdio, struct err *err)
{
	int r = 0;

	for (int i = 0; i < 3; i++)
		close_fd(&stdio->child[i]);
	if (stdio->outside.terminal)
		return 0;
	if (stdio->inner[0] >= 0)
		r = start_relay(stdio, 0, &stdio->outside.in_fd, &stdio->inner[0], RELAY_END_CLOSE);
	if (r == 0 && stdio->inner[1] >= 0)
		r = start_relay(stdio, 1, &stdio->inner[1], &stdio->outside.out_fd,
				RELAY_END_SHUTDOWN);
	if (r == 0 && stdio->inner[2] >= 0)
		r = start_relay(stdio, 2, &stdio->inner[2], &stdio->outside.err_fd,
				RELAY_END_SHUTDOWN);
	return r < 0 ? err_set(err, -r, "cannot relay the standard streams") : 0;
}

static int attach(struct stdio *stdio)
{
	int master_in, master_out;
	int r = 0;

	if (stdio->outside.in_fd >= 0) {
		master_in = fcntl(stdio->master, F_DUPFD_CLOEXEC, 3);
		if (master_in < 0)
			return -errno;
		r = start_relay(stdio, 0, &stdio->outside.in_fd, &master_in, RELAY_END_EOF_CHAR);
	}
	if (r == 0 && stdio->outside.out_fd >= 0) {
		master_out = fcntl(stdio->master, F_DUPFD_CLOEXEC, 3);
		if (master_out < 0)
			return -errno;
		r = start_relay(stdio, 1, &master_out, &stdio->outside.out_fd, RELAY_END_SHUTDOWN);
	}
	return r;
}

int stdio_attach_terminal(struct stdio *stdio, int master_fd, struct err *err)
{
	int r;

	close_fd(&stdio->master);
	stdio->master = master_fd;
	r = attach(stdio);
	return r < 0 ? err_set(err, -r, "cannot relay the terminal") : 0;
}

int stdio_resize(struct stdio *stdio, uint32_t columns, uint32_t rows)
{
	const struct winsize size = { .ws_col = (unsigned short)columns,
				      .ws_row = (unsigned short)rows };

	if (stdio->master < 0)
		return -ENOTTY;
	return ioctl(stdio->master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static void on_drained(void *ctx)
{
	struct stdio *stdio = ctx;

	if (--stdio->draining == 0)
		stdio->drained(stdio->drained_ctx);
}

void stdio_drain(struct stdio *stdio, loop_fn *fn, void *ctx)
{
	stdio->drained = fn;
	stdio->drained_ctx = ctx;
	/* One more, so that it cannot reach 0 before both relays have been asked. */
	stdio->draining = 1;
	for (int i = 1; i < 3; i++) {
		if (stdio->relays[i]) {
			stdio->draining++;
			relay_drain(stdio->relays[i], on_drained, stdio);
		}
	}
	on_drained(stdio);
}

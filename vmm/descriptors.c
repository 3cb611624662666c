/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that the shim handed over. */
#include "vmm/descriptors.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"

/* Takes the descriptor at index i out of the list. */
static int take(struct descriptors *descriptors, size_t i)
{
	int fd = descriptors->waiting[i].fd;

	descriptors->n--;
	memmove(&descriptors->waiting[i], &descriptors->waiting[i + 1],
		(descriptors->n - i) * sizeof(descriptors->waiting[0]));
	return fd;
}

/* Its index, or n. */
static size_t find(const struct descriptors *descriptors, uint64_t token)
{
	size_t i = 0;

	while (i < descriptors->n && descriptors->waiting[i].token != token)
		i++;
	return i;
}

static void keep(struct descriptors *descriptors, uint64_t token, int fd)
{
	if (find(descriptors, token) < descriptors->n) {
		log_warn("descriptor lane: token %llu waits already", (unsigned long long)token);
		close(fd);
		return;
	}
	if (descriptors->n == ARRAY_SIZE(descriptors->waiting)) {
		log_warn("descriptor lane: nothing claims token %llu",
			 (unsigned long long)descriptors->waiting[0].token);
		close(take(descriptors, 0));
	}
	descriptors->waiting[descriptors->n].token = token;
	descriptors->waiting[descriptors->n++].fd = fd;
}

/* One packet. False when there is none, or no lane any more. */
static bool receive_one(struct descriptors *descriptors)
{
	uint8_t bytes[sizeof(struct descriptor_lane_message) + 1];
	struct descriptor_lane_message message;
	int fds[2];
	size_t n_fds = ARRAY_SIZE(fds);
	ssize_t n;

	if (!descriptors->source)
		return false;
	n = fd_recv(descriptors->lane_fd, bytes, sizeof(bytes), fds, &n_fds);
	if (n == -EAGAIN)
		return false;
	if (n <= 0 && n_fds == 0) {
		loop_source_free(TAKE_PTR(descriptors->source));
		close(TAKE_FD(descriptors->lane_fd));
		return false;
	}
	if (n == (ssize_t)sizeof(message) && n_fds == 1) {
		memcpy(&message, bytes, sizeof(message));
		keep(descriptors, message.token, fds[0]);
		return true;
	}
	log_warn("descriptor lane: a malformed packet");
	while (n_fds > 0)
		close(fds[--n_fds]);
	return true;
}

static void on_lane(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	(void)receive_one(ctx);
}

int descriptors_init(struct descriptors *descriptors, struct loop *loop, int lane_fd,
		     struct err *err)
{
	int r = fd_set_nonblock(lane_fd, 1);

	*descriptors = (struct descriptors){ .lane_fd = lane_fd };
	if (r == 0)
		r = loop_add_fd(loop, lane_fd, EPOLLIN, on_lane, descriptors, &descriptors->source);
	if (r < 0) {
		close(TAKE_FD(descriptors->lane_fd));
		return err_set(err, -r, "cannot use the descriptor lane");
	}
	return 0;
}

void descriptors_fini(struct descriptors *descriptors)
{
	while (descriptors->n > 0)
		close(take(descriptors, 0));
	if (!descriptors->source)
		return;
	loop_source_free(TAKE_PTR(descriptors->source));
	close(TAKE_FD(descriptors->lane_fd));
}

int descriptors_claim(struct descriptors *descriptors, uint64_t token)
{
	size_t i;

	/* What was sent before the call that names it may still be on the socket. */
	while (receive_one(descriptors))
		;
	i = find(descriptors, token);
	return i < descriptors->n ? take(descriptors, i) : -ENOENT;
}

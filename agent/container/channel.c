/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the agent and a process that it is setting up. */
#include "agent/container/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"

int channel_new(int *ret_agent_fd, int *ret_child_fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	*ret_agent_fd = fds[0];
	*ret_child_fd = fds[1];
	return 0;
}

/* The text's unused part stays behind. */
static size_t message_size(const struct channel_message *message)
{
	return offsetof(struct channel_message, text) + strlen(message->text) + 1;
}

int channel_send(int fd, enum channel_type type, pid_t pid)
{
	const struct channel_message message = { .type = type, .pid = pid };

	return fd_send(fd, &message, message_size(&message), NULL, 0);
}

int channel_send_terminal(int fd, int master_fd)
{
	const struct channel_message message = { .type = CHANNEL_TERMINAL };

	return fd_send(fd, &message, message_size(&message), &master_fd, 1);
}

void channel_send_failed(int fd, const struct err *err)
{
	struct channel_message message = { .type = CHANNEL_FAILED,
					   .code = err->code ? err->code : -EIO };

	(void)snprintf(message.text, sizeof(message.text), "%s", err_text(err));
	if (fd_send(fd, &message, message_size(&message), NULL, 0) < 0)
		return;
}

int channel_receive(int fd, struct channel_message *ret_message, int *ret_fd)
{
	size_t n_fds = 1;
	ssize_t n;

	*ret_fd = -1;
	n = fd_recv(fd, ret_message, sizeof(*ret_message), ret_fd, &n_fds);
	/* A peer that went with messages of ours unread. */
	if (n == -ECONNRESET)
		n = 0;
	if (n < 0)
		return (int)n;
	if (n == 0)
		ret_message->type = CHANNEL_CLOSED;
	ret_message->text[ERR_TEXT_MAX - 1] = '\0';
	return 0;
}

int channel_wait(int fd, enum channel_type type)
{
	struct channel_message message;
	int passed_fd;
	int r = channel_receive(fd, &message, &passed_fd);

	if (passed_fd >= 0)
		close(passed_fd);
	if (r < 0)
		return r;
	return message.type == type ? 0 : -EPIPE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* passt for a VM's network, over a stream socket. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "shim/net/helper.h"
#include "shim/net/user.h"

#define GATEWAY_MAC "02:00:00:00:00:02"
#define ARGS_MAX    40
#define PORTS_MAX   1024

struct command {
	const char *argv[ARGS_MAX];
	size_t n;
	char fd[16], tcp[PORTS_MAX], udp[PORTS_MAX];
};

/* For each protocol a list "8080:80". */
static void split_ports(const char *publish, struct command *command)
{
	struct user_port port;

	while (user_next_port(&publish, &port)) {
		char *list = port.udp ? command->udp : command->tcp;
		size_t used = strlen(list);

		(void)snprintf(list + used, PORTS_MAX - used, "%s%u:%u", used ? "," : "", port.host,
			       port.guest);
	}
}

static void add(struct command *command, const char *option, const char *value)
{
	command->argv[command->n++] = option;
	if (value)
		command->argv[command->n++] = value;
	command->argv[command->n] = NULL;
}

static void build(struct command *command, const char *path, int fd,
		  const struct user_request *request)
{
	split_ports(request->publish, command);
	(void)snprintf(command->fd, sizeof(command->fd), "%d", fd);
	add(command, path, NULL);
	add(command, "--foreground", NULL);
	add(command, "--one-off", NULL);
	add(command, "--fd", command->fd);
	add(command, "--log-file", request->log_path);
	add(command, "--address", USER_ADDRESS);
	add(command, "--netmask", USER_PREFIX);
	add(command, "--gateway", USER_GATEWAY);
	add(command, "--address", USER_ADDRESS6);
	add(command, "--gateway", USER_GATEWAY6);
	add(command, "--dns-forward", USER_DNS);
	add(command, "--dns", "none");
	add(command, "--mac-addr", GATEWAY_MAC);
	add(command, "--mtu", USER_MTU);
	/* What listens on the host's localhost is nobody's business in the guest. */
	add(command, "--no-map-gw", NULL);
	if (*command->tcp)
		add(command, "--tcp-ports", command->tcp);
	if (*command->udp)
		add(command, "--udp-ports", command->udp);
}

static int passt_start(struct loop *loop, const char *path, const struct user_request *request,
		       struct helper **ret_helper, int *ret_fd, struct err *err)
{
	_cleanup_free_ struct command *command = calloc(1, sizeof(*command));
	_cleanup_fd_ int ours = -1, theirs = -1;
	int pair[2], r;

	if (!command)
		return err_set(err, ENOMEM, "cannot start passt");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot start passt");
	ours = pair[0];
	theirs = pair[1];
	build(command, path, theirs, request);
	r = helper_start(loop, (char *const *)(uintptr_t)command->argv, NULL, theirs, ret_helper,
			 err);
	if (r == 0)
		*ret_fd = TAKE_FD(ours);
	return r;
}

const struct user_program user_passt = { "passt", passt_start };

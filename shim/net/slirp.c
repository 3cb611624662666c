/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slirp4netns for a VM's network: not for a namespace's tap but, as for the switch BESS, over a
 * socket of packets, which needs no privilege and no namespace.
 *
 * It listens on a socket in our folder for the VM's side, then on another for requests, each one a
 * JSON object on a connection of its own, by which ports are published. It gives up what it can
 * once both are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "shim/net/helper.h"
#include "shim/net/user.h"

#define VM_SOCKET   "slirp-vm.sock"
#define API_SOCKET  "slirp-api.sock"
#define START_MS    10000
#define LOOK_MS	    2
#define REQUEST_MAX 256
#define ANSWER_MAX  512

/* The folder by its descriptor: its path may be longer than that of a socket can be. */
static int try_connect(int dir_fd, const char *name, int type, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
		       name);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* When it listens, which takes it some milliseconds. */
static int connect_to(const struct helper *helper, int dir_fd, const char *name, int type,
		      int *ret_fd, struct err *err)
{
	int64_t end_ms = clock_monotonic_ms() + START_MS;

	for (;;) {
		int r = try_connect(dir_fd, name, type, ret_fd);

		if (r == 0)
			return 0;
		if (r != -ENOENT && r != -ECONNREFUSED)
			return err_set(err, -r, "cannot connect to slirp4netns");
		r = helper_check(helper, err);
		if (r < 0)
			return r;
		if (clock_monotonic_ms() > end_ms)
			return err_say(err, ETIMEDOUT, "slirp4netns does not start to listen");
		(void)poll(NULL, 0, LOOK_MS);
	}
}

/* The answer is {"return": …}, or {"error": {"desc": "…"}}. */
static int judge(const char *answer, const struct user_port *port, struct err *err)
{
	struct json_object *object = json_tokener_parse(answer), *error = NULL, *text = NULL;
	int r = 0;

	if (!json_object_is_type(object, json_type_object) ||
	    json_object_object_get_ex(object, "error", &error) ||
	    !json_object_object_get_ex(object, "return", NULL)) {
		(void)json_object_object_get_ex(error, "desc", &text);
		r = err_say(err, EIO, "slirp4netns cannot publish port %u: %s", port->host,
			    text ? json_object_get_string(text) : answer);
	}
	json_object_put(object);
	return r;
}

static int publish(const struct helper *helper, int dir_fd, const struct user_port *port,
		   struct err *err)
{
	char request[REQUEST_MAX], answer[ANSWER_MAX];
	const struct timeval wait = { .tv_sec = START_MS / 1000 };
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	int r = connect_to(helper, dir_fd, API_SOCKET, SOCK_STREAM, &fd, err);

	if (r < 0)
		return r;
	(void)snprintf(request, sizeof(request),
		       "{\"execute\": \"add_hostfwd\", \"arguments\": {\"proto\": \"%s\", "
		       "\"host_addr\": \"0.0.0.0\", \"host_port\": %u, \"guest_addr\": \"%s\", "
		       "\"guest_port\": %u}}",
		       port->udp ? "udp" : "tcp", port->host, USER_ADDRESS, port->guest);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return err_set(err, errno, "cannot talk to slirp4netns");
	r = fd_write_full(fd, request, strlen(request));
	if (r < 0 || shutdown(fd, SHUT_WR) < 0)
		return err_set(err, r < 0 ? -r : errno, "cannot talk to slirp4netns");
	n = fd_read_full(fd, answer, sizeof(answer) - 1);
	if (n < 0)
		return err_set(err, (int)-n, "slirp4netns does not answer");
	answer[n] = '\0';
	return judge(answer, port, err);
}

/* Connects, and publishes the ports; nobody else is to. */
static int set_up(const struct helper *helper, int dir_fd, const struct user_request *request,
		  int *ret_fd, struct err *err)
{
	const char *list = request->publish;
	_cleanup_fd_ int fd = -1;
	struct user_port port;
	int r = connect_to(helper, dir_fd, VM_SOCKET, SOCK_SEQPACKET, &fd, err);

	while (r == 0 && user_next_port(&list, &port))
		r = publish(helper, dir_fd, &port, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static int slirp_start(struct loop *loop, const char *path, const struct user_request *request,
		       struct helper **ret_helper, int *ret_fd, struct err *err)
{
	const char *const argv[] = {
		path,
		"--target-type=bess",
		"--mtu",
		USER_MTU,
		"--enable-ipv6",
		"--enable-seccomp",
		/* What listens on the host's localhost is nobody's business in the guest. */
		"--disable-host-loopback",
		"--api-socket",
		API_SOCKET,
		VM_SOCKET,
		/* For root: only what it serves is to be seen, without any capability. */
		geteuid() == 0 ? "--enable-sandbox" : NULL,
		NULL,
	};
	_cleanup_fd_ int dir_fd = open(request->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct helper *helper = NULL;
	int r;

	if (dir_fd < 0)
		return err_set(err, errno, "cannot open %s", request->dir);
	r = helper_start(loop, (char *const *)(uintptr_t)argv, request->dir, -1, &helper, err);
	if (r < 0)
		return r;
	r = set_up(helper, dir_fd, request, ret_fd, err);
	if (r < 0) {
		helper_free(helper);
		return r;
	}
	*ret_helper = helper;
	return 0;
}

const struct user_program user_slirp = { "slirp4netns", slirp_start };

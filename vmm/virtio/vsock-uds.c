/* SPDX-License-Identifier: Apache-2.0 */
/* The listening Unix socket in front of a vsock device: accepts clients and reads their CONNECT
 * lines. */
#include "vmm/virtio/vsock-uds.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_MAIN, accept4), SYSCALL(SYSCALLS_MAIN, recvfrom));

#define LINE_MAX_BYTES 32u
/* How long to wait before accepting again when the host is short of descriptors. */
#define RETRY_MS 1000

static const char command[] = "CONNECT ";

struct client {
	struct vsock_uds *uds;
	int fd; /* -1: free */
	struct loop_source *source;
	int64_t deadline_ms;
	char line[LINE_MAX_BYTES];
	unsigned len;
};

struct vsock_uds {
	struct loop *loop;
	vsock_uds_connect_fn *fn;
	void *ctx;
	int listen_fd;
	bool started;
	struct loop_source *source; /* NULL while nobody can be accepted */
	struct loop_source *timer;
	struct client clients[VSOCK_UDS_CLIENTS_MAX];
};

static void on_listen(void *ctx, int fd, uint32_t events);

static struct client *free_client(struct vsock_uds *uds)
{
	for (unsigned i = 0; i < VSOCK_UDS_CLIENTS_MAX; i++) {
		if (uds->clients[i].fd < 0)
			return &uds->clients[i];
	}
	return NULL;
}

/* Listens while a client's place is free. */
static void listen_again(struct vsock_uds *uds)
{
	if (uds->started && !uds->source && free_client(uds) &&
	    loop_add_fd(uds->loop, uds->listen_fd, EPOLLIN, on_listen, uds, &uds->source) < 0)
		loop_timer_arm(uds->timer, RETRY_MS);
}

/* Forgets the client and hands its descriptor back. */
static int client_take(struct client *client)
{
	loop_source_free(TAKE_PTR(client->source));
	client->len = 0;
	return TAKE_FD(client->fd);
}

static void client_drop(struct client *client)
{
	close(client_take(client));
}

/* True if line (no newline, NUL-terminated) is "CONNECT <port>". */
static bool parse_line(const char *line, uint32_t *ret_port)
{
	const char *digits = line + sizeof(command) - 1;
	unsigned long long port;
	char *end;

	if (strncmp(line, command, sizeof(command) - 1) != 0 || *digits < '0' || *digits > '9')
		return false;
	errno = 0;
	port = strtoull(digits, &end, 10);
	if (errno != 0 || *end != '\0' || port > UINT32_MAX)
		return false;
	*ret_port = (uint32_t)port;
	return true;
}

/*
 * Reads up to the newline and no further, as what follows is the guest's. Returns 1 with the line
 * complete, 0 if it is not, or -errno.
 */
static int read_line(struct client *client)
{
	while (client->len < LINE_MAX_BYTES) {
		char *next = &client->line[client->len];
		ssize_t n = recv(client->fd, next, 1, MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		if (*next == '\n') {
			*next = '\0';
			return 1;
		}
		client->len++;
	}
	return -EMSGSIZE;
}

static void on_client(void *ctx, _unused_ int fd, _unused_ uint32_t events)
{
	struct client *client = ctx;
	struct vsock_uds *uds = client->uds;
	uint32_t port;
	int r = read_line(client);

	if (r == 0)
		return;
	if (r > 0 && parse_line(client->line, &port))
		uds->fn(uds->ctx, port, client_take(client));
	else
		client_drop(client);
	listen_again(uds);
}

static void on_listen(void *ctx, int fd, _unused_ uint32_t events)
{
	struct vsock_uds *uds = ctx;
	struct client *client = free_client(uds);
	int client_fd;

	if (!client) {
		loop_source_free(TAKE_PTR(uds->source));
		return;
	}
	client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client_fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		log_warn("vsock: cannot accept a client: %s", strerror(errno));
		loop_source_free(TAKE_PTR(uds->source));
		loop_timer_arm(uds->timer, RETRY_MS);
		return;
	}
	client->fd = client_fd;
	client->deadline_ms = clock_monotonic_ms() + VSOCK_UDS_TIMEOUT_MS;
	if (loop_add_fd(uds->loop, client_fd, EPOLLIN, on_client, client, &client->source) < 0)
		client_drop(client);
	else
		loop_timer_arm(uds->timer, RETRY_MS);
}

static void on_timer(void *ctx)
{
	struct vsock_uds *uds = ctx;
	int64_t now_ms = clock_monotonic_ms();
	bool waiting = false;

	for (unsigned i = 0; i < VSOCK_UDS_CLIENTS_MAX; i++) {
		struct client *client = &uds->clients[i];

		if (client->fd >= 0 && client->deadline_ms <= now_ms)
			client_drop(client);
		waiting |= client->fd >= 0;
	}
	listen_again(uds);
	if (waiting)
		loop_timer_arm(uds->timer, RETRY_MS);
}

int vsock_uds_new(int listen_fd, struct loop *loop, vsock_uds_connect_fn *fn, void *ctx,
		  struct vsock_uds **ret_uds, struct err *err)
{
	struct vsock_uds *uds = calloc(1, sizeof(*uds));
	int r;

	if (!uds) {
		close(listen_fd);
		return err_set(err, ENOMEM, "cannot listen for vsock clients");
	}
	*uds = (struct vsock_uds){ .loop = loop, .fn = fn, .ctx = ctx, .listen_fd = listen_fd };
	for (unsigned i = 0; i < VSOCK_UDS_CLIENTS_MAX; i++)
		uds->clients[i] = (struct client){ .uds = uds, .fd = -1 };
	r = fd_set_nonblock(listen_fd, 1);
	if (r == 0)
		r = loop_add_timer(loop, on_timer, uds, &uds->timer);
	if (r < 0) {
		vsock_uds_free(uds);
		return err_set(err, -r, "cannot listen for vsock clients");
	}
	*ret_uds = uds;
	return 0;
}

void vsock_uds_start(struct vsock_uds *uds)
{
	uds->started = true;
	listen_again(uds);
}

void vsock_uds_stop(struct vsock_uds *uds)
{
	uds->started = false;
	loop_source_free(TAKE_PTR(uds->source));
	for (unsigned i = 0; i < VSOCK_UDS_CLIENTS_MAX; i++) {
		if (uds->clients[i].fd >= 0)
			client_drop(&uds->clients[i]);
	}
}

void vsock_uds_free(struct vsock_uds *uds)
{
	if (!uds)
		return;
	vsock_uds_stop(uds);
	loop_source_free(uds->timer);
	close(uds->listen_fd);
	free(uds);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox on disk. */
#include "shim/state.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "proto/task-api.h"
#include "proto/ttrpc/client.h"
#include "shim/net/record.h"
#include "shim/pidfile.h"
#include "shim/sandbox/place.h"
#include "task.pb-c.h"

#define VMM_KILL_TIMEOUT_MS 5000
/* containerd waits five seconds for `delete`. */
#define ANSWER_TIMEOUT_MS  2000
#define END_TIMEOUT_MS	   2000
#define CONTAINERD_SOCKETS "/run/containerd/s"

/* As containerd's Go shims name theirs: SHA-256 of address/namespace/id, joined as paths are. */
static int containerd_socket(const char *address, const struct state *state, char *ret_path)
{
	struct sha256_ctx hash;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char *p = ret_path;

	sha256_init(&hash);
	sha256_update(&hash, strlen(address), (const uint8_t *)address);
	sha256_update(&hash, 1, (const uint8_t *)"/");
	sha256_update(&hash, strlen(state->namespace), (const uint8_t *)state->namespace);
	sha256_update(&hash, 1, (const uint8_t *)"/");
	sha256_update(&hash, strlen(state->id), (const uint8_t *)state->id);
	sha256_digest(&hash, sizeof(digest), digest);
	p += sprintf(p, "%s/", CONTAINERD_SOCKETS);
	for (size_t i = 0; i < sizeof(digest); i++)
		p += sprintf(p, "%02x", digest[i]);
	return 0;
}

int state_locate(const char *namespace, const char *id, const char *containerd_address,
		 struct state *ret_state, struct err *err)
{
	struct state *state = ret_state;
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	int r, n;

	*state = (struct state){ 0 };
	(void)snprintf(state->namespace, sizeof(state->namespace), "%s", namespace);
	(void)snprintf(state->id, sizeof(state->id), "%s", id);
	r = paths_sandbox(namespace, id, NULL, state->dir, err);
	if (r < 0)
		return r;
	if (*containerd_address)
		r = containerd_socket(containerd_address, state, state->socket);
	else
		r = paths_sandbox(namespace, id, "shim.sock", state->socket, err);
	if (r < 0)
		return r;
	if (strlen(state->socket) > max)
		return err_say(err, ENAMETOOLONG,
			       "socket path %s is longer than %zu bytes: use a shorter id, or "
			       "KATA_LIKE_STATE for a shorter place",
			       state->socket, max);
	n = snprintf(state->address, sizeof(state->address), "unix://%s", state->socket);
	return n < (int)sizeof(state->address) ? 0 : err_set(err, ENAMETOOLONG, "socket address");
}

int state_file(const struct state *state, const char *name, char *ret_path, struct err *err)
{
	return paths_sandbox(state->namespace, state->id, name, ret_path, err);
}

bool state_is_containerds(const struct state *state)
{
	return strncmp(state->socket, CONTAINERD_SOCKETS, strlen(CONTAINERD_SOCKETS)) == 0;
}

int state_make(const struct state *state, struct err *err)
{
	int r = paths_check_sandbox(state->namespace, state->id, err);

	if (r == 0)
		r = dir_make(state->dir, 0700, err);
	if (r == 0)
		r = paths_check_sandbox(state->namespace, state->id, err);
	if (r < 0 || !state_is_containerds(state))
		return r;
	return dir_make(CONTAINERD_SOCKETS, 0711, err);
}

int state_lock(const struct state *state, int *ret_lock_fd, struct err *err)
{
	_cleanup_free_ char *parent = strdup(state->dir);
	_cleanup_fd_ int fd = -1;

	if (!parent)
		return err_set(err, ENOMEM, "cannot lock %s", state->dir);
	*strrchr(parent, '/') = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_set(err, errno, "cannot lock %s", parent);
	*ret_lock_fd = TAKE_FD(fd);
	return 0;
}

static bool shim_answers(const struct state *state)
{
	const struct ttrpc_target target = { TASK_SERVICE_V2, "Connect",
					     &kata_like__task__connect_response__descriptor };
	KataLike__Task__ConnectRequest request = KATA_LIKE__TASK__CONNECT_REQUEST__INIT;
	struct ttrpc_client *client = NULL;
	_cleanup_loop_ struct loop *loop = NULL;
	struct err unheard = ERR_INIT;
	int r = loop_new(&loop, &unheard);

	if (r == 0)
		r = ttrpc_client_connect(loop, state->address, NULL, NULL, &client, &unheard);
	if (r == 0)
		r = ttrpc_client_call_wait(client, &target, &request.base, ANSWER_TIMEOUT_MS, NULL,
					   &unheard);
	ttrpc_client_free(client);
	return r == 0;
}

bool state_shim_lives(const struct state *state)
{
	char path[PATHS_MAX];

	if (state_file(state, "shim.pid", path, NULL) < 0 || !pidfile_lives(path))
		return false;
	return shim_answers(state) || !pidfile_await_end(path, END_TIMEOUT_MS);
}

int state_clear(const struct state *state, struct err *err)
{
	static const char *const children[] = { "vmm.pid", "virtiofsd.pid" };
	static const char *const files[] = { "vmm.pid", "virtiofsd.pid", "shim.pid", "address",
					     "failure" };
	char path[PATHS_MAX];
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		r = state_file(state, children[i], path, err);
		if (r == 0)
			r = pidfile_kill(path, VMM_KILL_TIMEOUT_MS, err);
		if (r < 0)
			return err_push(err, "cannot end the VM of sandbox %s", state->id);
	}
	place_clear(state);
	r = net_record_undo(state, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		r = state_file(state, files[i], path, err);
		if (r < 0)
			return r;
		if (unlink(path) < 0 && errno != ENOENT)
			return err_set(err, errno, "cannot remove %s", path);
	}
	if (unlink(state->socket) < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot remove %s", state->socket);
	return 0;
}

int state_remove(const struct state *state, struct err *err)
{
	if (unlink(state->socket) < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot remove %s", state->socket);
	return dir_remove(state->dir, err);
}

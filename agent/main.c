/* SPDX-License-Identifier: Apache-2.0 */
/* kata-like-agent: PID 1 of the guest, and the server of its containers. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/boot.h"
#include "agent/net/forward.h"
#include "agent/rpc/service.h"
#include "agent/vsock.h"
#include "lib/log.h"
#include "proto/agent-log.h"
#include "proto/vsock-link.h"

static const struct engine_config engine_config = {
	.in_guest = true,
	.cgroup_mount = "/sys/fs/cgroup",
	.cgroup_base = "kata-like",
	.work_dir = "/run/kata-like",
};

static int connect_vsock(void *ctx, uint32_t port, int *ret_fd, struct err *err)
{
	(void)ctx;
	return vsock_connect_host(port, ret_fd, err);
}

static void on_oom(void *ctx, const char *container_id, uint64_t kills)
{
	struct agent *agent = ctx;

	events_add_oom(agent->events, container_id, kills);
}

/* The host would only see that the connection is lost. */
static void on_failure(void *ctx, const char *why)
{
	int *words_fd = ctx;

	vsock_last_words(TAKE_FD(*words_fd), why);
}

/* Makes the socket that requests wait at; nobody looks at it until the loop runs. */
static int serve(struct agent *agent, struct ttrpc_server *server, struct err *err)
{
	int listen_fd, forward_fd;
	int r = ttrpc_server_add_service(server, &agent_service, agent);

	if (r < 0)
		return err_set(err, -r, "cannot serve");
	r = vsock_listen(VSOCK_PORT_AGENT, &listen_fd, err);
	if (r < 0)
		return r;
	r = ttrpc_server_listen(server, listen_fd, false);
	if (r < 0)
		return err_set(err, -r, "cannot serve");
	r = vsock_listen(VSOCK_PORT_FORWARD, &forward_fd, err);
	return r < 0 ? r : forwarder_new(agent->loop, forward_fd, &agent->forwarder, err);
}

/* A host that does not listen there asks again and again instead; one that does waits to be told.
 */
static int tell_ready(int *ret_fd, struct err *err)
{
	struct err unheard = ERR_INIT;
	int r = vsock_connect_host(VSOCK_PORT_READY, ret_fd, &unheard);

	if (r == -EMFILE || r == -ENOMEM) {
		*err = unheard;
		return err_push(err, "cannot tell the host that the agent is ready");
	}
	if (r < 0)
		log_warn("cannot tell the host that the agent is ready: %s", err_text(&unheard));
	return 0;
}

static int start(struct agent *agent, int *ret_words_fd, struct err *err)
{
	struct ttrpc_server *server;
	_cleanup_fd_ int ready_fd = -1;
	int r = boot_load_modules(err);

	/* For when there is no room any more. */
	*ret_words_fd = vsock_reserve();
	if (r == 0)
		r = loop_new(&agent->loop, err);
	if (r == 0)
		r = ttrpc_server_new(agent->loop, &server, err);
	if (r == 0) {
		ttrpc_server_on_failure(server, on_failure, ret_words_fd);
		r = serve(agent, server, err);
	}
	if (r == 0)
		r = tell_ready(&ready_fd, err);
	agent->ready_ns = boot_clock_ns();
	/* The host's first request is on its way by now. */
	if (r == 0)
		r = boot_mount(err);
	if (r == 0)
		r = engine_init(&agent->engine, agent->loop, &engine_config, err);
	if (r == 0)
		r = events_new(&agent->events, err);
	agent->engine.on_oom = on_oom;
	agent->engine.on_oom_ctx = agent;
	return r;
}

/* The kernel hands its init what it does not know of its command line. */
static bool is_debugging(void)
{
	const char *level = getenv(AGENT_LOG_VARIABLE);

	return level && strcmp(level, AGENT_LOG_DEBUG) == 0;
}

int main(void)
{
	struct agent agent = { .started_ns = boot_clock_ns(), .connect = connect_vsock };
	struct err err = ERR_INIT;
	int r, words_fd = -1;

	log_init("kata-like-agent", is_debugging() ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 LOG_FORMAT_TEXT, STDERR_FILENO);
	/* What a container finds at /proc/self/exe before its own program runs is this file. */
	if (getpid() != 1) {
		log_error("this program is the init of a guest, and nothing else");
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = boot_reserve_descriptors(&err);
	if (r == 0)
		r = start(&agent, &words_fd, &err);
	if (r == 0) {
		r = loop_run(agent.loop);
		err_set(&err, -r, "the event loop ended");
	}
	boot_fatal(&err, words_fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the agent's ttrpc service. */
#include "agent/rpc/service.h"

#include <errno.h>
#include <fcntl.h>

#include "agent/rpc/handlers.h"
#include "common.pb-c.h"

#define EMPTY	   &kata_like__empty__descriptor
#define TYPE(name) &kata_like__agent__v1__##name##__descriptor

static const struct ttrpc_method methods[] = {
	{ "CreateSandbox", rpc_create_sandbox, TYPE(create_sandbox_request),
	  TYPE(create_sandbox_response) },
	{ "SetClock", rpc_set_clock, TYPE(set_clock_request), EMPTY },
	{ "DestroySandbox", rpc_destroy_sandbox, EMPTY, EMPTY },
	{ "CreateContainer", rpc_create_container, TYPE(create_container_request),
	  TYPE(create_container_response) },
	{ "StartContainer", rpc_start_container, TYPE(container_request), EMPTY },
	{ "DeleteContainer", rpc_delete_container, TYPE(container_request), EMPTY },
	{ "ExecProcess", rpc_exec_process, TYPE(exec_process_request),
	  TYPE(exec_process_response) },
	{ "DeleteProcess", rpc_delete_process, TYPE(process_request), EMPTY },
	{ "SignalProcess", rpc_signal_process, TYPE(signal_process_request), EMPTY },
	{ "WaitProcess", rpc_wait_process, TYPE(process_request), TYPE(wait_process_response) },
	{ "ListProcesses", rpc_list_processes, TYPE(container_request),
	  TYPE(list_processes_response) },
	{ "ResizeTerminal", rpc_resize_terminal, TYPE(resize_terminal_request), EMPTY },
	{ "CloseStdin", rpc_close_stdin, TYPE(process_request), EMPTY },
	{ "PauseContainer", rpc_pause_container, TYPE(container_request), EMPTY },
	{ "ResumeContainer", rpc_resume_container, TYPE(container_request), EMPTY },
	{ "UpdateContainer", rpc_update_container, TYPE(update_container_request), EMPTY },
	{ "StatsContainer", rpc_stats_container, TYPE(container_request),
	  TYPE(stats_container_response) },
	{ "RemoveDevice", rpc_remove_device, TYPE(remove_device_request), EMPTY },
	{ "ReleaseShared", rpc_release_shared, TYPE(release_shared_request), EMPTY },
	{ "SetInterface", rpc_set_interface, TYPE(set_interface_request),
	  TYPE(set_interface_response) },
	{ "RemoveInterface", rpc_remove_interface, TYPE(remove_interface_request), EMPTY },
	{ "ListInterfaces", rpc_list_interfaces, EMPTY, TYPE(list_interfaces_response) },
	{ "NextEvent", rpc_next_event, EMPTY, TYPE(event) },
};

const struct ttrpc_service agent_service = {
	.name = "kata_like.agent.v1.Agent",
	.methods = methods,
	.n_methods = ARRAY_SIZE(methods),
};

struct container *rpc_find_container(struct agent *agent, struct ttrpc_call *call, const char *id)
{
	struct container *container = engine_find(&agent->engine, id);

	if (!container)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "container %s does not exist", id);
	return container;
}

struct process *rpc_find_process(struct agent *agent, struct ttrpc_call *call,
				 const char *container_id, const char *exec_id)
{
	struct container *container = rpc_find_container(agent, call, container_id);
	struct process *process;

	if (!container)
		return NULL;
	process = container_find_process(container, exec_id);
	if (!process)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "container %s has no process %s",
				container_id, exec_id);
	return process;
}

static int connect_one(const struct agent *agent, uint32_t port, int *ret_fd, struct err *err)
{
	return port ? agent->connect(agent->connect_ctx, port, ret_fd, err) : 0;
}

/* With a terminal one connection may carry both directions. */
static int connect_output(const struct agent *agent, const KataLike__Agent__V1__Stdio *stdio,
			  struct stdio_outside *outside, struct err *err)
{
	if (stdio->terminal && stdio->stdout_port && stdio->stdout_port == stdio->stdin_port) {
		outside->out_fd = fcntl(outside->in_fd, F_DUPFD_CLOEXEC, 3);
		return outside->out_fd < 0 ? err_set(err, errno, "cannot use the stream") : 0;
	}
	return connect_one(agent, stdio->stdout_port, &outside->out_fd, err);
}

int rpc_connect_stdio(const struct agent *agent, const KataLike__Agent__V1__Stdio *stdio,
		      struct stdio_outside *ret_outside, struct err *err)
{
	int r;

	*ret_outside = STDIO_OUTSIDE_NONE;
	if (!stdio)
		return 0;
	ret_outside->terminal = stdio->terminal;
	r = connect_one(agent, stdio->stdin_port, &ret_outside->in_fd, err);
	if (r == 0)
		r = connect_output(agent, stdio, ret_outside, err);
	if (r == 0 && !stdio->terminal)
		r = connect_one(agent, stdio->stderr_port, &ret_outside->err_fd, err);
	if (r < 0)
		stdio_outside_close(ret_outside);
	return r < 0 ? err_push(err, "connecting the standard streams") : 0;
}

void rpc_answer_empty(void *ctx, const struct err *err, pid_t pid)
{
	struct ttrpc_call *call = ctx;

	(void)pid;
	if (err)
		ttrpc_call_fail_err(call, err);
	else
		ttrpc_call_reply_empty(call);
}

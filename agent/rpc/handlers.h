/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the service's table, and what they share. ctx is a struct agent. */
#ifndef KATA_LIKE_AGENT_RPC_HANDLERS_H
#define KATA_LIKE_AGENT_RPC_HANDLERS_H

#include "agent.pb-c.h"
#include "agent/agent.h"
#include "agent/container/container.h"
#include "proto/ttrpc/server.h"

ttrpc_handler_fn rpc_create_sandbox, rpc_set_clock, rpc_destroy_sandbox, rpc_next_event;
ttrpc_handler_fn rpc_create_container, rpc_start_container, rpc_delete_container,
	rpc_pause_container, rpc_resume_container, rpc_update_container;
ttrpc_handler_fn rpc_exec_process, rpc_delete_process, rpc_signal_process, rpc_wait_process,
	rpc_resize_terminal, rpc_close_stdin;
ttrpc_handler_fn rpc_remove_device, rpc_release_shared;
ttrpc_handler_fn rpc_set_interface, rpc_remove_interface, rpc_list_interfaces;
ttrpc_handler_fn rpc_list_processes, rpc_stats_container;

/* The container of a request; NULL where there is none: the call has then been answered. */
struct container *rpc_find_container(struct agent *agent, struct ttrpc_call *call, const char *id);
/* The same for one of its processes. */
struct process *rpc_find_process(struct agent *agent, struct ttrpc_call *call,
				 const char *container_id, const char *exec_id);

/* Connects the streams of a request. 0, or -errno with none of them open. */
int rpc_connect_stdio(const struct agent *agent, const KataLike__Agent__V1__Stdio *stdio,
		      struct stdio_outside *ret_outside, struct err *err) _must_check_;

/* An engine_done_fn whose ctx is the call: answers it with an empty message, or the error. */
void rpc_answer_empty(void *ctx, const struct err *err, pid_t pid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's Task API as functions: one a method, made from the table below. They run the event
 * loop until the answer is there, so streams flow meanwhile, and end early with -EINTR when a
 * signal asked for it.
 */
#ifndef KATA_LIKE_CLI_CLIENT_H
#define KATA_LIKE_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent.pb-c.h"
#include "common.pb-c.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "task.pb-c.h"

/*
 * Function, name, request, response, response's descriptor, how long to wait in milliseconds (0:
 * for as long as it takes; the shim bounds those itself). All are the Task service's but
 * ListProcesses.
 */
#define TASK_METHODS(X)                                                                           \
	X(state, State, KataLike__Task__StateRequest, KataLike__Task__StateResponse,              \
	  kata_like__task__state_response__descriptor, 10000)                                     \
	X(create, Create, KataLike__Task__CreateTaskRequest, KataLike__Task__CreateTaskResponse,  \
	  kata_like__task__create_task_response__descriptor, 0)                                   \
	X(start, Start, KataLike__Task__StartRequest, KataLike__Task__StartResponse,              \
	  kata_like__task__start_response__descriptor, 0)                                         \
	X(delete, Delete, KataLike__Task__DeleteRequest, KataLike__Task__DeleteResponse,          \
	  kata_like__task__delete_response__descriptor, 30000)                                    \
	X(pids, Pids, KataLike__Task__PidsRequest, KataLike__Task__PidsResponse,                  \
	  kata_like__task__pids_response__descriptor, 10000)                                      \
	X(pause, Pause, KataLike__Task__PauseRequest, KataLike__Empty,                            \
	  kata_like__empty__descriptor, 10000)                                                    \
	X(resume, Resume, KataLike__Task__ResumeRequest, KataLike__Empty,                         \
	  kata_like__empty__descriptor, 10000)                                                    \
	X(kill, Kill, KataLike__Task__KillRequest, KataLike__Empty, kata_like__empty__descriptor, \
	  10000)                                                                                  \
	X(exec, Exec, KataLike__Task__ExecProcessRequest, KataLike__Empty,                        \
	  kata_like__empty__descriptor, 30000)                                                    \
	X(resize_pty, ResizePty, KataLike__Task__ResizePtyRequest, KataLike__Empty,               \
	  kata_like__empty__descriptor, 10000)                                                    \
	X(close_io, CloseIO, KataLike__Task__CloseIORequest, KataLike__Empty,                     \
	  kata_like__empty__descriptor, 0)                                                        \
	X(update, Update, KataLike__Task__UpdateTaskRequest, KataLike__Empty,                     \
	  kata_like__empty__descriptor, 10000)                                                    \
	X(wait, Wait, KataLike__Task__WaitRequest, KataLike__Task__WaitResponse,                  \
	  kata_like__task__wait_response__descriptor, 0)                                          \
	X(stats, Stats, KataLike__Task__StatsRequest, KataLike__Task__StatsResponse,              \
	  kata_like__task__stats_response__descriptor, 10000)                                     \
	X(connect, Connect, KataLike__Task__ConnectRequest, KataLike__Task__ConnectResponse,      \
	  kata_like__task__connect_response__descriptor, 10000)                                   \
	X(list_processes, ListProcesses, KataLike__Agent__V1__ContainerRequest,                   \
	  KataLike__Agent__V1__ListProcessesResponse,                                             \
	  kata_like__agent__v1__list_processes_response__descriptor, 10000)                       \
	X(shutdown, Shutdown, KataLike__Task__ShutdownRequest, KataLike__Empty,                   \
	  kata_like__empty__descriptor, 20000)

#define TASK_METHOD_ENUM(fn, name, request, response, descriptor, timeout_ms) TASK_METHOD_##fn,
enum task_method { TASK_METHODS(TASK_METHOD_ENUM) TASK_METHOD_COUNT };

struct task_client;

/*
 * Connects to a shim. interrupted, which may be NULL, is looked at while waiting: not 0 ends the
 * wait with -EINTR. -ECONNREFUSED or -ENOENT when no shim is there.
 */
int task_client_new(struct loop *loop, const char *namespace, const char *address,
		    const int *interrupted, struct task_client **ret_client, struct err *err)
	_must_check_;
void task_client_free(struct task_client *client);
/* What to look at from now on; NULL: nothing ends a wait early any more, which is for cleaning up.
 */
void task_client_set_interrupts(struct task_client *client, const int *interrupted);

/* Called from the loop when the shim closes the connection. NULL forgets it. */
void task_client_on_lost(struct task_client *client, void (*fn)(void *ctx), void *ctx);
bool task_client_is_lost(const struct task_client *client);
/* Runs the loop until the shim has closed the connection: it is gone. -ETIMEDOUT. */
int task_client_wait_lost(struct task_client *client, int64_t timeout_ms) _must_check_;

/*
 * int task_state(client, &request, &response, err) and so on. The response is the caller's, to be
 * freed with task_free(); ret_response may be NULL. Errors are those of ttrpc_code_to_errno(), with
 * the shim's text.
 */
#define TASK_METHOD_DECLARE(fn, name, request, response, descriptor, timeout_ms)                   \
	int task_##fn(struct task_client *client, const request *message, response **ret_response, \
		      struct err *err) _must_check_;
TASK_METHODS(TASK_METHOD_DECLARE)
#undef TASK_METHOD_DECLARE

/* Sends without waiting; a failure is only logged (for debugging): the process may just have ended.
 */
void task_post(struct task_client *client, enum task_method method,
	       const ProtobufCMessage *request);

/*
 * Waits without blocking for the end of a process; done is called once from the loop, with 0 and
 * the response, or with an error. *ret_wait is for task_wait_forget(), until then.
 */
struct task_wait;
typedef void task_wait_fn(void *ctx, int result, const KataLike__Task__WaitResponse *response,
			  const struct err *err);
int task_wait_async(struct task_client *client, const char *id, const char *exec_id,
		    task_wait_fn *done, void *ctx, struct task_wait **ret_wait, struct err *err)
	_must_check_;
/* done is not called any more. NULL is fine. */
void task_wait_forget(struct task_wait *wait);

void task_free(void *message);
static inline void cleanup_task_message(void *message)
{
	task_free(*(void **)message);
}
#define _cleanup_task_ _cleanup_(cleanup_task_message)

static inline void cleanup_task_client(struct task_client **client)
{
	task_client_free(*client);
}
#define _cleanup_task_client_ _cleanup_(cleanup_task_client)

#endif

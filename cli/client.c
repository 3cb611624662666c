/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's Task API as functions. */
#include "cli/client.h"

#include <errno.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/task-api.h"
#include "proto/ttrpc/client.h"

struct method {
	struct ttrpc_target target;
	int64_t timeout_ms;
};

#define service_of(number) ((number) == TASK_METHOD_list_processes ? SHIM_SERVICE : TASK_SERVICE_V2)
#define TASK_METHOD_ROW(fn, name, request, response, descriptor, timeout_ms) \
	[TASK_METHOD_##fn] = { { service_of(TASK_METHOD_##fn), #name, &(descriptor) }, timeout_ms },
static const struct method methods[] = { TASK_METHODS(TASK_METHOD_ROW) };

struct task_client {
	struct loop *loop;
	struct ttrpc_client *ttrpc;
	const int *interrupted; /* NULL when nothing interrupts */
	bool lost;
	void (*on_lost)(void *ctx);
	void *on_lost_ctx;
};

/* A call that someone waits for, or has given up waiting for. */
struct call {
	bool done, abandoned;
	ProtobufCMessage *response;
	struct err err;
};

/* A Wait whose answer goes to a callback. */
struct task_wait {
	task_wait_fn *done; /* NULL once it is forgotten */
	void *ctx;
};

static void client_lost(void *ctx)
{
	struct task_client *client = ctx;

	client->lost = true;
	if (client->on_lost)
		client->on_lost(client->on_lost_ctx);
}

int task_client_new(struct loop *loop, const char *namespace, const char *address,
		    const int *interrupted, struct task_client **ret_client, struct err *err)
{
	struct task_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return err_set(err, ENOMEM, "cannot connect to %s", address);
	client->loop = loop;
	client->interrupted = interrupted;
	r = ttrpc_client_connect(loop, address, client_lost, client, &client->ttrpc, err);
	if (r == 0) {
		r = ttrpc_client_set_metadata(client->ttrpc, TASK_METADATA_NAMESPACE, namespace);
		if (r < 0)
			(void)err_set(err, -r, "cannot connect to %s", address);
	}
	if (r < 0) {
		task_client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

void task_client_free(struct task_client *client)
{
	if (!client)
		return;
	client->on_lost = NULL;
	ttrpc_client_free(client->ttrpc);
	free(client);
}

void task_client_set_interrupts(struct task_client *client, const int *interrupted)
{
	client->interrupted = interrupted;
}

void task_client_on_lost(struct task_client *client, void (*fn)(void *ctx), void *ctx)
{
	client->on_lost = fn;
	client->on_lost_ctx = ctx;
}

bool task_client_is_lost(const struct task_client *client)
{
	return client->lost;
}

int task_client_wait_lost(struct task_client *client, int64_t timeout_ms)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;

	while (!client->lost) {
		int64_t left = deadline - clock_monotonic_ms();
		int r = left > 0 ? loop_step(client->loop, (int)left) : -ETIMEDOUT;

		if (r < 0)
			return r;
	}
	return 0;
}

/* A copy that outlives the callback. */
static ProtobufCMessage *message_copy(const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(len ? len : 1);

	if (!packed)
		return NULL;
	protobuf_c_message_pack(message, packed);
	return protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
}

static void call_free(struct call *call)
{
	if (call->response)
		protobuf_c_message_free_unpacked(call->response, NULL);
	free(call);
}

static void call_done(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	struct call *call = ctx;

	if (call->abandoned) {
		call_free(call);
		return;
	}
	call->done = true;
	if (status->code != TTRPC_OK) {
		(void)ttrpc_status_to_err(status, &call->err);
		return;
	}
	call->response = message_copy(response);
	if (!call->response)
		(void)err_set(&call->err, ENOMEM, "cannot keep an answer");
}

static int call_failed(const struct call *call, struct err *err)
{
	if (err)
		*err = call->err;
	return call->err.code;
}

/* Runs the loop until the call is answered. The call stays the loop's when it gives up. */
static int call_wait(struct task_client *client, struct call *call, const char *name,
		     struct err *err)
{
	while (!call->done) {
		int r;

		if (client->interrupted && *client->interrupted)
			r = err_say(err, EINTR, "interrupted while waiting for the answer to %s",
				    name);
		else
			r = loop_step(client->loop, -1);
		if (r == 0)
			continue;
		call->abandoned = true;
		return r == -EINTR ? r : err_set(err, -r, "cannot wait for the answer to %s", name);
	}
	return 0;
}

static int client_call(struct task_client *client, enum task_method number,
		       const ProtobufCMessage *request, ProtobufCMessage **ret_response,
		       struct err *err)
{
	const struct method *method = &methods[number];
	struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return err_set(err, ENOMEM, "cannot call %s", method->target.method);
	r = ttrpc_client_call(client->ttrpc, &method->target, request, method->timeout_ms,
			      call_done, call);
	if (r < 0) {
		call_free(call);
		return err_set(err, -r, "cannot call %s of the sandbox's daemon",
			       method->target.method);
	}
	r = call_wait(client, call, method->target.method, err);
	if (r < 0)
		return r;
	if (call->err.code)
		r = call_failed(call, err);
	else if (ret_response)
		*ret_response = TAKE_PTR(call->response);
	call_free(call);
	return r;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): types take none */
#define TASK_METHOD_DEFINE(fn, name, request_type, response_type, descriptor, timeout_ms) \
	int task_##fn(struct task_client *client, const request_type *message,            \
		      response_type **ret_response, struct err *err)                      \
	{                                                                                 \
		ProtobufCMessage *response = NULL;                                        \
		int r = client_call(client, TASK_METHOD_##fn, &message->base,             \
				    ret_response ? &response : NULL, err);                \
                                                                                          \
		if (r == 0 && ret_response)                                               \
			*ret_response = (response_type *)response;                        \
		return r;                                                                 \
	}
TASK_METHODS(TASK_METHOD_DEFINE)
/* NOLINTEND(bugprone-macro-parentheses) */

static void post_done(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	const struct method *method = ctx;

	(void)response;
	if (status->code != TTRPC_OK)
		log_debug("%s: %s", method->target.method, status->message);
}

void task_post(struct task_client *client, enum task_method number, const ProtobufCMessage *request)
{
	const struct method *method = &methods[number];
	int r = ttrpc_client_call(client->ttrpc, &method->target, request, method->timeout_ms,
				  post_done, (void *)(uintptr_t)method);

	if (r < 0)
		log_debug("cannot call %s: error %d", method->target.method, -r);
}

static void async_wait_done(void *ctx, const struct ttrpc_status *status,
			    const ProtobufCMessage *response)
{
	struct task_wait *wait = ctx;
	struct err err = ERR_INIT;
	int r = 0;

	if (status->code != TTRPC_OK)
		r = ttrpc_status_to_err(status, &err);
	if (wait->done)
		wait->done(wait->ctx, r, (const KataLike__Task__WaitResponse *)response, &err);
	free(wait);
}

int task_wait_async(struct task_client *client, const char *id, const char *exec_id,
		    task_wait_fn *done, void *ctx, struct task_wait **ret_wait, struct err *err)
{
	KataLike__Task__WaitRequest request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	struct task_wait *wait = calloc(1, sizeof(*wait));
	int r;

	if (!wait)
		return err_set(err, ENOMEM, "cannot wait for %s", id);
	wait->done = done;
	wait->ctx = ctx;
	request.id = (char *)(uintptr_t)id;
	request.exec_id = (char *)(uintptr_t)exec_id;
	r = ttrpc_client_call(client->ttrpc, &methods[TASK_METHOD_wait].target, &request.base, 0,
			      async_wait_done, wait);
	if (r < 0) {
		free(wait);
		return err_set(err, -r, "cannot wait for %s", id);
	}
	*ret_wait = wait;
	return 0;
}

void task_wait_forget(struct task_wait *wait)
{
	if (wait)
		wait->done = NULL;
}

void task_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that call whatever comes to mind, in any order and without waiting for answers: the shim
 * may refuse, but it lives, answers every call, and leaves nothing.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common.pb-c.h"
#include "lib/fd.h"
#include "proto/task-api.h"
#include "sandbox.pb-c.h"
#include "streaming.pb-c.h"
#include "tests/unit/dice.h"
#include "tests/unit/shim/daemon.h"
#include "tests/unit/test.h"

#define SANDBOX_SERVICE "containerd.runtime.sandbox.v1.Sandbox"

#define LIVES	       6
#define CALLS_PER_LIFE 250
#define UNANSWERED_MAX 24
#define END_LIMIT_MS   30000

struct life {
	struct daemon daemon;
	uint32_t random;
	size_t n_unanswered;
	bool has_sandbox; /* it may be made by the Sandbox service */
};

static uint32_t pick(struct life *life, uint32_t n)
{
	return dice_roll(&life->random, n);
}

/* Good ones more often than not, or no life would get far. */
static char *pick_id(struct life *life)
{
	static const char *const ids[] = { "c", "c", "c", "c", "c", "d", "d", "", "no/body" };

	return (char *)ids[pick(life, ARRAY_SIZE(ids))];
}

static char *pick_exec(struct life *life)
{
	static const char *const ids[] = { "", "", "e", "f", "g" };

	return (char *)ids[pick(life, ARRAY_SIZE(ids))];
}

static char *pick_stream(struct life *life)
{
	static const char *const uris[] = {
		"",
		"",
		"",
		"",
		"ttrpc+unix:///x?streaming_id=1",
		"ttrpc+unix:///x?streaming_id=2",
		"ttrpc+unix:///x?streaming_id=3",
		"ttrpc+unix:///x?streaming_id=4",
		"ttrpc+unix:///x?streaming_id=5",
		"ttrpc+unix:///x?streaming_id=6",
		"file:///dev/null",
		"file:///dev/full",
		"nonsense",
	};

	return (char *)uris[pick(life, ARRAY_SIZE(uris))];
}

static void answered(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	(void)status;
	(void)response;
	((struct life *)ctx)->n_unanswered--;
}

static void call_service(struct life *life, const char *service, const char *method,
			 const ProtobufCMessage *request,
			 const ProtobufCMessageDescriptor *response)
{
	const struct ttrpc_target target = { service, method, response };

	if (ttrpc_client_call(life->daemon.client, &target, request, 0, answered, life) == 0)
		life->n_unanswered++;
}

static void call(struct life *life, const char *method, const ProtobufCMessage *request,
		 const ProtobufCMessageDescriptor *response)
{
	call_service(life, TASK_SERVICE_V2, method, request, response);
}

#define EMPTY &kata_like__empty__descriptor

static void call_create(struct life *life)
{
	KataLike__Task__CreateTaskRequest request = KATA_LIKE__TASK__CREATE_TASK_REQUEST__INIT;

	request.id = pick_id(life);
	request.bundle = life->daemon.bundle;
	request.terminal = pick(life, 4) == 0;
	request.stdin = pick_stream(life);
	request.stdout = pick_stream(life);
	request.stderr = pick_stream(life);
	call(life, "Create", &request.base, &kata_like__task__create_task_response__descriptor);
}

static void call_exec(struct life *life)
{
	static const char *const specs[] = {
		"{\"cwd\":\"/\",\"args\":[\"sh\",\"-c\",\"exit 4\"]}",
		"{\"cwd\":\"/\",\"args\":[\"sh\",\"-c\",\"seq 20000; sleep 0.1\"]}",
		"{\"cwd\":\"/\",\"args\":[\"sleep\",\"100\"]}",
		"{\"args\":[]}",
		"",
	};
	KataLike__Task__ExecProcessRequest request = KATA_LIKE__TASK__EXEC_PROCESS_REQUEST__INIT;
	const char *json = specs[pick(life, ARRAY_SIZE(specs))];
	KataLike__Any spec = KATA_LIKE__ANY__INIT;

	spec.type_url = (char *)TASK_TYPE_PROCESS;
	spec.value = (ProtobufCBinaryData){ strlen(json), (uint8_t *)(uintptr_t)json };
	request.id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.terminal = pick(life, 4) == 0;
	request.stdin = pick_stream(life);
	request.stdout = pick_stream(life);
	request.stderr = pick_stream(life);
	request.spec = pick(life, 10) == 0 ? NULL : &spec;
	call(life, "Exec", &request.base, EMPTY);
}

static void call_kill(struct life *life)
{
	static const uint32_t signals[] = { 0, SIGTERM, SIGKILL, SIGKILL, SIGWINCH, 1000 };
	KataLike__Task__KillRequest request = KATA_LIKE__TASK__KILL_REQUEST__INIT;

	request.id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.signal = signals[pick(life, ARRAY_SIZE(signals))];
	request.all = pick(life, 3) == 0;
	call(life, "Kill", &request.base, EMPTY);
}

/* Those that want a process's two ids and nothing else: fields 1 and 2 of each. */
static void call_of_process(struct life *life)
{
	static const struct {
		const char *method;
		const ProtobufCMessageDescriptor *response;
		uint32_t share; /* of ten calls */
	} methods[] = {
		{ "Start", &kata_like__task__start_response__descriptor, 4 },
		{ "Delete", &kata_like__task__delete_response__descriptor, 3 },
		{ "Wait", &kata_like__task__wait_response__descriptor, 2 },
		{ "State", &kata_like__task__state_response__descriptor, 1 },
	};
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	uint32_t left = pick(life, 10);
	size_t which = 0;

	while (left >= methods[which].share)
		left -= methods[which++].share;
	request.id = pick_id(life);
	request.exec_id = pick_exec(life);
	call(life, methods[which].method, &request.base, methods[which].response);
}

/* Those that want a container's id and nothing else: field 1 of each. */
static void call_of_container(struct life *life)
{
	static const struct {
		const char *method;
		const ProtobufCMessageDescriptor *response;
	} methods[] = {
		{ "Pids", &kata_like__task__pids_response__descriptor },
		{ "Pause", EMPTY },
		{ "Resume", EMPTY },
		{ "Stats", &kata_like__task__stats_response__descriptor },
		{ "Connect", &kata_like__task__connect_response__descriptor },
		{ "Checkpoint", EMPTY },
		{ "Update", EMPTY },
	};
	KataLike__Task__PidsRequest request = KATA_LIKE__TASK__PIDS_REQUEST__INIT;
	uint32_t which = pick(life, ARRAY_SIZE(methods));

	request.id = pick_id(life);
	call(life, methods[which].method, &request.base, methods[which].response);
}

static void call_close_io(struct life *life)
{
	KataLike__Task__CloseIORequest request = KATA_LIKE__TASK__CLOSE_IOREQUEST__INIT;

	request.id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.stdin = pick(life, 2);
	call(life, "CloseIO", &request.base, EMPTY);
}

static void call_resize(struct life *life)
{
	KataLike__Task__ResizePtyRequest request = KATA_LIKE__TASK__RESIZE_PTY_REQUEST__INIT;

	request.id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.width = pick(life, 100000);
	request.height = pick(life, 3);
	call(life, "ResizePty", &request.base, EMPTY);
}

static void create_sandbox(struct life *life)
{
	KataLike__Sandbox__CreateSandboxRequest request =
		KATA_LIKE__SANDBOX__CREATE_SANDBOX_REQUEST__INIT;

	request.sandbox_id = pick(life, 8) ? (char *)"c" : (char *)"d";
	request.bundle_path = life->daemon.bundle;
	call_service(life, SANDBOX_SERVICE, "CreateSandbox", &request.base, EMPTY);
}

static void call_of_sandbox(struct life *life)
{
	static const struct {
		const char *method;
		const ProtobufCMessageDescriptor *response;
	} methods[] = {
		{ "StartSandbox", &kata_like__sandbox__start_sandbox_response__descriptor },
		{ "StartSandbox", &kata_like__sandbox__start_sandbox_response__descriptor },
		{ "WaitSandbox", &kata_like__sandbox__wait_sandbox_response__descriptor },
		{ "SandboxStatus", &kata_like__sandbox__sandbox_status_response__descriptor },
		{ "PingSandbox", EMPTY },
		{ "StopSandbox", EMPTY },
	};
	KataLike__Sandbox__SandboxRequest request = KATA_LIKE__SANDBOX__SANDBOX_REQUEST__INIT;
	uint32_t which = pick(life, ARRAY_SIZE(methods) - (pick(life, 8) > 0));

	request.sandbox_id = (char *)"c";
	if (!life->has_sandbox)
		return;
	if (pick(life, 3) == 0)
		create_sandbox(life);
	else
		call_service(life, SANDBOX_SERVICE, methods[which].method, &request.base,
			     methods[which].response);
}

static void stream_message(void *ctx, const ProtobufCMessage *message)
{
	(void)ctx;
	(void)message;
}

static void stream_ended(void *ctx, const struct ttrpc_status *status)
{
	answered(ctx, status, NULL);
}

/* A client of a stream, which may end at once, be one too many, or talk to an output. */
static void open_stream(struct life *life)
{
	static const struct ttrpc_stream_ops ops = { .message = stream_message,
						     .ended = stream_ended };
	static const struct ttrpc_target target = { "containerd.services.streaming.v1.Streaming",
						    "Stream", &kata_like__any__descriptor };
	struct ttrpc_client *client = life->daemon.client;
	KataLike__Any init = KATA_LIKE__ANY__INIT, data = KATA_LIKE__ANY__INIT;
	uint8_t id[] = { 10, 1, '1' };
	uint32_t stream;

	life->n_unanswered++;
	assert_int_equal(ttrpc_client_open(client, &target, &ops, life, &stream), 0);
	init.type_url = (char *)"containerd.services.streaming.v1.StreamInit";
	id[2] += (uint8_t)pick(life, 6);
	init.value = (ProtobufCBinaryData){ sizeof(id), id };
	assert_int_equal(ttrpc_client_stream_send(client, stream, &init.base), 0);
	data.type_url = (char *)"containerd.types.transfer.Data";
	data.value = (ProtobufCBinaryData){ 5, (uint8_t *)(uintptr_t) "\012\003abc" };
	if (pick(life, 2))
		assert_int_equal(ttrpc_client_stream_send(client, stream, &data.base), 0);
	if (pick(life, 2))
		assert_int_equal(ttrpc_client_stream_finish(client, stream), 0);
}

static void call_anything(struct life *life)
{
	static void (*const calls[])(struct life *) = {
		call_create,	   call_create,	      call_of_process, call_of_process,
		call_of_process,   call_of_process,   call_of_process, call_of_process,
		call_of_process,   call_of_process,   call_of_process, call_of_process,
		call_exec,	   call_exec,	      call_exec,       call_kill,
		call_kill,	   call_kill,	      call_resize,     call_close_io,
		call_of_container, call_of_container, open_stream,     open_stream,
		call_of_sandbox,   call_of_sandbox,
	};

	calls[pick(life, ARRAY_SIZE(calls))](life);
}

static void step(struct life *life, int timeout_ms)
{
	assert_int_equal(loop_step(life->daemon.loop, timeout_ms), 0);
	if (!ttrpc_client_is_connected(life->daemon.client))
		fail_msg("the shim has ended");
}

/* Until what is under way has come to its end, and there is nothing left to serve. */
static void end_all(struct life *life)
{
	static const char *const ids[] = { "c", "d" };
	KataLike__Task__KillRequest kill_all = KATA_LIKE__TASK__KILL_REQUEST__INIT;
	KataLike__Task__DeleteRequest delete = KATA_LIKE__TASK__DELETE_REQUEST__INIT;
	KataLike__Task__ShutdownRequest end = KATA_LIKE__TASK__SHUTDOWN_REQUEST__INIT;

	kill_all.signal = SIGKILL;
	kill_all.all = true;
	end.id = (char *)ids[0];
	end.now = life->has_sandbox;
	for (int64_t begin_ms = clock_monotonic_ms(); kill(life->daemon.pid, 0) == 0;) {
		if (clock_monotonic_ms() - begin_ms > END_LIMIT_MS)
			fail_msg("the shim does not end");
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
			kill_all.id = delete.id = (char *)ids[i];
			call(life, "Kill", &kill_all.base, EMPTY);
			call(life, "Delete", &delete.base,
			     &kata_like__task__delete_response__descriptor);
		}
		call(life, "Shutdown", &end.base, EMPTY);
		for (int i = 0; i < 10; i++)
			assert_int_equal(loop_step(life->daemon.loop, 10), 0);
	}
}

/* Half of the guests behave. */
static const char *pick_guest(struct life *life)
{
	static const char *const words[] = {
		"fake.drop",
		"fake.panic",
		"fake.link",
		"fake.agent=twice/WaitProcess",
		"fake.agent=error/WaitProcess",
		"fake.agent=garbage/ExecProcess",
		"fake.agent=unavailable/SignalProcess",
		"fake.agent=twice/DeleteProcess",
		"fake.agent=closes/DeleteContainer",
		"fake.agent=error/StartContainer",
		"fake.agent=closes/StatsContainer",
		"fake.control=error/AddDisk",
		"fake.control=closes/AddDisk",
	};

	return pick(life, 2) ? "" : words[pick(life, ARRAY_SIZE(words))];
}

static void live(uint32_t seed)
{
	struct life life = { .random = seed };
	KataLike__Task__ShutdownRequest at_once = KATA_LIKE__TASK__SHUTDOWN_REQUEST__INIT;
	/* Some die young, some outlive what they run. */
	uint32_t pace_ms = 1 + pick(&life, 30);
	char message[1024], annotations[128];
	pid_t vmm;

	(void)snprintf(annotations, sizeof(annotations), "\"io.kata-like.cmdline\":\"%s\"",
		       pick_guest(&life));
	daemon_start(&life.daemon, "sleep 0.3; exit 3", annotations);
	life.has_sandbox = pick(&life, 2);
	if (pick(&life, 4) > 0 && !life.has_sandbox)
		(void)daemon_try_create(&life.daemon, message);
	for (int i = 0; i < CALLS_PER_LIFE; i++) {
		if (life.n_unanswered < UNANSWERED_MAX)
			call_anything(&life);
		step(&life, pick(&life, 3) == 0 ? (int)pick(&life, pace_ms) : 0);
	}
	/* And it ends in one of three ways, with all that is under way. */
	at_once.now = true;
	switch (pick(&life, 3)) {
	case 0:
		call(&life, "Shutdown", &at_once.base, EMPTY);
		break;
	case 1:
		vmm = daemon_pid_file(&life.daemon, "vmm.pid");
		if (vmm > 1)
			(void)kill(vmm, SIGKILL);
		break;
	default:
		break;
	}
	end_all(&life);
	/* What it left unanswered ends with its connection. */
	while (life.n_unanswered > 0)
		assert_int_equal(loop_step(life.daemon.loop, 1000), 0);
	daemon_gone(&life.daemon);
}

static void no_order_of_calls_does_harm(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= LIVES; seed++) {
		print_message("seed %u\n", seed);
		live(seed * 2654435761u);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_of_calls_does_harm),
	};

	daemon_programs(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that calls the agent in any order and without waiting for answers: it may refuse, but it
 * lives, can be brought to its end, and leaves nothing.
 */
#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>

#include "common.pb-c.h"
#include "lib/fd.h"
#include "tests/integration/agent/pod.h"
#include "tests/unit/dice.h"

#define LIVES	       4
#define CALLS_PER_LIFE 300
#define ANSWERS_MAX    24
#define END_LIMIT_MS   30000

struct life {
	struct pod *pod;
	uint32_t random;
	struct pod_answer answers[ANSWERS_MAX];
	char *configs[3];
};

static const char *const containers[] = { "a", "b" };

static uint32_t pick(struct life *life, uint32_t n)
{
	return dice_roll(&life->random, n);
}

static char *pick_id(struct life *life)
{
	static const char *const ids[] = { "a", "a", "a", "a", "b", "b", "", "../a" };

	return (char *)ids[pick(life, ARRAY_SIZE(ids))];
}

static char *pick_exec(struct life *life)
{
	static const char *const ids[] = { "", "", "e", "f", "g" };

	return (char *)ids[pick(life, ARRAY_SIZE(ids))];
}

/* Any of a few ports, none, or one that nobody listens on; which others may have too. */
static KataLike__Agent__V1__Stdio pick_stdio(struct life *life)
{
	KataLike__Agent__V1__Stdio stdio = KATA_LIKE__AGENT__V1__STDIO__INIT;
	uint32_t *ports[] = { &stdio.stdin_port, &stdio.stdout_port, &stdio.stderr_port };

	stdio.terminal = pick(life, 4) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		*ports[i] = pick(life, 3) ? POD_PORT_FIRST + pick(life, POD_STREAMS) : 0;
	if (pick(life, 20) == 0)
		stdio.stdout_port = POD_PORT_FIRST + POD_STREAMS;
	return stdio;
}

/* Where nobody waits for an answer any more; NULL while all are awaited. */
static struct pod_answer *free_answer(struct life *life)
{
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		if (life->answers[i].done)
			return &life->answers[i];
	return NULL;
}

static void call(struct life *life, const char *method, const ProtobufCMessage *request)
{
	struct pod_answer *answer = free_answer(life);

	if (answer)
		pod_call_later(life->pod, method, request, answer);
}

static void call_create(struct life *life)
{
	KataLike__Agent__V1__CreateContainerRequest request =
		KATA_LIKE__AGENT__V1__CREATE_CONTAINER_REQUEST__INIT;
	KataLike__Agent__V1__Stdio stdio = pick_stdio(life);
	char *config = life->configs[pick(life, ARRAY_SIZE(life->configs))];

	request.container_id = pick_id(life);
	request.config_json.data = (uint8_t *)config;
	request.config_json.len = pick(life, 12) ? strlen(config) : pick(life, 100);
	request.stdio = pick(life, 12) ? &stdio : NULL;
	call(life, "CreateContainer", &request.base);
}

/* Those that want a container's id and nothing else. */
static void call_of_container(struct life *life)
{
	static const char *const methods[] = {
		"StartContainer",  "StartContainer", "StartContainer",	"DeleteContainer",
		"DeleteContainer", "PauseContainer", "ResumeContainer", "ResumeContainer",
		"StatsContainer",  "ListProcesses",
	};
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;

	request.container_id = pick_id(life);
	call(life, methods[pick(life, ARRAY_SIZE(methods))], &request.base);
}

static void call_of_process(struct life *life)
{
	static const char *const methods[] = { "WaitProcess", "WaitProcess", "DeleteProcess",
					       "DeleteProcess", "CloseStdin" };
	KataLike__Agent__V1__ProcessRequest request = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;

	request.container_id = pick_id(life);
	request.exec_id = pick_exec(life);
	call(life, methods[pick(life, ARRAY_SIZE(methods))], &request.base);
}

static void call_exec(struct life *life)
{
	static const char *const processes[] = {
		"{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[\"true\"]}",
		"{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[\"sleep\",\"100\"]}",
		"{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[\"sh\",\"-c\",\"seq 30000; "
		"cat\"]}",
		"{\"cwd\":\"/no\",\"args\":[\"absent\"]}",
		"{\"args\":[]}",
	};
	KataLike__Agent__V1__ExecProcessRequest request =
		KATA_LIKE__AGENT__V1__EXEC_PROCESS_REQUEST__INIT;
	KataLike__Agent__V1__Stdio stdio = pick_stdio(life);
	const char *json = processes[pick(life, ARRAY_SIZE(processes))];

	request.container_id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.process_json.data = (uint8_t *)(uintptr_t)json;
	request.process_json.len = strlen(json);
	request.stdio = pick(life, 12) ? &stdio : NULL;
	call(life, "ExecProcess", &request.base);
}

static void call_signal(struct life *life)
{
	static const uint32_t signals[] = { 0, SIGTERM, SIGKILL, SIGKILL, SIGSTOP, SIGCONT, 1000 };
	KataLike__Agent__V1__SignalProcessRequest request =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.signal = signals[pick(life, ARRAY_SIZE(signals))];
	request.all = pick(life, 3) == 0;
	call(life, "SignalProcess", &request.base);
}

static void call_resize(struct life *life)
{
	KataLike__Agent__V1__ResizeTerminalRequest request =
		KATA_LIKE__AGENT__V1__RESIZE_TERMINAL_REQUEST__INIT;

	request.container_id = pick_id(life);
	request.exec_id = pick_exec(life);
	request.columns = pick(life, 100000);
	request.rows = pick(life, 3);
	call(life, "ResizeTerminal", &request.base);
}

static void call_update(struct life *life)
{
	static const char *const resources[] = { "{\"memory\":{\"limit\":100000000}}",
						 "{\"pids\":{\"limit\":20}}", "{\"cpu\":{", "" };
	KataLike__Agent__V1__UpdateContainerRequest request =
		KATA_LIKE__AGENT__V1__UPDATE_CONTAINER_REQUEST__INIT;
	const char *json = resources[pick(life, ARRAY_SIZE(resources))];

	request.container_id = pick_id(life);
	request.resources_json.data = (uint8_t *)(uintptr_t)json;
	request.resources_json.len = strlen(json);
	call(life, "UpdateContainer", &request.base);
}

/* The far end of a stream goes, or says something. */
static void disturb_stream(struct life *life)
{
	struct pod_stream *stream = &life->pod->streams[pick(life, POD_STREAMS)];

	if (stream->fd < 0)
		return;
	if (pick(life, 2)) {
		close(stream->fd);
		stream->fd = -1;
	} else {
		(void)!write(stream->fd, "typed\n", 6);
	}
	stream->stalled = pick(life, 2);
}

static void call_anything(struct life *life)
{
	static void (*const calls[])(struct life *) = {
		call_create,	   call_create,	    call_of_container, call_of_container,
		call_of_container, call_of_process, call_of_process,   call_exec,
		call_exec,	   call_exec,	    call_signal,       call_signal,
		call_resize,	   call_update,	    disturb_stream,    disturb_stream,
	};

	calls[pick(life, ARRAY_SIZE(calls))](life);
}

/* Until what is under way has come to its end, and every call has its answer. */
static void end_all(struct life *life)
{
	int64_t begin_ms = clock_monotonic_ms();
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;

	for (size_t i = 0; i < ARRAY_SIZE(containers); i++) {
		do {
			if (clock_monotonic_ms() - begin_ms > END_LIMIT_MS)
				fail_msg("container %s cannot be deleted", containers[i]);
			request.container_id = (char *)containers[i];
			(void)pod_call(life->pod, "ResumeContainer", &request.base, NULL);
			(void)pod_kill(life->pod, containers[i], "", SIGKILL, true);
			(void)pod_run_until(life->pod, &(bool){ false }, 20);
		} while (pod_delete(life->pod, containers[i], NULL) != TTRPC_NOT_FOUND);
	}
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		if (!pod_run_until(life->pod, &life->answers[i].done, END_LIMIT_MS))
			fail_msg("a call is never answered");
}

static void live(struct life *life)
{
	uint32_t pace_ms = 1 + pick(life, 30);

	for (size_t i = 0; i < ANSWERS_MAX; i++)
		life->answers[i].done = true;
	for (int i = 0; i < CALLS_PER_LIFE; i++) {
		call_anything(life);
		(void)pod_run_until(life->pod, &(bool){ false },
				    pick(life, 3) == 0 ? (int)pick(life, pace_ms) : 0);
	}
	end_all(life);
}

static void no_order_of_calls_does_harm(void **state)
{
	static const char *const namespaces =
		",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
		"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"cgroup\"}]}";
	size_t n_before;

	(void)state;
	for (uint32_t seed = 1; seed <= LIVES; seed++) {
		struct life life = { .random = seed * 2654435761u };

		print_message("seed %u\n", seed);
		n_before = pod_count_descriptors();
		life.pod = pod_new();
		life.configs[0] = pod_config(life.pod, "sleep 0.1; exit 3", "", namespaces);
		life.configs[1] =
			pod_config(life.pod, "while :; do sleep 0.1; done", "", namespaces);
		life.configs[2] = pod_config(life.pod, "cat", ",\"terminal\":true", namespaces);
		live(&life);
		assert_true(pod_is_clean(life.pod));
		pod_free(life.pod);
		assert_int_equal(pod_count_descriptors(), n_before);
		for (size_t i = 0; i < ARRAY_SIZE(life.configs); i++)
			free(life.configs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_of_calls_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

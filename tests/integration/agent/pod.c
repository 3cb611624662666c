/* SPDX-License-Identifier: Apache-2.0 */
/* An agent without a VM, for tests. */
#include "tests/integration/agent/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/rpc/service.h"
#include "common.pb-c.h"
#include "lib/fd.h"
#include "lib/log.h"

#define BUSYBOX	    "/usr/bin/busybox"
#define TIMEOUT_MS  20000
#define STREAM_ROOM (16u << 20)

_noreturn_ static void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "the test's own set-up failed: %s\n", what);
	abort();
}

static void find_cgroup_mount(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/mounts", "r");
	const struct mntent *entry;

	require(mounts != NULL, "/proc/mounts");
	while ((entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "cgroup2") == 0) {
			(void)snprintf(path, size, "%s", entry->mnt_dir);
			(void)endmntent(mounts);
			return;
		}
	}
	(void)endmntent(mounts);
	skip("no cgroup v2 is mounted");
}

static void make_root(struct pod *pod)
{
	static const char *const dirs[] = { "bin", "etc", "proc", "sys", "dev", "tmp", "root" };
	char command[512], path[128];

	strcpy(pod->root, "/tmp/test-agent-XXXXXX");
	require(mkdtemp(pod->root) != NULL, "the root directory");
	require(chmod(pod->root, 0755) == 0, "the root directory");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", pod->root, dirs[i]);
		require(mkdir(path, 0755) == 0, path);
	}
	(void)snprintf(command, sizeof(command),
		       "cp " BUSYBOX " %s/bin && chroot %s /bin/busybox --install -s /bin",
		       pod->root, pod->root);
	if (system(command) != 0) {
		require(dir_remove(pod->root, NULL) == 0, "the root directory");
		skip("there is no static busybox at " BUSYBOX);
	}
	(void)snprintf(path, sizeof(path), "%s/etc/passwd", pod->root);
	require(file_write_atomic(path, "root:x:0:0::/root:/bin/sh\n", 26, 0644, NULL) == 0,
		"passwd");
}

static int connect_stream(void *ctx, uint32_t port, int *ret_fd, struct err *err)
{
	struct pod *pod = ctx;
	size_t i = port - POD_PORT_FIRST;
	int fds[2];

	if (i >= POD_STREAMS)
		return err_say(err, ECONNREFUSED, "no such port");
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	require(fd_set_nonblock(fds[0], 1) == 0, "socketpair");
	if (pod->streams[i].fd >= 0)
		close(pod->streams[i].fd);
	pod->streams[i].fd = fds[0];
	pod->streams[i].ended = false;
	pod->streams[i].len = 0;
	pod->streams[i].text[0] = '\0';
	*ret_fd = fds[1];
	return 0;
}

static void on_oom(void *ctx, const char *container_id, uint64_t kills)
{
	struct agent *agent = ctx;

	events_add_oom(agent->events, container_id, kills);
}

static void start_agent(struct pod *pod)
{
	struct err err = ERR_INIT;
	int fds[2];
	int r = loop_new(&pod->agent.loop, &err);

	if (r == 0)
		r = engine_init(&pod->agent.engine, pod->agent.loop, &pod->config, &err);
	if (r == 0)
		r = events_new(&pod->agent.events, &err);
	if (r == 0)
		r = ttrpc_server_new(pod->agent.loop, &pod->server, &err);
	require(r == 0, err_text(&err));
	pod->agent.connect = connect_stream;
	pod->agent.connect_ctx = pod;
	pod->agent.root_from_bundle = true;
	pod->agent.engine.on_oom = on_oom;
	pod->agent.engine.on_oom_ctx = &pod->agent;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	require(ttrpc_server_add_service(pod->server, &agent_service, &pod->agent) == 0, "service");
	require(ttrpc_server_add_connection(pod->server, fds[0], NULL, NULL) == 0, "server");
	require(ttrpc_client_new(pod->agent.loop, fds[1], NULL, NULL, &pod->client, &err) == 0,
		"client");
}

struct pod *pod_new(void)
{
	struct pod *pod = calloc(1, sizeof(*pod));

	if (geteuid() != 0)
		skip("only root can make containers");
	require(pod != NULL, "memory");
	signal(SIGPIPE, SIG_IGN);
	find_cgroup_mount(pod->cgroup_mount, sizeof(pod->cgroup_mount));
	make_root(pod);
	(void)snprintf(pod->work_dir, sizeof(pod->work_dir), "/run/test-agent-%d", getpid());
	(void)snprintf(pod->cgroup_base, sizeof(pod->cgroup_base), "test-agent-%d", getpid());
	pod->config = (struct engine_config){ .cgroup_mount = pod->cgroup_mount,
					      .cgroup_base = pod->cgroup_base,
					      .work_dir = pod->work_dir };
	for (size_t i = 0; i < POD_STREAMS; i++) {
		pod->streams[i].fd = -1;
		pod->streams[i].text = calloc(1, STREAM_ROOM);
		require(pod->streams[i].text != NULL, "memory");
	}
	start_agent(pod);
	return pod;
}

void pod_free(struct pod *pod)
{
	char path[512];

	ttrpc_client_free(pod->client);
	ttrpc_server_free(pod->server);
	engine_fini(&pod->agent.engine);
	events_free(pod->agent.events);
	loop_free(pod->agent.loop);
	for (size_t i = 0; i < POD_STREAMS; i++) {
		if (pod->streams[i].fd >= 0)
			close(pod->streams[i].fd);
		free(pod->streams[i].text);
	}
	(void)rmdir(pod->work_dir);
	(void)snprintf(path, sizeof(path), "%s/%s", pod->cgroup_mount, pod->cgroup_base);
	require(rmdir(path) == 0, "the cgroup is not empty");
	require(dir_remove(pod->root, NULL) == 0, "the root directory");
	free(pod);
}

char *pod_config(const struct pod *pod, const char *command, const char *process_extra,
		 const char *extra)
{
	char *text = NULL;

	require(asprintf(&text,
			 "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"%s\"},\"process\":{"
			 "\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[\"sh\",\"-c\",\"%s\"]%s},"
			 "\"mounts\":[{\"destination\":\"/"
			 "proc\",\"type\":\"proc\",\"source\":\"proc\"},"
			 "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
			 "\"options\":[\"mode=755\",\"nosuid\"]},"
			 "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
			 "\"options\":[\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
			 "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}]%s}",
			 pod->root, command, process_extra, extra) > 0,
		"memory");
	return text;
}

static void read_stream(struct pod_stream *stream)
{
	while (!stream->ended && !stream->stalled && stream->fd >= 0) {
		ssize_t n =
			read(stream->fd, stream->text + stream->len, STREAM_ROOM - 1 - stream->len);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			stream->ended = true;
			return;
		}
		stream->len += (size_t)n;
		stream->text[stream->len] = '\0';
		/* What is larger than that is only counted by its end. */
		if (stream->len > STREAM_ROOM - 65536)
			stream->len = STREAM_ROOM / 2;
	}
}

bool pod_run_until(struct pod *pod, const bool *flag, int timeout_ms)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

	while (!*flag) {
		require(loop_step(pod->agent.loop, 2) == 0, "the loop");
		for (size_t i = 0; i < POD_STREAMS; i++)
			read_stream(&pod->streams[i]);
		if (clock_monotonic_ms() > deadline_ms)
			return *flag;
	}
	return true;
}

static void on_answer(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	struct pod_answer *answer = ctx;

	answer->done = true;
	answer->code = (int)status->code;
	(void)snprintf(answer->message, sizeof(answer->message), "%s", status->message);
	if (!response)
		return;
	if (response->descriptor == &kata_like__agent__v1__wait_process_response__descriptor)
		answer->exit_status =
			(int)((const KataLike__Agent__V1__WaitProcessResponse *)(const void *)
				      response)
				->exit_status;
	if (response->descriptor == &kata_like__agent__v1__exec_process_response__descriptor)
		answer->pid =
			((const KataLike__Agent__V1__ExecProcessResponse *)(const void *)response)
				->pid;
	if (response->descriptor == &kata_like__agent__v1__event__descriptor)
		(void)snprintf(
			answer->container_id, sizeof(answer->container_id), "%s",
			((const KataLike__Agent__V1__Event *)(const void *)response)->container_id);
}

static const ProtobufCMessageDescriptor *response_of(const char *method)
{
	for (size_t i = 0; i < agent_service.n_methods; i++) {
		if (strcmp(agent_service.methods[i].name, method) == 0)
			return agent_service.methods[i].response;
	}
	require(false, method);
	return NULL;
}

void pod_call_later(struct pod *pod, const char *method, const ProtobufCMessage *request,
		    struct pod_answer *answer)
{
	const struct ttrpc_target target = { agent_service.name, method, response_of(method) };

	*answer = (struct pod_answer){ 0 };
	require(ttrpc_client_call(pod->client, &target, request, 0, on_answer, answer) == 0,
		method);
}

int pod_call(struct pod *pod, const char *method, const ProtobufCMessage *request,
	     struct pod_answer *ret_answer)
{
	struct pod_answer answer;

	pod_call_later(pod, method, request, &answer);
	require(pod_run_until(pod, &answer.done, TIMEOUT_MS), method);
	if (ret_answer)
		*ret_answer = answer;
	return answer.code;
}

static KataLike__Agent__V1__Stdio stdio_at(int base, bool terminal)
{
	KataLike__Agent__V1__Stdio stdio = KATA_LIKE__AGENT__V1__STDIO__INIT;

	stdio.terminal = terminal;
	stdio.stdin_port = POD_PORT_FIRST + (uint32_t)base;
	stdio.stdout_port = terminal ? stdio.stdin_port : stdio.stdin_port + 1;
	stdio.stderr_port = terminal ? 0 : stdio.stdin_port + 2;
	return stdio;
}

int pod_create(struct pod *pod, const char *id, const char *config, int base, bool terminal,
	       struct pod_answer *ret_answer)
{
	KataLike__Agent__V1__CreateContainerRequest request =
		KATA_LIKE__AGENT__V1__CREATE_CONTAINER_REQUEST__INIT;
	KataLike__Agent__V1__Stdio stdio = stdio_at(base, terminal);

	request.container_id = (char *)id;
	request.config_json.data = (uint8_t *)config;
	request.config_json.len = strlen(config);
	request.stdio = &stdio;
	return pod_call(pod, "CreateContainer", &request.base, ret_answer);
}

static KataLike__Agent__V1__ContainerRequest container_request(const char *id)
{
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;

	request.container_id = (char *)id;
	return request;
}

int pod_start(struct pod *pod, const char *id, struct pod_answer *ret_answer)
{
	KataLike__Agent__V1__ContainerRequest request = container_request(id);

	return pod_call(pod, "StartContainer", &request.base, ret_answer);
}

int pod_delete(struct pod *pod, const char *id, struct pod_answer *ret_answer)
{
	KataLike__Agent__V1__ContainerRequest request = container_request(id);

	return pod_call(pod, "DeleteContainer", &request.base, ret_answer);
}

int pod_exec(struct pod *pod, const char *id, const char *exec_id, const char *process, int base,
	     bool terminal, struct pod_answer *ret_answer)
{
	KataLike__Agent__V1__ExecProcessRequest request =
		KATA_LIKE__AGENT__V1__EXEC_PROCESS_REQUEST__INIT;
	KataLike__Agent__V1__Stdio stdio = stdio_at(base, terminal);

	request.container_id = (char *)id;
	request.exec_id = (char *)exec_id;
	request.process_json.data = (uint8_t *)process;
	request.process_json.len = strlen(process);
	request.stdio = &stdio;
	return pod_call(pod, "ExecProcess", &request.base, ret_answer);
}

int pod_kill(struct pod *pod, const char *id, const char *exec_id, int signal_number, bool all)
{
	KataLike__Agent__V1__SignalProcessRequest request =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = (char *)id;
	request.exec_id = (char *)exec_id;
	request.signal = (uint32_t)signal_number;
	request.all = all;
	return pod_call(pod, "SignalProcess", &request.base, NULL);
}

int pod_wait(struct pod *pod, const char *id, const char *exec_id)
{
	KataLike__Agent__V1__ProcessRequest request = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	struct pod_answer answer;

	request.container_id = (char *)id;
	request.exec_id = (char *)exec_id;
	if (pod_call(pod, "WaitProcess", &request.base, &answer) != TTRPC_OK)
		return -answer.code;
	return answer.exit_status;
}

int pod_run(struct pod *pod, const char *command, const char *process_extra, const char *extra)
{
	_cleanup_free_ char *config = pod_config(pod, command, process_extra, extra);
	struct pod_answer answer;
	int status;

	if (pod_create(pod, "c", config, 0, false, &answer) != TTRPC_OK) {
		printf("create: %s\n", answer.message);
		return -answer.code;
	}
	if (pod_start(pod, "c", &answer) != TTRPC_OK) {
		printf("start: %s\n", answer.message);
		(void)pod_wait(pod, "c", "");
		require(pod_delete(pod, "c", NULL) == TTRPC_OK, "delete");
		return -answer.code;
	}
	status = pod_wait(pod, "c", "");
	require(pod_delete(pod, "c", &answer) == TTRPC_OK, answer.message);
	/* The streams end a moment behind. */
	require(pod_run_until(pod, &pod->streams[1].ended, TIMEOUT_MS), "stdout does not end");
	return status;
}

const char *pod_text(const struct pod *pod, int i)
{
	return pod->streams[i].text;
}

static size_t count_dir(const char *path, int type)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	size_t n = 0;

	require(dir != NULL, path);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] != '.' && (type == DT_UNKNOWN || entry->d_type == type))
			n++;
	}
	return n;
}

size_t pod_count_descriptors(void)
{
	return count_dir("/proc/self/fd", DT_UNKNOWN);
}

bool pod_is_clean(const struct pod *pod)
{
	_cleanup_free_ char *mounts = NULL;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", pod->cgroup_mount, pod->cgroup_base);
	if (count_dir(path, DT_DIR) != 0 || pod->agent.engine.containers)
		return false;
	require(file_read(AT_FDCWD, "/proc/self/mounts", 1 << 20, &mounts, NULL, NULL) == 0,
		"mounts");
	if (strstr(mounts, pod->work_dir) || strstr(mounts, pod->root))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	free(TAKE_PTR(mounts));
	require(file_read(AT_FDCWD, path, 65536, &mounts, NULL, NULL) == 0, "children");
	return mounts[0] == '\0';
}

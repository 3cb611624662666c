/* SPDX-License-Identifier: Apache-2.0 */
/* A shim to test, and a client of it. */
#include "tests/unit/shim/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "proto/task-api.h"
#include "tests/unit/test.h"

#define CALL_TIMEOUT_MS 20000

static const char *shim_program, *vmm_program;

void daemon_programs(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s SHIM FAKE_VMM\n", argv[0]);
		exit(1);
	}
	shim_program = argv[1];
	vmm_program = argv[2];
	if (access("/dev/kvm", R_OK | W_OK) < 0 ||
	    system("mkfs.erofs --help >/dev/null 2>&1") < 0) {
		printf("skipped: the shim opens /dev/kvm, which is not there\n");
		exit(77);
	}
}

static void shell(const char *fmt, ...) _printf_(1, 2);

static void shell(const char *fmt, ...)
{
	char command[1024];
	va_list va;

	va_start(va, fmt);
	assert_true(vsnprintf(command, sizeof(command), fmt, va) < (int)sizeof(command));
	va_end(va);
	assert_int_equal(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

static void write_config(const struct daemon *daemon, const char *script, const char *annotations)
{
	char path[256], text[4096];

	(void)snprintf(path, sizeof(path), "%s/config.json", daemon->bundle);
	assert_true(snprintf(text, sizeof(text),
			     "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
			     "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\",\"-c\",\"%s\"]},"
			     "\"annotations\":{%s}}",
			     script, annotations) < (int)sizeof(text));
	write_file(path, text);
}

static void write_settings(const struct daemon *daemon)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/config.ini", daemon->dir);
	write_file(path, "[vm]\nkernel = /dev/null\ninitrd = /dev/null\n");
	setenv("KATA_LIKE_CONFIG", path, 1);
}

/* Stands for `containerd --address A publish --topic T …`, and notes the topics. */
static void write_publisher(const struct daemon *daemon)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/publish", daemon->dir);
	write_file(path, "#!/bin/sh\necho \"$5\" >>\"${0%/*}/topics\"\n");
	assert_int_equal(chmod(path, 0700), 0);
}

char *daemon_topics(const struct daemon *daemon)
{
	char path[256], *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/topics", daemon->dir);
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL, NULL), 0);
	return text;
}

/* Runs the shim with an action; what it printed is returned, without waiting for its daemon. */
static char *run_shim(const struct daemon *daemon, const char *action, size_t *ret_len)
{
	char program[128], publisher[128];
	int out[2], status;
	char *text = calloc(1, 4096);
	ssize_t n;
	pid_t pid;

	(void)snprintf(program, sizeof(program), "%s/containerd-shim-kata-like-v2", daemon->dir);
	(void)snprintf(publisher, sizeof(publisher), "%s/publish", daemon->dir);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		if (chdir(daemon->bundle) < 0)
			_exit(1);
		execl(program, program, "-namespace", "ns", "-address", daemon->containerd,
		      "-publish-binary", publisher, "-id", "c", "-bundle", daemon->bundle, action,
		      (char *)NULL);
		_exit(1);
	}
	close(out[1]);
	/* To the end of it: the daemon must have let go. */
	n = fd_read_full(out[0], text, 4095);
	assert_true(n >= 0);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s: %s", action, text);
	*ret_len = (size_t)n;
	return text;
}

static void start(struct daemon *daemon, const char *script, const char *annotations,
		  const char *containerd)
{
	struct err err = ERR_INIT;
	char *printed;
	char path[256];
	size_t len;

	*daemon = (struct daemon){ .dir = "/tmp/shim-test.XXXXXX", .containerd = containerd };
	assert_non_null(mkdtemp(daemon->dir));
	(void)snprintf(daemon->bundle, sizeof(daemon->bundle), "%s/bundle", daemon->dir);
	(void)snprintf(daemon->state, sizeof(daemon->state), "%s/state/ns/c", daemon->dir);
	shell("mkdir -p %s/rootfs && echo hello > %s/rootfs/file", daemon->bundle, daemon->bundle);
	shell("cp %s %s/containerd-shim-kata-like-v2", shim_program, daemon->dir);
	shell("cp %s %s/kata-like-vmm", vmm_program, daemon->dir);
	(void)snprintf(path, sizeof(path), "%s/state", daemon->dir);
	setenv("KATA_LIKE_STATE", path, 1);
	(void)snprintf(path, sizeof(path), "%s/cache", daemon->dir);
	setenv("KATA_LIKE_CACHE", path, 1);
	write_config(daemon, script, annotations);
	write_settings(daemon);
	write_publisher(daemon);
	/* containerd's; what nobody reads of it is lost. */
	(void)snprintf(path, sizeof(path), "%s/log", daemon->bundle);
	if (*containerd)
		assert_int_equal(mkfifo(path, 0600), 0);
	printed = run_shim(daemon, "start", &len);
	(void)snprintf(daemon->address, sizeof(daemon->address), "%s", printed);
	free(printed);
	assert_int_equal(loop_new(&daemon->loop, &err), 0);
	if (ttrpc_client_connect(daemon->loop, daemon->address, NULL, NULL, &daemon->client, &err) <
	    0)
		fail_msg("%s", err_text(&err));
	daemon->pid = daemon_pid_file(daemon, "shim.pid");
	assert_true(daemon->pid > 1);
}

void daemon_start(struct daemon *daemon, const char *script, const char *annotations)
{
	start(daemon, script, annotations, "");
}

void daemon_start_published(struct daemon *daemon, const char *script, const char *annotations)
{
	start(daemon, script, annotations, "nobody");
}

pid_t daemon_pid_file(const struct daemon *daemon, const char *name)
{
	char path[256];
	_cleanup_free_ char *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", daemon->state, name);
	return file_read(AT_FDCWD, path, 128, &text, NULL, NULL) < 0 ? 0 : atoi(text);
}

void daemon_await_end(pid_t pid)
{
	for (int i = 0; i < 500; i++) {
		char path[64], state = 'X';
		_cleanup_free_ char *text = NULL;
		char *p;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
			return;
		p = strrchr(text, ')');
		if (p && sscanf(p + 1, " %c", &state) == 1 && state == 'Z')
			return;
		usleep(10000);
	}
	fail_msg("process %d does not end", pid);
}

/* Whether a process runs a program from the folder. One that just ended may still be listed. */
static bool process_lives(const char *dir)
{
	_cleanup_dir_ DIR *proc = opendir("/proc");

	assert_non_null(proc);
	for (struct dirent *entry; (entry = readdir(proc));) {
		char path[300];
		_cleanup_free_ char *line = NULL;

		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		if (file_read(AT_FDCWD, path, 65536, &line, NULL, NULL) == 0 &&
		    strncmp(line, dir, strlen(dir)) == 0)
			return true;
	}
	return false;
}

static void check_no_process(const char *dir)
{
	for (int i = 0; process_lives(dir); i++) {
		if (i == 100)
			fail_msg("a program from %s still runs", dir);
		usleep(10000);
	}
}

void daemon_gone(struct daemon *daemon)
{
	daemon_await_end(daemon->pid);
	ttrpc_client_free(daemon->client);
	loop_free(daemon->loop);
	if (access(daemon->state, F_OK) == 0)
		fail_msg("%s is left", daemon->state);
	check_no_process(daemon->dir);
	shell("rm -rf %s", daemon->dir);
}

char *daemon_delete(struct daemon *daemon, size_t *ret_len)
{
	return run_shim(daemon, "delete", ret_len);
}

struct answer {
	bool done;
	enum ttrpc_code code;
	char *message;
	uint8_t *packed;
	size_t len;
};

static void answered(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	struct answer *answer = ctx;

	answer->done = true;
	answer->code = status->code;
	if (answer->message)
		(void)snprintf(answer->message, 1024, "%s", status->message);
	if (!response)
		return;
	answer->packed = malloc(protobuf_c_message_get_packed_size(response) + 1);
	answer->len = protobuf_c_message_pack(response, answer->packed);
}

enum ttrpc_code daemon_call(struct daemon *daemon, const char *method,
			    const ProtobufCMessage *request,
			    const ProtobufCMessageDescriptor *response,
			    ProtobufCMessage **ret_response, char ret_message[1024])
{
	struct ttrpc_target target = { TASK_SERVICE_V2, method, response };
	struct answer answer = { .message = ret_message };

	assert_int_equal(ttrpc_client_call(daemon->client, &target, request, CALL_TIMEOUT_MS,
					   answered, &answer),
			 0);
	while (!answer.done)
		assert_int_equal(loop_step(daemon->loop, -1), 0);
	if (ret_response && answer.code == TTRPC_OK)
		*ret_response =
			protobuf_c_message_unpack(response, NULL, answer.len, answer.packed);
	free(answer.packed);
	return answer.code;
}

#define EMPTY &kata_like__empty__descriptor

static enum ttrpc_code create(struct daemon *daemon, const char *in, const char *out,
			      const char *err, char *message)
{
	KataLike__Task__CreateTaskRequest request = KATA_LIKE__TASK__CREATE_TASK_REQUEST__INIT;

	request.id = (char *)"c";
	request.bundle = daemon->bundle;
	request.stdin = (char *)in;
	request.stdout = (char *)out;
	request.stderr = (char *)err;
	return daemon_call(daemon, "Create", &request.base,
			   &kata_like__task__create_task_response__descriptor, NULL, message);
}

void daemon_create(struct daemon *daemon, const char *in, const char *out, const char *err)
{
	char message[1024] = "";

	if (create(daemon, in, out, err, message) != TTRPC_OK)
		fail_msg("Create: %s", message);
}

enum ttrpc_code daemon_try_create(struct daemon *daemon, char ret_message[1024])
{
	return create(daemon, "", "", "", ret_message);
}

enum ttrpc_code daemon_try_start(struct daemon *daemon, const char *exec_id, char ret_message[1024])
{
	KataLike__Task__StartRequest request = KATA_LIKE__TASK__START_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	return daemon_call(daemon, "Start", &request.base,
			   &kata_like__task__start_response__descriptor, NULL, ret_message);
}

void daemon_start_task(struct daemon *daemon, const char *exec_id)
{
	char message[1024] = "";

	if (daemon_try_start(daemon, exec_id, message) != TTRPC_OK)
		fail_msg("Start: %s", message);
}

uint32_t daemon_wait(struct daemon *daemon, const char *exec_id)
{
	KataLike__Task__WaitRequest request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	uint32_t status;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	assert_int_equal(daemon_call(daemon, "Wait", &request.base,
				     &kata_like__task__wait_response__descriptor, &response, NULL),
			 TTRPC_OK);
	status = ((KataLike__Task__WaitResponse *)(void *)response)->exit_status;
	assert_non_null(((KataLike__Task__WaitResponse *)(void *)response)->exited_at);
	protobuf_c_message_free_unpacked(response, NULL);
	return status;
}

enum ttrpc_code daemon_kill(struct daemon *daemon, const char *exec_id, uint32_t signal)
{
	KataLike__Task__KillRequest request = KATA_LIKE__TASK__KILL_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.signal = signal;
	return daemon_call(daemon, "Kill", &request.base, EMPTY, NULL, NULL);
}

enum ttrpc_code daemon_delete_task(struct daemon *daemon, const char *exec_id)
{
	KataLike__Task__DeleteRequest request = KATA_LIKE__TASK__DELETE_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	return daemon_call(daemon, "Delete", &request.base,
			   &kata_like__task__delete_response__descriptor, NULL, NULL);
}

uint32_t daemon_status(struct daemon *daemon, const char *exec_id)
{
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	uint32_t status;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	assert_int_equal(daemon_call(daemon, "State", &request.base,
				     &kata_like__task__state_response__descriptor, &response, NULL),
			 TTRPC_OK);
	status = ((KataLike__Task__StateResponse *)(void *)response)->status;
	protobuf_c_message_free_unpacked(response, NULL);
	return status;
}

void daemon_exec(struct daemon *daemon, const char *exec_id, const char *script, const char *out)
{
	KataLike__Task__ExecProcessRequest request = KATA_LIKE__TASK__EXEC_PROCESS_REQUEST__INIT;
	KataLike__Any spec = KATA_LIKE__ANY__INIT;
	char json[1024], message[1024] = "";

	(void)snprintf(json, sizeof(json), "{\"cwd\":\"/\",\"args\":[\"sh\",\"-c\",\"%s\"]}",
		       script);
	spec.type_url = (char *)TASK_TYPE_PROCESS;
	spec.value = (ProtobufCBinaryData){ strlen(json), (uint8_t *)json };
	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.stdout = (char *)out;
	request.spec = &spec;
	if (daemon_call(daemon, "Exec", &request.base, EMPTY, NULL, message) != TTRPC_OK)
		fail_msg("Exec: %s", message);
}

void daemon_close_stdin(struct daemon *daemon)
{
	KataLike__Task__CloseIORequest request = KATA_LIKE__TASK__CLOSE_IOREQUEST__INIT;

	request.id = (char *)"c";
	request.stdin = true;
	assert_int_equal(daemon_call(daemon, "CloseIO", &request.base, EMPTY, NULL, NULL),
			 TTRPC_OK);
}

void daemon_shut_down(struct daemon *daemon)
{
	KataLike__Task__ShutdownRequest request = KATA_LIKE__TASK__SHUTDOWN_REQUEST__INIT;

	request.id = (char *)"c";
	assert_int_equal(daemon_call(daemon, "Shutdown", &request.base, EMPTY, NULL, NULL),
			 TTRPC_OK);
}

char *daemon_fifo(struct daemon *daemon, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", daemon->dir, name) > 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	return path;
}

int daemon_open_fifo(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

char *daemon_read_all(struct daemon *daemon, int fd, size_t *ret_len)
{
	char *data = NULL;
	size_t len = 0, room = 0;

	(void)daemon;
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (len + 65536 > room)
			data = realloc(data, room = room * 2 + 65537);
		assert_non_null(data);
		assert_int_equal(poll(&ready, 1, 10000), 1);
		n = read(fd, data + len, 65536);
		if (n < 0 && errno == EAGAIN)
			continue;
		assert_true(n >= 0);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	data[len] = '\0';
	*ret_len = len;
	return data;
}

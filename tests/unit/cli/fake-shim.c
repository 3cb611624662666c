/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the shim, for tests of the command line on machines without KVM: the same start
 * and delete, the same socket and Task service, but a "container" is a process of this machine,
 * changed into its root directory when run as root. It knows one sandbox with one container and its
 * execs.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <utmp.h>

#include "common.pb-c.h"
#include "lib/fd.h"
#include "lib/loop.h"
#include "lib/paths.h"
#include "proto/task-api.h"
#include "proto/ttrpc/server.h"
#include "task.pb-c.h"

#define PROCESSES_MAX 16
#define WAITERS_MAX   8

struct process {
	bool used, started, ended, terminal;
	char exec_id[96], in[PATHS_MAX], out[PATHS_MAX + 8], err[PATHS_MAX + 8];
	struct json_object *spec;
	pid_t pid;
	int pty_fd;
	uint32_t status;
	struct ttrpc_call *waiters[WAITERS_MAX];
	size_t n_waiters;
};

struct shim {
	struct loop *loop;
	char namespace[96], id[96], bundle[PATHS_MAX], root[PATHS_MAX];
	bool shutting_down;
	struct process processes[PROCESSES_MAX]; /* the first is the container's init */
};

static struct process *find(struct shim *shim, const char *id, const char *exec_id)
{
	if (strcmp(id, shim->id) != 0)
		return NULL;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (shim->processes[i].used && !strcmp(shim->processes[i].exec_id, exec_id))
			return &shim->processes[i];
	return NULL;
}

static struct process *need(struct shim *shim, struct ttrpc_call *call, const char *id,
			    const char *exec_id)
{
	struct process *process = find(shim, id, exec_id);

	if (!process)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no such process: %s %s", id, exec_id);
	return process;
}

static void reply_wait(struct process *process, struct ttrpc_call *call)
{
	KataLike__Task__WaitResponse response = KATA_LIKE__TASK__WAIT_RESPONSE__INIT;
	KataLike__Timestamp now = KATA_LIKE__TIMESTAMP__INIT;

	now.seconds = time(NULL);
	response.exit_status = process->status;
	response.exited_at = &now;
	ttrpc_call_reply(call, &response.base);
}

static void on_exit_of(void *ctx, pid_t pid, int wait_status)
{
	struct process *process = ctx;

	(void)pid;
	process->ended = true;
	process->status = WIFSIGNALED(wait_status) ? 128u + (uint32_t)WTERMSIG(wait_status)
						   : (uint32_t)WEXITSTATUS(wait_status);
	for (size_t i = 0; i < process->n_waiters; i++)
		reply_wait(process, process->waiters[i]);
	process->n_waiters = 0;
}

static int add_process(struct shim *shim, const char *exec_id, bool terminal, const char *in,
		       const char *out, const char *err, struct json_object *spec)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *process = &shim->processes[i];

		if (process->used)
			continue;
		*process = (struct process){ .used = true, .terminal = terminal, .pty_fd = -1 };
		(void)snprintf(process->exec_id, sizeof(process->exec_id), "%s", exec_id);
		(void)snprintf(process->in, sizeof(process->in), "%s", in);
		(void)snprintf(process->out, sizeof(process->out), "%s", out);
		(void)snprintf(process->err, sizeof(process->err), "%s", err);
		process->spec = json_object_get(spec);
		return 0;
	}
	return -ENOSPC;
}

static void do_create(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__CreateTaskRequest *request = (const void *)message;
	KataLike__Task__CreateTaskResponse response = KATA_LIKE__TASK__CREATE_TASK_RESPONSE__INIT;
	struct shim *shim = ctx;
	char path[PATHS_MAX * 2];
	struct json_object *config, *root, *process;

	(void)snprintf(path, sizeof(path), "%s/config.json", request->bundle);
	config = json_object_from_file(path);
	root = config ? json_object_object_get(config, "root") : NULL;
	process = config ? json_object_object_get(config, "process") : NULL;
	if (!root || !process) {
		json_object_put(config);
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "%s has no root or process", path);
		return;
	}
	(void)snprintf(shim->bundle, sizeof(shim->bundle), "%s", request->bundle);
	(void)snprintf(shim->root, sizeof(shim->root), "%s",
		       json_object_get_string(json_object_object_get(root, "path")));
	(void)!add_process(shim, "", request->terminal, request->stdin, request->stdout,
			   request->stderr, process);
	json_object_put(config);
	/* A boot that takes its time, for tests that interrupt it. */
	if (getenv("FAKE_SHIM_BOOT_S"))
		(void)sleep((unsigned int)atoi(getenv("FAKE_SHIM_BOOT_S")));
	response.pid = (uint32_t)getpid();
	ttrpc_call_reply(call, &response.base);
}

static int open_stream(const char *path, int flags)
{
	if (!path[0])
		return open("/dev/null", flags);
	if (!strncmp(path, "file://", 7))
		return open(path + 7, O_WRONLY | O_CREAT | O_APPEND, 0600);
	return open(path, flags);
}

/* Copies between the FIFOs and the terminal until the terminal's other end has gone. */
_noreturn_ static void relay_terminal(const struct process *process, int pty_fd)
{
	int in_fd = open_stream(process->in, O_RDWR), out_fd = open_stream(process->out, O_RDWR);
	struct pollfd fds[2] = { { process->in[0] ? in_fd : -1, POLLIN, 0 },
				 { pty_fd, POLLIN, 0 } };
	char buffer[4096];

	for (;;) {
		ssize_t n;

		if (poll(fds, 2, -1) < 0)
			_exit(0);
		if (fds[0].revents) {
			n = read(in_fd, buffer, sizeof(buffer));
			if (n <= 0 || fd_write_full(pty_fd, buffer, (size_t)n) < 0)
				_exit(0);
		}
		if (fds[1].revents) {
			n = read(pty_fd, buffer, sizeof(buffer));
			if (n <= 0 || fd_write_full(out_fd, buffer, (size_t)n) < 0)
				_exit(0);
		}
	}
}

static void set_up_streams(const struct process *process, int tty_fd)
{
	int fds[3];

	if (process->terminal) {
		(void)login_tty(tty_fd);
		return;
	}
	fds[0] = open_stream(process->in, O_RDONLY);
	fds[1] = open_stream(process->out, O_WRONLY);
	fds[2] = open_stream(process->err, O_WRONLY);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(99);
}

static char **strings(struct json_object *array)
{
	size_t n = array ? json_object_array_length(array) : 0;
	char **texts = calloc(n + 1, sizeof(*texts));

	for (size_t i = 0; texts && i < n; i++)
		texts[i] = (char *)(uintptr_t)json_object_get_string(
			json_object_array_get_idx(array, i));
	return texts;
}

/* In the child; what fails goes to error_fd. */
_noreturn_ static void exec_process(const struct shim *shim, const struct process *process,
				    int tty_fd, int error_fd)
{
	char **args = strings(json_object_object_get(process->spec, "args"));
	char **env = strings(json_object_object_get(process->spec, "env"));
	const char *cwd = json_object_get_string(json_object_object_get(process->spec, "cwd"));
	sigset_t none;
	int errnum;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	set_up_streams(process, tty_fd);
	if (geteuid() == 0 && (chroot(shim->root) < 0 || chdir(cwd ? cwd : "/") < 0))
		_exit(98);
	clearenv();
	for (char **pair = env; *pair; pair++)
		(void)putenv(*pair);
	(void)execvp(args[0], args);
	errnum = errno;
	(void)!write(error_fd, &errnum, sizeof(errnum));
	_exit(127);
}

static int start(struct shim *shim, struct process *process)
{
	int pipe_fds[2], tty_fd = -1, errnum = 0;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	if (process->terminal && openpty(&process->pty_fd, &tty_fd, NULL, NULL, NULL) < 0)
		return -errno;
	process->pid = fork();
	if (process->pid == 0)
		exec_process(shim, process, tty_fd, pipe_fds[1]);
	close(pipe_fds[1]);
	if (tty_fd >= 0)
		close(tty_fd);
	(void)!read(pipe_fds[0], &errnum, sizeof(errnum));
	close(pipe_fds[0]);
	process->started = true;
	if (loop_add_child(shim->loop, process->pid, on_exit_of, process, NULL) < 0)
		return -EIO;
	if (process->terminal && fork() == 0)
		relay_terminal(process, process->pty_fd);
	return -errnum;
}

static void do_start(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StartRequest *request = (const void *)message;
	KataLike__Task__StartResponse response = KATA_LIKE__TASK__START_RESPONSE__INIT;
	struct process *process = need(ctx, call, request->id, request->exec_id);
	struct err err = ERR_INIT;
	int r;

	if (!process)
		return;
	r = start(ctx, process);
	if (r < 0) {
		(void)err_set(
			&err, -r, "cannot run %s",
			json_object_get_string(json_object_object_get(process->spec, "args")));
		ttrpc_call_fail_err(call, &err);
		return;
	}
	response.pid = (uint32_t)getpid();
	ttrpc_call_reply(call, &response.base);
}

static void do_exec(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ExecProcessRequest *request = (const void *)message;
	_cleanup_free_ char *text =
		strndup((char *)request->spec->value.data, request->spec->value.len);
	struct json_object *spec = json_tokener_parse(text);

	if (!need(ctx, call, request->id, "")) {
		json_object_put(spec);
		return;
	}
	(void)!add_process(ctx, request->exec_id, request->terminal, request->stdin,
			   request->stdout, request->stderr, spec);
	json_object_put(spec);
	ttrpc_call_reply_empty(call);
}

static void do_wait(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__WaitRequest *request = (const void *)message;
	struct process *process = need(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	if (process->ended)
		reply_wait(process, call);
	else if (process->n_waiters < WAITERS_MAX)
		process->waiters[process->n_waiters++] = call;
	else
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many waiters");
}

static void do_kill(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__KillRequest *request = (const void *)message;
	struct process *process = need(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	if (!process->started || process->ended || kill(process->pid, (int)request->signal) < 0) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
		return;
	}
	ttrpc_call_reply_empty(call);
}

static void do_state(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StateRequest *request = (const void *)message;
	KataLike__Task__StateResponse response = KATA_LIKE__TASK__STATE_RESPONSE__INIT;
	struct shim *shim = ctx;
	struct process *process = need(shim, call, request->id, request->exec_id);

	if (!process)
		return;
	response.id = shim->id;
	response.bundle = shim->bundle;
	response.pid = (uint32_t)getpid();
	response.exit_status = process->status;
	response.terminal = process->terminal;
	response.status = process->ended     ? KATA_LIKE__TASK__STATUS__STOPPED
			  : process->started ? KATA_LIKE__TASK__STATUS__RUNNING
					     : KATA_LIKE__TASK__STATUS__CREATED;
	ttrpc_call_reply(call, &response.base);
}

static void do_delete(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__DeleteRequest *request = (const void *)message;
	KataLike__Task__DeleteResponse response = KATA_LIKE__TASK__DELETE_RESPONSE__INIT;
	struct process *process = need(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	if (process->started && !process->ended) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "it is running");
		return;
	}
	json_object_put(process->spec);
	if (process->pty_fd >= 0)
		close(process->pty_fd);
	process->used = false;
	/* As if it had lost something. */
	if (getenv("FAKE_SHIM_LOST"))
		response.failure = getenv("FAKE_SHIM_LOST");
	ttrpc_call_reply(call, &response.base);
}

static void do_resize(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ResizePtyRequest *request = (const void *)message;
	struct process *process = need(ctx, call, request->id, request->exec_id);
	struct winsize size = { 0 };

	if (!process)
		return;
	size.ws_col = (unsigned short)request->width;
	size.ws_row = (unsigned short)request->height;
	(void)ioctl(process->pty_fd, TIOCSWINSZ, &size);
	ttrpc_call_reply_empty(call);
}

static void do_close_io(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__CloseIORequest *request = (const void *)message;

	if (need(ctx, call, request->id, request->exec_id))
		ttrpc_call_reply_empty(call);
}

static void leave(void *ctx)
{
	loop_quit(((struct shim *)ctx)->loop, 0);
}

static void do_shutdown(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ShutdownRequest *request = (const void *)message;
	struct shim *shim = ctx;
	char path[PATHS_MAX];
	bool stay = false;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *process = &shim->processes[i];

		stay |= process->used && !request->now;
		if (process->used && request->now && process->started && !process->ended)
			(void)kill(process->pid, SIGKILL);
	}
	if (!stay && paths_sandbox(shim->namespace, shim->id, NULL, path, NULL) == 0) {
		(void)!dir_remove(path, NULL);
		(void)!loop_add_deferred(shim->loop, leave, shim, NULL);
	}
	ttrpc_call_reply_empty(call);
}

#define NOTHING kata_like__empty__descriptor
#define ROW(name, fn, request, response)                                       \
	{                                                                      \
		name, fn, &kata_like__task__##request##__descriptor, &response \
	}
static const struct ttrpc_method methods[] = {
	ROW("Create", do_create, create_task_request,
	    kata_like__task__create_task_response__descriptor),
	ROW("Start", do_start, start_request, kata_like__task__start_response__descriptor),
	ROW("Exec", do_exec, exec_process_request, NOTHING),
	ROW("Wait", do_wait, wait_request, kata_like__task__wait_response__descriptor),
	ROW("Kill", do_kill, kill_request, NOTHING),
	ROW("State", do_state, state_request, kata_like__task__state_response__descriptor),
	ROW("Delete", do_delete, delete_request, kata_like__task__delete_response__descriptor),
	ROW("ResizePty", do_resize, resize_pty_request, NOTHING),
	ROW("CloseIO", do_close_io, close_iorequest, NOTHING),
	ROW("Shutdown", do_shutdown, shutdown_request, NOTHING),
};
static const struct ttrpc_service service = { TASK_SERVICE_V2, methods, ARRAY_SIZE(methods) };

_noreturn_ static void serve(struct shim *shim, int listen_fd)
{
	struct ttrpc_server *server;
	int null_fd = open("/dev/null", O_RDWR);

	(void)setsid();
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null_fd, fd);
	(void)signal(SIGPIPE, SIG_IGN);
	if (loop_new(&shim->loop, NULL) < 0 || ttrpc_server_new(shim->loop, &server, NULL) < 0 ||
	    ttrpc_server_add_service(server, &service, shim) < 0 ||
	    ttrpc_server_listen(server, listen_fd, true) < 0)
		_exit(1);
	_exit(loop_run(shim->loop));
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 8) < 0)
		return -errno;
	return fd;
}

static int start_daemon(struct shim *shim)
{
	char path[PATHS_MAX], text[PATHS_MAX + 8];
	struct err err = ERR_INIT;
	pid_t pid;
	int fd;

	if (getenv("FAKE_SHIM_FAIL")) {
		(void)fprintf(stderr, "%s\n", getenv("FAKE_SHIM_FAIL"));
		return 1;
	}
	if (paths_sandbox(shim->namespace, shim->id, "shim.sock", path, &err) < 0)
		return 1;
	fd = listen_at(path);
	if (fd < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		serve(shim, fd);
	(void)printf("unix://%s", path);
	if (paths_sandbox(shim->namespace, shim->id, "shim.pid", path, &err) < 0)
		return 1;
	(void)snprintf(text, sizeof(text), "%d 0\n", (int)pid);
	return file_write_atomic(path, text, strlen(text), 0600, &err) < 0;
}

int main(int argc, char **argv)
{
	struct shim shim = { 0 };
	const char *verb = argc > 1 ? argv[argc - 1] : "";

	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "-namespace"))
			(void)snprintf(shim.namespace, sizeof(shim.namespace), "%s", argv[i + 1]);
		if (!strcmp(argv[i], "-id"))
			(void)snprintf(shim.id, sizeof(shim.id), "%s", argv[i + 1]);
	}
	if (!strcmp(verb, "start"))
		return start_daemon(&shim);
	return strcmp(verb, "delete") != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action `start`. All that can fail is done before the address is printed: the parent makes the
 * folder and the socket, the child sets everything else up and then says so through a pipe.
 */
#include "shim/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/settings/settings.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "oci/spec.h"
#include "proto/task-api.h"
#include "shim/pidfile.h"
#include "shim/shim.h"
#include "shim/state.h"

#define LISTEN_FD 3 /* where a shim's socket is expected */
#define READY_FD  4

/* The sandbox that the container of this bundle belongs to: its own, or its pod's. */
static int find_sandbox_id(const struct options *options, char *ret_id, size_t size,
			   struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	const char *type, *pod;
	size_t len;

	(void)snprintf(ret_id, size, "%s", options->id);
	/* What is wrong with config.json is Create's to tell. */
	if (file_read(AT_FDCWD, "config.json", JSON_MAX_BYTES, &text, &len, NULL) < 0 ||
	    oci_spec_parse(text, len, &spec, NULL) < 0)
		return 0;
	type = oci_spec_annotation(spec, ANNOTATION_CRI_TYPE);
	pod = oci_spec_annotation(spec, ANNOTATION_CRI_SANDBOX_ID);
	if (!type || strcmp(type, "container") != 0 || !pod)
		return 0;
	(void)snprintf(ret_id, size, "%s", pod);
	return paths_check_id("sandbox", pod, err);
}

/* state_locate() has seen to it that the path fits. */
static struct sockaddr_un socket_address(const struct state *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, state->socket,
	       MIN(strlen(state->socket), sizeof(address.sun_path) - 1));
	return address;
}

static int connect_to(const struct state *state)
{
	struct sockaddr_un address = socket_address(state);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

static int make_socket(const struct state *state, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = socket_address(state);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r;

	if (fd < 0)
		return err_set(err, errno, "cannot make a socket");
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (r < 0)
		return err_set(err, errno, "cannot make the socket %s", state->socket);
	if (listen(fd, SOMAXCONN) < 0)
		return err_set(err, errno, "cannot listen on %s", state->socket);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* So that under pressure the kernel takes the shim before whoever manages it. */
static void raise_oom_score(void)
{
	_cleanup_free_ char *text = NULL;
	char higher[32];
	int score;

	if (file_read(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL, NULL) < 0)
		return;
	score = atoi(text);
	if (score >= 1000)
		return;
	(void)snprintf(higher, sizeof(higher), "%d", score + 1);
	(void)!file_poke(AT_FDCWD, "/proc/self/oom_score_adj", higher);
}

/* Lets go of everything that is the caller's but the listening socket and the ready pipe. */
static int detach(int listen_fd, int ready_fd, struct err *err)
{
	_cleanup_fd_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Away from the low numbers first: one could be where the other is to go. */
	int listen_high = fcntl(listen_fd, F_DUPFD_CLOEXEC, 10);
	int ready_high = fcntl(ready_fd, F_DUPFD_CLOEXEC, 10);
	int null_high = fcntl(null_fd, F_DUPFD_CLOEXEC, 10);

	(void)setsid();
	if (listen_high < 0 || ready_high < 0 || null_high < 0 ||
	    dup3(listen_high, LISTEN_FD, O_CLOEXEC) < 0 ||
	    dup3(ready_high, READY_FD, O_CLOEXEC) < 0 || dup2(null_high, STDIN_FILENO) < 0 ||
	    dup2(null_high, STDOUT_FILENO) < 0 || dup2(null_high, STDERR_FILENO) < 0)
		return err_set(err, errno, "cannot set up the daemon's descriptors");
	if (null_fd > READY_FD)
		(void)close(TAKE_FD(null_fd));
	else
		(void)TAKE_FD(null_fd);
	if (close_range(READY_FD + 1, ~0u, 0) < 0 || chdir("/") < 0)
		return err_set(err, errno, "cannot set up the daemon");
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int open_log(const struct options *options, const struct state *state, struct err *err)
{
	char path[PATHS_MAX];
	int r = state_file(state, "shim.log", path, err), fd;

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, errno, "cannot open %s", path);
	log_init("shim", options->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fd);
	log_set_sandbox(state->id);
	return 0;
}

static void say_ready(void *ctx)
{
	(void)ctx;
	(void)!write(READY_FD, "", 1);
	close(READY_FD);
}

/* The daemon's whole life. A failure before it is ready goes to the parent as text. */
_noreturn_ static void daemon_main(const struct options *options, const struct state *state,
				   int listen_fd, int ready_fd)
{
	struct err err = ERR_INIT;
	char pid_path[PATHS_MAX];
	int r = detach(listen_fd, ready_fd, &err);

	if (r == 0) {
		raise_oom_score();
		r = open_log(options, state, &err);
	}
	if (r == 0)
		r = state_file(state, "shim.pid", pid_path, &err);
	if (r == 0)
		r = pidfile_write(pid_path, getpid(), &err);
	if (r == 0)
		r = shim_serve(state, LISTEN_FD, options->debug, say_ready, NULL, &err);
	if (r < 0) {
		log_error("%s", err_text(&err));
		(void)!write(READY_FD, err_text(&err), strlen(err_text(&err)));
		_exit(1);
	}
	exit(0);
}

/* One byte NUL says that the daemon is ready, text why it is not. */
static int await_daemon(int ready_fd, pid_t pid, struct err *err)
{
	char text[ERR_TEXT_MAX];
	ssize_t n = fd_read_full(ready_fd, text, sizeof(text) - 1);

	if (n == 1 && text[0] == '\0')
		return 0;
	(void)waitpid(pid, NULL, 0);
	if (n <= 0)
		return err_say(err, EIO, "the daemon ended before it was ready");
	text[n] = '\0';
	return err_say(err, EIO, "%s", text);
}

static int fork_daemon(const struct options *options, const struct state *state, int listen_fd,
		       struct err *err)
{
	_cleanup_fd_ int read_fd = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot start the daemon");
	read_fd = fds[0];
	pid = fork();
	if (pid == 0)
		daemon_main(options, state, listen_fd, fds[1]);
	close(fds[1]);
	if (pid < 0)
		return err_set(err, errno, "cannot start the daemon");
	return await_daemon(read_fd, pid, err);
}

static int write_address(const struct state *state, struct err *err)
{
	char path[PATHS_MAX];
	int r = state_file(state, "address", path, err);

	if (r == 0)
		r = file_write_atomic(path, state->address, strlen(state->address), 0600, err);
	if (r == 0)
		r = file_write_atomic("address", state->address, strlen(state->address), 0600, err);
	return r;
}

static int make_daemon(const struct options *options, const struct state *state, struct err *err)
{
	_cleanup_fd_ int listen_fd = -1;
	struct options effective = *options;
	struct settings settings;
	int r = settings_load(NULL, &settings, err);

	effective.debug = effective.debug || (r == 0 && settings_flag(&settings, SETTING_DEBUG));
	if (r == 0)
		r = state_clear(state, err);

	if (r == 0)
		r = make_socket(state, &listen_fd, err);
	if (r == 0)
		r = fork_daemon(&effective, state, listen_fd, err);
	if (r < 0)
		(void)!state_clear(state, NULL);
	return r;
}

int start_run(const struct options *options, struct err *err)
{
	struct state state;
	_cleanup_fd_ int lock = -1;
	char id[128];
	int r = find_sandbox_id(options, id, sizeof(id), err);

	if (r == 0)
		r = state_locate(options->namespace, id, options->address, &state, err);
	if (r == 0)
		r = state_make(&state, err);
	if (r == 0)
		r = state_lock(&state, &lock, err);
	/* It may have been removed by whoever had the lock before. */
	if (r == 0)
		r = state_make(&state, err);
	if (r < 0)
		return r;
	if (!state_shim_lives(&state)) {
		r = make_daemon(options, &state, err);
	} else {
		r = connect_to(&state);
		if (r < 0)
			r = err_set(err, -r,
				    "the shim of sandbox %s lives but does not answer on %s",
				    state.id, state.socket);
	}
	if (r == 0)
		r = write_address(&state, err);
	if (r < 0)
		return r;
	return fd_write_full(STDOUT_FILENO, state.address, strlen(state.address));
}

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
#include "shim/bootstrap.h"
#include "shim/confine.h"
#include "shim/pidfile.h"
#include "shim/pod.h"
#include "shim/sandbox/place.h"
#include "shim/shim.h"
#include "shim/state.h"

#define LISTEN_FD 3 /* where a shim's socket is expected */
#define READY_FD  4

/* What the daemon is made of. */
struct launch {
	const struct bootstrap *bootstrap;
	const struct state *state;
	bool debug;
	char bundle[PATHS_MAX]; /* the working directory of the first `start` */
};

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

/*
 * containerd reads a FIFO in the bundle. Both ends are held, so that it may go away and come back;
 * what it does not read in time is dropped, not waited for.
 */
static int open_fifo(const char *bundle)
{
	char path[PATHS_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/log", bundle) >= (int)sizeof(path) ||
	    stat(path, &st) < 0 || !S_ISFIFO(st.st_mode))
		return -1;
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int open_log(const struct launch *launch, struct err *err)
{
	char path[PATHS_MAX];
	int fd = open_fifo(launch->bundle), r;

	if (fd < 0) {
		r = state_file(launch->state, "shim.log", path, err);
		if (r < 0)
			return r;
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return err_set(err, errno, "cannot open %s", path);
	log_init("shim", launch->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fd);
	log_set_sandbox(launch->state->id);
	return 0;
}

static void say_ready(void)
{
	(void)!write(READY_FD, "", 1);
	close(READY_FD);
}

/* The daemon's whole life. A failure before it is ready goes to the parent as text. */
_noreturn_ static void daemon_main(const struct launch *launch, int listen_fd, int ready_fd)
{
	const struct bootstrap *bootstrap = launch->bootstrap;
	struct shim_config config = {
		.state = launch->state,
		.listen_fd = LISTEN_FD,
		.debug = launch->debug,
		.events = { launch->state->namespace, bootstrap->ttrpc_address,
			    bootstrap->grpc_address, bootstrap->binary },
		.on_ready = say_ready,
	};
	struct err err = ERR_INIT;
	char pid_path[PATHS_MAX];
	int r = detach(listen_fd, ready_fd, &err);

	/* Our own command line has no use for events, whatever its environment says. */
	if (!*bootstrap->grpc_address)
		config.events.ttrpc_address = "";
	if (r == 0) {
		raise_oom_score();
		r = open_log(launch, &err);
	}
	if (r == 0 && *bootstrap->shim_cgroup)
		r = place_move_self(bootstrap->shim_cgroup, &err);
	if (r == 0)
		r = state_file(launch->state, "shim.pid", pid_path, &err);
	if (r == 0)
		r = pidfile_write(pid_path, getpid(), &err);
	if (r == 0)
		r = confine_shim(&err);
	if (r == 0)
		r = shim_serve(&config, &err);
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

static int fork_daemon(const struct launch *launch, int listen_fd, struct err *err)
{
	_cleanup_fd_ int read_fd = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot start the daemon");
	read_fd = fds[0];
	pid = fork();
	if (pid == 0)
		daemon_main(launch, listen_fd, fds[1]);
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

static int make_daemon(const struct bootstrap *bootstrap, const struct state *state,
		       struct err *err)
{
	struct launch launch = { .bootstrap = bootstrap, .state = state };
	_cleanup_fd_ int listen_fd = -1;
	struct settings settings;
	int r = settings_load(NULL, &settings, err);

	if (r < 0)
		return r;
	launch.debug = bootstrap->debug || settings_flag(&settings, SETTING_DEBUG);
	if (!getcwd(launch.bundle, sizeof(launch.bundle)))
		return err_set(err, errno, "the working directory");
	r = state_clear(state, err);

	if (r == 0)
		r = make_socket(state, &listen_fd, err);
	if (r == 0)
		r = fork_daemon(&launch, listen_fd, err);
	if (r < 0)
		(void)!state_clear(state, NULL);
	return r;
}

/* Plain text means protocol 2 and is what every containerd takes; the one that spoke of 3 gets 3.
 */
static int answer(const struct bootstrap *bootstrap, const struct state *state, struct err *err)
{
	char text[STATE_ADDRESS_MAX + 64];
	int n, r;

	if (bootstrap->has_params)
		n = snprintf(text, sizeof(text),
			     "{\"version\":3,\"address\":\"%s\",\"protocol\":\"ttrpc\"}",
			     state->address);
	else
		n = snprintf(text, sizeof(text), "%s", state->address);
	r = fd_write_full(STDOUT_FILENO, text, (size_t)n);
	return r < 0 ? err_set(err, -r, "cannot write the answer") : 0;
}

static int start_sandbox(const struct options *options, const struct bootstrap *bootstrap,
			 struct err *err)
{
	struct state state;
	_cleanup_fd_ int lock = -1;
	char id[128];
	int r = pod_find(".", options->id, id, sizeof(id), err);

	if (r == 0)
		r = state_locate(options->namespace, id, bootstrap->grpc_address, &state, err);
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
		r = make_daemon(bootstrap, &state, err);
	} else {
		r = connect_to(&state);
		if (r < 0)
			r = err_set(err, -r,
				    "the shim of sandbox %s lives but does not answer on %s",
				    state.id, state.socket);
	}
	if (r == 0)
		r = write_address(&state, err);
	return r < 0 ? r : answer(bootstrap, &state, err);
}

int start_run(const struct options *options, struct err *err)
{
	struct bootstrap bootstrap;
	int r = bootstrap_read(options, &bootstrap, err);

	if (r < 0)
		return r;
	r = start_sandbox(options, &bootstrap, err);
	bootstrap_fini(&bootstrap);
	return r;
}

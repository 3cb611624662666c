/* SPDX-License-Identifier: Apache-2.0 */
/* virtiofsd as a child process. */
#include "shim/rootfs/file-server.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/paths.h"
#include "shim/job.h"
#include "shim/rootfs/share.h"
#include "shim/sandbox/log-tail.h"

/* Where its socket is when it is executed. */
#define LISTEN_FD	  3
#define GRACE_MS	  500
#define GRACE_INTERVAL_MS 2
#define SOCKET_NAME	  "virtiofsd.sock"
#define LOG_NAME	  "virtiofsd.log"

struct file_server {
	pid_t pid;
	struct loop_source *child;
	struct log_tail *log;
	file_server_ended_fn *ended;
	void *ctx;
};

static int find_program(const char *configured, const char **ret_path, struct err *err)
{
	static const char *const places[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd" };

	if (*configured) {
		*ret_path = configured;
		return access(configured, X_OK) < 0
			       ? err_set(err, errno, "file server %s ([storage] file_server)",
					 configured)
			       : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0) {
			*ret_path = places[i];
			return 0;
		}
	}
	return err_say(err, ENOENT,
		       "there is no file server: neither %s nor %s; install the package virtiofsd "
		       "(Debian 12: qemu-system-common)",
		       places[0], places[1]);
}

/*
 * A connected socket, and the listening one at which its other end waits. It has a name, in the
 * sandbox's folder, only for as long as it takes to connect; by its descriptor, as a path may be
 * too long for a socket's address.
 */
static int connect_to_self(const char *folder, int *ret_fd, int *ret_listen_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_fd_ int dir_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool failed;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd,
		       SOCKET_NAME);
	failed = listen_fd < 0 || fd < 0 || dir_fd < 0 ||
		 bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		 listen(listen_fd, 1) < 0 ||
		 connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0;
	if (failed)
		(void)err_set(err, errno, "cannot make the file server's socket");
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, SOCKET_NAME, 0);
	if (failed)
		return -EIO;
	*ret_fd = TAKE_FD(fd);
	*ret_listen_fd = TAKE_FD(listen_fd);
	return 0;
}

_noreturn_ static void child_main(const struct file_server_config *config, const char *program,
				  int listen_fd, int log_fd)
{
	char listen_option[32], view[PATHS_MAX], source[PATHS_MAX + 16];
	/*
	 * Locks are the guest's own: blocking ones of this server would hold up everybody. Each
	 * mount is announced, so that the guest tells equal inode numbers apart. No guest makes
	 * device nodes on the host: somebody there might open them. Only options that the servers
	 * in C and in Rust both know.
	 */
	char *const argv[] = {
		(char *)program,
		listen_option,
		(char *)"-o",
		source,
		(char *)"-o",
		(char *)"cache=auto,xattr,no_posix_lock,no_flock,announce_submounts,"
			"sandbox=namespace,modcaps=-mknod",
		NULL,
	};

	(void)snprintf(listen_option, sizeof(listen_option), "--fd=%d", LISTEN_FD);
	share_view(config->state_dir, view);
	(void)snprintf(source, sizeof(source), "source=%s", view);
	/* Its parent has no number in its namespace. */
	if (job_child_reset(0) < 0 || setns(config->ns_fd, CLONE_NEWNS) < 0)
		_exit(126);
	if (job_child_streams(-1, log_fd, log_fd) < 0)
		_exit(126);
	listen_fd = fcntl(listen_fd, F_DUPFD, LISTEN_FD + 1);
	if (listen_fd < 0 || dup2(listen_fd, LISTEN_FD) < 0 ||
	    close_range(LISTEN_FD + 1, ~0u, 0) < 0)
		_exit(126);
	execv(program, argv);
	dprintf(STDERR_FILENO, "cannot execute %s: %s\n", program, strerror(errno));
	_exit(127);
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct file_server *server = ctx;
	char reason[64];

	(void)pid;
	server->child = NULL;
	server->pid = 0;
	log_tail_flush(server->log);
	if (WIFSIGNALED(wait_status))
		(void)snprintf(reason, sizeof(reason), "signal %d", WTERMSIG(wait_status));
	else
		(void)snprintf(reason, sizeof(reason), "status %d", WEXITSTATUS(wait_status));
	server->ended(server->ctx, reason);
}

static int spawn(struct loop *loop, struct file_server *server,
		 const struct file_server_config *config, const char *program, int listen_fd,
		 int log_fd, struct err *err)
{
	int r;

	/* The first of a pid namespace, so that with it goes whatever it has started. */
	server->pid = job_fork_into(config->cgroup_fd, CLONE_NEWPID);
	if (server->pid < 0) {
		server->pid = 0;
		return err_set(err, errno, "cannot start the file server");
	}
	if (server->pid == 0)
		child_main(config, program, listen_fd, log_fd);
	r = loop_add_child(loop, server->pid, child_ended, server, &server->child);
	if (r < 0) {
		(void)kill(server->pid, SIGKILL);
		(void)waitpid(server->pid, NULL, 0);
		return err_set(err, -r, "cannot watch the file server");
	}
	return 0;
}

int file_server_new(struct loop *loop, const struct file_server_config *config,
		    file_server_ended_fn *ended, void *ctx, struct file_server **ret_server,
		    int *ret_socket_fd, struct err *err)
{
	_cleanup_free_ struct file_server *server = calloc(1, sizeof(*server));
	_cleanup_fd_ int fd = -1, listen_fd = -1, log_fd = -1;
	int pipe_fds[2];
	char log_path[PATHS_MAX];
	const char *program = NULL;
	int r = find_program(config->program, &program, err);

	if (r < 0 || !program)
		return r;
	if (!server)
		return err_set(err, ENOMEM, "cannot start the file server");
	(void)snprintf(log_path, sizeof(log_path), "%.480s/" LOG_NAME, config->state_dir);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot make the file server's log pipe");
	log_fd = pipe_fds[1];
	r = log_tail_new(loop, pipe_fds[0], log_path, "virtiofsd", &server->log, err);
	if (r < 0)
		return r;
	r = connect_to_self(config->state_dir, &fd, &listen_fd, err);
	if (r == 0)
		r = spawn(loop, server, config, program, listen_fd, log_fd, err);
	if (r < 0) {
		log_tail_free(server->log);
		return r;
	}
	server->ended = ended;
	server->ctx = ctx;
	*ret_server = TAKE_PTR(server);
	*ret_socket_fd = TAKE_FD(fd);
	return 0;
}

/* It ends by itself when the VMM has, unless it was stopped or hangs in a file system. */
static bool ends_by_itself(pid_t pid)
{
	const struct timespec interval = { .tv_nsec = GRACE_INTERVAL_MS * 1000000L };

	for (int waited_ms = 0; waited_ms < GRACE_MS; waited_ms += GRACE_INTERVAL_MS) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		nanosleep(&interval, NULL);
	}
	return false;
}

void file_server_free(struct file_server *server)
{
	if (!server)
		return;
	loop_source_free(server->child);
	if (server->pid > 0 && !ends_by_itself(server->pid)) {
		(void)kill(server->pid, SIGKILL);
		(void)waitpid(server->pid, NULL, 0);
	}
	log_tail_flush(server->log);
	log_tail_free(server->log);
	free(server);
}

pid_t file_server_pid(const struct file_server *server)
{
	return server ? server->pid : 0;
}

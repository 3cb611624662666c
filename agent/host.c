/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-like-agent-host: the agent's container engine as a program for this machine, for tests and
 * debugging. It runs one bundle, with its own standard streams, and exits as the container did.
 * With a process.json it executes that in the running container instead, and ends the container
 * after it. KATA_LIKE_REPEAT in the environment has it run the bundle so many times, for
 * measurements.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "agent/container/container.h"
#include "lib/fd.h"
#include "lib/log.h"

#define EXIT_FAILED 125
#define EXEC_ID	    "exec"

struct host {
	struct loop *loop;
	struct engine engine;
	struct container *container;
	struct oci_process_doc *exec; /* NULL: the container's own process has the streams */
	const char *id, *bundle;
	unsigned long left; /* how many more times to run it */
	int status;	    /* what to exit with */
};

static int run(struct host *host, struct err *err);
static void fail(struct host *host, const struct err *err);

static void on_deleted(void *ctx, const struct err *err, pid_t pid)
{
	struct host *host = ctx;
	struct err run_err = ERR_INIT;

	(void)pid;
	host->container = NULL;
	if (err) {
		log_error("%s", err_text(err));
	} else if (host->status == 0 && host->left > 0) {
		host->left--;
		if (run(host, &run_err) == 0)
			return;
		fail(host, &run_err);
	}
	loop_quit(host->loop, host->status);
}

static void fail(struct host *host, const struct err *err)
{
	log_error("%s", err_text(err));
	host->status = err->code == -ENOENT ? 127 : EXIT_FAILED;
}

static void on_finished(void *ctx, const struct process_exit *exit)
{
	struct host *host = ctx;
	struct err err = ERR_INIT;

	if (host->status == 0 && !host->exec)
		host->status = exit->status;
	if (container_delete(host->container, on_deleted, host, &err) < 0) {
		fail(host, &err);
		loop_quit(host->loop, host->status);
	}
}

static int open_streams(bool terminal, struct stdio_outside *ret_outside)
{
	*ret_outside = (struct stdio_outside){
		.direct = !terminal,
		.in_fd = fcntl(0, F_DUPFD_CLOEXEC, 3),
		.out_fd = fcntl(1, F_DUPFD_CLOEXEC, 3),
		.err_fd = terminal ? -1 : fcntl(2, F_DUPFD_CLOEXEC, 3),
	};
	return ret_outside->in_fd < 0 || ret_outside->out_fd < 0 ? -EBADF : 0;
}

static int open_nothing(struct stdio_outside *ret_outside)
{
	*ret_outside = (struct stdio_outside){
		.direct = true,
		.in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
		.out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
		.err_fd = fcntl(2, F_DUPFD_CLOEXEC, 3),
	};
	return ret_outside->in_fd < 0 || ret_outside->out_fd < 0 ? -EBADF : 0;
}

static void on_exec_finished(void *ctx, const struct process_exit *exit)
{
	struct host *host = ctx;

	host->status = exit->status;
	if (container_kill(host->container) < 0)
		loop_quit(host->loop, EXIT_FAILED);
}

/* The container has ended by itself, or is ended. */
static void on_exec_failed(struct host *host, const struct err *err)
{
	fail(host, err);
	if (container_kill(host->container) < 0)
		loop_quit(host->loop, host->status);
}

static void on_exec_started(void *ctx, const struct err *err, pid_t pid)
{
	struct host *host = ctx;
	struct err wait_err = ERR_INIT;

	(void)pid;
	if (!err && process_wait(container_find_process(host->container, EXEC_ID), on_exec_finished,
				 host) < 0) {
		(void)err_set(&wait_err, ENOMEM, "waiting for the process");
		err = &wait_err;
	}
	if (err)
		on_exec_failed(host, err);
}

static void on_started(void *ctx, const struct err *err, pid_t pid)
{
	struct host *host = ctx;
	struct stdio_outside outside;
	struct err exec_err = ERR_INIT;

	(void)pid;
	if (err) {
		fail(host, err);
		return;
	}
	if (!host->exec)
		return;
	if (open_streams(host->exec->process.terminal, &outside) < 0 ||
	    container_exec(host->container, EXEC_ID, &host->exec->process, &outside,
			   on_exec_started, host, &exec_err) < 0)
		on_exec_failed(host, &exec_err);
}

static void on_created(void *ctx, const struct err *err, pid_t pid)
{
	struct host *host = ctx;
	struct err start_err = ERR_INIT;

	(void)pid;
	if (err) {
		fail(host, err);
		loop_quit(host->loop, host->status);
		return;
	}
	host->container = engine_find(&host->engine, host->id);
	if (process_wait(host->container->init, on_finished, host) < 0 ||
	    container_start(host->container, on_started, host, &start_err) < 0) {
		fail(host, &start_err);
		loop_quit(host->loop, host->status);
	}
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct host *host = ctx;

	if (host->container && process_signal(host->container->init, (int)info->ssi_signo) < 0)
		log_warn("signal %u came too late", info->ssi_signo);
}

/* root.path is relative to the bundle. */
static char *root_directory(const char *bundle, const char *root_path)
{
	char *path = NULL;

	if (root_path[0] == '/')
		return strdup(root_path);
	return asprintf(&path, "%s/%s", bundle, root_path) < 0 ? NULL : path;
}

static int run(struct host *host, struct err *err)
{
	const char *bundle = host->bundle;
	struct container_params params = { .id = host->id };
	_cleanup_free_ char *config = NULL, *config_path = NULL, *root = NULL;
	size_t len;
	int r;

	if (asprintf(&config_path, "%s/config.json", bundle) < 0)
		return err_set(err, ENOMEM, "%s", bundle);
	r = file_read(AT_FDCWD, config_path, JSON_MAX_BYTES, &config, &len, err);
	if (r == 0)
		r = oci_spec_parse(config, len, &params.spec, err);
	if (r < 0 || !params.spec)
		return r;
	root = root_directory(bundle, params.spec->root_path);
	params.rootfs.kind = ROOTFS_DIRECTORY;
	if (root)
		params.rootfs.directory = arena_strndup(&params.spec->arena, root, strlen(root));
	r = host->exec ? open_nothing(&params.outside)
		       : open_streams(params.spec->process && params.spec->process->terminal,
				      &params.outside);
	if (!params.rootfs.directory || r < 0) {
		oci_spec_free(params.spec);
		return err_say(err, ENOMEM, "cannot set up the container");
	}
	return container_create(&host->engine, &params, on_created, host, err);
}

static int read_exec(const char *path, struct oci_process_doc **ret_exec, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, JSON_MAX_BYTES, &text, &len, err);

	return r < 0 ? r : oci_process_parse(text, len, ret_exec, err);
}

static int watch_signals(struct host *host)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(signals); i++)
		r = loop_add_signal(host->loop, signals[i], on_signal, host, NULL);
	return r;
}

int main(int argc, char **argv)
{
	const char *cgroups = getenv("KATA_LIKE_CGROUP2");
	char work_dir[64], base[64], id[32];
	struct engine_config config = { .cgroup_mount = cgroups ? cgroups : "/sys/fs/cgroup",
					.cgroup_base = base,
					.work_dir = work_dir };
	const char *repeat = getenv("KATA_LIKE_REPEAT");
	struct host host = { .id = id };
	struct err err = ERR_INIT;
	int r;

	log_init("kata-like-agent-host", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, STDERR_FILENO);
	if (argc != 2 && argc != 3) {
		log_error("usage: kata-like-agent-host BUNDLE [PROCESS.JSON] (KATA_LIKE_CGROUP2 "
			  "names the cgroup v2 tree)");
		return EXIT_FAILED;
	}
	host.bundle = argv[1];
	if (repeat && *repeat)
		host.left = MAX(strtoul(repeat, NULL, 10), 1UL) - 1;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return EXIT_FAILED;
	(void)snprintf(work_dir, sizeof(work_dir), "/run/kata-like-host-%d", getpid());
	(void)snprintf(base, sizeof(base), "kata-like-host-%d", getpid());
	(void)snprintf(id, sizeof(id), "host-%d", getpid());
	r = loop_new(&host.loop, &err);
	if (r == 0)
		r = engine_init(&host.engine, host.loop, &config, &err);
	if (r == 0)
		r = watch_signals(&host);
	if (r == 0 && argc == 3)
		r = read_exec(argv[2], &host.exec, &err);
	if (r == 0)
		r = run(&host, &err);
	if (r < 0)
		fail(&host, &err);
	else
		host.status = loop_run(host.loop);
	engine_fini(&host.engine);
	oci_process_free(host.exec);
	loop_free(host.loop);
	(void)rmdir(work_dir);
	(void)snprintf(work_dir, sizeof(work_dir), "%.32s/%s", config.cgroup_mount,
		       config.cgroup_base);
	(void)rmdir(work_dir);
	return host.status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `run`: makes a container, runs its command and ends as it ends. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/attend.h"
#include "cli/ending.h"
#include "cli/exit-status.h"
#include "cli/launch.h"
#include "cli/network.h"
#include "cli/session.h"
#include "cli/spec-default.h"
#include "cli/terminal.h"
#include "cli/user.h"
#include "cli/values.h"
#include "cli/verbs.h"

#define HOSTNAME_LEN_MAX 63
#define INTERRUPTED_TEXT \
	"stopped by a signal before the command ran; nothing is left of the container"

struct run_options {
	const char *rootfs, *bundle, *hostname;
	struct option_list mounts;
	struct launch_options launch;
	struct process_options process;
	struct network_options network;
	bool read_only, rm, detach;
};

/* How the process will be attached. */
struct run_plan {
	struct json_object *config;
	bool terminal, interactive;
};

static const struct option run_table[] = {
	OPTION_VALUE(struct run_options, rootfs, 0, "rootfs", "DIR",
		     "the root filesystem, or an EROFS or ext4 image of one; never written to"),
	OPTION_VALUE(struct run_options, bundle, 'b', "bundle", "DIR",
		     "an OCI bundle instead: config.json and root filesystem"),
	OPTION_VALUE(struct run_options, launch.name, 0, "name", "ID", "the container's id"),
	PROCESS_OPTION_ROWS(struct run_options, process),
	OPTION_VALUE(struct run_options, hostname, 0, "hostname", "NAME",
		     "hostname in the container (its id)"),
	OPTION_LIST(struct run_options, mounts, 0, "mount", "SPEC",
		    "type=bind|tmpfs|...,source=PATH,target=PATH[,ro][,OPTION...]"),
	OPTION_FLAG(struct run_options, read_only, 0, "read-only",
		    "make the root filesystem read-only in the container"),
	OPTION_FLAG(struct run_options, rm, 0, "rm", "remove the container when it has ended"),
	OPTION_FLAG(struct run_options, detach, 'd', "detach",
		    "print the id and leave it running; its output goes to `kata-like logs`"),
	NETWORK_OPTION_ROWS(struct run_options, network),
	LAUNCH_OPTION_ROWS(struct run_options, launch),
};

static int check_usage(const struct run_options *options, size_t n_args, struct err *err)
{
	if (!options->rootfs == !options->bundle)
		return err_say(err, EINVAL, "run: needs either --rootfs DIR or --bundle DIR");
	if (options->rootfs && n_args == 0)
		return err_say(err, EINVAL,
			       "run: no command; write it behind the options: run --rootfs %s -- "
			       "COMMAND",
			       options->rootfs);
	if (options->detach && options->process.interactive)
		return err_say(err, EINVAL, "run: --detach and --interactive exclude each other");
	return network_check(&options->network, options->launch.pod, err);
}

static int base_config(const struct run_options *options, struct json_object **ret_config,
		       struct err *err)
{
	_cleanup_free_ char *root = NULL;
	struct stat st;
	int r;

	if (options->bundle) {
		_cleanup_free_ char *bundle = realpath(options->bundle, NULL);

		if (!bundle)
			return err_set(err, errno, "--bundle %s", options->bundle);
		return config_load(bundle, ret_config, err);
	}
	root = realpath(options->rootfs, NULL);
	if (!root || stat(root, &st) < 0)
		return err_set(err, errno, "--rootfs %s", options->rootfs);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_say(err, ENOTDIR, "--rootfs %s: neither a folder nor an image file",
			       options->rootfs);
	r = spec_default(ret_config, err);
	return r < 0 ? r : config_set_root(*ret_config, root, err);
}

/* Whether the user can be looked up or not: a home is only a convenience. */
static int default_environment(struct json_object *process, const char *root, bool terminal,
			       struct err *err)
{
	const char *term = getenv("TERM");
	struct user user;
	int r = 0;

	if (user_find(root, "0", &user, NULL) == 0)
		r = process_default_env(process, "HOME", user.home, err);
	if (r == 0 && terminal)
		r = process_default_env(process, "TERM", term && *term ? term : "xterm", err);
	return r;
}

static int apply_process(const struct run_options *options, struct run_plan *plan, char **args,
			 size_t n_args, struct err *err)
{
	const char *root = config_root_path(plan->config);
	struct json_object *process;
	uint32_t columns, rows;
	int r = config_object(plan->config, "process", &process, err);

	if (r == 0)
		r = process_apply(process, &options->process, root, err);
	if (r == 0 && n_args)
		r = process_set_args(process, args, n_args, err);
	if (r < 0)
		return r;
	plan->terminal = process_terminal(process);
	plan->interactive =
		options->process.interactive ||
		(options->bundle && plan->terminal && !options->detach && isatty(STDIN_FILENO));
	if (options->rootfs)
		r = default_environment(process, root, plan->terminal, err);
	terminal_size(plan->terminal ? terminal_find() : -1, &columns, &rows);
	if (r == 0 && columns && rows)
		r = process_set_console_size(process, columns, rows, err);
	return r;
}

static int apply_options(const struct run_options *options, struct run_plan *plan, char **args,
			 size_t n_args, struct err *err)
{
	int r = apply_process(options, plan, args, n_args, err);

	if (r == 0 && options->hostname)
		r = config_set_string(plan->config, "hostname", options->hostname, err);
	if (r == 0 && options->read_only)
		r = config_set_read_only(plan->config, err);
	for (size_t i = 0; r == 0 && i < options->mounts.n; i++) {
		struct json_object *mount;

		r = value_mount(options->mounts.items[i], &mount, err);
		if (r == 0)
			r = config_add_mount(plan->config, mount, err);
	}
	if (r == 0)
		r = launch_annotate(&options->launch, plan->config, err);
	if (r == 0 && plan->terminal && plan->interactive && !isatty(STDIN_FILENO))
		return err_say(
			err, ENOTTY,
			"the input device is not a TTY; leave out -t, or -i when the command "
			"needs no input");
	return r;
}

static int check_machine(const struct run_options *options, const struct cli *cli, struct err *err)
{
	struct record pod;
	int r;

	if (!options->launch.pod)
		return launch_check_kvm(err);
	r = record_open(cli->namespace, options->launch.pod, &pod, err);
	return r < 0 ? err_push(err, "--pod") : 0;
}

/* The hostname that nobody chose is the id, so that a shell's prompt tells where it is. */
static int default_hostname(const struct run_options *options, const struct launch *launch,
			    struct json_object *config, struct err *err)
{
	char hostname[HOSTNAME_LEN_MAX + 1];

	if (options->hostname || options->bundle)
		return 0;
	(void)snprintf(hostname, sizeof(hostname), "%.*s", HOSTNAME_LEN_MAX, launch->record.id);
	return config_set_string(config, "hostname", hostname, err);
}

static int failed(struct launch *launch, enum exit_stage stage, struct err *err)
{
	int noted = launch->signals ? *signals_noted(launch->signals) : 0;
	int status = exit_status_of_failure(stage, err, noted);

	if (err->code == -EINTR && noted)
		log_error("%s: signal %d (%s)", INTERRUPTED_TEXT, noted, strsignal(noted));
	else
		log_error("%s", err_text(err));
	launch_undo(launch, err_text(err));
	return status;
}

static int end(struct launch *launch, const struct run_options *options,
	       const struct session_result *result)
{
	struct ending ending = { launch->cli, launch->loop, &launch->record, launch->client };
	struct record_exit exit_record = { result->status, result->exited_at_s,
					   result->exited_at_ns };
	struct err err = ERR_INIT;
	int r;

	task_client_set_interrupts(launch->client, NULL);
	ending_report_failure(&launch->record, NULL);
	if (options->rm)
		r = ending_remove(&ending, &err);
	else
		r = ending_keep(&ending, &exit_record, &err);
	if (r < 0) {
		log_warn("container %s ended, but not all of it is removed: %s", launch->record.id,
			 err_text(&err));
		launch_undo(launch, NULL);
	}
	if (r > 0) {
		log_error("the status that came for its command is %u", result->status);
		return EXIT_STATUS_OURS;
	}
	return (int)result->status;
}

static int run_attached(struct launch *launch, const struct run_options *options,
			const struct run_plan *plan)
{
	struct session_config config = {
		.loop = launch->loop,
		.signals = launch->signals,
		.id = launch->record.id,
		.exec_id = "",
		.folder = launch->record.folder,
		.terminal = plan->terminal,
		.interactive = plan->interactive,
	};
	struct launch_streams streams = { .terminal = plan->terminal };
	enum exit_stage stage = EXIT_STAGE_PREPARE;
	struct session_result result = { 0 };
	struct session *session = NULL;
	struct err err = ERR_INIT;
	int r = session_new(&config, &session, &err);

	if (r == 0) {
		streams.in = session_stdin(session);
		streams.out = session_stdout(session);
		streams.err = session_stderr(session);
		r = launch_create(launch, &streams, &err);
	}
	if (r == 0)
		r = session_watch(session, launch->client, &err);
	if (r == 0) {
		stage = EXIT_STAGE_START;
		r = launch_start(launch, &err);
	}
	if (r == 0) {
		stage = EXIT_STAGE_PREPARE;
		r = session_run(session, &result, &err);
	}
	session_free(session);
	return r < 0 ? failed(launch, stage, &err) : end(launch, options, &result);
}

static int run_detached(struct launch *launch, const struct run_options *options,
			const struct run_plan *plan)
{
	char uri[PATHS_MAX + 8] = "file://";
	struct launch_streams streams = { .terminal = plan->terminal, .in = "" };
	enum exit_stage stage = EXIT_STAGE_PREPARE;
	struct err err = ERR_INIT;
	int r = record_path(&launch->record, "output.log", uri + strlen(uri), &err);

	streams.out = uri;
	streams.err = plan->terminal ? "" : uri;
	if (r == 0)
		r = launch_create(launch, &streams, &err);
	if (r == 0) {
		stage = EXIT_STAGE_START;
		r = launch_start(launch, &err);
	}
	if (r == 0) {
		stage = EXIT_STAGE_PREPARE;
		r = attend_spawn(launch->record.namespace, launch->record.id, options->rm, &err);
	}
	if (r < 0)
		return failed(launch, stage, &err);
	(void)printf("%s\n", launch->record.id);
	return 0;
}

static int run_planned(const struct cli *cli, const struct run_options *options,
		       struct run_plan *plan, struct err *err)
{
	_cleanup_launch_ struct launch launch = LAUNCH_INIT;
	int r = check_machine(options, cli, err);

	if (r == 0)
		r = launch_begin(&launch, cli, options->launch.name, &options->launch, err);
	if (r == 0)
		r = default_hostname(options, &launch, plan->config, err);
	if (r == 0)
		r = network_make(&options->network, &launch, plan->config, err);
	if (r == 0)
		r = launch_write_config(&launch, plan->config, err);
	if (r < 0)
		return failed(&launch, EXIT_STAGE_PREPARE, err);
	if (options->detach)
		return run_detached(&launch, options, plan);
	return run_attached(&launch, options, plan);
}

static int run_run(const struct cli *cli, const void *values, char **args, size_t n_args,
		   struct err *err)
{
	const struct run_options *options = values;
	struct run_plan plan = { 0 };
	int status, r = check_usage(options, n_args, err);

	if (r < 0) {
		log_error("%s", err_text(err));
		return CLI_EXIT_USAGE;
	}
	r = base_config(options, &plan.config, err);
	if (r == 0)
		r = apply_options(options, &plan, args, n_args, err);
	if (r < 0) {
		log_error("%s", err_text(err));
		status = EXIT_STATUS_OURS;
	} else {
		status = run_planned(cli, options, &plan, err);
	}
	json_object_put(plan.config);
	return status;
}

const struct verb verb_run = {
	.name = "run",
	.arguments = "-- COMMAND [ARG...]",
	.summary = "Run a command in a new container, in a virtual machine",
	.details =
		"Ends with the command's status: 128 + n when signal n ended it, 125 when "
		"kata-like\n"
		"itself failed or lost its output, 126 when the command cannot be executed, 127 "
		"when\n"
		"it is not there.\n"
		"Without --rm the container's record stays, as stopped, until `kata-like delete`.",
	VERB_OPTIONS(struct run_options, run_table),
	.max_args = VERB_ANY_ARGS,
	.takes_command = true,
	.run = run_run,
};

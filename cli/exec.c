/* SPDX-License-Identifier: Apache-2.0 */
/* `exec`: another process in a running container. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "cli/config.h"
#include "cli/container.h"
#include "cli/ending.h"
#include "cli/exit-status.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "proto/task-api.h"

#define EXEC_ID_BYTES 8

struct exec_options {
	struct process_options process;
	const char *file; /* a whole process object */
	struct option_list capabilities;
	bool no_new_privileges, detach;
};

/* One exec from its start to its end. */
struct exec_run {
	struct container *container;
	const struct exec_options *options;
	struct session *session; /* NULL when detached */
	char exec_id[2 * EXEC_ID_BYTES + 8];
	bool terminal;
	bool added; /* the shim knows it */
	enum exit_stage stage;
};

static const struct option exec_table[] = {
	PROCESS_OPTION_ROWS(struct exec_options, process),
	OPTION_LIST(struct exec_options, capabilities, 0, "cap", "CAP",
		    "give it this capability too, such as CAP_NET_ADMIN"),
	OPTION_FLAG(struct exec_options, no_new_privileges, 0, "no-new-privs",
		    "programs that it runs gain no privileges"),
	OPTION_VALUE(struct exec_options, file, 'p', "process", "FILE",
		     "an OCI \"process\" object instead of COMMAND; - for standard input"),
	OPTION_FLAG(struct exec_options, detach, 'd', "detach",
		    "leave it running; its output is dropped"),
};

static int make_exec_id(char *ret_id)
{
	unsigned char bytes[EXEC_ID_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	ret_id += sprintf(ret_id, "exec-");
	for (size_t i = 0; i < sizeof(bytes); i++)
		ret_id += sprintf(ret_id, "%02x", bytes[i]);
	return 0;
}

/*
 * What the options are applied to: the container's own process, for its user, environment and
 * capabilities, or the one in the file, which takes its place. Borrowed from config.
 */
static int base_process(const struct exec_run *run, struct json_object *config,
			struct json_object **ret_process, struct err *err)
{
	struct json_object *process = NULL;
	int r;

	if (!run->options->file) {
		r = config_object(config, "process", ret_process, err);
		if (r == 0)
			json_object_object_del(*ret_process, "terminal");
		if (r == 0)
			json_object_object_del(*ret_process, "consoleSize");
		return r;
	}
	r = config_read_object(run->options->file, &process, err);
	if (r < 0)
		return r;
	if (json_object_object_add(config, "process", process) < 0) {
		json_object_put(process);
		return err_set(err, ENOMEM, "%s", run->options->file);
	}
	*ret_process = process;
	return 0;
}

static int apply_options(const struct exec_options *options, struct json_object *process,
			 const char *root_path, struct err *err)
{
	int r = process_apply(process, &options->process, root_path, err);

	for (size_t i = 0; r == 0 && i < options->capabilities.n; i++)
		r = process_add_capability(process, options->capabilities.items[i], err);
	if (r == 0 && options->no_new_privileges)
		r = process_set_no_new_privileges(process, err);
	return r;
}

static int make_process(struct exec_run *run, char **args, size_t n_args,
			struct json_object *config, struct json_object **ret_process,
			struct err *err)
{
	struct json_object *process = NULL;
	const char *term = getenv("TERM");
	uint32_t columns, rows;
	int r = base_process(run, config, &process, err);

	if (r == 0)
		r = apply_options(run->options, process, config_root_path(config), err);
	if (r == 0 && n_args > 0)
		r = process_set_args(process, args, n_args, err);
	if (r < 0)
		return r;
	run->terminal = process_terminal(process);
	if (run->terminal)
		r = process_default_env(process, "TERM", term && *term ? term : "xterm", err);
	terminal_size(run->terminal ? terminal_find() : -1, &columns, &rows);
	if (r == 0 && columns && rows)
		r = process_set_console_size(process, columns, rows, err);
	*ret_process = process;
	return r;
}

static int add_exec(struct exec_run *run, const char *process_text, struct err *err)
{
	KataLike__Task__ExecProcessRequest request = KATA_LIKE__TASK__EXEC_PROCESS_REQUEST__INIT;
	KataLike__Any spec = KATA_LIKE__ANY__INIT;
	int r;

	spec.type_url = (char *)TASK_TYPE_PROCESS;
	spec.value.data = (uint8_t *)(uintptr_t)process_text;
	spec.value.len = strlen(process_text);
	request.id = run->container->record.id;
	request.exec_id = run->exec_id;
	request.terminal = run->terminal;
	if (run->session) {
		request.stdin = (char *)(uintptr_t)session_stdin(run->session);
		request.stdout = (char *)(uintptr_t)session_stdout(run->session);
		request.stderr = (char *)(uintptr_t)session_stderr(run->session);
	}
	request.spec = &spec;
	r = task_exec(run->container->client, &request, NULL, err);
	run->added = r == 0;
	return r;
}

static int start_exec(struct exec_run *run, struct err *err)
{
	KataLike__Task__StartRequest request = KATA_LIKE__TASK__START_REQUEST__INIT;
	int r = 0;

	if (run->session)
		r = session_watch(run->session, run->container->client, err);
	if (r < 0)
		return r;
	run->stage = EXIT_STAGE_START;
	request.id = run->container->record.id;
	request.exec_id = run->exec_id;
	return task_start(run->container->client, &request, NULL, err);
}

/* What was lost of the process on its way comes back as an error; status is what it ended with. */
static int delete_exec(struct exec_run *run, uint32_t status, struct err *err)
{
	KataLike__Task__DeleteRequest request = KATA_LIKE__TASK__DELETE_REQUEST__INIT;
	_cleanup_task_ KataLike__Task__DeleteResponse *response = NULL;
	struct err failure = ERR_INIT;

	if (!run->added || task_client_is_lost(run->container->client))
		return 0;
	task_client_set_interrupts(run->container->client, NULL);
	request.id = run->container->record.id;
	request.exec_id = run->exec_id;
	if (task_delete(run->container->client, &request, &response, &failure) < 0)
		log_debug("cannot forget the process: %s", err_text(&failure));
	if (!response || !*response->failure)
		return 0;
	return err_say(err, EIO, "%s; the status that came for the command is %u",
		       response->failure, status);
}

static int make_session(struct exec_run *run, struct err *err)
{
	struct session_config config = {
		.loop = run->container->loop,
		.signals = run->container->signals,
		.id = run->container->record.id,
		.exec_id = run->exec_id,
		.folder = run->container->record.folder,
		.terminal = run->terminal,
		.interactive = run->options->process.interactive,
	};

	if (run->options->detach)
		return 0;
	return session_new(&config, &run->session, err);
}

/* Its status, or negative. */
static int run_process(struct exec_run *run, struct json_object *process, struct err *err)
{
	struct session_result result = { 0 };
	const char *text = json_object_to_json_string_ext(process, JSON_C_TO_STRING_PLAIN);
	int r = text ? make_exec_id(run->exec_id) : -ENOMEM;

	if (r < 0)
		return err_set(err, -r, "cannot describe the process");
	r = make_session(run, err);
	if (r == 0)
		r = add_exec(run, text, err);
	if (r == 0)
		r = start_exec(run, err);
	if (r == 0 && run->session) {
		run->stage = EXIT_STAGE_PREPARE;
		r = session_run(run->session, &result, err);
		if (r == 0)
			ending_report_failure(&run->container->record, NULL);
	}
	session_free(run->session);
	run->session = NULL;
	/* A detached one is forgotten with its container. */
	if (r < 0)
		(void)delete_exec(run, 0, NULL);
	else if (!run->options->detach)
		r = delete_exec(run, result.status, err);
	return r < 0 ? r : (int)result.status;
}

static int open_running(const struct cli *cli, const char *id, struct container *container,
			struct err *err)
{
	int r = container_open_live(cli, id, container, err);

	if (r < 0)
		return r;
	if (container->status != CONTAINER_RUNNING)
		return err_say(err, EBUSY, "container \"%s\" is %s, not running", id,
			       container_status_name(container->status));
	return signals_new(container->loop, &container->signals, err);
}

static int exec_in(struct exec_run *run, char **args, size_t n_args, struct err *err)
{
	struct json_object *config = NULL, *process;
	int r = container_config(run->container, &config, err);

	if (r == 0)
		r = make_process(run, args, n_args, config, &process, err);
	if (r == 0)
		r = run_process(run, process, err);
	json_object_put(config);
	return r;
}

static int check_usage(const struct exec_options *options, struct err *err)
{
	if (options->detach && (options->process.interactive || options->process.terminal))
		return err_say(err, EINVAL, "exec: --detach excludes --interactive and --tty");
	if (options->process.terminal && options->process.interactive && !isatty(STDIN_FILENO))
		return err_say(
			err, ENOTTY,
			"the input device is not a TTY; leave out -t, or -i when the command "
			"needs no input");
	return 0;
}

static int run_exec(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	struct exec_run run = { .container = &container, .options = values };
	char **command = args + 1;
	size_t n_command = n_args - 1;
	int r, noted;

	if (n_command && !strcmp(command[0], "--")) {
		command++;
		n_command--;
	}
	r = check_usage(run.options, err);
	if (r == 0 && (n_command == 0) != (run.options->file != NULL))
		r = err_say(err, EINVAL,
			    run.options->file
				    ? "exec: --process %s and a command exclude each other"
				    : "exec: no command; write: exec %s -- COMMAND",
			    run.options->file ? run.options->file : args[0]);
	if (r < 0) {
		log_error("%s", err_text(err));
		return r == -EINVAL ? CLI_EXIT_USAGE : EXIT_STATUS_OURS;
	}
	r = open_running(cli, args[0], &container, err);
	if (r == 0) {
		/* The signals are ours only now, since an unknown container needs none. */
		task_client_set_interrupts(container.client, signals_noted(container.signals));
		r = exec_in(&run, command, n_command, err);
	}
	if (r >= 0)
		return r;
	log_error("%s", err_text(err));
	noted = container.signals ? *signals_noted(container.signals) : 0;
	return exit_status_of_failure(run.stage, err, noted);
}

const struct verb verb_exec = {
	.name = "exec",
	.arguments = "ID -- COMMAND [ARG...]",
	.summary = "Run another command in a running container",
	.details = "Ends with the command's status; 125, 126 and 127 are as for `run`.",
	VERB_OPTIONS(struct exec_options, exec_table),
	.min_args = 1,
	.max_args = VERB_ANY_ARGS,
	.takes_command = true,
	.run = run_exec,
};

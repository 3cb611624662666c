/* SPDX-License-Identifier: Apache-2.0 */
/* `logs`: what a virtual machine's console, a detached container or our own programs wrote. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "cli/container.h"
#include "cli/ending.h"
#include "cli/verbs.h"
#include "lib/fd.h"

#define FOLLOW_INTERVAL_MS 200

struct logs_options {
	bool follow, console, output, shim, vmm;
};

static const struct option logs_table[] = {
	OPTION_FLAG(struct logs_options, follow, 'f', "follow",
		    "go on until the container is gone"),
	OPTION_FLAG(struct logs_options, console, 0, "console", "the serial console"),
	OPTION_FLAG(struct logs_options, output, 0, "output", "what a detached container wrote"),
	OPTION_FLAG(struct logs_options, shim, 0, "shim", "the log of the sandbox's daemon"),
	OPTION_FLAG(struct logs_options, vmm, 0, "vmm", "the log of the virtual machine monitor"),
};

static int open_log(const struct record *record, const char *file)
{
	char path[PATHS_MAX];
	int fd;

	if (record_path(record, file, path, NULL) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int missing(const struct logs_options *options, const char *id, struct err *err)
{
	if (options->output)
		return err_say(err, ENOENT,
			       "container \"%s\" has no kept output: only `run --detach` keeps it",
			       id);
	if (options->shim || options->vmm)
		return err_say(err, ENOENT, "container \"%s\" has no such log", id);
	return err_say(err, ENOENT,
		       "the serial console of container \"%s\" is off; run it with --console to "
		       "have one (--shim and --vmm show other logs)",
		       id);
}

/* Without a choice: the console where it is on, else a detached container's output. */
static int choose_log(const struct logs_options *options, const struct record *record,
		      struct err *err)
{
	int fd;

	if (options->shim)
		fd = open_log(record, "shim.log");
	else if (options->vmm)
		fd = open_log(record, "vmm.log");
	else if (options->output)
		fd = open_log(record, "output.log");
	else
		fd = open_log(record, "console.log");
	if (fd == -ENOENT && !options->shim && !options->vmm && !options->output &&
	    !options->console)
		fd = open_log(record, "output.log");
	if (fd == -ENOENT)
		return missing(options, record->id, err);
	return fd < 0 ? err_set(err, -fd, "cannot read the log of %s", record->id) : fd;
}

/* Copies up to the present end. Returns how many bytes, or -errno. */
static ssize_t copy_rest(int fd)
{
	char buffer[16384];
	ssize_t total = 0, n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		int r = fd_write_full(STDOUT_FILENO, buffer, (size_t)n);

		if (r < 0)
			return r;
		total += n;
	}
	return n < 0 ? -errno : total;
}

/* Nobody writes any more when the folder, or the file in it, has gone, or the record is a stopped
 * one. */
static bool is_finished(const struct record *record, int fd)
{
	struct record_exit exit_record;
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_nlink == 0 || access(record->folder, F_OK) < 0 ||
	       record_read_exit(record, &exit_record, NULL) == 0;
}

static int run_logs(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	const struct logs_options *options = values;
	_cleanup_fd_ int fd = -1;
	struct record record;
	ssize_t n;
	int r = record_open(cli->namespace, args[0], &record, err);

	(void)n_args;
	if (r < 0)
		return r;
	fd = choose_log(options, &record, err);
	if (fd < 0)
		return fd;
	for (;;) {
		bool finished = is_finished(&record, fd);

		n = copy_rest(fd);
		if (n < 0 || !options->follow || finished)
			break;
		(void)poll(NULL, 0, FOLLOW_INTERVAL_MS);
	}
	if (n < 0)
		return err_set(err, (int)-n, "cannot copy the log of %s", args[0]);
	ending_report_failure(&record, NULL);
	return 0;
}

const struct verb verb_logs = {
	.name = "logs",
	.arguments = "ID",
	.summary = "Print the serial console, or another log, of a container",
	.details = "Without an option: the serial console where it is on (`run --console`), else "
		   "what a\n"
		   "detached container wrote.",
	VERB_OPTIONS(struct logs_options, logs_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_logs,
};

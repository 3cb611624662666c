/* SPDX-License-Identifier: Apache-2.0 */
/* `ps`: the processes of a container, with their numbers in the virtual machine. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "cli/container.h"
#include "cli/verbs.h"

#define TICKS_PER_SECOND 100 /* of a Linux guest's clock (USER_HZ) */

struct ps_options {
	const char *format;
};

static const struct option ps_table[] = {
	OPTION_VALUE(struct ps_options, format, 'f', "format", "FORMAT",
		     "table or json, which is an array of process ids (table)"),
};

static int print_json(const KataLike__Agent__V1__ListProcessesResponse *list, struct err *err)
{
	struct json_object *array = json_object_new_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < list->n_processes; i++)
		r = json_object_array_add(array, json_object_new_int64(list->processes[i]->pid));
	if (r == 0)
		(void)printf("%s\n", json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN));
	json_object_put(array);
	return r ? err_set(err, ENOMEM, "ps") : 0;
}

/* Printable: a process names itself, and the name goes to a terminal. */
static void print_command(const char *command)
{
	for (const unsigned char *p = (const unsigned char *)command; *p; p++)
		/* U+0080 to U+009F command a terminal, too; they are 0xc2 and the number. */
		(void)putchar(*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
				      ? '?'
				      : *p);
	(void)putchar('\n');
}

static void print_table(const KataLike__Agent__V1__ListProcessesResponse *list)
{
	(void)printf("%-8s %-8s %-8s %-8s %-10s %s\n", "UID", "PID", "PPID", "TTY", "TIME",
		     "COMMAND");
	for (size_t i = 0; i < list->n_processes; i++) {
		const KataLike__Agent__V1__ListProcessesResponse__Process *process =
			list->processes[i];
		uint64_t seconds = process->cpu_ticks / TICKS_PER_SECOND;

		(void)printf("%-8u %-8u %-8u %-8s %02llu:%02llu:%02llu   ", process->uid,
			     process->pid, process->ppid,
			     process->tty && process->tty[0] ? process->tty : "?",
			     (unsigned long long)(seconds / 3600),
			     (unsigned long long)(seconds / 60 % 60),
			     (unsigned long long)(seconds % 60));
		print_command(process->command ? process->command : "");
	}
}

static int run_ps(const struct cli *cli, const void *values, char **args, size_t n_args,
		  struct err *err)
{
	const struct ps_options *options = values;
	_cleanup_container_ struct container container = CONTAINER_INIT;
	_cleanup_task_ KataLike__Agent__V1__ListProcessesResponse *list = NULL;
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	bool json = options->format && !strcmp(options->format, "json");
	int r;

	(void)n_args;
	if (options->format && !json && strcmp(options->format, "table") != 0)
		return err_say(err, EINVAL, "--format: \"%s\" is neither table nor json",
			       options->format);
	r = container_open_live(cli, args[0], &container, err);
	request.container_id = args[0];
	if (r == 0)
		r = task_list_processes(container.client, &request, &list, err);
	if (r < 0)
		return r;
	assert(list);
	if (json)
		return print_json(list, err);
	print_table(list);
	return 0;
}

const struct verb verb_ps = {
	.name = "ps",
	.arguments = "ID",
	.summary = "List the processes of a container",
	VERB_OPTIONS(struct ps_options, ps_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_ps,
};

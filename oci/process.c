/* SPDX-License-Identifier: Apache-2.0 */
/* The process object of config.json (runtime-spec 1.2, "Process"). */
#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>

#include "oci/parts.h"

#define CONSOLE_SIDE_MAX 65535u

static const struct json_name rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

const char *oci_rlimit_name(int64_t resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++) {
		if (rlimit_names[i].value == resource)
			return rlimit_names[i].name;
	}
	return "?";
}

static const struct json_name policy_names[] = {
	{ "SCHED_OTHER", SCHED_NORMAL },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", 4 },
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
};

static const struct json_name scheduler_flag_names[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};

static const struct json_name io_class_names[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};

static int read_console_size(const struct json_node *node, void *out)
{
	struct oci_process *process = out;
	uint64_t height = 0, width = 0;
	int r = json_get_uint(node, "height", JSON_REQUIRED, CONSOLE_SIDE_MAX, &height);

	if (r >= 0)
		r = json_get_uint(node, "width", JSON_REQUIRED, CONSOLE_SIDE_MAX, &width);
	process->console_height = (uint32_t)height;
	process->console_width = (uint32_t)width;
	return r;
}

/* The highest number means "no change" to setresuid(2), which would leave root what it is. */
static int read_id(const struct json_node *node, const char *key, uint32_t *ret_id)
{
	uint64_t id = *ret_id;
	int r = json_get_uint(node, key, JSON_OPTIONAL, UINT32_MAX - 1, &id);

	*ret_id = (uint32_t)id;
	return r;
}

static int read_user(const struct json_node *node, void *out)
{
	struct oci_user *user = out;
	int r = read_id(node, "uid", &user->uid);

	if (r >= 0)
		r = read_id(node, "gid", &user->gid);
	if (r >= 0)
		r = oci_get_uint(node, "umask", 0777, &user->umask);
	if (r >= 0)
		r = json_get_u32s(node, "additionalGids", JSON_OPTIONAL, &user->additional_gids,
				  &user->n_additional_gids);
	return r;
}

static int read_rlimit(const struct json_node *node, void *element)
{
	struct oci_rlimit *limit = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_enum(node, "type", JSON_REQUIRED, rlimit_names,
				  ARRAY_SIZE(rlimit_names), &limit->resource);
	if (r >= 0)
		r = json_get_uint(node, "soft", JSON_REQUIRED, UINT64_MAX, &limit->soft);
	if (r >= 0)
		r = json_get_uint(node, "hard", JSON_REQUIRED, UINT64_MAX, &limit->hard);
	if (r >= 0 && limit->soft > limit->hard)
		return json_fail(node, "has a soft limit above its hard limit");
	return r;
}

static int read_rlimits(const struct json_node *node, struct oci_process *process)
{
	void *limits = NULL;
	int r = json_get_array(node, "rlimits", JSON_OPTIONAL, sizeof(struct oci_rlimit),
			       read_rlimit, &limits, &process->n_rlimits);

	process->rlimits = limits;
	for (size_t i = 0; r >= 0 && i < process->n_rlimits; i++) {
		for (size_t j = 0; j < i; j++) {
			if (process->rlimits[i].resource == process->rlimits[j].resource)
				return json_fail_member(node, "rlimits",
							"sets the same limit twice");
		}
	}
	return r;
}

static int read_capabilities(const struct json_node *node, void *out)
{
	struct oci_capabilities *sets = out;
	int r = oci_get_strings(node, "bounding", &sets->bounding);

	if (r >= 0)
		r = oci_get_strings(node, "effective", &sets->effective);
	if (r >= 0)
		r = oci_get_strings(node, "inheritable", &sets->inheritable);
	if (r >= 0)
		r = oci_get_strings(node, "permitted", &sets->permitted);
	if (r >= 0)
		r = oci_get_strings(node, "ambient", &sets->ambient);
	return r;
}

static int read_scheduler_flag(const struct json_node *node, void *element)
{
	return json_enum_value(node, scheduler_flag_names, ARRAY_SIZE(scheduler_flag_names),
			       element);
}

static int read_scheduler_flags(const struct json_node *node, struct oci_scheduler *scheduler)
{
	void *flags = NULL;
	size_t n = 0;
	int r = json_get_array(node, "flags", JSON_OPTIONAL, sizeof(int64_t), read_scheduler_flag,
			       &flags, &n);

	for (size_t i = 0; r >= 0 && i < n; i++)
		scheduler->flags |= (uint64_t)((int64_t *)flags)[i];
	return r;
}

static int read_scheduler(const struct json_node *node, void *out)
{
	struct oci_scheduler *scheduler = out;
	int r = json_get_enum(node, "policy", JSON_REQUIRED, policy_names, ARRAY_SIZE(policy_names),
			      &scheduler->policy);

	if (r >= 0)
		r = json_get_int(node, "nice", JSON_OPTIONAL, -20, 19, &scheduler->nice);
	if (r >= 0)
		r = json_get_int(node, "priority", JSON_OPTIONAL, 0, 99, &scheduler->priority);
	if (r >= 0)
		r = read_scheduler_flags(node, scheduler);
	if (r >= 0)
		r = json_get_uint(node, "runtime", JSON_OPTIONAL, UINT64_MAX, &scheduler->runtime);
	if (r >= 0)
		r = json_get_uint(node, "deadline", JSON_OPTIONAL, UINT64_MAX,
				  &scheduler->deadline);
	if (r >= 0)
		r = json_get_uint(node, "period", JSON_OPTIONAL, UINT64_MAX, &scheduler->period);
	return r;
}

static int read_io_priority(const struct json_node *node, void *out)
{
	struct oci_io_priority *priority = out;
	int r = json_get_enum(node, "class", JSON_REQUIRED, io_class_names,
			      ARRAY_SIZE(io_class_names), &priority->class);

	if (r >= 0)
		r = json_get_int(node, "priority", JSON_OPTIONAL, 0, 7, &priority->priority);
	return r;
}

static int read_cpu_affinity(const struct json_node *node, void *out)
{
	struct oci_process *process = out;
	int r = json_get_string(node, "initial", JSON_OPTIONAL, &process->cpu_affinity_initial);

	if (r >= 0)
		r = json_get_string(node, "final", JSON_OPTIONAL, &process->cpu_affinity_final);
	return r;
}

static int read_identity(const struct json_node *node, struct oci_process *process)
{
	int r = json_get_object(node, "user", JSON_OPTIONAL, read_user, &process->user);

	if (r >= 0)
		r = oci_get_part(node, "capabilities", sizeof(*process->capabilities),
				 read_capabilities, &process->capabilities);
	if (r >= 0)
		r = json_get_bool(node, "noNewPrivileges", JSON_OPTIONAL,
				  &process->no_new_privileges);
	if (r >= 0)
		r = json_get_string(node, "apparmorProfile", JSON_OPTIONAL,
				    &process->apparmor_profile);
	if (r >= 0)
		r = json_get_string(node, "selinuxLabel", JSON_OPTIONAL, &process->selinux_label);
	return r;
}

static int read_limits(const struct json_node *node, struct oci_process *process)
{
	int r = read_rlimits(node, process);

	if (r >= 0)
		r = oci_get_int(node, "oomScoreAdj", -1000, 1000, &process->oom_score_adj);
	if (r >= 0)
		r = oci_get_part(node, "scheduler", sizeof(*process->scheduler), read_scheduler,
				 &process->scheduler);
	if (r >= 0)
		r = oci_get_part(node, "ioPriority", sizeof(*process->io_priority),
				 read_io_priority, &process->io_priority);
	if (r >= 0)
		r = json_get_object(node, "execCPUAffinity", JSON_OPTIONAL, read_cpu_affinity,
				    process);
	return r;
}

static int check_strings(const struct json_node *node, const struct oci_process *process)
{
	if (process->args.n == 0)
		return json_fail_member(node, "args", "must name a program");
	if (process->cwd[0] != '/')
		return json_fail_member(node, "cwd", "must be an absolute path, is \"%.64s\"",
					process->cwd);
	return 0;
}

int oci_read_process(const struct json_node *node, void *out)
{
	struct oci_process *process = out;
	int r = json_get_bool(node, "terminal", JSON_OPTIONAL, &process->terminal);

	if (r >= 0)
		r = json_get_object(node, "consoleSize", JSON_OPTIONAL, read_console_size, process);
	if (r >= 0)
		r = oci_get_strings(node, "args", &process->args);
	if (r >= 0)
		r = oci_get_strings(node, "env", &process->env);
	if (r >= 0)
		r = json_get_string(node, "cwd", JSON_REQUIRED, &process->cwd);
	if (r >= 0)
		r = check_strings(node, process);
	if (r >= 0)
		r = read_identity(node, process);
	if (r >= 0)
		r = read_limits(node, process);
	return r;
}

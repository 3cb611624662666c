/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may use and how it is scheduled. */
#include "agent/container/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <linux/ioprio.h>

#include "lib/fd.h"

/* As the kernel lays it out; the C library has no struct for it. */
struct scheduler_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int parse_cpu(const char **text, unsigned long *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoul(*text, &end, 10);
	if (errno || *ret >= CPU_SETSIZE)
		return -ERANGE;
	*text = end;
	return 0;
}

int limits_parse_cpus(const char *text, cpu_set_t *ret_set)
{
	CPU_ZERO(ret_set);
	for (;;) {
		unsigned long first = 0, last;
		int r = parse_cpu(&text, &first);

		last = first;
		if (r == 0 && *text == '-') {
			text++;
			r = parse_cpu(&text, &last);
		}
		if (r < 0)
			return r;
		if (last < first)
			return -EINVAL;
		for (unsigned long cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, ret_set);
		if (!*text)
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

int limits_set_oom_score(const struct oci_process *process, struct err *err)
{
	char text[16];
	int r;

	if (!process->oom_score_adj.set)
		return 0;
	(void)snprintf(text, sizeof(text), "%" PRId64, process->oom_score_adj.value);
	r = file_poke(AT_FDCWD, "/proc/self/oom_score_adj", text);
	return r < 0 ? err_set(err, -r, "cannot set oomScoreAdj to %s", text) : 0;
}

int limits_make_room(const struct oci_process *process, struct err *err)
{
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct oci_rlimit *limit = &process->rlimits[i];
		struct rlimit own;

		if (getrlimit((__rlimit_resource_t)limit->resource, &own) < 0)
			return err_set(err, errno, "cannot read %s",
				       oci_rlimit_name(limit->resource));
		if (own.rlim_max >= limit->hard)
			continue;
		own.rlim_max = limit->hard;
		if (setrlimit((__rlimit_resource_t)limit->resource, &own) < 0)
			return err_set(err, errno, "cannot raise %s to %" PRIu64,
				       oci_rlimit_name(limit->resource), limit->hard);
	}
	return 0;
}

static int apply_rlimits(const struct oci_process *process, struct err *err)
{
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct oci_rlimit *limit = &process->rlimits[i];
		const struct rlimit value = { .rlim_cur = limit->soft, .rlim_max = limit->hard };

		if (setrlimit((__rlimit_resource_t)limit->resource, &value) < 0)
			return err_set(err, errno, "cannot set %s to %" PRIu64,
				       oci_rlimit_name(limit->resource), limit->soft);
	}
	return 0;
}

static int apply_scheduler(const struct oci_scheduler *scheduler, struct err *err)
{
	const struct scheduler_attr attr = {
		.size = sizeof(attr),
		.policy = (uint32_t)scheduler->policy,
		.flags = scheduler->flags,
		.nice = (int32_t)scheduler->nice,
		.priority = (uint32_t)scheduler->priority,
		.runtime = scheduler->runtime,
		.deadline = scheduler->deadline,
		.period = scheduler->period,
	};

	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		return err_set(err, errno, "cannot set the scheduler");
	return 0;
}

static int apply_io_priority(const struct oci_io_priority *priority, struct err *err)
{
	int value = (int)IOPRIO_PRIO_VALUE(priority->class, priority->priority);

	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0)
		return err_set(err, errno, "cannot set ioPriority");
	return 0;
}

static int apply_affinity(const struct oci_process *process, struct err *err)
{
	const char *text = process->cpu_affinity_final ? process->cpu_affinity_final
						       : process->cpu_affinity_initial;
	cpu_set_t set;
	int r;

	if (!text || !*text)
		return 0;
	r = limits_parse_cpus(text, &set);
	if (r == 0 && sched_setaffinity(0, sizeof(set), &set) < 0)
		r = -errno;
	return r < 0 ? err_set(err, -r, "cannot set execCPUAffinity \"%.64s\"", text) : 0;
}

int limits_apply(const struct oci_process *process, struct err *err)
{
	int r = apply_rlimits(process, err);

	if (r == 0 && process->scheduler)
		r = apply_scheduler(process->scheduler, err);
	if (r == 0 && process->io_priority)
		r = apply_io_priority(process->io_priority, err);
	if (r == 0)
		r = apply_affinity(process, err);
	return r;
}

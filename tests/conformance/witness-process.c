/* SPDX-License-Identifier: Apache-2.0 */
/* What the witness finds about its own process. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/witness.h"

#define GROUPS_MAX 1024
#define CPUS_MAX   1024

extern char **environ;

/* The kernel's struct sched_attr, whose header does not go with <sched.h>. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static void show_identity(struct json_writer *out)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);
	mode_t mask = umask(0);

	(void)umask(mask);
	json_int(out, "pid", getpid());
	json_int(out, "ppid", getppid());
	json_int(out, "sid", getsid(0));
	json_int(out, "pgid", getpgid(0));
	json_int(out, "uid", getuid());
	json_int(out, "euid", geteuid());
	json_int(out, "gid", getgid());
	json_int(out, "egid", getegid());
	json_int(out, "umask", mask);
	json_open(out, "groups", '[');
	for (int i = 0; i < n; i++)
		json_int(out, NULL, groups[i]);
	json_close(out, ']');
}

static void show_words(struct json_writer *out, const char *key, char **words)
{
	json_open(out, key, '[');
	for (; *words; words++)
		json_string(out, NULL, *words);
	json_close(out, ']');
}

static void show_uts(struct json_writer *out)
{
	struct utsname names;

	if (uname(&names) < 0)
		return;
	json_string(out, "hostname", names.nodename);
	json_string(out, "domainname", names.domainname);
	json_string(out, "machine", names.machine);
}

static void show_limit(struct json_writer *out, const char *key, rlim_t limit)
{
	if (limit == RLIM_INFINITY)
		json_string(out, key, "unlimited");
	else
		json_int(out, key, (long long)limit);
}

static void show_limits(struct json_writer *out)
{
	static const struct {
		int resource;
		const char *name;
	} kinds[] = {
		{ RLIMIT_AS, "AS" },
		{ RLIMIT_CORE, "CORE" },
		{ RLIMIT_CPU, "CPU" },
		{ RLIMIT_DATA, "DATA" },
		{ RLIMIT_FSIZE, "FSIZE" },
		{ RLIMIT_LOCKS, "LOCKS" },
		{ RLIMIT_MEMLOCK, "MEMLOCK" },
		{ RLIMIT_MSGQUEUE, "MSGQUEUE" },
		{ RLIMIT_NICE, "NICE" },
		{ RLIMIT_NOFILE, "NOFILE" },
		{ RLIMIT_NPROC, "NPROC" },
		{ RLIMIT_RSS, "RSS" },
		{ RLIMIT_RTPRIO, "RTPRIO" },
		{ RLIMIT_RTTIME, "RTTIME" },
		{ RLIMIT_SIGPENDING, "SIGPENDING" },
		{ RLIMIT_STACK, "STACK" },
	};

	json_open(out, "rlimits", '{');
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct rlimit limit;

		if (getrlimit(kinds[i].resource, &limit) < 0)
			continue;
		json_open(out, kinds[i].name, '{');
		show_limit(out, "soft", limit.rlim_cur);
		show_limit(out, "hard", limit.rlim_max);
		json_close(out, '}');
	}
	json_close(out, '}');
}

static void show_affinity(struct json_writer *out)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
		json_error(out, "affinity", errno);
		return;
	}
	json_open(out, "affinity", '[');
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (CPU_ISSET(cpu, &cpus))
			json_int(out, NULL, cpu);
	}
	json_close(out, ']');
	json_int(out, "cpus_online", sysconf(_SC_NPROCESSORS_ONLN));
}

static void show_scheduling(struct json_writer *out)
{
	struct scheduling attr = { 0 };
	long priority;

	json_open(out, "scheduler", '{');
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == 0) {
		json_int(out, "policy", attr.policy);
		json_int(out, "flags", (long long)attr.flags);
		json_int(out, "nice", attr.nice);
		json_int(out, "priority", attr.priority);
		json_int(out, "runtime", (long long)attr.runtime);
		json_int(out, "deadline", (long long)attr.deadline);
		json_int(out, "period", (long long)attr.period);
	}
	json_close(out, '}');
	priority = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
	json_int(out, "ioprio", priority);
	show_affinity(out);
}

static void show_attributes(struct json_writer *out)
{
	int death_signal = -1, subreaper = -1;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	(void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	json_int(out, "pdeathsig", death_signal);
	json_int(out, "dumpable", prctl(PR_GET_DUMPABLE));
	json_int(out, "securebits", prctl(PR_GET_SECUREBITS));
	json_int(out, "keepcaps", prctl(PR_GET_KEEPCAPS));
	json_int(out, "subreaper", subreaper);
	json_int(out, "personality", personality(0xffffffff));
}

static void show_keyring(struct json_writer *out)
{
	char text[256];
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof(text));

	if (n < 0)
		json_error(out, "keyring", errno);
	else
		json_string(out, "keyring", text);
}

static void show_terminal(struct json_writer *out)
{
	struct winsize size;

	json_open(out, "terminal", '{');
	for (int fd = 0; fd <= 2; fd++) {
		char key[] = { (char)('0' + fd), '\0' };

		json_int(out, key, isatty(fd));
	}
	if (ioctl(0, TIOCGWINSZ, &size) == 0) {
		json_int(out, "rows", size.ws_row);
		json_int(out, "columns", size.ws_col);
		json_int(out, "foreground", tcgetpgrp(0) == getpgrp());
	}
	json_close(out, '}');
}

static void show_clocks(struct json_writer *out)
{
	struct timespec monotonic, boottime;

	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	(void)clock_gettime(CLOCK_BOOTTIME, &boottime);
	json_int(out, "monotonic", monotonic.tv_sec);
	json_int(out, "boottime", boottime.tv_sec);
}

void witness_show_process(struct json_writer *out, char **argv)
{
	char cwd[4096];

	show_identity(out);
	if (getcwd(cwd, sizeof(cwd)))
		json_string(out, "cwd", cwd);
	else
		json_error(out, "cwd", errno);
	show_words(out, "argv", argv);
	show_words(out, "env", environ);
	show_uts(out);
	show_limits(out);
	show_scheduling(out);
	show_attributes(out);
	show_keyring(out);
	show_terminal(out);
	show_clocks(out);
}

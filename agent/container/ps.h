/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about one process. */
#ifndef KATA_LIKE_AGENT_CONTAINER_PS_H
#define KATA_LIKE_AGENT_CONTAINER_PS_H

#include "lib/err.h"

#include <stdint.h>
#include <sys/types.h>

struct ps_entry {
	pid_t pid, ppid;
	uint32_t uid;
	uint64_t start_time_ticks, cpu_ticks;
	char tty[16];	   /* "pts/0", or "?" */
	char command[256]; /* arguments with spaces between, or "[name]" */
};

/* -ESRCH for a process that has gone. */
int ps_read(pid_t pid, struct ps_entry *ret_entry) _must_check_;

/* Parses /proc/PID/stat, whose second field may hold anything. 0 or -EINVAL. */
int ps_parse_stat(const char *text, struct ps_entry *ret_entry) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A seccomp filter (seccomp(2), classic BPF) made of declared system calls (lib/syscalls.h). */
#ifndef KATA_LIKE_VMM_JAIL_FILTER_H
#define KATA_LIKE_VMM_JAIL_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/syscalls.h"

#define FILTER_INSTRUCTIONS_MAX 512u

/* What the filter answers where no rule matches is FILTER_REFUSE, see jail.h for what follows. */
#define FILTER_REFUSE SECCOMP_RET_TRAP
/* A call with this number kills the process without a word. */
#define FILTER_KILL_NUMBER 0xffffu

struct filter {
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	unsigned short len;
	unsigned n_calls; /* different system calls that it lets through */
};

/*
 * The filter for one kind of thread (SYSCALLS_*), of rules in any order, gaps among them. -E2BIG if
 * it does not fit.
 */
int filter_build(struct filter *filter, const struct syscall_rule *rules, size_t n_rules,
		 unsigned kind, struct err *err) _must_check_;

/*
 * Puts it on the calling thread, for good. no_new_privs is set. 0 or -errno. After an error the
 * thread goes on unfiltered: the caller must not let it.
 */
int filter_apply(const struct filter *filter) _must_check_;

/* The declarations that were linked into this program. */
const struct syscall_rule *filter_declared(size_t *ret_n_rules);

#endif

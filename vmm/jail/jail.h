/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMM's jail: what a guest that has taken over the VMM finds itself in.
 *
 * Theory of operation. The jail closes in stages, each of which takes away what the ones after it
 * do not need. Everything that has a path is open before the first of them.
 *
 *	1 jail_enter()	before a byte of the kernel's image is looked at
 *	  a namespaces	mount, network, IPC, UTS of our own; as an ordinary user a user namespace
 *			first, in which that is allowed. The pid namespace is made by whoever
 *			starts us (shim/sandbox/vmm-process.c), for a process cannot move into one.
 *	  b root	an empty file system of no size, read-only, is all that paths lead to
 *	  c no gain	no capability to be had by execve or a change of user: bounding set,
 *			securebits, no_new_privs
 *	  d user	the user id that was given to this VM alone; no groups
 *	  e rights	no capability in any set
 *	  f limits	files, threads, size of written files; no core; not to be debugged or read
 *			through /proc by others of the same user
 *	2 jail_shut()	when the devices are there, each thread before its first work: the filter
 *			of system calls for its kind. Nothing undoes it.
 *
 * A system call that is not on the list never happens. SECCOMP_RET_KILL_PROCESS would not leave a
 * trace of which it was, so the filter raises SIGSYS instead, whose handler writes that to the log
 * and dies of a call that does kill. It needs no trust: nothing on the list can change the handler,
 * and with the signal blocked Linux kills at once.
 */
#ifndef KATA_LIKE_VMM_JAIL_JAIL_H
#define KATA_LIKE_VMM_JAIL_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/jail/filter.h"

struct jail_config {
	bool off;	     /* for debuggers: no stage does anything */
	uid_t user;	     /* as root: whom to become, with the group of that number; not 0 */
	unsigned n_threads;  /* that will be there at most */
	uint64_t file_bytes; /* the largest size that a file may be given; UINT64_MAX: no limit */
	int log_fd;	     /* where a refused system call is told of */
};

struct jail {
	bool filtered; /* the filters below are made; without them jail_shut() does nothing */
	struct filter main, vcpu, io;
};

/*
 * Stage 1. One thread, and nothing to be opened any more. As an ordinary user, stages that the
 * machine's administrator does not allow are left out with a warning; as root each failure is one.
 */
int jail_enter(struct jail *jail, const struct jail_config *config, struct err *err) _must_check_;

/* Stage 2, for the calling thread, of a kind SYSCALLS_*. 0, or -errno: the thread must end. */
int jail_shut(const struct jail *jail, unsigned kind) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp filters, compiled by libseccomp when a container is made and loaded just before
 * execve(2). */
#ifndef KATA_LIKE_AGENT_CONTAINER_SECCOMP_H
#define KATA_LIKE_AGENT_CONTAINER_SECCOMP_H

#include "oci/spec.h"

struct seccomp_filter;

/*
 * Compiles the filter. System calls that libseccomp does not know are left out, as runc does.
 * *ret_filter is the caller's.
 */
int seccomp_compile(const struct oci_seccomp *config, struct seccomp_filter **ret_filter,
		    struct err *err) _must_check_;

/* Whether some rule asks a listener, which then has to be there. */
bool seccomp_asks_listener(const struct oci_seccomp *config);

/*
 * Loads it into the calling process, which has CAP_SYS_ADMIN or no_new_privs. *ret_notify_fd is
 * what a listener answers through, close-on-exec, or -1 where no rule asks one. 0 or -errno.
 */
int seccomp_install(const struct seccomp_filter *filter, int *ret_notify_fd) _must_check_;

#endif

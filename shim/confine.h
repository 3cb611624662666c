/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shim gives up once it serves, for itself and for everything that it starts (VMM, file
 * server, passt, CNI plugins, hooks, loggers).
 *
 * Capabilities: all but those that one of these needs, out of the bounding set too. System calls: a
 * list of what none of them needs and what would reach the machine as a whole. It is a list of
 * refusals (EPERM), not of permissions, because programs that others wrote inherit it: what a CNI
 * plugin or a hook calls cannot be known. The VMM has a list of permissions of its own on top.
 */
#ifndef KATA_LIKE_SHIM_CONFINE_H
#define KATA_LIKE_SHIM_CONFINE_H

#include "lib/cleanup.h"
#include "lib/err.h"

/* For good. One thread. An ordinary user gets no_new_privs with it, which the filter needs. */
int confine_shim(struct err *err) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks of a container that run on the host, in the shim's namespaces: prestart, createRuntime,
 * poststart and poststop (runtime-spec 1.2, "POSIX-platform Hooks"). The others are the guest's.
 */
#ifndef KATA_LIKE_SHIM_HOOKS_H
#define KATA_LIKE_SHIM_HOOKS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "oci/spec.h"

enum hooks_stage {
	HOOKS_CREATE, /* prestart, then createRuntime */
	HOOKS_POSTSTART,
	HOOKS_POSTSTOP, /* one that fails is logged, and the others run all the same */
};

/* The hooks of one container; NULL is one without any. */
struct hooks;

/* Told once, unless hooks_run() itself failed; err is empty when all went well. */
typedef void hooks_done_fn(void *ctx, const struct err *err);

/*
 * Takes the spec over, also on failure; id and bundle are copied. *ret_hooks is NULL when none of
 * the spec's hooks run on the host. 0, or -ENOMEM with err set.
 */
int hooks_new(struct oci_spec *spec, const char *id, const char *bundle, struct hooks **ret_hooks,
	      struct err *err) _must_check_;
/* Those that run are killed, and done is told of -ECANCELED. NULL is fine. */
void hooks_free(struct hooks *hooks);

/* Whether there is anything to run. */
bool hooks_has(const struct hooks *hooks, enum hooks_stage stage);

/*
 * Runs a stage in a process of its own, so that nobody waits for it. pid is what the hooks are told
 * of: the process on the host that the container lives in. One stage at a time: -EBUSY.
 */
int hooks_run(struct hooks *hooks, struct loop *loop, enum hooks_stage stage, pid_t pid,
	      hooks_done_fn *done, void *ctx, struct err *err) _must_check_;

/* Kills those that run; done is not called. NULL is fine. */
void hooks_cancel(struct hooks *hooks);

#endif

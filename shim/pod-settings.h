/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of one pod: the files', over it the request's options, over these annotations.
 */
#ifndef KATA_LIKE_SHIM_POD_SETTINGS_H
#define KATA_LIKE_SHIM_POD_SETTINGS_H

#include "common.pb-c.h"
#include "lib/settings/settings.h"
#include "oci/spec.h"
#include "shim/state.h"

/*
 * For the first container of a pod. options (may be NULL) are those of CreateTaskRequest:
 * containerd's can name another file or bring a text, our command line's bring its options; other
 * types say nothing here. Errors as in lib/settings/settings.h.
 */
int pod_settings_make(const KataLike__Any *options, const struct oci_spec *spec,
		      struct settings *ret_settings, struct err *err) _must_check_;

/* Writes what is in force into the sandbox's folder, for `kata-like config ID`. */
int pod_settings_record(const struct settings *settings, const struct state *state, struct err *err)
	_must_check_;

#endif

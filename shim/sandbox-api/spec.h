/* SPDX-License-Identifier: Apache-2.0 */
/* A pod that has no container yet, in the words of one: what CreateSandbox says as a config.json.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_API_SPEC_H
#define KATA_LIKE_SHIM_SANDBOX_API_SPEC_H

#include "oci/spec.h"
#include "sandbox.pb-c.h"

/*
 * The bundle's config.json if there is one (containerd's sandboxer need not write any), else a spec
 * with the request's network namespace and annotations. The caller's.
 */
int sandbox_spec(const KataLike__Sandbox__CreateSandboxRequest *request, struct oci_spec **ret_spec,
		 struct err *err) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's Sandbox service: the pod as a thing of its own, whose VM is there before the first
 * container and stays after the last, until it is stopped.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_API_SERVICE_H
#define KATA_LIKE_SHIM_SANDBOX_API_SERVICE_H

#include <stdint.h>

#include "lib/err.h"

struct shim;
struct sandbox_api;

/* Adds the service to the shim's server. */
int sandbox_api_register(struct shim *shim) _must_check_;

/* 0 if a container may be made: -EBUSY as long as a sandbox that was made has not been started. */
int sandbox_api_check_member(const struct sandbox_api *api, struct err *err) _must_check_;
/* The VM's boot that StartSandbox began has succeeded (err empty) or failed. */
void sandbox_api_booted(struct sandbox_api *api, const struct err *err);
/* The VM is gone: who waits for the sandbox hears of it. NULL is fine, here and below. */
void sandbox_api_gone(struct sandbox_api *api, uint32_t exit_status);
void sandbox_api_free(struct sandbox_api *api);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent is asked for when a container is made: config.json, and where its files are. */
#ifndef KATA_LIKE_SHIM_CREATE_REQUEST_H
#define KATA_LIKE_SHIM_CREATE_REQUEST_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "lib/err.h"
#include "shim/rootfs/plan.h"
#include "shim/rootfs/prepare.h"
#include "shim/sandbox/container.h"

struct create_request;

/*
 * The agent's CreateContainerRequest of a container whose standard streams are open. *ret_request
 * is to be freed with free(); until then it uses all that it was made from. -ENOMEM.
 */
int create_request_new(const struct container *container, const struct plan *plan,
		       const struct prepared *prepared, const char *config, size_t config_len,
		       struct create_request **ret_request, struct err *err) _must_check_;

/* Lives as long as the request. */
const ProtobufCMessage *create_request_message(const struct create_request *request);

#endif

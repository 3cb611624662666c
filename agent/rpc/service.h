/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's ttrpc service: proto/agent.proto over the container engine. */
#ifndef KATA_LIKE_AGENT_RPC_SERVICE_H
#define KATA_LIKE_AGENT_RPC_SERVICE_H

#include "proto/ttrpc/server.h"

/* Its context is a struct agent. */
extern const struct ttrpc_service agent_service;

#endif

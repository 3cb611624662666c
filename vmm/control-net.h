/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of proto/vmm.proto about network interfaces. ctx is a struct control. */
#ifndef KATA_LIKE_VMM_CONTROL_NET_H
#define KATA_LIKE_VMM_CONTROL_NET_H

#include "proto/ttrpc/server.h"

void control_add_net(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message);
void control_net_stats(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message);
void control_set_net_link(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message);

#endif

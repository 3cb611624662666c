/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim says on the guest's command line for the agent to say more. */
#ifndef KATA_LIKE_PROTO_AGENT_LOG_H
#define KATA_LIKE_PROTO_AGENT_LOG_H

#define AGENT_LOG_VARIABLE "KATA_LIKE_LOG"
#define AGENT_LOG_DEBUG	   "debug"

#endif

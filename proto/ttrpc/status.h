/* SPDX-License-Identifier: Apache-2.0 */
/* How a ttrpc call ended: google.rpc codes, and which errno each stands for. */
#ifndef KATA_LIKE_PROTO_TTRPC_STATUS_H
#define KATA_LIKE_PROTO_TTRPC_STATUS_H

#include "lib/err.h"

enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
};

struct ttrpc_status {
	enum ttrpc_code code;
	const char *message; /* never NULL; lives as long as the callback that gets it */
};

/* The errno that a code stands for (NOT_FOUND: ENOENT, …), and back. 0 is OK. */
int ttrpc_code_to_errno(enum ttrpc_code code);
enum ttrpc_code ttrpc_code_from_errno(int errnum);

/* Records a failed status as an error whose text is the peer's message; returns its -errno. */
int ttrpc_status_to_err(const struct ttrpc_status *status, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which errno each status code stands for. */
#include "proto/ttrpc/status.h"

#include <errno.h>

/* The first row with a code gives its errno, the first row with an errno its code. */
static const struct {
	enum ttrpc_code code;
	int errnum;
} codes[] = {
	{ TTRPC_OK, 0 },
	{ TTRPC_CANCELLED, ECANCELED },
	{ TTRPC_INVALID_ARGUMENT, EINVAL },
	{ TTRPC_DEADLINE_EXCEEDED, ETIMEDOUT },
	{ TTRPC_NOT_FOUND, ENOENT },
	{ TTRPC_NOT_FOUND, ESRCH },
	{ TTRPC_ALREADY_EXISTS, EEXIST },
	{ TTRPC_PERMISSION_DENIED, EACCES },
	{ TTRPC_PERMISSION_DENIED, EPERM },
	{ TTRPC_RESOURCE_EXHAUSTED, ENOMEM },
	{ TTRPC_RESOURCE_EXHAUSTED, EMSGSIZE },
	{ TTRPC_RESOURCE_EXHAUSTED, ENOSPC },
	{ TTRPC_FAILED_PRECONDITION, EBUSY },
	{ TTRPC_UNIMPLEMENTED, EOPNOTSUPP },
	{ TTRPC_UNIMPLEMENTED, ENOSYS },
	{ TTRPC_INTERNAL, EPROTO },
	{ TTRPC_UNAVAILABLE, ECONNRESET },
	{ TTRPC_UNAVAILABLE, EPIPE },
	{ TTRPC_UNAVAILABLE, ECONNREFUSED },
	{ TTRPC_UNKNOWN, EIO },
};

int ttrpc_code_to_errno(enum ttrpc_code code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].errnum;
	return EIO;
}

enum ttrpc_code ttrpc_code_from_errno(int errnum)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].errnum == errnum)
			return codes[i].code;
	return TTRPC_UNKNOWN;
}

int ttrpc_status_to_err(const struct ttrpc_status *status, struct err *err)
{
	return err_say(err, ttrpc_code_to_errno(status->code), "%s", status->message);
}

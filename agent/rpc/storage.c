/* SPDX-License-Identifier: Apache-2.0 */
/* The methods about what containers had mounted and have left. */
#include <errno.h>

#include "agent/mount/disk.h"
#include "agent/mount/shared.h"
#include "agent/rpc/handlers.h"

void rpc_remove_device(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__RemoveDeviceRequest *request = (const void *)message;
	struct err err = ERR_INIT;

	(void)ctx;
	if (disk_remove(request->address, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

void rpc_release_shared(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ReleaseSharedRequest *request = (const void *)message;
	struct err err = ERR_INIT;
	int r = 0;

	(void)ctx;
	for (size_t i = 0; r == 0 && i < request->n_paths; i++)
		r = shared_release(request->paths[i], &err);
	if (r < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

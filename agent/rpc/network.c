/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the VM's interfaces. */
#include <errno.h>

#include "agent/net/interface.h"
#include "agent/net/listing.h"
#include "agent/rpc/handlers.h"

void rpc_set_interface(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__SetInterfaceRequest *request = (const void *)message;
	KataLike__Agent__V1__SetInterfaceResponse response =
		KATA_LIKE__AGENT__V1__SET_INTERFACE_RESPONSE__INIT;
	struct problems problems = { 0 };
	char *texts[PROBLEMS_MAX];
	struct err err = ERR_INIT;

	(void)ctx;
	if (!request->interface) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "no interface");
		return;
	}
	if (interface_set(request->interface, &problems, &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	for (size_t i = 0; i < problems.n; i++)
		texts[i] = problems.texts[i];
	response.n_problems = problems.n;
	response.problems = texts;
	ttrpc_call_reply(call, &response.base);
}

void rpc_remove_interface(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__RemoveInterfaceRequest *request = (const void *)message;
	struct err err = ERR_INIT;
	int r = interface_remove(&request->mac, &err);

	(void)ctx;
	if (r == -ENODEV)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "%s", err_text(&err));
	else if (r < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

void rpc_list_interfaces(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	_cleanup_free_ struct listing *listing = NULL;
	struct err err = ERR_INIT;

	(void)ctx;
	(void)message;
	if (listing_make(&listing, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply(call, &listing->response.base);
}

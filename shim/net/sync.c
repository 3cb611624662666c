/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synchronization. Each round begins with a look at the namespace; step() then finds the first
 * thing that is not as it should be and does it, and is called again when that is done:
 *
 *	gone	RemoveInterface (agent), RemoveDevice (VMM), the joint undone
 *	new	the joint made, AddNet (VMM)
 *	differs	SetInterface (agent)
 *
 * What makes the guest look over its bus, or takes something off that, waits for the turn, which
 * then is kept to the end of the synchronization.
 *
 * What fails is told once, by the round's waiters or the log, and not tried again until the
 * interface changes or goes.
 */
#include "shim/net/sync.h"

#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "vmm.pb-c.h"

#define CALL_TIMEOUT_MS 10000

struct sync_waiter {
	struct sync_waiter *next;
	network_done_fn *done;
	void *ctx;
};

static void begin_round(struct network *network);
static void step(struct network *network);

static void note(struct network *network, const struct err *err)
{
	log_error("network: %s", err_text(err));
	if (network->problem.code == 0)
		network->problem = *err;
}

static void call_vmm(struct network *network, const char *method,
		     const ProtobufCMessageDescriptor *response, const ProtobufCMessage *request,
		     ttrpc_done_fn *done)
{
	struct ttrpc_status failure = { .code = TTRPC_UNAVAILABLE };
	struct err err = ERR_INIT;

	network->vmm_called = true;
	if (vmm_process_call(network->vmm, method, response, request, CALL_TIMEOUT_MS, done,
			     network, &err) == 0)
		return;
	failure.message = err_text(&err);
	done(network, &failure, NULL);
}

/* True if the VMM's answer is still of interest. */
static bool answered(struct network *network, const struct ttrpc_status *status)
{
	network->vmm_called = false;
	if (network->freed)
		free(network);
	else
		return status->code != TTRPC_CANCELLED;
	return false;
}

/* --- The turn --- */

static void turn_has_come(void *ctx)
{
	struct network *network = ctx;

	network->has_turn = true;
	/* Others may have come before us, and taken long. */
	begin_round(network);
	step(network);
}

void sync_end_turn(struct network *network)
{
	turn_end(TAKE_PTR(network->turn));
	network->has_turn = false;
}

/* True: what it is for must wait for turn_has_come(). */
static bool await_turn(struct network *network)
{
	struct err err = ERR_INIT;

	if (!network->turns || network->has_turn)
		return false;
	network->turn = turns_take(network->turns, turn_has_come, network);
	if (network->turn)
		return true;
	(void)err_set(&err, ENOMEM, "cannot wait for other changes of the VM");
	note(network, &err);
	return false;
}

/* --- The list of devices --- */

static struct nic *find_nic(const struct network *network, int index)
{
	for (struct nic *nic = network->nics; nic; nic = nic->next)
		if (!nic->socket && nic->joint.index == index)
			return nic;
	return NULL;
}

static struct scan_interface *find_interface(const struct network *network, const struct nic *nic)
{
	if (nic->socket)
		return network->user_interface;
	for (size_t i = 0; network->scan && i < network->scan->n; i++)
		if (network->scan->interfaces[i].index == nic->joint.index)
			return &network->scan->interfaces[i];
	return NULL;
}

static void append(struct network *network, struct nic *nic)
{
	struct nic **at = &network->nics;

	while (*at)
		at = &(*at)->next;
	*at = nic;
}

static void drop(struct network *network, struct nic *nic)
{
	for (struct nic **at = &network->nics; *at; at = &(*at)->next) {
		if (*at != nic)
			continue;
		*at = nic->next;
		break;
	}
	nic_part(nic, &network->place);
	nic_free(nic);
	if (sync_record(network, NULL) < 0)
		log_warn("cannot write down the interfaces that are left");
}

int sync_record(const struct network *network, struct err *err)
{
	const struct joint *joints[SCAN_INTERFACES_MAX + 1];
	size_t n = 0;

	/* A namespace of the VM's own goes with it. */
	if (!*network->request.netns_path)
		return 0;
	for (struct nic *nic = network->nics; nic; nic = nic->next)
		if (!nic->socket && nic->joint.model && n < ARRAY_SIZE(joints))
			joints[n++] = &nic->joint;
	return net_record_write(network->state, network->request.netns_path, joints, n, err);
}

/* The model is known, and written down, before anything is changed. */
static int join(struct network *network, const struct scan_interface *interface,
		struct nic **ret_nic, struct err *err)
{
	struct nic *nic = nic_new(interface, network->request.queues);
	int r;

	if (!nic)
		return err_set(err, ENOMEM, "interface %s", interface->name);
	append(network, nic);
	nic->joint.model = network->request.model;
	r = sync_record(network, err);
	if (r == 0)
		r = nic_join(nic, &network->place, network->request.model, interface, err);
	if (r < 0)
		nic->joint.model = NULL;
	*ret_nic = nic;
	return r;
}

int sync_join_all(struct network *network, struct err *err)
{
	for (size_t i = 0; i < network->scan->n; i++) {
		struct nic *nic = NULL;
		int r = join(network, &network->scan->interfaces[i], &nic, err);

		if (r < 0)
			return r;
		if (nic)
			nic->plugged = true;
	}
	return sync_record(network, err);
}

/* --- Gone --- */

static void device_removed(void *ctx, const struct ttrpc_status *status,
			   const ProtobufCMessage *response)
{
	struct network *network = ctx;
	struct err err = ERR_INIT;
	struct nic *nic;

	(void)response;
	if (!answered(network, status))
		return;
	nic = network->nic;
	if (status->code != TTRPC_OK && network->vmm) {
		(void)err_say(&err, EIO, "cannot take interface %s away from the VM: %s",
			      nic->joint.name, status->message);
		note(network, &err);
	}
	drop(network, nic);
	step(network);
}

static void remove_device(struct network *network)
{
	KataLike__Vmm__V1__RemoveDeviceRequest request =
		KATA_LIKE__VMM__V1__REMOVE_DEVICE_REQUEST__INIT;

	request.address = network->nic->address;
	call_vmm(network, "RemoveDevice", &kata_like__empty__descriptor, &request.base,
		 device_removed);
}

static void interface_removed(void *ctx, const struct ttrpc_status *status,
			      const ProtobufCMessage *response)
{
	struct network *network = ctx;

	(void)response;
	if (status->code == TTRPC_CANCELLED)
		return;
	/* A guest that does not let go has no use of a device whose other end is gone; the VMM will
	 * refuse, and that is told. */
	if (network->vmm)
		remove_device(network);
	else
		step(network);
}

static void let_go(struct network *network)
{
	KataLike__Agent__V1__RemoveInterfaceRequest request =
		KATA_LIKE__AGENT__V1__REMOVE_INTERFACE_REQUEST__INIT;

	request.mac = (ProtobufCBinaryData){ SCAN_MAC_BYTES, network->nic->joint.mac };
	agent_client_call(network->agent, "RemoveInterface", &kata_like__empty__descriptor,
			  &request.base, CALL_TIMEOUT_MS, interface_removed, network);
}

static void addresses_told(void *ctx, const struct ttrpc_status *status,
			   const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__NetStatsResponse *response = (const void *)message;
	struct network *network = ctx;
	struct nic *nic;

	if (!answered(network, status))
		return;
	nic = network->nic;
	for (size_t i = 0; status->code == TTRPC_OK && i < response->n_devices; i++) {
		const KataLike__Vmm__V1__NetDevice *device = response->devices[i];

		if (device->mac.len == SCAN_MAC_BYTES &&
		    memcmp(device->mac.data, nic->joint.mac, SCAN_MAC_BYTES) == 0)
			(void)snprintf(nic->address, sizeof(nic->address), "%s", device->address);
	}
	if (network->vmm)
		let_go(network);
	else
		step(network);
}

/* True: a call is under way. */
static bool take_away(struct network *network, struct nic *nic)
{
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;

	if (nic->plugged && await_turn(network))
		return true;
	log_info("interface %s is gone", nic->joint.name);
	if (!nic->plugged) {
		drop(network, nic);
		return false;
	}
	network->nic = nic;
	/* Where a device sits that was there at the boot was never told. */
	if (*nic->address)
		let_go(network);
	else
		call_vmm(network, "NetStats", &kata_like__vmm__v1__net_stats_response__descriptor,
			 &request.base, addresses_told);
	return true;
}

/* --- New --- */

static void device_added(void *ctx, const struct ttrpc_status *status,
			 const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__AddDeviceResponse *response = (const void *)message;
	struct network *network = ctx;
	struct err err = ERR_INIT;
	struct nic *nic;

	if (!answered(network, status))
		return;
	nic = network->nic;
	if (status->code == TTRPC_OK) {
		nic->plugged = true;
		(void)snprintf(nic->address, sizeof(nic->address), "%s", response->address);
		/* The VMM has the descriptors; with ours open a tap would never go. */
		nic_release(nic);
	} else if (network->vmm) {
		(void)err_say(&err, EIO, "cannot add interface %s to the VM: %s", nic->joint.name,
			      status->message);
		note(network, &err);
		nic_part(nic, &network->place);
	}
	step(network);
}

static int send_fds(struct network *network, const struct nic *nic, uint64_t *ret_tokens,
		    struct err *err)
{
	for (size_t i = 0; i < nic->joint.n_fds; i++) {
		int r = vmm_process_send(network->vmm, nic->joint.fds[i], &ret_tokens[i], err);

		if (r < 0)
			return err_push(err, "interface %s", nic->joint.name);
	}
	return 0;
}

/* True: a call is under way. */
static bool bring_in(struct network *network, const struct scan_interface *interface)
{
	KataLike__Vmm__V1__AddNetRequest request = KATA_LIKE__VMM__V1__ADD_NET_REQUEST__INIT;
	uint64_t tokens[JOINT_QUEUES_MAX];
	struct err err = ERR_INIT;
	struct nic *nic = NULL;
	int r;

	if (await_turn(network))
		return true;
	r = join(network, interface, &nic, &err);
	if (r == 0 && nic)
		r = send_fds(network, nic, tokens, &err);
	if (r < 0 || !nic) {
		note(network, &err);
		return false;
	}
	log_info("interface %s is new", interface->name);
	network->nic = nic;
	request.n_tokens = nic->joint.n_fds;
	request.tokens = tokens;
	request.mac = (ProtobufCBinaryData){ SCAN_MAC_BYTES, nic->joint.mac };
	request.mtu = nic->joint.mtu;
	call_vmm(network, "AddNet", &kata_like__vmm__v1__add_device_response__descriptor,
		 &request.base, device_added);
	return true;
}

/* --- Different --- */

static void interface_set(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__SetInterfaceResponse *response = (const void *)message;
	struct network *network = ctx;
	struct err err = ERR_INIT;

	if (status->code == TTRPC_CANCELLED)
		return;
	if (status->code != TTRPC_OK && network->vmm) {
		(void)err_say(&err, ttrpc_code_to_errno(status->code),
			      "the guest cannot set up interface %s: %s", network->nic->joint.name,
			      status->message);
		note(network, &err);
	}
	if (status->code == TTRPC_OK)
		network->nic->found = true;
	for (size_t i = 0; status->code == TTRPC_OK && i < response->n_problems; i++) {
		(void)err_say(&err, EIO, "the guest cannot set %s", response->problems[i]);
		note(network, &err);
	}
	step(network);
}

/* True: a call is under way. */
static bool bring_up_to_date(struct network *network, struct nic *nic,
			     struct scan_interface *interface)
{
	_cleanup_(bytes_fini) struct bytes wanted = { 0 };
	KataLike__Agent__V1__SetInterfaceRequest *request;

	memcpy(interface->mac, nic->joint.mac, sizeof(interface->mac));
	if (scan_pack(interface, &wanted) < 0)
		return false;
	if (wanted.len == nic->set.len &&
	    memcmp(bytes_front(&wanted), bytes_front(&nic->set), wanted.len) == 0)
		return false;
	/* The guest looks over its bus for one that it does not know. */
	if (!nic->found && await_turn(network))
		return true;
	request = kata_like__agent__v1__set_interface_request__unpack(NULL, wanted.len,
								      bytes_front(&wanted));
	if (!request)
		return false;
	bytes_fini(&nic->set);
	nic->set = wanted;
	wanted = (struct bytes){ 0 };
	memcpy(nic->joint.name, interface->name, sizeof(nic->joint.name));
	network->nic = nic;
	agent_client_call(network->agent, "SetInterface",
			  &kata_like__agent__v1__set_interface_response__descriptor, &request->base,
			  agent_client_timeout_ms(network->agent), interface_set, network);
	kata_like__agent__v1__set_interface_request__free_unpacked(request, NULL);
	return true;
}

/* --- Rounds --- */

static void call_waiters(struct network *network, const struct err *err)
{
	struct sync_waiter *waiters = TAKE_PTR(network->waiters);
	const struct err copy = *err;

	while (waiters) {
		struct sync_waiter *waiter = waiters;

		waiters = waiter->next;
		waiter->done(waiter->ctx, &copy);
		free(waiter);
	}
}

static void begin_round(struct network *network)
{
	struct err err = ERR_INIT;

	network->again = false;
	if (network->place.netns_fd < 0 || !network->request.model)
		return;
	free(TAKE_PTR(network->scan));
	if (scan_make(network->place.sock, &network->scan, &err) < 0)
		note(network, &err);
}

/* True: a call is under way, whose answer goes on from here. */
static bool do_next(struct network *network)
{
	for (struct nic *nic = network->nics, *next; nic; nic = next) {
		next = nic->next;
		/* A look that failed says nothing about what is gone. */
		if ((network->scan || nic->socket) && !find_interface(network, nic) &&
		    take_away(network, nic))
			return true;
	}
	for (size_t i = 0; network->scan && i < network->scan->n; i++)
		if (!find_nic(network, network->scan->interfaces[i].index) &&
		    bring_in(network, &network->scan->interfaces[i]))
			return true;
	for (struct nic *nic = network->nics; nic; nic = nic->next) {
		struct scan_interface *interface = find_interface(network, nic);

		if (interface && nic->plugged && bring_up_to_date(network, nic, interface))
			return true;
	}
	return false;
}

static void step(struct network *network)
{
	struct err problem;

	network->nic = NULL;
	while (network->vmm) {
		if (do_next(network))
			return;
		if (!network->again)
			break;
		begin_round(network);
	}
	network->busy = false;
	sync_end_turn(network);
	problem = network->problem;
	network->problem = ERR_INIT;
	if (!network->vmm && problem.code == 0)
		(void)err_say(&problem, ECONNRESET, "the VM has ended");
	call_waiters(network, &problem);
}

void sync_start(struct network *network, network_done_fn *done, void *ctx)
{
	struct sync_waiter *waiter = done ? calloc(1, sizeof(*waiter)) : NULL;
	struct err err = ERR_INIT;

	if (done && !waiter) {
		(void)err_set(&err, ENOMEM, "cannot look at the network");
		done(ctx, &err);
		return;
	}
	if (waiter) {
		*waiter = (struct sync_waiter){ network->waiters, done, ctx };
		network->waiters = waiter;
	}
	network->again = true;
	if (network->busy)
		return;
	network->busy = true;
	begin_round(network);
	step(network);
}

void sync_give_up(struct network *network, const struct err *why)
{
	call_waiters(network, why);
}

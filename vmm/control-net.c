/* SPDX-License-Identifier: Apache-2.0 */
/* Control of the VM's network interfaces from outside. */
#include "vmm/control-net.h"

#include <errno.h>
#include <string.h>

#include "vmm.pb-c.h"
#include "vmm/control.h"
#include "vmm/hotplug.h"

/* Claims every token, so that none waits for ever, and closes what it got if one is missing. */
static int claim_all(struct control *control, const KataLike__Vmm__V1__AddNetRequest *request,
		     struct net_config *net, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < request->n_tokens; i++) {
		_cleanup_fd_ int fd = descriptors_claim(control->descriptors, request->tokens[i]);

		if (fd < 0)
			r = err_say(err, ENOENT, "no descriptor waits under token %llu",
				    (unsigned long long)request->tokens[i]);
		else if (net->n_fds == NET_PAIRS_MAX)
			r = err_say(err, EINVAL, "more than %d queue pairs", NET_PAIRS_MAX);
		else
			net->fds[net->n_fds++] = TAKE_FD(fd);
	}
	while (r < 0 && net->n_fds > 0)
		close(net->fds[--net->n_fds]);
	return r;
}

static int add(struct control *control, const KataLike__Vmm__V1__AddNetRequest *request,
	       char *ret_address, struct err *err)
{
	struct net_config net = { .socket = request->socket,
				  .has_mac = request->mac.len > 0,
				  .mtu = (uint16_t)request->mtu };
	int r = claim_all(control, request, &net, err);

	if (r < 0)
		return r;
	if (net.has_mac && request->mac.len == NET_MAC_BYTES)
		memcpy(net.mac, request->mac.data, NET_MAC_BYTES);
	else if (net.has_mac)
		r = err_say(err, EINVAL, "a MAC address has %u bytes", NET_MAC_BYTES);
	if (request->mtu > NET_MTU_MAX)
		r = err_say(err, EINVAL, "an MTU of %u is above %u", request->mtu, NET_MTU_MAX);
	while (r < 0 && net.n_fds > 0)
		close(net.fds[--net.n_fds]);
	return r == 0 ? hotplug_add_net(control->vm, &net, ret_address, err) : r;
}

void control_add_net(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	KataLike__Vmm__V1__AddDeviceResponse response =
		KATA_LIKE__VMM__V1__ADD_DEVICE_RESPONSE__INIT;
	char address[HOTPLUG_ADDRESS_BYTES] = "";
	struct err err = ERR_INIT;

	response.address = address;
	if (add(ctx, (const void *)message, address, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply(call, &response.base);
}

struct net_list {
	size_t n;
	char addresses[PCI_SLOTS_MAX][HOTPLUG_ADDRESS_BYTES];
	struct net_status statuses[PCI_SLOTS_MAX];
	KataLike__Vmm__V1__NetDevice devices[PCI_SLOTS_MAX], *pointers[PCI_SLOTS_MAX];
};

static void list_one(struct net_list *list, unsigned slot)
{
	KataLike__Vmm__V1__NetDevice *device = &list->devices[list->n];
	struct net_status *status = &list->statuses[list->n];
	char *address = list->addresses[list->n];

	hotplug_format_address(slot, address);
	kata_like__vmm__v1__net_device__init(device);
	device->address = address;
	device->mac = (ProtobufCBinaryData){ NET_MAC_BYTES, status->mac };
	device->link_up = status->link_up;
	device->rx_packets = status->counters.rx_packets;
	device->rx_bytes = status->counters.rx_bytes;
	device->rx_dropped = status->counters.rx_dropped;
	device->tx_packets = status->counters.tx_packets;
	device->tx_bytes = status->counters.tx_bytes;
	device->tx_dropped = status->counters.tx_dropped;
	list->pointers[list->n++] = device;
}

/* The virtio device in a slot, or NULL. */
static struct virtio_device *device_in(const struct vm *vm, unsigned slot)
{
	return vm->bus.slots[slot] ? virtio_pci_device(vm->bus.slots[slot]) : NULL;
}

void control_net_stats(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	KataLike__Vmm__V1__NetStatsResponse response = KATA_LIKE__VMM__V1__NET_STATS_RESPONSE__INIT;
	struct control *control = ctx;
	struct vm *vm = control->vm;
	struct net_list list = { .n = 0 };

	(void)message;
	pthread_mutex_lock(&vm->lock);
	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++) {
		struct virtio_device *dev = device_in(vm, slot);

		if (dev && net_get_status(dev, &list.statuses[list.n]))
			list_one(&list, slot);
	}
	pthread_mutex_unlock(&vm->lock);
	response.devices = list.pointers;
	response.n_devices = list.n;
	ttrpc_call_reply(call, &response.base);
}

void control_set_net_link(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__SetNetLinkRequest *request = (const void *)message;
	struct control *control = ctx;
	struct vm *vm = control->vm;
	char at[HOTPLUG_ADDRESS_BYTES];
	bool found = false;

	pthread_mutex_lock(&vm->lock);
	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++) {
		struct virtio_device *dev = device_in(vm, slot);

		hotplug_format_address(slot, at);
		if (dev && strcmp(at, request->address) == 0)
			found = net_set_link(dev, request->up);
	}
	pthread_mutex_unlock(&vm->lock);
	if (found)
		ttrpc_call_reply_empty(call);
	else
		ttrpc_call_fail(call, TTRPC_NOT_FOUND,
				"no network interface is at PCI address \"%s\"", request->address);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One network device of the VM. */
#include "shim/net/nic.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "shim/net/tap.h"

struct nic *nic_new(const struct scan_interface *interface, uint32_t n_queues)
{
	struct nic *nic = calloc(1, sizeof(*nic));

	if (!nic)
		return NULL;
	nic->joint.index = interface->index;
	nic->joint.mtu = interface->mtu;
	nic->joint.n_queues = n_queues ? MIN(n_queues, JOINT_QUEUES_MAX) : 1;
	memcpy(nic->joint.name, interface->name, sizeof(nic->joint.name));
	memcpy(nic->joint.mac, interface->mac, sizeof(nic->joint.mac));
	for (size_t i = 0; i < JOINT_QUEUES_MAX; i++)
		nic->joint.fds[i] = -1;
	return nic;
}

void nic_free(struct nic *nic)
{
	if (!nic)
		return;
	tap_close(&nic->joint);
	bytes_fini(&nic->set);
	free(nic);
}

int nic_join(struct nic *nic, const struct net_place *place, const struct net_model *model,
	     const struct scan_interface *interface, struct err *err)
{
	/* libnl knows taps as "tun". */
	if (strcmp(interface->kind, "tun") == 0)
		model = &net_model_tap;
	if (model->takes && !model->takes(interface))
		return err_say(err, EOPNOTSUPP,
			       "interface %s: the network model %s cannot join a %s; use tcfilter",
			       interface->name, model->name, interface->kind);
	nic->joint.model = model;
	if (model->join(place, &nic->joint, err) < 0)
		return err_push(err, "interface %s (%s)", interface->name, model->name);
	nic->joined = true;
	return 0;
}

void nic_part(struct nic *nic, const struct net_place *place)
{
	struct err err = ERR_INIT;

	tap_close(&nic->joint);
	if (nic->joined && nic->joint.model && nic->joint.model->part(place, &nic->joint, &err) < 0)
		log_warn("interface %s is not as it was: %s", nic->joint.name, err_text(&err));
	nic->joined = false;
}

void nic_release(struct nic *nic)
{
	tap_close(&nic->joint);
}

struct vmm_nic nic_describe(const struct nic *nic)
{
	struct vmm_nic out = {
		.fds = nic->joint.fds,
		.n_fds = nic->joint.n_fds,
		.socket = nic->socket,
		.mtu = nic->joint.mtu,
	};

	memcpy(out.mac, nic->joint.mac, sizeof(out.mac));
	return out;
}

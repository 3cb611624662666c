/* SPDX-License-Identifier: Apache-2.0 */
/* Taps and other devices that the models are built from. */
#ifndef KATA_LIKE_SHIM_NET_TAP_H
#define KATA_LIKE_SHIM_NET_TAP_H

#include "shim/net/model.h"

/* The name of a device of ours that belongs to interface index: "kltap7". */
void tap_name(const char *what, int index, char ret_name[IFNAMSIZ]);

/*
 * Opens the tap of this name in the place for each of the joint's queues, making it when it is not
 * there: it then lives until the last descriptor is closed. Fills fds.
 */
int tap_open(const struct net_place *place, const char *name, struct joint *joint, struct err *err)
	_must_check_;

/* Sets the device's MTU and sets it up, without any IPv6 of its own. Its index, or negative. */
int tap_set_up(const struct net_place *place, const char *name, uint32_t mtu, struct err *err)
	_must_check_;

/* The index of a device by its name. -ENODEV. */
int tap_index(const struct net_place *place, const char *name, struct err *err) _must_check_;

/* Removes the device of this name; 0 also when there is none. */
int tap_delete_link(const struct net_place *place, const char *name, struct err *err) _must_check_;

/* Closes the joint's descriptors. */
void tap_close(struct joint *joint);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network that `run` makes for a container (--net, --publish), and its end. What was made is
 * written down in the file STATE/<namespace>/.net-<id>, beside the container's folder, which goes
 * with its shim; so it is taken down whoever ends the container.
 */
#ifndef KATA_LIKE_CLI_NETWORK_H
#define KATA_LIKE_CLI_NETWORK_H

#include "cli/launch.h"
#include "cli/options.h"

struct json_object;

struct network_options {
	const char *net, *model;
	struct option_list ports;
};

#define NETWORK_OPTION_ROWS(t, field)                                                             \
	OPTION_VALUE(t, field.net, 0, "net", "KIND",                                              \
		     "its network: none (default), cni[:NAME], user[:PROGRAM] (no root needed), " \
		     "netns:PATH"),                                                               \
		OPTION_VALUE(t, field.model, 0, "net-model", "MODEL",                             \
			     "how interfaces are joined: tcfilter (default), macvtap, bridge, "   \
			     "none"),                                                             \
		OPTION_LIST(t, field.ports, 'p', "publish", "HOST:GUEST[/udp]",                   \
			    "make a port of the container reachable at the host's port")

/* Looks at the values alone. -EINVAL names what does not go together. */
int network_check(const struct network_options *options, const char *pod, struct err *err)
	_must_check_;

/*
 * Makes the network and writes it, with the container's resolv.conf, into config and launch. After
 * a failure network_remove() undoes what was made.
 */
int network_make(const struct network_options *options, struct launch *launch,
		 struct json_object *config, struct err *err) _must_check_;

/* Takes down what was made for a container; what fails is logged. The VM is gone. */
void network_remove(const char *namespace, const char *id);

#endif

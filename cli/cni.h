/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI: a network made by plugins that are programs, called as containerd calls them. One call a
 * plugin of the network's list: its configuration on standard input, the rest in the environment,
 * the result on standard output.
 */
#ifndef KATA_LIKE_CLI_CNI_H
#define KATA_LIKE_CLI_CNI_H

#include "lib/err.h"

struct json_object;

/* What a network is added to. */
struct cni_attachment {
	const char *container_id;
	const char *netns; /* path */
	const char *interface;
	struct json_object
		*port_mappings; /* array for the capability portMappings; NULL for none */
};

/*
 * The list of this name, or the first when name is NULL, of $NETCONFPATH or /etc/cni/net.d. A
 * single plugin's configuration becomes a list of one. The caller's.
 */
int cni_load(const char *name, struct json_object **ret_list, struct err *err) _must_check_;
const char *cni_name(struct json_object *list);

/*
 * Calls each plugin with ADD; programs come from $CNI_PATH or /opt/cni/bin and /usr/lib/cni. Those
 * that succeeded before one failed are for cni_delete(). *ret_result, the caller's, is the last
 * one's result. -EINVAL also when there are port mappings and no plugin takes them.
 */
int cni_add(struct json_object *list, const struct cni_attachment *attachment,
	    struct json_object **ret_result, struct err *err) _must_check_;

/*
 * Calls each with DEL, last first, whether ADD came to it or not. result may be NULL. All are
 * called; the first failure is returned.
 */
int cni_delete(struct json_object *list, const struct cni_attachment *attachment,
	       struct json_object *result, struct err *err) _must_check_;

#endif

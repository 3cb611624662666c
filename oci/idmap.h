/* SPDX-License-Identifier: Apache-2.0 */
/* The id mappings of config.json, as the kernel takes them. */
#ifndef KATA_LIKE_OCI_IDMAP_H
#define KATA_LIKE_OCI_IDMAP_H

#include "lib/userns.h"
#include "oci/spec.h"

/* The mappings of the container's user namespace; userns_map_fini() it. -ENOMEM. */
int oci_userns_map(const struct oci_linux *linux_, struct userns_map *ret_map) _must_check_;

/*
 * How the owners of a mount are to look: by the mount's own mappings, or with the option "idmap" or
 * "ridmap" by those of the user namespace; neither text is set where they are not to be mapped.
 * userns_map_fini() it. -EINVAL for an option without mappings, -ENOMEM.
 */
int oci_mount_map(const struct oci_spec *spec, const struct oci_mount *mount,
		  struct userns_map *ret_map, bool *ret_recursive, struct err *err) _must_check_;

/* By mappings of its own, or an option. */
bool oci_mount_is_mapped(const struct oci_mount *mount);

/* For a mount whose owners have been mapped already. */
void oci_mount_unmap(struct oci_mount *mount);

#endif

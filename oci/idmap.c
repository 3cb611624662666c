/* SPDX-License-Identifier: Apache-2.0 */
/* The id mappings of config.json, as the kernel takes them. */
#include "oci/idmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 34 /* three numbers of 32 bits, and what stands between */

static char *map_text(const struct oci_id_mapping *mappings, size_t n)
{
	size_t room = n * LINE_MAX_BYTES + 1, used = 0;
	char *text = malloc(room);

	if (!text)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, room - used, "%u %u %u\n",
					 mappings[i].container_id, mappings[i].host_id,
					 mappings[i].size);
	return text;
}

static int make_map(const struct oci_id_mapping *uids, size_t n_uids,
		    const struct oci_id_mapping *gids, size_t n_gids, struct userns_map *ret_map)
{
	*ret_map = (struct userns_map){ map_text(uids, n_uids), map_text(gids, n_gids) };
	if (ret_map->uids && ret_map->gids)
		return 0;
	userns_map_fini(ret_map);
	return -ENOMEM;
}

int oci_userns_map(const struct oci_linux *linux_, struct userns_map *ret_map)
{
	return make_map(linux_->uid_mappings, linux_->n_uid_mappings, linux_->gid_mappings,
			linux_->n_gid_mappings, ret_map);
}

static bool is_idmap(const char *option)
{
	return strcmp(option, "idmap") == 0 || strcmp(option, "ridmap") == 0;
}

/* The last one counts. */
static const char *idmap_option(const struct oci_mount *mount)
{
	const char *option = NULL;

	for (size_t i = 0; i < mount->options.n; i++)
		if (is_idmap(mount->options.list[i]))
			option = mount->options.list[i];
	return option;
}

bool oci_mount_is_mapped(const struct oci_mount *mount)
{
	return mount->n_uid_mappings > 0 || idmap_option(mount);
}

int oci_mount_map(const struct oci_spec *spec, const struct oci_mount *mount,
		  struct userns_map *ret_map, bool *ret_recursive, struct err *err)
{
	const char *option = idmap_option(mount);
	int r;

	*ret_map = (struct userns_map){ NULL, NULL };
	*ret_recursive = option && option[0] == 'r';
	if (mount->n_uid_mappings > 0) {
		r = make_map(mount->uid_mappings, mount->n_uid_mappings, mount->gid_mappings,
			     mount->n_gid_mappings, ret_map);
	} else if (option && spec->linux_.n_uid_mappings > 0) {
		r = oci_userns_map(&spec->linux_, ret_map);
	} else if (option) {
		return err_say(err, EINVAL,
			       "an id-mapped mount needs mappings, or a user namespace");
	} else {
		return 0;
	}
	return r < 0 ? err_set(err, -r, "cannot make the id mapping") : 0;
}

void oci_mount_unmap(struct oci_mount *mount)
{
	struct oci_strings *options = &mount->options;
	size_t kept = 0;

	mount->n_uid_mappings = mount->n_gid_mappings = 0;
	for (size_t i = 0; i < options->n; i++)
		if (!is_idmap(options->list[i]))
			options->list[kept++] = options->list[i];
	options->n = kept;
}

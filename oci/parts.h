/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of the parts of a config.json, for oci/ itself. Each is a json_object_fn. */
#ifndef KATA_LIKE_OCI_PARTS_H
#define KATA_LIKE_OCI_PARTS_H

#include "oci/spec.h"

int oci_read_process(const struct json_node *node, void *process) _must_check_;
int oci_read_linux(const struct json_node *node, void *linux_) _must_check_;
int oci_read_resources(const struct json_node *node, void *resources) _must_check_;
int oci_read_seccomp(const struct json_node *node, void *seccomp) _must_check_;
int oci_read_hooks(const struct json_node *node, void *hooks) _must_check_;
/* A json_element_fn for mounts. */
int oci_read_mount(const struct json_node *node, void *mount) _must_check_;

/* uidMappings and gidMappings of node. */
int oci_get_id_mappings(const struct json_node *node, const char *key, struct oci_id_mapping **ret,
			size_t *ret_n) _must_check_;

/* Optional members whose absence is kept. 0 or negative. */
int oci_get_int(const struct json_node *node, const char *key, int64_t min, int64_t max,
		struct oci_int *ret) _must_check_;
int oci_get_uint(const struct json_node *node, const char *key, uint64_t max, struct oci_uint *ret)
	_must_check_;
int oci_get_strings(const struct json_node *node, const char *key, struct oci_strings *ret)
	_must_check_;
int oci_get_pairs(const struct json_node *node, const char *key, struct oci_pairs *ret)
	_must_check_;
/* An optional object of out_bytes, allocated where it is there; *ret_out stays NULL otherwise. */
int oci_get_part(const struct json_node *node, const char *key, size_t out_bytes,
		 json_object_fn *fn, void *ret_out) _must_check_;

#endif

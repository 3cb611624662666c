/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount options of config.json, sorted: attributes of the mount, its propagation, flags of the file
 * system, and data that the file system itself understands (runtime-spec 1.2, "Linux mount
 * options").
 */
#ifndef KATA_LIKE_AGENT_MOUNT_OPTIONS_H
#define KATA_LIKE_AGENT_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/spec.h"

struct mount_options {
	bool bind, recursive_bind;
	bool remount; /* a bind mount's attributes are set anyway; what is mounted anew has nothing
			 to remount */
	bool copy_up; /* tmpcopyup */
	/* MOUNT_ATTR_* of the mount, and of it with all that is mounted below. */
	uint64_t attr_set, attr_clear;
	uint64_t recursive_set, recursive_clear;
	uint64_t propagation; /* MS_SHARED, …, 0 for none asked for */
	bool recursive_propagation;
	/* "key" or "key=value" for fsconfig(2): flags of the superblock, then data. In words. */
	const char **data;
	size_t n_data;
	char *words;
};

/* Sorts the options. -EINVAL for some that contradict the kernel, -ENOMEM. data is the caller's to
 * free. */
int mount_options_parse(const struct oci_strings *options, struct mount_options *ret_options,
			struct err *err) _must_check_;
void mount_options_fini(struct mount_options *options);

/* "rslave" and the like to MS_* flags, with MS_REC. 0 for NULL or "". */
unsigned long mount_propagation_flags(const char *name);

#endif

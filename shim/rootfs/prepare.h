/* SPDX-License-Identifier: Apache-2.0 */
/* The work on the host before a container can be made: its disks opened, its folders shared. */
#ifndef KATA_LIKE_SHIM_ROOTFS_PREPARE_H
#define KATA_LIKE_SHIM_ROOTFS_PREPARE_H

#include "shim/job.h"
#include "shim/rootfs/disk.h"
#include "shim/rootfs/plan.h"
#include "shim/rootfs/share.h"

struct prepared_share {
	struct share_id id; /* all zero: nobody else may have it */
	uint32_t number;    /* its name in the folder */
	bool directory;
	bool fresh; /* was mounted for this container */
};

/* By the index of the plan's items: each has a disk or a share. */
struct prepared {
	struct disk disks[PLAN_DISKS_MAX]; /* in the order of the items that are disks */
	size_t n_disks;
	struct prepared_share shares[PLAN_ITEMS_MAX]; /* of the others */
	size_t n_shares;
	bool made_folder; /* its namespace's descriptor stands behind those of the disks */
};

struct prepare_input {
	const struct plan *plan;
	KataLike__Task__Mount *const *mounts; /* a snapshotter's */
	size_t n_mounts;
	const char *state_dir;
	bool has_folder;		    /* JOB_INPUT_FD is its namespace */
	const struct prepared_share *known; /* what is mounted there */
	size_t n_known;
	uint32_t next_number;
};

/* A job_work_fn. input is a struct prepare_input, the record a struct prepared. */
int prepare_run(const void *input, struct job_output *output, struct err *err) _must_check_;

struct unshare_input {
	const char *state_dir;
	const uint32_t *numbers;
	size_t n_numbers;
};

/* A job_work_fn that takes what is of no use any more from the folder of JOB_INPUT_FD. */
int prepare_unshare(const void *input, struct job_output *output, struct err *err) _must_check_;

/* The known one that a container may have that wants this, or NULL. */
const struct prepared_share *prepare_find(const struct prepared_share *known, size_t n_known,
					  const struct share_id *wanted);

#endif

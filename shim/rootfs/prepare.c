/* SPDX-License-Identifier: Apache-2.0 */
/* Disks opened, folders shared. */
#include "shim/rootfs/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/fd.h"
#include "shim/rootfs/snapshot.h"

/* The trees that are to be mounted, by the index of prepared's shares; -1 where none has to be. */
struct trees {
	struct share_tree list[PLAN_ITEMS_MAX];
};

static int fail_item(const struct plan_item *item, struct err *err)
{
	return item->destination ? err_push(err, "mount %s", item->destination)
				 : err_push(err, "root filesystem");
}

/*
 * Two containers of a pod that share one source get one mount of it, so that the guest sees one
 * file where there is one: locks and mapped pages are then common. One that may be written serves
 * readers too; the guest's own mount keeps them from writing.
 */
const struct prepared_share *prepare_find(const struct prepared_share *known, size_t n_known,
					  const struct share_id *wanted)
{
	if (wanted->dev == 0 && wanted->ino == 0)
		return NULL;
	for (size_t i = 0; i < n_known; i++) {
		const struct share_id *id = &known[i].id;

		if (id->dev == wanted->dev && id->ino == wanted->ino &&
		    id->recursive == wanted->recursive && (!id->readonly || wanted->readonly))
			return &known[i];
	}
	return NULL;
}

static void note_share(const struct prepare_input *in, struct prepared *prepared,
		       struct trees *trees, const struct share_tree *tree)
{
	struct prepared_share *share = &prepared->shares[prepared->n_shares];
	const struct prepared_share *known = prepare_find(in->known, in->n_known, &tree->id);

	if (!known)
		known = prepare_find(prepared->shares, prepared->n_shares, &tree->id);
	if (known) {
		*share = *known;
		share->fresh = false;
		close(tree->fd);
	} else {
		*share = (struct prepared_share){
			.id = tree->id,
			.number = in->next_number + (uint32_t)prepared->n_shares,
			.directory = tree->directory,
			.fresh = true,
		};
	}
	trees->list[prepared->n_shares] = *tree;
	if (known)
		trees->list[prepared->n_shares].fd = -1;
	prepared->n_shares++;
}

static int take_snapshot(const struct prepare_input *in, const char *target,
			 struct share_tree *ret_tree, struct err *err)
{
	const struct share_options options = { .recursive = true };
	int r = share_leave_host(err);

	if (r == 0)
		r = snapshot_mount(in->mounts, in->n_mounts, target, err);
	if (r == 0)
		r = share_take(target, &options, ret_tree, err);
	/* The folder's namespace may become a copy of this one. */
	while (r == 0 && umount2(target, MNT_DETACH) == 0)
		;
	return r;
}

static int take_shared(const struct plan_item *item, struct share_tree *ret_tree, struct err *err)
{
	const struct share_options options = { .recursive = item->recursive,
					       .readonly = item->readonly,
					       .readonly_recursive = item->readonly_recursive,
					       .map = item->map.uids ? &item->map : NULL,
					       .recursive_map = item->recursive_map };
	int r = share_take(item->path, &options, ret_tree, err);

	/* A container's root is its own, as is what has other owners there. */
	if (r == 0 && (!item->destination || item->map.uids))
		memset(&ret_tree->id, 0, sizeof(ret_tree->id));
	return r;
}

/*
 * Everything that the host's own mounts must show is taken hold of first: the snapshot's mounts are
 * made in another namespace.
 */
static int take_all(const struct prepare_input *in, struct job_output *output,
		    struct prepared *prepared, struct trees *trees, struct err *err)
{
	const struct plan *plan = in->plan;
	struct share_tree tree = { .fd = -1 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_items; i++) {
		const struct plan_item *item = &plan->items[i];
		struct disk *disk = &prepared->disks[prepared->n_disks];

		if (item->way == PLAN_DISK) {
			r = disk_open(&item->request, disk, err);
			if (r == 0)
				output->fds[output->n_fds++] = disk->fd;
			prepared->n_disks += r == 0;
		} else if (item->way == PLAN_SHARED) {
			r = take_shared(item, &tree, err);
			if (r == 0)
				note_share(in, prepared, trees, &tree);
		} else {
			/* Its place in the order is kept. */
			memset(&tree, 0, sizeof(tree));
			tree.fd = -1;
			tree.directory = true;
			note_share(in, prepared, trees, &tree);
		}
		if (r < 0)
			return fail_item(item, err);
	}
	if (plan->items[0].way != PLAN_SNAPSHOT)
		return 0;
	r = take_snapshot(in, plan->items[0].path, &tree, err);
	trees->list[0].fd = r < 0 ? -1 : tree.fd;
	return r < 0 ? fail_item(&plan->items[0], err) : 0;
}

static int enter_folder(const struct prepare_input *in, struct job_output *output,
			struct prepared *prepared, struct err *err)
{
	int ns_fd, r;

	if (in->has_folder)
		return setns(JOB_INPUT_FD, CLONE_NEWNS) < 0
			       ? err_set(err, errno, "cannot enter the shared folder's namespace")
			       : 0;
	r = share_make(in->state_dir, err);
	if (r < 0)
		return r;
	ns_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns_fd < 0)
		return err_set(err, errno, "cannot open the mount namespace");
	output->fds[output->n_fds++] = ns_fd;
	prepared->made_folder = true;
	return 0;
}

static int attach_all(const struct prepare_input *in, const struct prepared *prepared,
		      const struct trees *trees, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < prepared->n_shares; i++) {
		if (!prepared->shares[i].fresh)
			continue;
		r = share_attach(in->state_dir, &trees->list[i], prepared->shares[i].number, err);
		if (r == 0)
			continue;
		for (size_t k = 0; k <= i; k++)
			if (prepared->shares[k].fresh &&
			    share_detach(in->state_dir, prepared->shares[k].number, NULL) < 0)
				break;
	}
	return r;
}

int prepare_run(const void *input, struct job_output *output, struct err *err)
{
	const struct prepare_input *in = input;
	struct prepared *prepared = (struct prepared *)(void *)output->record;
	struct trees trees;
	int r;

	_Static_assert(sizeof(*prepared) <= JOB_RECORD_MAX, "the record holds it");
	memset(prepared, 0, sizeof(*prepared));
	output->record_len = sizeof(*prepared);
	r = take_all(in, output, prepared, &trees, err);
	if (r == 0 && prepared->n_shares > 0)
		r = enter_folder(in, output, prepared, err);
	return r == 0 ? attach_all(in, prepared, &trees, err) : r;
}

int prepare_unshare(const void *input, struct job_output *output, struct err *err)
{
	const struct unshare_input *in = input;
	int r = 0;

	(void)output;
	if (setns(JOB_INPUT_FD, CLONE_NEWNS) < 0)
		return err_set(err, errno, "cannot enter the shared folder's namespace");
	for (size_t i = 0; i < in->n_numbers; i++) {
		int failed = share_detach(in->state_dir, in->numbers[i], err);

		r = failed < 0 ? failed : r;
	}
	return r;
}

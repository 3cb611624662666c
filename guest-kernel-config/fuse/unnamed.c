// SPDX-License-Identifier: GPL-2.0-only
/*
 * O_TMPFILE where the server has no FUSE_TMPFILE.
 *
 * A server that opens by name cannot make a file that has none, nor give a name to one that has lost
 * it: linkat(2) refuses an inode without links. So the file has a name on the server, of random digits,
 * that no dentry of ours leads to. It goes when the file gets a name, or with the last that has it
 * open; with O_EXCL, which rules a name out, it goes at once. Whoever lists the folder meanwhile sees
 * it, as with NFS. A client that dies leaves it behind.
 */
#include "fuse_i.h"
#include "unnamed.h"

#include <linux/dcache.h>
#include <linux/random.h>

/* How often a name is chosen that somebody has already. */
#define ATTEMPTS 4

/* The dentry is unhashed, and its own till it is opened. */
static void choose_name(struct dentry *entry)
{
	spin_lock(&entry->d_parent->d_lock);
	spin_lock_nested(&entry->d_lock, DENTRY_D_LOCK_NESTED);
	entry->d_name.len = sprintf(entry->d_iname, ".fuse-tmpfile-%016llx", get_random_u64());
	spin_unlock(&entry->d_lock);
	spin_unlock(&entry->d_parent->d_lock);
}

/* Forced: it must not be lost to a signal, which is how many a file is closed. */
static int remove_name(struct dentry *entry)
{
	struct inode *dir = d_inode(entry->d_parent);
	FUSE_ARGS(args);

	args.opcode = FUSE_UNLINK;
	args.nodeid = get_node_id(dir);
	args.force = true;
	args.in_numargs = 1;
	args.in_args[0].size = entry->d_name.len + 1;
	args.in_args[0].value = entry->d_name.name;
	return fuse_simple_request(get_fuse_mount(dir), &args);
}

int fuse_unnamed_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file, umode_t mode)
{
	struct dentry *entry = file->f_path.dentry;
	unsigned int flags = (file->f_flags & ~O_TMPFILE) | O_CREAT | O_EXCL;
	bool linkable = !(file->f_flags & O_EXCL);
	int attempt, err;

	err = fuse_tmpfile(idmap, dir, file, mode);
	if (!get_fuse_conn(dir)->no_tmpfile)
		return err;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		choose_name(entry);
		err = fuse_create_open(idmap, dir, entry, file, flags, mode, FUSE_CREATE);
		if (err != -EEXIST)
			break;
	}
	if (d_really_is_negative(entry))
		return err == -ENOSYS ? -EOPNOTSUPP : err;

	if (!err && linkable)
		WRITE_ONCE(get_fuse_inode(d_inode(entry))->unnamed, entry);
	else
		remove_name(entry);
	clear_nlink(d_inode(entry));
	fuse_invalidate_attr(d_inode(entry));
	return err;
}

int fuse_unnamed_link(struct dentry *entry, struct inode *newdir, struct dentry *newent)
{
	struct inode *inode = d_inode(entry);
	struct fuse_inode *fi = get_fuse_inode(inode);
	int err = fuse_link(entry, newdir, newent);

	/* What is still there after an error goes with the dentry. */
	if (!err && fi->unnamed == entry && !remove_name(entry)) {
		WRITE_ONCE(fi->unnamed, NULL);
		fuse_invalidate_attr(inode);
	}
	return err;
}

void fuse_unnamed_iput(struct dentry *entry, struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	if (unlikely(fi->unnamed == entry)) {
		remove_name(entry);
		WRITE_ONCE(fi->unnamed, NULL);
	}
	iput(inode);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * O_TMPFILE where the server has no FUSE_TMPFILE.
 */
#ifndef _FS_FUSE_UNNAMED_H
#define _FS_FUSE_UNNAMED_H

/* Of dir.c, which would keep them to itself. */
int fuse_create_open(struct mnt_idmap *idmap, struct inode *dir, struct dentry *entry,
		     struct file *file, unsigned int flags, umode_t mode, u32 opcode);
int fuse_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file, umode_t mode);
int fuse_link(struct dentry *entry, struct inode *newdir, struct dentry *newent);

int fuse_unnamed_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			 umode_t mode);
int fuse_unnamed_link(struct dentry *entry, struct inode *newdir, struct dentry *newent);
void fuse_unnamed_iput(struct dentry *entry, struct inode *inode);

/* Of the links that the server counts, those that are not the name which stands for none. */
static inline u32 fuse_nlink(struct inode *inode, u32 nlink)
{
	return nlink && READ_ONCE(get_fuse_inode(inode)->unnamed) ? nlink - 1 : nlink;
}

#endif

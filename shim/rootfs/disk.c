/* SPDX-License-Identifier: Apache-2.0 */
/* Files that become disks. */
#include "shim/rootfs/disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "shim/rootfs/image.h"

/* Both file systems keep their magic within these bytes (EROFS at 1024, ext4 at 1024 + 56). */
#define SUPERBLOCK_OFFSET 1024
#define SUPERBLOCK_BYTES  64
#define EROFS_MAGIC	  0xe0f5e1e2u
#define EXT4_MAGIC_OFFSET 56
#define EXT4_MAGIC	  0xef53u

static int detect_filesystem(int fd, const char *path, char *ret_name, struct err *err)
{
	uint8_t block[SUPERBLOCK_BYTES];
	uint32_t erofs;
	uint16_t ext4;
	ssize_t n = fd_pread_full(fd, block, sizeof(block), SUPERBLOCK_OFFSET);

	if (n < 0)
		return err_set(err, (int)-n, "cannot read %s", path);
	if (n < (ssize_t)sizeof(block))
		return err_say(err, EINVAL, "%s is too small to hold a file system", path);
	memcpy(&erofs, block, sizeof(erofs));
	memcpy(&ext4, block + EXT4_MAGIC_OFFSET, sizeof(ext4));
	if (le32toh(erofs) == EROFS_MAGIC)
		(void)snprintf(ret_name, DISK_FILESYSTEM_MAX, "erofs");
	else if (le16toh(ext4) == EXT4_MAGIC)
		(void)snprintf(ret_name, DISK_FILESYSTEM_MAX, "ext4");
	else
		return err_say(err, EINVAL, "%s is neither a folder nor an EROFS or ext4 image",
			       path);
	return 0;
}

/* A device by its number, which several nodes may have. */
static void name_by_inode(const struct stat *st, char *ret_serial)
{
	const uint64_t identity[2] = { S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev,
				       S_ISBLK(st->st_mode) ? 0 : st->st_ino };
	struct sha256_ctx hash;
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_init(&hash);
	sha256_update(&hash, sizeof(identity), (const uint8_t *)identity);
	sha256_digest(&hash, sizeof(digest), digest);
	image_serial(digest, 'f', ret_serial);
}

/* Against other users: a block device by the kernel, which knows of mounts too; a file by flock. */
static int lock_image(int fd, const struct stat *st, const struct disk_request *request,
		      struct err *err)
{
	_cleanup_fd_ int exclusive = -1;

	if (S_ISBLK(st->st_mode)) {
		if (!request->writable)
			return 0;
		exclusive = open(request->path, O_RDWR | O_EXCL | O_CLOEXEC | O_NONBLOCK);
		if (exclusive < 0)
			return err_set(err, errno, "cannot have device %s alone", request->path);
		return dup3(exclusive, fd, O_CLOEXEC) < 0
			       ? err_set(err, errno, "cannot open device %s", request->path)
			       : 0;
	}
	if (flock(fd, (request->writable ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
		return err_say(err, errno == EWOULDBLOCK ? EBUSY : errno,
			       "image %s is in use by another VM", request->path);
	return 0;
}

static int open_image(const struct disk_request *request, struct disk *disk, struct err *err)
{
	_cleanup_fd_ int fd = open(request->path, (request->writable ? O_RDWR : O_RDONLY) |
							  O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0)
		return err_set(err, errno, "cannot open image %s", request->path);
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot stat %s", request->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_say(err, EINVAL, "%s is neither a regular file nor a block device",
			       request->path);
	r = lock_image(fd, &st, request, err);
	if (r == 0)
		r = detect_filesystem(fd, request->path, disk->filesystem, err);
	if (r < 0)
		return r;
	if (request->writable && strcmp(disk->filesystem, "erofs") == 0)
		return err_say(err, EINVAL,
			       "image %s is EROFS, which cannot be written to: add "
			       "the option \"ro\"",
			       request->path);
	name_by_inode(&st, disk->serial);
	disk->writable = request->writable;
	disk->fd = TAKE_FD(fd);
	return 0;
}

int disk_open(const struct disk_request *request, struct disk *ret_disk, struct err *err)
{
	struct disk disk = { .fd = -1 };
	int r;

	if (request->origin == DISK_FROM_IMAGE) {
		r = open_image(request, &disk, err);
	} else {
		strcpy(disk.filesystem, "erofs");
		r = image_open(request->path, disk.serial, &disk.fd, err);
	}
	if (r < 0)
		return r;
	*ret_disk = disk;
	return 0;
}

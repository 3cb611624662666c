/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints of trees: the same while nothing changes, another after any change. */
#include "shim/rootfs/tree-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

static char dir[64];

static int make_tree(void **state)
{
	char path[128];

	(void)state;
	strcpy(dir, "/tmp/test-tree.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sub", dir);
	if (mkdir(path, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sub/file", dir);
	if (file_write_atomic(path, "12345", 5, 0644, NULL) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	return symlink("sub/file", path);
}

static int remove_tree(void **state)
{
	(void)state;
	return dir_remove(dir, NULL);
}

static void hash(uint8_t *ret)
{
	struct err err = ERR_INIT;

	if (tree_hash(dir, ret, NULL, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void the_same_tree_has_the_same_fingerprint(void **state)
{
	uint8_t a[TREE_HASH_BYTES], b[TREE_HASH_BYTES];

	(void)state;
	hash(a);
	hash(b);
	assert_memory_equal(a, b, sizeof(a));
}

static void any_change_gives_another_fingerprint(void **state)
{
	uint8_t before[TREE_HASH_BYTES], after[TREE_HASH_BYTES];
	char file[128], other[128];
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int fd;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/sub/file", dir);
	(void)snprintf(other, sizeof(other), "%s/sub/other", dir);
	assert_int_equal(utimensat(AT_FDCWD, file, old, 0), 0);
	hash(before);
	/* The same length and, put back, the same modification time. */
	fd = open(file, O_WRONLY | O_CLOEXEC);
	usleep(20000);
	assert_int_equal(pwrite(fd, "54321", 5, 0), 5);
	close(fd);
	assert_int_equal(utimensat(AT_FDCWD, file, old, 0), 0);
	hash(after);
	assert_memory_not_equal(before, after, sizeof(after));

	memcpy(before, after, sizeof(before));
	assert_int_equal(chmod(file, 0600), 0);
	hash(after);
	assert_memory_not_equal(before, after, sizeof(after));

	memcpy(before, after, sizeof(before));
	assert_int_equal(rename(file, other), 0);
	hash(after);
	assert_memory_not_equal(before, after, sizeof(after));

	memcpy(before, after, sizeof(before));
	if (setxattr(other, "user.test", "1", 1, 0) == 0) {
		hash(after);
		assert_memory_not_equal(before, after, sizeof(after));
	}
}

static void a_single_file_has_a_fingerprint(void **state)
{
	uint8_t whole[TREE_HASH_BYTES], link[TREE_HASH_BYTES], file[TREE_HASH_BYTES];
	char path[128];

	(void)state;
	hash(whole);
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(tree_hash(path, link, NULL, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/sub/file", dir);
	assert_int_equal(tree_hash(path, file, NULL, NULL), 0);
	/* A link at the top is followed: it is how somebody names the file. */
	assert_memory_equal(link, file, sizeof(file));
	assert_memory_not_equal(whole, file, sizeof(file));
}

static void what_cannot_be_read_is_named(void **state)
{
	uint8_t out[TREE_HASH_BYTES];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(tree_hash("/nonexistent/tree", out, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/tree"));
}

static void a_mount_inside_is_refused(void **state)
{
	uint8_t out[TREE_HASH_BYTES];
	struct err err = ERR_INIT;
	struct stat dev, shm;

	(void)state;
	if (stat("/dev", &dev) < 0 || stat("/dev/shm", &shm) < 0 || dev.st_dev == shm.st_dev)
		skip();
	assert_int_equal(tree_hash("/dev", out, NULL, &err), -EXDEV);
	assert_non_null(strstr(err.text, "mounted at /dev/"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_tree_has_the_same_fingerprint, make_tree,
						remove_tree),
		cmocka_unit_test_setup_teardown(any_change_gives_another_fingerprint, make_tree,
						remove_tree),
		cmocka_unit_test_setup_teardown(a_single_file_has_a_fingerprint, make_tree,
						remove_tree),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(a_mount_inside_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

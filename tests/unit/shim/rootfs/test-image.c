/* SPDX-License-Identifier: Apache-2.0 */
/* Images: built once for each content, kept within a bound. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "shim/rootfs/disk.h"
#include "shim/rootfs/image-cache.h"
#include "shim/rootfs/image.h"
#include "tests/unit/test.h"

static char dir[64];

static int set_up(void **state)
{
	char path[128];

	(void)state;
	strcpy(dir, "/tmp/test-image.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/cache", dir);
	setenv("KATA_LIKE_CACHE", path, 1);
	(void)snprintf(path, sizeof(path), "%s/tree", dir);
	if (mkdir(path, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/tree/file", dir);
	return file_write_atomic(path, "content", 7, 0644, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	return dir_remove(dir, NULL);
}

static void open_disk(enum disk_origin origin, bool writable, const char *name, struct disk *disk)
{
	char path[128];
	struct disk_request request = { origin, writable, path };
	struct err err = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (disk_open(&request, disk, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static int count_images(void)
{
	char path[128];
	_cleanup_dir_ DIR *images = NULL;
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/cache/images", dir);
	images = opendir(path);
	assert_non_null(images);
	for (struct dirent *entry; (entry = readdir(images));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		     strcmp(entry->d_name, "lock") != 0;
	return n;
}

static void a_folder_becomes_an_image_once(void **state)
{
	struct disk first, second;
	struct stat a, b;
	uint32_t magic = 0;

	(void)state;
	open_disk(DISK_FROM_TREE, false, "tree", &first);
	open_disk(DISK_FROM_TREE, false, "tree", &second);
	assert_int_equal(fstat(first.fd, &a), 0);
	assert_int_equal(fstat(second.fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(count_images(), 1);
	assert_string_equal(first.serial, second.serial);
	assert_int_equal(strlen(first.serial), DISK_SERIAL_MAX);
	assert_string_equal(first.filesystem, "erofs");
	assert_false(first.writable);
	assert_int_equal(pread(first.fd, &magic, 4, 1024), 4);
	assert_int_equal(magic, 0xe0f5e1e2);
	close(first.fd);
	close(second.fd);
}

static void a_changed_folder_becomes_another_image(void **state)
{
	struct disk first, second;
	char path[128];

	(void)state;
	open_disk(DISK_FROM_TREE, false, "tree", &first);
	(void)snprintf(path, sizeof(path), "%s/tree/new", dir);
	assert_int_equal(file_write_atomic(path, "x", 1, 0644, NULL), 0);
	open_disk(DISK_FROM_TREE, false, "tree", &second);
	assert_string_not_equal(first.serial, second.serial);
	assert_int_equal(count_images(), 2);
	close(first.fd);
	close(second.fd);
}

static void a_single_file_becomes_an_image_that_holds_it(void **state)
{
	struct disk disk;
	char command[256];

	(void)state;
	open_disk(DISK_FROM_TREE, false, "tree/file", &disk);
	assert_int_equal(count_images(), 1);
	(void)snprintf(command, sizeof(command),
		       "dump.erofs --path=/file %s/cache/images/*.erofs | grep -q 'Size: 7 '", dir);
	assert_int_equal(system(command), 0);
	close(disk.fd);
}

static void what_cannot_become_an_image_is_named_and_leaves_nothing(void **state)
{
	struct disk disk;
	struct disk_request missing = { DISK_FROM_TREE, false, "/nonexistent/rootfs" };
	struct disk_request device = { DISK_FROM_TREE, false, "/dev/null" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(disk_open(&missing, &disk, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/rootfs"));
	err = ERR_INIT;
	assert_int_equal(disk_open(&device, &disk, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/dev/null"));
	assert_int_equal(count_images(), 0);
}

static void two_builders_at_once_make_one_image(void **state)
{
	pid_t pids[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char path[128], serial[DISK_SERIAL_MAX + 1];
			int fd;

			(void)snprintf(path, sizeof(path), "%s/tree", dir);
			_exit(image_open(path, serial, &fd, NULL) < 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_images(), 1);
}

static void the_least_recently_used_images_are_evicted(void **state)
{
	struct disk disk;
	char path[128], kept[DISK_SERIAL_MAX + 1];

	(void)state;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/tree/file%d", dir, i);
		assert_int_equal(file_write_atomic(path, "x", 1, 0644, NULL), 0);
		open_disk(DISK_FROM_TREE, false, "tree", &disk);
		memcpy(kept, disk.serial, sizeof(kept));
		close(disk.fd);
		usleep(20000);
	}
	assert_int_equal(count_images(), 3);
	image_cache_evict("none", 1ull << 30);
	assert_int_equal(count_images(), 3);
	image_cache_evict(kept, 1);
	assert_int_equal(count_images(), 1);
	(void)snprintf(path, sizeof(path), "%s/cache/images/%s.erofs", dir, kept);
	assert_int_equal(access(path, F_OK), 0);
}

static void make_ext4(const char *name)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		       "truncate -s 2M %s/%s && mke2fs -q -t ext4 %s/%s >/dev/null 2>&1", dir, name,
		       dir, name);
	assert_int_equal(system(command), 0);
}

static void a_writable_image_is_for_one_vm_only(void **state)
{
	struct disk first, second;
	char path[128];
	struct disk_request again = { DISK_FROM_IMAGE, false, path };
	struct err err = ERR_INIT;

	(void)state;
	make_ext4("disk.img");
	(void)snprintf(path, sizeof(path), "%s/disk.img", dir);
	open_disk(DISK_FROM_IMAGE, true, "disk.img", &first);
	assert_true(first.writable);
	assert_string_equal(first.filesystem, "ext4");
	assert_int_equal(disk_open(&again, &second, &err), -EBUSY);
	assert_non_null(strstr(err.text, "in use"));
	close(first.fd);
	assert_int_equal(disk_open(&again, &first, &err), 0);
	assert_int_equal(disk_open(&again, &second, &err), 0);
	assert_string_equal(first.serial, second.serial);
	close(first.fd);
	close(second.fd);
}

static void a_file_that_is_no_image_is_refused(void **state)
{
	char path[128];
	struct disk_request request = { DISK_FROM_IMAGE, false, path };
	struct disk disk;
	struct err err = ERR_INIT;
	char junk[4096] = "junk";

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/junk", dir);
	assert_int_equal(file_write_atomic(path, junk, sizeof(junk), 0644, NULL), 0);
	assert_int_equal(disk_open(&request, &disk, &err), -EINVAL);
	assert_non_null(strstr(err.text, "neither"));
	assert_int_equal(file_write_atomic(path, junk, 10, 0644, NULL), 0);
	err = ERR_INIT;
	assert_int_equal(disk_open(&request, &disk, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too small"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_folder_becomes_an_image_once),
		TEST(a_changed_folder_becomes_another_image),
		TEST(a_single_file_becomes_an_image_that_holds_it),
		TEST(what_cannot_become_an_image_is_named_and_leaves_nothing),
		TEST(two_builders_at_once_make_one_image),
		TEST(the_least_recently_used_images_are_evicted),
		TEST(a_writable_image_is_for_one_vm_only),
		TEST(a_file_that_is_no_image_is_refused),
	};

	if (system("mkfs.erofs --help >/dev/null 2>&1 && command -v mke2fs >/dev/null") != 0) {
		printf("skipped: erofs-utils and e2fsprogs are needed\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

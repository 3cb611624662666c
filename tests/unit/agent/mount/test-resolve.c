/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever links an image holds, its paths stay inside its root. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/mount/resolve.h"
#include "lib/fd.h"

struct fixture {
	char base[64];
	int base_fd, root_fd; /* root is base/root; base/secret is what must not be reached */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->base, "/tmp/test-resolve-XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	f->base_fd = open(f->base, O_PATH | O_DIRECTORY);
	if (mkdirat(f->base_fd, "root", 0755) < 0 || mkdirat(f->base_fd, "secret", 0755) < 0)
		return -1;
	f->root_fd = openat(f->base_fd, "root", O_PATH | O_DIRECTORY);
	*state = f;
	return f->root_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->root_fd);
	close(f->base_fd);
	if (dir_remove(f->base, NULL) < 0)
		return -1;
	free(f);
	return 0;
}

static void expect_at(const struct fixture *f, int fd, const char *path)
{
	char link[RESOLVE_FD_PATH_MAX], where[256], wanted[256];
	ssize_t n;

	assert_true(fd >= 0);
	n = readlink(resolve_fd_path(fd, link), where, sizeof(where) - 1);
	assert_true(n > 0);
	where[n] = '\0';
	snprintf(wanted, sizeof(wanted), "%s/root%s", f->base, path);
	assert_string_equal(where, wanted);
	close(fd);
}

static bool secret_is_untouched(const struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/secret", f->base);
	return rmdir(path) == 0 && mkdir(path, 0755) == 0;
}

static void missing_directories_are_made(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	expect_at(f, resolve_create(f->root_fd, "/a/b/c", true), "/a/b/c");
	expect_at(f, resolve_create(f->root_fd, "a//b/./f", false), "/a/b/f");
	assert_int_equal(fstatat(f->root_fd, "a/b/f", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void dots_cannot_leave_the_root(void **state)
{
	struct fixture *f = *state;

	expect_at(f, resolve_create(f->root_fd, "/../../x", true), "/x");
	expect_at(f, resolve_open(f->root_fd, "../x/../../../x", 0), "/x");
	assert_int_equal(resolve_open(f->root_fd, "../secret", 0), -ENOENT);
}

static void links_are_followed_inside_the_root(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->root_fd, "run", 0755), 0);
	assert_int_equal(symlinkat("/run", f->root_fd, "abs"), 0);
	assert_int_equal(symlinkat("../../../run", f->root_fd, "rel"), 0);
	assert_int_equal(symlinkat("../secret", f->root_fd, "out"), 0);
	expect_at(f, resolve_create(f->root_fd, "/abs/x", true), "/run/x");
	expect_at(f, resolve_create(f->root_fd, "/rel/y", true), "/run/y");
	expect_at(f, resolve_create(f->root_fd, "/out/z", true), "/secret/z");
	assert_true(secret_is_untouched(f));
}

static void dangling_links_are_made_true_inside_the_root(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->root_fd, "var", 0755), 0);
	assert_int_equal(symlinkat("/gone/run", f->root_fd, "var/run"), 0);
	assert_int_equal(symlinkat("lib2", f->root_fd, "var/lib"), 0);
	assert_int_equal(symlinkat("../../secret/new", f->root_fd, "var/bad"), 0);
	expect_at(f, resolve_create(f->root_fd, "/var/run/secrets/x", true), "/gone/run/secrets/x");
	expect_at(f, resolve_create(f->root_fd, "/var/lib/file", false), "/var/lib2/file");
	expect_at(f, resolve_create(f->root_fd, "/var/bad", true), "/secret/new");
	assert_true(secret_is_untouched(f));
}

static void a_ring_of_links_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlinkat("b2", f->root_fd, "a2"), 0);
	assert_int_equal(symlinkat("a2", f->root_fd, "b2"), 0);
	assert_int_equal(resolve_create(f->root_fd, "/a2/x", true), -ELOOP);
}

static void a_file_in_the_way_is_an_error(void **state)
{
	struct fixture *f = *state;

	expect_at(f, resolve_create(f->root_fd, "/file", false), "/file");
	assert_int_equal(resolve_create(f->root_fd, "/file/x", true), -ENOTDIR);
}

static void the_last_part_must_be_a_name(void **state)
{
	struct fixture *f = *state;
	const char *name = NULL;
	int fd = -1;

	assert_int_equal(resolve_parent(f->root_fd, "/p/q", &fd, &name), 0);
	assert_string_equal(name, "q");
	expect_at(f, fd, "/p");
	assert_int_equal(resolve_parent(f->root_fd, "/p/..", &fd, &name), -EINVAL);
	assert_int_equal(resolve_parent(f->root_fd, "/p/", &fd, &name), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_directories_are_made),
		cmocka_unit_test(dots_cannot_leave_the_root),
		cmocka_unit_test(links_are_followed_inside_the_root),
		cmocka_unit_test(dangling_links_are_made_true_inside_the_root),
		cmocka_unit_test(a_ring_of_links_is_an_error),
		cmocka_unit_test(a_file_in_the_way_is_an_error),
		cmocka_unit_test(the_last_part_must_be_a_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

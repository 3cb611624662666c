/* SPDX-License-Identifier: Apache-2.0 */
/* Files and descriptors: read, written, passed and removed whole. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/fd.h"

static int make_folder(void **state)
{
	char *folder = strdup("/tmp/test-fd-XXXXXX");

	*state = mkdtemp(folder);
	return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
	int r = dir_remove(*state, NULL);

	free(*state);
	return r;
}

static char *in_folder(void **state, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	return path;
}

static void a_written_file_reads_back_whole(void **state)
{
	const char *path = in_folder(state, "file");
	struct err err = ERR_INIT;
	char data[10000], *text;
	size_t len;

	memset(data, 'a', sizeof(data));
	assert_int_equal(file_write_atomic(path, data, sizeof(data), 0600, &err), 0);
	assert_int_equal(file_read(AT_FDCWD, path, sizeof(data), &text, &len, &err), 0);
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(text, data, len);
	free(text);
}

static void only_a_regular_file_is_read_where_its_owner_is_not_trusted(void **state)
{
	const char *path = in_folder(state, "fifo");
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read_regular(path, 100, &text, NULL, &err), -EINVAL);
	assert_int_equal(file_read_regular("/dev/zero", 100, &text, NULL, &err), -EINVAL);
	assert_int_equal(file_read_regular("/proc/self/comm", 100, &text, NULL, &err), 0);
	free(text);
}

static void a_file_beyond_the_bound_is_refused_by_name(void **state)
{
	const char *path = in_folder(state, "large");
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_int_equal(file_write_atomic(path, "12345", 5, 0600, &err), 0);
	assert_int_equal(file_read(AT_FDCWD, path, 4, &text, NULL, &err), -EFBIG);
	assert_non_null(strstr(err_text(&err), path));
	assert_null(text);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(dir_make(in_folder(state, "keep"), 0755, &err), 0);
	assert_int_equal(file_write_atomic(in_folder(state, "keep/x"), "x", 1, 0600, &err), 0);
	assert_int_equal(dir_make(in_folder(state, "tree/a/b"), 0755, &err), 0);
	assert_int_equal(symlink("../keep", in_folder(state, "tree/link")), 0);
	assert_int_equal(dir_remove(in_folder(state, "tree"), &err), 0);
	assert_int_equal(lstat(in_folder(state, "tree"), &st), -1);
	assert_int_equal(stat(in_folder(state, "keep/x"), &st), 0);
}

static void removing_what_is_not_there_is_no_error(void **state)
{
	assert_int_equal(dir_remove(in_folder(state, "nothing"), NULL), 0);
}

static void descriptors_pass_over_a_socket_and_surplus_ones_are_closed(void **state)
{
	int pair[2], pipes[2], sent[2], got[1] = { -1 };
	size_t n_got = 1;
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	sent[0] = pipes[1];
	sent[1] = pipes[1];
	assert_int_equal(fd_send(pair[0], "x", 1, sent, 2), 0);
	assert_int_equal(fd_recv(pair[1], &byte, 1, got, &n_got), 1);
	assert_int_equal(n_got, 1);
	close(pipes[1]);
	assert_int_equal(write(got[0], "y", 1), 1);
	close(got[0]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	/* With the surplus copy closed too, the pipe has no writer left. */
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_written_file_reads_back_whole),
		cmocka_unit_test(only_a_regular_file_is_read_where_its_owner_is_not_trusted),
		cmocka_unit_test(a_file_beyond_the_bound_is_refused_by_name),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(removing_what_is_not_there_is_no_error),
		cmocka_unit_test(descriptors_pass_over_a_socket_and_surplus_ones_are_closed),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

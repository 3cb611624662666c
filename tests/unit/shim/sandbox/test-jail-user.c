/* SPDX-License-Identifier: Apache-2.0 */
/* User ids for VMMs. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/sandbox/jail-user.h"

static char file[] = "/tmp/kata-like-users-XXXXXX";

static uid_t take(const char *id, uint32_t count, int *ret_fd)
{
	struct err err = ERR_INIT;
	uid_t user = 0;

	assert_int_equal(jail_user_take(file, id, 5000, count, &user, ret_fd, &err), 0);
	return user;
}

static void a_sandbox_gets_the_same_id_again(void **state)
{
	int fd;
	uid_t first = take("pod", 65536, &fd);

	(void)state;
	close(fd);
	assert_int_equal(take("pod", 65536, &fd), first);
	close(fd);
}

static void two_sandboxes_never_share_an_id(void **state)
{
	int fds[16];
	bool seen[16] = { false };

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		/* All have the same name, so each but the first meets a collision. */
		uid_t user = take("pod", 16, &fds[i]);

		assert_in_range(user, 5000, 5015);
		assert_false(seen[user - 5000]);
		seen[user - 5000] = true;
	}
	for (unsigned i = 0; i < 16; i++)
		close(fds[i]);
}

static void a_sandbox_too_many_is_told_so(void **state)
{
	struct err err = ERR_INIT;
	int fds[2], fd;
	uid_t user;

	(void)state;
	(void)take("a", 2, &fds[0]);
	(void)take("b", 2, &fds[1]);
	assert_int_equal(jail_user_take(file, "c", 5000, 2, &user, &fd, &err), -EBUSY);
	close(fds[0]);
	(void)take("c", 2, &fd);
	close(fd);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sandbox_gets_the_same_id_again),
		cmocka_unit_test(two_sandboxes_never_share_an_id),
		cmocka_unit_test(a_sandbox_too_many_is_told_so),
	};
	int fd = mkstemp(file), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(file);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroupsPath means, and whose the cgroup is. */
#include "shim/sandbox/place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

static void expect(const char *cgroups_path, const char *folder)
{
	char path[PATHS_MAX];

	assert_int_equal(place_cgroup_path(cgroups_path, path, sizeof(path)), 0);
	assert_string_equal(path, folder);
}

static void a_path_is_one_below_the_root(void **state)
{
	(void)state;
	expect("/default/box", "/default/box");
	expect("default/box", "/default/box");
}

static void systemds_form_becomes_nested_slices(void **state)
{
	(void)state;
	expect("kubepods-burstable-pod12.slice:cri-containerd:abc",
	       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/"
	       "cri-containerd-abc.scope");
	expect(":docker:abc", "/system.slice/docker-abc.scope");
	expect("-.slice::abc", "/abc.scope");
}

static void empty_names_do_not_count_and_dots_in_names_do(void **state)
{
	(void)state;
	expect("//default///box/", "/default/box");
	expect("/default/a..b", "/default/a..b");
	expect("/default/one:two", "/default/one:two");
	expect("/default/a:b:c", "/default/a:b:c");
}

static void what_leads_elsewhere_is_refused(void **state)
{
	static const char *const paths[] = {
		/* Out of the tree. */
		"/a/../../b", "..", "/..", "a/..", "/../../etc", "/a/./b", "a.slice:p:../../x",
		"../x.slice:p:n", "a.slice:../p:n",
		/* The root, which is everybody's. */
		"", "/", "///", ".", "/.",
		/* Lines and escapes in /proc/PID/cgroup and in logs. */
		"/a\nb", "/a\n0::/", "/\033[2Jbox", "/a\x7f", "a.slice:p:n\n",
		/* No slice. */
		"nothing:a:b", ".slice:a:b", "-a.slice:p:n", "a-.slice:p:n", "a--b.slice:p:n",
		"--.slice:p:n", "a.slice.:p:n",
		/* No scope. */
		":docker:", "::", "a.slice:p:n:m"
	};
	char path[PATHS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (place_cgroup_path(paths[i], path, sizeof(path)) != -EINVAL)
			fail_msg("\"%s\" became \"%s\"", paths[i], path);
}

static void what_is_too_long_is_refused_and_never_cut(void **state)
{
	static const char slices[] = "a-b-c-d-e-f-g-h";
	char path[PATHS_MAX], tiny[8], *long_path = malloc(1 << 20);

	(void)state;
	assert_non_null(long_path);
	assert_int_equal(place_cgroup_path("/longer/than/that", tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_int_equal(place_cgroup_path("a-b-c.slice:x:y", tiny, sizeof(tiny)), -ENAMETOOLONG);
	memset(long_path, 'a', (1 << 20) - 1);
	long_path[(1 << 20) - 1] = '\0';
	assert_int_equal(place_cgroup_path(long_path, path, sizeof(path)), -ENAMETOOLONG);
	for (size_t i = 0; i < 4096; i += 2)
		memcpy(long_path + i, "/b", 2);
	long_path[4096] = '\0';
	assert_int_equal(place_cgroup_path(long_path, path, sizeof(path)), -ENAMETOOLONG);
	/* Each slice repeats those above it, so a short text is a long path. */
	for (size_t i = 0, used = 0; i < 12; i++)
		used += (size_t)snprintf(long_path + used, 256 - used, "%s%s%s", i ? "-" : "",
					 slices, i == 11 ? ".slice:p:n" : "");
	assert_true(strlen(long_path) < 255);
	assert_int_equal(place_cgroup_path(long_path, path, sizeof(path)), -ENAMETOOLONG);
	free(long_path);
}

/* Takes the place that a config.json with this cgroupsPath asks for. */
static int take(const char *cgroups_path, const struct state *sandbox, struct place *ret_place,
		struct err *ret_err)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},"
		       "\"linux\":{\"cgroupsPath\":\"%s\"}}",
		       cgroups_path);
	*ret_err = ERR_INIT;
	*ret_place = PLACE_INIT;
	assert_int_equal(oci_spec_parse(text, strlen(text), &spec, ret_err), 0);
	return place_take(ret_place, spec, sandbox, ret_err);
}

/* A cgroup of the test's own, with what is to be in it. "" where the test may make none. */
struct cgroups {
	char home[32]; /* the root of all state */
	struct state sandbox;
	char top[64], root[PATHS_MAX]; /* top is below root */
};

static void remove_state(struct cgroups *c)
{
	assert_int_equal(dir_remove(c->home, NULL), 0);
	unsetenv("KATA_LIKE_STATE");
}

static void make_cgroups(struct cgroups *c)
{
	struct err err = ERR_INIT;
	struct place place;
	char *top;

	*c = (struct cgroups){ .home = "/tmp/place-test.XXXXXX" };
	assert_non_null(mkdtemp(c->home));
	setenv("KATA_LIKE_STATE", c->home, 1);
	assert_int_equal(state_locate("default", "box", "", &c->sandbox, &err), 0);
	assert_int_equal(state_make(&c->sandbox, &err), 0);
	(void)snprintf(c->top, sizeof(c->top), "/kata-like-place-test-%d", getpid());
	/* By a first place, which also finds the root. */
	assert_int_equal(take(c->top, &c->sandbox, &place, &err), 0);
	top = strstr(place.cgroup, c->top);
	if (top)
		(void)snprintf(c->root, sizeof(c->root), "%.*s", (int)(top - place.cgroup),
			       place.cgroup);
	place_leave(&place);
	place_clear(&c->sandbox);
	if (!top) {
		remove_state(c);
		print_message("no cgroup of version 2 can be made here\n");
		skip();
	}
}

static char *cgroup_at(const struct cgroups *c, const char *below)
{
	char *path;

	assert_true(asprintf(&path, "%s%s%s", c->root, c->top, below) > 0);
	return path;
}

static void a_cgroup_that_is_made_is_noted_down_and_removed(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct cgroups c;
	struct place place;
	struct err err;

	(void)state;
	make_cgroups(&c);
	path = cgroup_at(&c, "");
	assert_int_equal(take(c.top, &c.sandbox, &place, &err), 0);
	assert_string_equal(place.cgroup, path);
	assert_int_equal(access(path, F_OK), 0);
	place_leave(&place);
	assert_int_equal(access(path, F_OK), -1);
	/* And when its shim is dead. */
	assert_int_equal(take(c.top, &c.sandbox, &place, &err), 0);
	close(place.cgroup_fd);
	place_clear(&c.sandbox);
	assert_int_equal(access(path, F_OK), -1);
	remove_state(&c);
}

/* What it is of: another pod's, a service's. */
static void a_cgroup_with_processes_is_not_joined_and_not_removed(void **state)
{
	_cleanup_free_ char *path = NULL, *procs = NULL;
	struct cgroups c;
	struct place place;
	struct err err;
	char below[80];
	pid_t pid;

	(void)state;
	make_cgroups(&c);
	path = cgroup_at(&c, "");
	procs = cgroup_at(&c, "/inner/cgroup.procs");
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(below, sizeof(below), "%s/inner", c.top);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(take(below, &c.sandbox, &place, &err), 0);
	assert_int_equal(dprintf(open(procs, O_WRONLY | O_CLOEXEC), "%d", pid) > 0, 1);
	place_leave(&(struct place){ .netns_fd = -1, .cgroup_fd = place.cgroup_fd });
	assert_int_equal(take(below, &c.sandbox, &place, &err), -EBUSY);
	assert_non_null(strstr(err.text, below));
	/* Nor the one that it is in. */
	assert_int_equal(take(c.top, &c.sandbox, &place, &err), -EBUSY);
	assert_int_equal(access(procs, F_OK), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	place_clear(&c.sandbox);
	assert_int_equal(rmdir(path), 0);
	remove_state(&c);
}

static void an_empty_cgroup_of_others_is_used_and_left(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct cgroups c;
	struct place place;
	struct err err;

	(void)state;
	make_cgroups(&c);
	path = cgroup_at(&c, "");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(take(c.top, &c.sandbox, &place, &err), 0);
	assert_string_equal(place.cgroup, path);
	place_leave(&place);
	place_clear(&c.sandbox);
	assert_int_equal(rmdir(path), 0);
	remove_state(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_one_below_the_root),
		cmocka_unit_test(systemds_form_becomes_nested_slices),
		cmocka_unit_test(empty_names_do_not_count_and_dots_in_names_do),
		cmocka_unit_test(what_leads_elsewhere_is_refused),
		cmocka_unit_test(what_is_too_long_is_refused_and_never_cut),
		cmocka_unit_test(a_cgroup_that_is_made_is_noted_down_and_removed),
		cmocka_unit_test(a_cgroup_with_processes_is_not_joined_and_not_removed),
		cmocka_unit_test(an_empty_cgroup_of_others_is_used_and_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

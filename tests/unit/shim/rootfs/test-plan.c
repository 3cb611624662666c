/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a container's files go into the VM, and which are refused. */
#include "shim/rootfs/plan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/test.h"

static char bundle[64];

static int set_up(void **state)
{
	char command[256];

	(void)state;
	strcpy(bundle, "/tmp/test-plan.XXXXXX");
	if (!mkdtemp(bundle))
		return -1;
	(void)snprintf(command, sizeof(command),
		       "cd %s && mkdir rootfs && touch image && mkfifo fifo", bundle);
	return system(command);
}

static int tear_down(void **state)
{
	(void)state;
	return dir_remove(bundle, NULL);
}

static int make_from(const struct plan_input *input, const char *root, const char *mounts,
		     const char *devices, struct plan **plan, struct err *err)
{
	struct oci_spec *spec;
	char json[2048];
	int r;

	*err = ERR_INIT;
	(void)snprintf(json, sizeof(json),
		       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"%s\"},\"mounts\":[%s],"
		       "\"linux\":{\"devices\":[%s]}}",
		       root, mounts, devices);
	r = oci_spec_parse(json, strlen(json), &spec, err);
	if (r < 0)
		fail_msg("%s", err_text(err));
	r = plan_make(spec, input, plan, err);
	oci_spec_free(spec);
	return r;
}

/* Without a file server. */
static int make(const char *root, const char *mounts, struct plan **plan, struct err *err)
{
	const struct plan_input input = { .bundle = bundle };

	return make_from(&input, root, mounts, "", plan, err);
}

static int make_sharing(const char *mounts, struct plan **plan, struct err *err)
{
	const struct plan_input input = { .bundle = bundle, .can_share = true };

	return make_from(&input, "rootfs", mounts, "", plan, err);
}

static int make_snapshot(const char *type, const char *source, const char *option,
			 struct plan **plan, struct err *err)
{
	char *options[] = { (char *)option };
	KataLike__Task__Mount mount = KATA_LIKE__TASK__MOUNT__INIT;
	KataLike__Task__Mount *mounts[] = { &mount };
	const struct plan_input input = {
		.bundle = bundle, .mounts = mounts, .n_mounts = 1, .can_share = true
	};

	mount.type = (char *)type;
	mount.source = (char *)source;
	mount.options = options;
	mount.n_options = 1;
	return make_from(&input, "rootfs", "", "", plan, err);
}

static void a_relative_root_is_in_the_bundle(void **state)
{
	struct plan *plan;
	struct err err;
	char expected[128];

	(void)state;
	assert_int_equal(make("rootfs",
			      "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
			      "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",
			      &plan, &err),
			 0);
	(void)snprintf(expected, sizeof(expected), "%s/rootfs", bundle);
	assert_int_equal(plan->n_items, 1);
	assert_string_equal(plan->items[0].path, expected);
	assert_null(plan->items[0].destination);
	assert_int_equal(plan->items[0].request.origin, DISK_FROM_TREE);
	assert_false(plan->items[0].request.writable);
	plan_free(plan);
}

static void a_root_that_is_a_file_is_an_image(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make("image", "", &plan, &err), 0);
	assert_int_equal(plan->items[0].request.origin, DISK_FROM_IMAGE);
	assert_false(plan->items[0].request.writable);
	plan_free(plan);
}

static void a_root_that_is_missing_or_neither_is_an_error(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make("nowhere", "", &plan, &err), -ENOENT);
	assert_non_null(strstr(err.text, "nowhere"));
	assert_int_equal(make("fifo", "", &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "neither"));
}

static void a_read_only_bind_of_a_file_names_it_within_its_disk(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make("rootfs",
			      "{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\","
			      "\"source\":\"/etc/passwd\",\"options\":[\"rbind\",\"ro\"]},"
			      "{\"destination\":\"/data\",\"source\":\"/etc\","
			      "\"options\":[\"bind\",\"ro\"]}",
			      &plan, &err),
			 0);
	assert_int_equal(plan->n_items, 3);
	assert_string_equal(plan->items[1].destination, "/etc/resolv.conf");
	assert_string_equal(plan->items[1].subpath, "passwd");
	assert_true(plan->items[1].readonly);
	assert_string_equal(plan->items[2].destination, "/data");
	assert_null(plan->items[2].subpath);
	plan_free(plan);
}

static void an_ext4_image_is_writable_unless_it_says_ro(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make("rootfs",
			      "{\"destination\":\"/a\",\"type\":\"ext4\",\"source\":\"/a.img\"},"
			      "{\"destination\":\"/b\",\"type\":\"ext4\",\"source\":\"/b.img\","
			      "\"options\":[\"ro\"]},"
			      "{\"destination\":\"/c\",\"type\":\"erofs\",\"source\":\"/c.img\"}",
			      &plan, &err),
			 0);
	assert_int_equal(plan->n_items, 4);
	assert_true(plan->items[1].request.writable);
	assert_false(plan->items[2].request.writable);
	assert_true(plan->items[2].readonly);
	assert_false(plan->items[3].request.writable);
	plan_free(plan);
}

static void what_cannot_cross_into_a_vm_is_refused_by_name(void **state)
{
	static const struct {
		const char *mount, *cause;
	} refused[] = {
		{ "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/etc\"}",
		  "add the option" },
		{ "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/dev/null\","
		  "\"options\":[\"ro\"]}",
		  "/dev/null" },
		{ "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"relative\","
		  "\"options\":[\"ro\"]}",
		  "absolute" },
		{ "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/nonexistent\","
		  "\"options\":[\"ro\"]}",
		  "/nonexistent" },
		{ "{\"destination\":\"/d\",\"type\":\"ext4\",\"source\":\"disk.img\"}",
		  "absolute" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct plan *plan;
		struct err err;

		assert_true(make("rootfs", refused[i].mount, &plan, &err) < 0);
		if (!strstr(err.text, "mount /d: ") || !strstr(err.text, refused[i].cause))
			fail_msg("%s gives \"%s\"", refused[i].mount, err.text);
	}
}

static void binds_are_shared_as_their_options_say(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make_sharing("{\"destination\":\"/a\",\"type\":\"bind\","
				      "\"source\":\"/etc\",\"options\":[\"rbind\",\"rw\"]},"
				      "{\"destination\":\"/p\",\"type\":\"proc\"},"
				      "{\"destination\":\"/b\",\"source\":\"/etc/passwd\","
				      "\"options\":[\"bind\",\"ro\"]}",
				      &plan, &err),
			 0);
	assert_int_equal(plan->n_items, 3);
	assert_true(plan->shares);
	assert_int_equal(plan->n_disks, 1);
	assert_int_equal(plan->items[1].way, PLAN_SHARED);
	assert_int_equal(plan->items[1].index, 0);
	assert_true(plan->items[1].recursive);
	assert_false(plan->items[1].readonly);
	assert_int_equal(plan->items[2].way, PLAN_SHARED);
	assert_int_equal(plan->items[2].index, 2);
	assert_false(plan->items[2].recursive);
	assert_true(plan->items[2].readonly);
	plan_free(plan);
}

static void what_the_kernel_shows_is_the_guests_own(void **state)
{
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make_sharing("{\"destination\":\"/p\",\"type\":\"bind\","
				      "\"source\":\"/proc\"},"
				      "{\"destination\":\"/d\",\"type\":\"bind\","
				      "\"source\":\"/dev\"},"
				      "{\"destination\":\"/dev/shm\",\"type\":\"bind\","
				      "\"source\":\"/tmp\"}",
				      &plan, &err),
			 0);
	assert_int_equal(plan->n_items, 1);
	assert_false(plan->shares);
	plan_free(plan);
}

static void a_snapshot_is_shared_unless_it_is_a_disk(void **state)
{
	struct plan *plan;
	struct err err;
	char image[128];

	(void)state;
	(void)snprintf(image, sizeof(image), "%s/image", bundle);
	assert_int_equal(make_snapshot("overlay", "overlay", "lowerdir=/a:/b", &plan, &err), 0);
	assert_int_equal(plan->items[0].way, PLAN_SNAPSHOT);
	assert_true(plan->shares);
	plan_free(plan);
	assert_int_equal(make_snapshot("bind", "/etc", "rbind", &plan, &err), 0);
	assert_int_equal(plan->items[0].way, PLAN_SNAPSHOT);
	plan_free(plan);
	assert_int_equal(make_snapshot("ext4", image, "loop", &plan, &err), 0);
	assert_int_equal(plan->items[0].way, PLAN_DISK);
	assert_true(plan->items[0].request.writable);
	assert_false(plan->items[0].readonly);
	assert_false(plan->shares);
	plan_free(plan);
	assert_int_equal(make_snapshot("ext4", image, "ro", &plan, &err), 0);
	assert_false(plan->items[0].request.writable);
	plan_free(plan);
	assert_int_equal(make_snapshot("xfs", image, "loop", &plan, &err), 0);
	assert_int_equal(plan->items[0].way, PLAN_SNAPSHOT);
	plan_free(plan);
}

static void a_root_of_its_own_is_shared(void **state)
{
	const struct plan_input input = { .bundle = bundle, .can_share = true, .owns_root = true };
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make_from(&input, "rootfs", "", "", &plan, &err), 0);
	assert_int_equal(plan->items[0].way, PLAN_SHARED);
	assert_false(plan->items[0].readonly);
	plan_free(plan);
}

static void devices_of_the_host_are_refused_by_name(void **state)
{
	const struct plan_input input = { .bundle = bundle };
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(make_from(&input, "rootfs", "",
				   "{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,"
				   "\"minor\":229}",
				   &plan, &err),
			 0);
	plan_free(plan);
	assert_int_equal(make_from(&input, "rootfs", "",
				   "{\"path\":\"/dev/sda\",\"type\":\"b\",\"major\":8,"
				   "\"minor\":0}",
				   &plan, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "/dev/sda"));
	assert_int_equal(make_from(&input, "rootfs", "",
				   "{\"path\":\"/dev/dri/card0\",\"type\":\"c\",\"major\":226,"
				   "\"minor\":0}",
				   &plan, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "/dev/dri/card0"));
}

static void an_empty_dir_in_memory_becomes_memory_of_the_guest(void **state)
{
	char folder[] = "/dev/shm/test-plan.XXXXXX", volume[96], mounts[256];
	struct plan *plan = NULL;
	struct err err;

	(void)state;
	if (!mkdtemp(folder))
		skip();
	(void)snprintf(volume, sizeof(volume), "%s/kubernetes.io~empty-dir", folder);
	assert_int_equal(mkdir(volume, 0700), 0);
	(void)snprintf(volume, sizeof(volume), "%s/kubernetes.io~empty-dir/v", folder);
	assert_int_equal(mkdir(volume, 0700), 0);
	assert_int_equal(chmod(volume, 0777), 0);
	(void)snprintf(mounts, sizeof(mounts),
		       "{\"destination\":\"/a\",\"type\":\"proc\",\"source\":\"proc\"},"
		       "{\"destination\":\"/v\",\"type\":\"bind\",\"source\":\"%s\"}",
		       volume);
	if (make_sharing(mounts, &plan, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(plan->n_items, 1);
	assert_int_equal(plan->n_memory, 1);
	assert_int_equal(plan->memory[0].index, 1);
	assert_int_equal(plan->memory[0].mode, 0777);
	assert_true(plan->memory[0].size_bytes > 0);
	plan_free(plan);
	assert_int_equal(dir_remove(folder, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_relative_root_is_in_the_bundle),
		TEST(a_root_that_is_a_file_is_an_image),
		TEST(a_root_that_is_missing_or_neither_is_an_error),
		TEST(a_read_only_bind_of_a_file_names_it_within_its_disk),
		TEST(an_ext4_image_is_writable_unless_it_says_ro),
		TEST(an_empty_dir_in_memory_becomes_memory_of_the_guest),
		TEST(binds_are_shared_as_their_options_say),
		TEST(what_the_kernel_shows_is_the_guests_own),
		TEST(a_snapshot_is_shared_unless_it_is_a_disk),
		TEST(a_root_of_its_own_is_shared),
		TEST(devices_of_the_host_are_refused_by_name),
		TEST(what_cannot_cross_into_a_vm_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

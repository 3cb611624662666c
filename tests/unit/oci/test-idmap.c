/* SPDX-License-Identifier: Apache-2.0 */
/* How the owners of a mount are to look. */
#include "oci/idmap.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define USER_MAPS                                                                 \
	",\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,"      \
	"\"size\":65536}],\"gidMappings\":[{\"containerID\":0,\"hostID\":200000," \
	"\"size\":4294967295}]}"
#define OWN_MAPS                                                                         \
	",\"uidMappings\":[{\"containerID\":0,\"hostID\":4000,\"size\":5},"              \
	"{\"containerID\":7,\"hostID\":0,\"size\":1}],\"gidMappings\":[{\"containerID\"" \
	":0,\"hostID\":5000,\"size\":10}]"

/* The map of a mount with these options and members, or the error. */
static int map_of(const char *options, const char *members, const char *linux_,
		  struct userns_map *map, bool *recursive, struct err *err)
{
	struct oci_spec *spec;
	char json[2048];
	int r;

	(void)snprintf(json, sizeof(json),
		       "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/r\"},\"mounts\":[{"
		       "\"destination\":\"/x\",\"options\":[%s]%s}]%s}",
		       options, members, linux_);
	assert_int_equal(oci_spec_parse(json, strlen(json), &spec, err), 0);
	assert_int_equal(oci_mount_is_mapped(&spec->mounts[0]), *options || *members);
	r = oci_mount_map(spec, &spec->mounts[0], map, recursive, err);
	oci_mount_unmap(&spec->mounts[0]);
	assert_false(oci_mount_is_mapped(&spec->mounts[0]));
	oci_spec_free(spec);
	return r;
}

static void a_plain_mount_is_not_mapped(void **state)
{
	struct userns_map map;
	struct err err = ERR_INIT;
	bool recursive;

	(void)state;
	assert_int_equal(map_of("", "", USER_MAPS, &map, &recursive, &err), 0);
	assert_null(map.uids);
	assert_null(map.gids);
}

static void its_own_mappings_come_first(void **state)
{
	struct userns_map map;
	struct err err = ERR_INIT;
	bool recursive;

	(void)state;
	assert_int_equal(map_of("\"ridmap\"", OWN_MAPS, USER_MAPS, &map, &recursive, &err), 0);
	assert_string_equal(map.uids, "0 4000 5\n7 0 1\n");
	assert_string_equal(map.gids, "0 5000 10\n");
	assert_true(recursive);
	userns_map_fini(&map);
	assert_int_equal(map_of("", OWN_MAPS, "", &map, &recursive, &err), 0);
	assert_string_equal(map.gids, "0 5000 10\n");
	assert_false(recursive);
	userns_map_fini(&map);
}

static void an_option_takes_those_of_the_user_namespace(void **state)
{
	struct userns_map map;
	struct err err = ERR_INIT;
	bool recursive;

	(void)state;
	assert_int_equal(map_of("\"ridmap\",\"idmap\"", "", USER_MAPS, &map, &recursive, &err), 0);
	assert_string_equal(map.uids, "0 100000 65536\n");
	assert_string_equal(map.gids, "0 200000 4294967295\n");
	assert_false(recursive);
	userns_map_fini(&map);
}

static void an_option_without_mappings_is_an_error(void **state)
{
	struct userns_map map;
	struct err err = ERR_INIT;
	bool recursive;

	(void)state;
	assert_int_equal(map_of("\"idmap\"", "", "", &map, &recursive, &err), -EINVAL);
	assert_string_equal(err_text(&err),
			    "an id-mapped mount needs mappings, or a user namespace");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_mount_is_not_mapped),
		cmocka_unit_test(its_own_mappings_come_first),
		cmocka_unit_test(an_option_takes_those_of_the_user_namespace),
		cmocka_unit_test(an_option_without_mappings_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

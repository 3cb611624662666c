/* SPDX-License-Identifier: Apache-2.0 */
/* What a config's namespaces mean inside a VM, where the paths of the host lead nowhere. */
#include "tests/unit/test.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "agent/container/namespaces.h"

static struct namespaces_pod guest(void)
{
	struct namespaces_pod pod = { .in_guest = true };

	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++)
		pod.fds[kind] = -1;
	return pod;
}

static void list(struct oci_spec *spec, enum oci_namespace_kind kind, const char *path)
{
	spec->linux_.namespaces[kind].listed = true;
	spec->linux_.namespaces[kind].path = (char *)path;
}

static struct namespaces_plan plan(struct namespaces_pod *pod, const struct oci_spec *spec)
{
	struct namespaces_plan result;
	struct err err = ERR_INIT;

	if (namespaces_plan(pod, spec, &result, &err) < 0)
		fail_msg("%s", err_text(&err));
	return result;
}

static void a_mount_namespace_is_always_new(void **state)
{
	struct namespaces_pod pod = guest();
	const struct oci_spec spec = { 0 };
	struct namespaces_plan p = plan(&pod, &spec);

	(void)state;
	assert_int_equal(p.new_flags, CLONE_NEWNS);
	assert_int_equal(p.joined_flags, 0);
	namespaces_plan_fini(&p);
}

static void the_first_container_has_the_vms_network(void **state)
{
	struct namespaces_pod pod = guest();
	struct oci_spec spec = { 0 };
	struct namespaces_plan p;

	(void)state;
	list(&spec, OCI_NAMESPACE_NETWORK, NULL);
	p = plan(&pod, &spec);
	assert_int_equal(p.new_flags & CLONE_NEWNET, 0);
	namespaces_plan_fini(&p);
	p = plan(&pod, &spec);
	assert_int_equal(p.new_flags & CLONE_NEWNET, CLONE_NEWNET);
	namespaces_plan_fini(&p);
}

static void a_network_path_is_the_vms_network(void **state)
{
	struct namespaces_pod pod = guest();
	struct oci_spec spec = { 0 };
	struct namespaces_plan p;

	(void)state;
	list(&spec, OCI_NAMESPACE_NETWORK, "/var/run/netns/cni-1");
	for (int i = 0; i < 2; i++) {
		p = plan(&pod, &spec);
		assert_int_equal((p.new_flags | p.joined_flags) & CLONE_NEWNET, 0);
		namespaces_plan_fini(&p);
	}
}

static void members_of_a_pod_join_its_first_container(void **state)
{
	struct namespaces_pod pod = guest();
	struct oci_spec first = { 0 }, member = { 0 };
	struct namespaces_plan p, q;
	struct err err = ERR_INIT;

	(void)state;
	list(&first, OCI_NAMESPACE_IPC, NULL);
	list(&first, OCI_NAMESPACE_UTS, NULL);
	p = plan(&pod, &first);
	assert_int_equal(p.new_flags, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS);
	assert_int_equal(namespaces_keep(&pod, &p, getpid(), &err), 0);
	list(&member, OCI_NAMESPACE_IPC, "/proc/77/ns/ipc");
	list(&member, OCI_NAMESPACE_UTS, "/proc/77/ns/uts");
	list(&member, OCI_NAMESPACE_PID, "/proc/77/ns/pid");
	q = plan(&pod, &member);
	assert_int_equal(q.joined_flags, CLONE_NEWIPC | CLONE_NEWUTS);
	assert_true(q.join_fds[OCI_NAMESPACE_IPC] >= 0);
	assert_int_equal(q.join_fds[OCI_NAMESPACE_PID], -1);
	assert_int_equal(q.new_flags, CLONE_NEWNS);
	namespaces_plan_fini(&p);
	namespaces_plan_fini(&q);
	namespaces_forget(&pod);
}

static void what_is_outside_the_vm_cannot_be_joined(void **state)
{
	static const enum oci_namespace_kind kinds[] = { OCI_NAMESPACE_USER, OCI_NAMESPACE_CGROUP,
							 OCI_NAMESPACE_TIME, OCI_NAMESPACE_MOUNT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct namespaces_pod pod = guest();
		struct oci_spec spec = { 0 };
		struct namespaces_plan p;
		struct err err = ERR_INIT;

		list(&spec, kinds[i], "/proc/1/ns/x");
		assert_int_equal(namespaces_plan(&pod, &spec, &p, &err), -ENOTSUP);
		assert_non_null(strstr(err_text(&err), "join"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mount_namespace_is_always_new),
		cmocka_unit_test(the_first_container_has_the_vms_network),
		cmocka_unit_test(a_network_path_is_the_vms_network),
		cmocka_unit_test(members_of_a_pod_join_its_first_container),
		cmocka_unit_test(what_is_outside_the_vm_cannot_be_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

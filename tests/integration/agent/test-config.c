/* SPDX-License-Identifier: Apache-2.0 */
/* A container finds what its config.json says. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include "agent/container/container.h"
#include "lib/fd.h"
#include "tests/integration/agent/pod.h"

#define NAMESPACES(more)                                                              \
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"}," \
	"{\"type\":\"uts\"}" more "]"
#define LINUX(more) ",\"linux\":{" NAMESPACES("") more "}"
#define MAPPINGS                                                                   \
	",\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]," \
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":200000,\"size\":65536}]"

static int set_up(void **state)
{
	*state = pod_new();
	return 0;
}

static int tear_down(void **state)
{
	pod_free(*state);
	return 0;
}

static int check_clean(void **state)
{
	return pod_is_clean(*state) ? 0 : -1;
}

/* Runs the command and compares what it prints. */
static void expect(struct pod *pod, const char *command, const char *process_extra,
		   const char *extra, const char *output)
{
	int status = pod_run(pod, command, process_extra, extra);

	if (status != 0)
		print_message("status %d, stderr: %s\n", status, pod_text(pod, 2));
	assert_int_equal(status, 0);
	assert_string_equal(pod_text(pod, 1), output);
}

/* Creates a container that cannot be made; returns the message. */
static const char *refusal(struct pod *pod, const char *process_extra, const char *extra)
{
	static struct pod_answer answer;
	_cleanup_free_ char *config = pod_config(pod, "true", process_extra, extra);

	assert_int_not_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_true(pod_is_clean(pod));
	return answer.message;
}

static void the_user_has_its_ids_groups_umask_and_home(void **state)
{
	expect(*state, "id -u; id -g; id -G; umask; echo $HOME",
	       ",\"user\":{\"uid\":1000,\"gid\":1001,\"additionalGids\":[5,6],\"umask\":63}", "",
	       "1000\n1001\n1001 5 6\n0077\n/\n");
	expect(*state, "echo $HOME", "", "", "/root\n");
}

static void all_five_capability_sets_are_as_given(void **state)
{
	const char *sets = ",\"user\":{\"uid\":7,\"gid\":7},\"capabilities\":{"
			   "\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"],"
			   "\"effective\":[\"CAP_KILL\"],\"inheritable\":[\"CAP_KILL\"],"
			   "\"ambient\":[\"CAP_KILL\"]}";

	expect(*state, "grep Cap /proc/self/status", sets, "",
	       "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
	       "CapBnd:\t0000000000000021\nCapAmb:\t0000000000000020\n");
}

static void without_capabilities_root_has_none(void **state)
{
	expect(*state, "grep -E 'CapEff|CapBnd' /proc/self/status", "", "",
	       "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n");
}

static void limits_and_scheduling_are_set(void **state)
{
	const char *process =
		",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":77,\"hard\":99},"
		"{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}],\"oomScoreAdj\":500,"
		"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":5},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":0},"
		"\"execCPUAffinity\":{\"final\":\"0\"},\"noNewPrivileges\":true";

	expect(*state,
	       "ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj; "
	       "cut -d' ' -f19,41 /proc/self/stat; ionice -p $$; "
	       "grep -E 'Cpus_allowed_list|NoNewPrivs' /proc/self/status",
	       process, "", "77\n99\n0\n500\n5 3\nidle\nNoNewPrivs:\t1\nCpus_allowed_list:\t0\n");
}

static void the_names_are_the_containers_own(void **state)
{
	char before[65], after[65];

	gethostname(before, sizeof(before));
	expect(*state, "hostname; cat /proc/sys/kernel/domainname", "",
	       ",\"hostname\":\"inside\",\"domainname\":\"dom\"" LINUX(""), "inside\ndom\n");
	gethostname(after, sizeof(after));
	assert_string_equal(before, after);
}

static void the_working_directory_is_made(void **state)
{
	expect(*state, "pwd", ",\"cwd\":\"/tmp/made/here\"", "", "/tmp/made/here\n");
}

static void kernel_parameters_of_namespaces_are_set(void **state)
{
	expect(*state, "cat /proc/sys/kernel/msgmax", "",
	       LINUX(",\"sysctl\":{\"kernel.msgmax\":\"12345\"}"), "12345\n");
	assert_non_null(strstr(refusal(*state, "", LINUX(",\"sysctl\":{\"vm.swappiness\":\"1\"}")),
			       "vm.swappiness is not in a namespace"));
}

static void a_read_only_root_cannot_be_written(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config =
		pod_config(pod, "touch /tmp/x && ! touch /x 2>/dev/null", "", "");
	char *at = strstr(config, "\"},\"process\"");
	_cleanup_free_ char *read_only = NULL;

	assert_true(asprintf(&read_only, "%.*s\",\"readonly\":true%s", (int)(at - config), config,
			     at + 1) > 0);
	assert_int_equal(pod_create(pod, "c", read_only, 0, false, NULL), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", NULL), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void masked_and_read_only_paths_are_covered(void **state)
{
	const char *paths = ",\"maskedPaths\":[\"/proc/uptime\",\"/proc/fs\",\"/none\"],"
			    "\"readonlyPaths\":[\"/proc/sys\",\"/none/x\"]";
	_cleanup_free_ char *config = NULL;

	assert_true(asprintf(&config, ",\"linux\":{" NAMESPACES("") "%s}", paths) > 0);
	expect(*state,
	       "wc -c < /proc/uptime; ls /proc/fs | wc -l; "
	       "echo 1 2>/dev/null > /proc/sys/kernel/msgmax || echo refused",
	       "", config, "0\n0\nrefused\n");
}

static void a_tmpfs_may_start_with_what_it_covers(void **state)
{
	/* The mounts of the usual config come first; the key given twice replaces them. */
	const char *mounts = ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			     "{\"destination\":\"/etc\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
			     "\"options\":[\"tmpcopyup\",\"size=1m\"]}]";

	expect(*state, "cat /etc/passwd; stat -f -c %T /etc; touch /etc/new; ls /etc", "", mounts,
	       "root:x:0:0::/root:/bin/sh\ntmpfs\nnew\npasswd\n");
}

static void recursive_attributes_reach_the_mounts_below(void **state)
{
	const char *mounts =
		",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
		"{\"destination\":\"/a\",\"source\":\"/sys\",\"options\":[\"rbind\",\"rro\"]},"
		"{\"destination\":\"/b\",\"source\":\"/sys\",\"options\":[\"rbind\",\"ro\"]}]";

	assert_int_equal(
		pod_run(*state,
			"grep ' /a/fs/cgroup[ /]' /proc/self/mountinfo | grep -qv ' ro' && exit 1; "
			"grep ' /b/fs/cgroup[ /]' /proc/self/mountinfo | grep -q ' rw' || exit 2; "
			"grep ' /b ' /proc/self/mountinfo | grep -q ' ro' || exit 3",
			"", mounts),
		0);
}

static void mounts_and_the_root_have_their_propagation(void **state)
{
	const char *config =
		",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
		"{\"destination\":\"/s\",\"type\":\"tmpfs\",\"options\":[\"shared\"]},"
		"{\"destination\":\"/u\",\"type\":\"tmpfs\",\"options\":[\"unbindable\"]}],"
		"\"linux\":{\"rootfsPropagation\":\"shared\"}";

	expect(*state,
	       "for m in / /s /u; do cut -d' ' -f5,7 /proc/self/mountinfo | grep \\\"^$m \\\" | "
	       "grep -o -E 'shared|unbindable' || echo private; done",
	       "", config, "shared\nshared\nunbindable\n");
}

static void a_user_namespace_maps_ids_and_owns_the_rest(void **state)
{
	const char *config = ",\"linux\":{" NAMESPACES(
		",{\"type\":\"user\"},{\"type\":\"network\"},{\"type\":\"cgroup\"}") MAPPINGS "}";

	expect(*state,
	       "id -u; tr -s ' ' < /proc/self/uid_map; echo y > /dev/null; echo fine > "
	       "/dev/stdout; "
	       "echo $$; grep ^0 /proc/self/cgroup; ip link show lo | grep -o 'LOOPBACK,UP'",
	       "", config, "0\n 0 100000 65536\nfine\n1\n0::/\nLOOPBACK,UP\n");
}

/* Which takes a power over the VM that the namespace's root has not. */
static void limits_are_raised_for_a_user_namespace(void **state)
{
	const struct rlimit low = { 1000, 1000 };
	struct rlimit before;
	const char *config =
		",\"linux\":{" NAMESPACES(",{\"type\":\"user\"},{\"type\":\"network\"}") MAPPINGS
		"}";

	if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) != 1)
		skip();
	assert_int_equal(getrlimit(RLIMIT_MSGQUEUE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_MSGQUEUE, &low), 0);
	expect(*state, "grep msgqueue /proc/self/limits | tr -s ' '",
	       ",\"rlimits\":[{\"type\":\"RLIMIT_MSGQUEUE\",\"hard\":900000,\"soft\":5000}]",
	       config, "Max msgqueue size 5000 900000 bytes \n");
	assert_int_equal(setrlimit(RLIMIT_MSGQUEUE, &before), 0);
}

static void an_exec_joins_a_user_namespace(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config =
		pod_config(pod, "sleep 1000", "",
			   ",\"linux\":{" NAMESPACES(",{\"type\":\"user\"}") MAPPINGS "}");
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", &answer), TTRPC_OK);
	assert_int_equal(
		pod_exec(pod, "c", "e",
			 "{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":5,\"gid\":6},"
			 "\"args\":[\"sh\",\"-c\",\"id -u; cat /proc/self/uid_map | tr -s ' '\"]}",
			 4, false, &answer),
		TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 0);
	assert_string_equal(pod_text(pod, 5), "5\n 0 100000 65536\n");
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void an_id_mapped_mount_shifts_owners(void **state)
{
	const char *mounts = ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			     "{\"destination\":\"/m\",\"source\":\"/dev/"
			     "shm\",\"type\":\"bind\",\"options\":[\"bind\"],"
			     "\"uidMappings\":[{\"containerID\":0,\"hostID\":4000,\"size\":10}],"
			     "\"gidMappings\":[{\"containerID\":0,\"hostID\":5000,\"size\":10}]}]";

	expect(*state, "stat -c '%u %g' /m", "", mounts, "4000 5000\n");
}

static void a_time_namespace_has_its_offsets(void **state)
{
	const char *config = ",\"linux\":{" NAMESPACES(
		",{\"type\":\"time\"}") ",\"timeOffsets\":{\"boottime\":{\"secs\":100000000}}}";

	expect(*state, "test $(cut -d. -f1 /proc/uptime) -gt 100000000 && echo later", "", config,
	       "later\n");
	assert_non_null(
		strstr(refusal(*state, "", LINUX(",\"timeOffsets\":{\"boottime\":{\"secs\":1}}")),
		       "need a time namespace"));
}

static void a_new_network_has_only_a_loopback_that_is_up(void **state)
{
	const char *config = ",\"linux\":{" NAMESPACES(",{\"type\":\"network\"}") "}";

	expect(*state, "ip -o link | wc -l; ip link show lo | grep -o LOOPBACK,UP", "", config,
	       "1\nLOOPBACK,UP\n");
}

static void a_namespace_is_joined_by_its_path(void **state)
{
	char wanted[64] = "", output[80];

	assert_true(readlink("/proc/self/ns/ipc", wanted, sizeof(wanted) - 1) > 0);
	(void)snprintf(output, sizeof(output), "%s\n", wanted);
	expect(*state, "readlink /proc/self/ns/ipc", "",
	       ",\"linux\":{\"namespaces\":[{\"type\":\"ipc\",\"path\":\"/proc/self/ns/ipc\"}]}",
	       output);
	assert_non_null(strstr(refusal(*state, "",
				       ",\"linux\":{\"namespaces\":[{\"type\":\"ipc\",\"path\":\"/"
				       "proc/self/ns/uts\"}]}"),
			       "is no ipc namespace"));
}

static void seccomp_filters_calls_and_arguments(void **state)
{
	const char *config = LINUX(
		",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		"{\"names\":[\"mkdir\",\"mkdirat\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\","
		"\"errnoRet\":95},{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		"{\"index\":1,\"value\":10,\"op\":\"SCMP_CMP_EQ\"}]}]}");
	const char *command = "mkdir /tmp/x 2>&1; kill -0 $$ && echo zero; kill -10 $$ 2>&1; "
			      "grep Seccomp: /proc/self/status";
	const char *output =
		"mkdir: can't create directory '/tmp/x': Operation not supported\nzero\n"
		"sh: can't kill pid 1: Operation not permitted\nSeccomp:\t2\n";

	expect(*state, command, "", config, output);
	expect(*state, command, ",\"noNewPrivileges\":true", config, output);
}

static void the_personality_is_set(void **state)
{
	expect(*state, "uname -m", "", LINUX(",\"personality\":{\"domain\":\"LINUX32\"}"),
	       "i686\n");
}

static void devices_are_made_with_mode_and_owner(void **state)
{
	expect(*state, "stat -c '%F %a %u %g %t:%T' /dev/mine /dev/zero; stat -c %F /dev/pipe", "",
	       LINUX(",\"devices\":[{\"path\":\"/dev/mine\",\"type\":\"c\",\"major\":1,\"minor\":7,"
		     "\"fileMode\":384,\"uid\":3,\"gid\":4},"
		     "{\"path\":\"/dev/pipe\",\"type\":\"p\"}]"),
	       "character special file 600 3 4 1:7\ncharacter special file 666 0 0 1:5\nfifo\n");
}

static void the_cgroup_is_the_root_of_its_namespace(void **state)
{
	const char *config =
		",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/"
		"sys/fs/cgroup\","
		"\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"ro\"]}],"
		"\"linux\":{" NAMESPACES(",{\"type\":\"cgroup\"}") ",\"resources\":{"
								   "\"unified\":{\"cgroup.max."
								   "descendants\":\"5\"}}}";

	expect(*state,
	       "grep ^0 /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.max.descendants; "
	       "grep -c . /sys/fs/cgroup/cgroup.procs | grep -q '^[1-9]' && echo inhabited",
	       "", config, "0::/\n5\ninhabited\n");
}

/* As systemd does: the first process moves into a group of its own and hands the controllers down.
 */
static void a_container_may_divide_its_cgroup(void **state)
{
	struct pod *pod = *state;
	/* In a user namespace only what the container itself mounted can be written. */
	const char *extra =
		",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/"
		"dev\","
		"\"type\":\"tmpfs\"},{\"destination\":\"/dev/groups\",\"type\":\"cgroup\","
		"\"options\":[\"rw\"]}],\"linux\":{" NAMESPACES(
			",{\"type\":\"user\"},{\"type\":\"cgroup\"}") MAPPINGS "}";
	_cleanup_free_ char *config = pod_config(
		pod,
		"cd /dev/groups; mkdir init && echo $$ > init/cgroup.procs && "
		"for c in $(cat cgroup.controllers); do echo +$c > cgroup.subtree_control; done; "
		"grep ^0 /proc/self/cgroup; sleep 1000",
		"", extra);
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", &answer), TTRPC_OK);
	for (int i = 0; i < 500 && !strchr(pod_text(pod, 1), '\n'); i++)
		(void)pod_run_until(pod, &(bool){ false }, 5);
	assert_string_equal(pod_text(pod, 1), "0::/init\n");
	/* The group above takes no process any more; an exec goes where the first process is. */
	assert_int_equal(pod_exec(pod, "c", "e",
				  "{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],"
				  "\"args\":[\"grep\",\"^0\",\"/proc/self/cgroup\"]}",
				  4, false, &answer),
			 TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 0);
	assert_string_equal(pod_text(pod, 5), "0::/init\n");
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void resources_that_the_kernel_lacks_are_named(void **state)
{
	assert_non_null(strstr(
		refusal(*state, "", LINUX(",\"resources\":{\"unified\":{\"no.such\":\"1\"}}")),
		"setting up the cgroup: cannot set no.such: the guest kernel has no such file"));
	assert_non_null(
		strstr(refusal(*state, "",
			       LINUX(",\"resources\":{\"unified\":{\"cgroup.max.depth\":\"x\"}}")),
		       "cannot set cgroup.max.depth to \"x\""));
}

static void an_update_changes_what_it_names(void **state)
{
	KataLike__Agent__V1__UpdateContainerRequest request =
		KATA_LIKE__AGENT__V1__UPDATE_CONTAINER_REQUEST__INIT;
	char resources[] = "{\"unified\":{\"cgroup.max.descendants\":\"9\"}}";
	char bad[] = "{\"unified\":[]}";
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "sleep 1000", "", "");
	struct cgroup *cgroup;
	char text[16];

	request.container_id = (char *)"c";
	assert_int_equal(pod_create(pod, "c", config, 0, false, NULL), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", NULL), TTRPC_OK);
	request.resources_json.data = (uint8_t *)resources;
	request.resources_json.len = strlen(resources);
	assert_int_equal(pod_call(pod, "UpdateContainer", &request.base, NULL), TTRPC_OK);
	cgroup = engine_find(&pod->agent.engine, "c")->cgroup;
	assert_int_equal(cgroup_read(cgroup, "cgroup.max.descendants", text, sizeof(text)), 2);
	assert_string_equal(text, "9\n");
	request.resources_json.data = (uint8_t *)bad;
	request.resources_json.len = strlen(bad);
	assert_int_equal(pod_call(pod, "UpdateContainer", &request.base, NULL),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void device_rules_hold_for_the_program(void **state)
{
	const char *devices = ",\"devices\":[{\"path\":\"/dev/"
			      "loop0-control\",\"type\":\"c\",\"major\":10,\"minor\":237}]";
	const char *command = "dd if=/dev/loop0-control of=/dev/null bs=8192 count=1 2>&1 | "
			      "grep -o 'Operation not permitted'; dd if=/dev/zero bs=1 count=1 "
			      "2>/dev/null | wc -c";
	_cleanup_free_ char *closed = NULL, *open = NULL;

	assert_true(asprintf(&closed,
			     ",\"linux\":{" NAMESPACES("") "%s,\"resources\":{\"devices\":["
							   "{\"allow\":false}]}}",
			     devices) > 0);
	assert_true(asprintf(&open,
			     ",\"linux\":{" NAMESPACES(
				     "") "%s,\"resources\":{\"devices\":["
					 "{\"allow\":false},{\"allow\":true,\"type\":\"c\","
					 "\"major\":10,\"minor\":237,\"access\":\"rw\"}]}}",
			     devices) > 0);
	/* A device that anybody may open, if it is there; no other error is this one. */
	expect(*state, command, "", closed, "Operation not permitted\n1\n");
	expect(*state, command, "", open, "1\n");
}

static void hooks_of_the_guest_run_and_are_given_the_state(void **state)
{
	const char *hooks = ",\"annotations\":{\"a\":\"b\"},\"hooks\":{\"createContainer\":[{"
			    "\"path\":\"/bin/true\"}],"
			    "\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
			    "\"PATH=/bin cat > /tmp/state\"]}]}";

	expect(*state,
	       "grep -o '\\\"id\\\":\\\"c\\\"' /tmp/state; grep -o '\\\"a\\\":\\\"b\\\"' "
	       "/tmp/state",
	       "", hooks, "\"id\":\"c\"\n\"a\":\"b\"\n");
	assert_string_equal(
		refusal(*state, "", ",\"hooks\":{\"createContainer\":[{\"path\":\"/bin/false\"}]}"),
		"running hooks: createContainer hook /bin/false: it ended with status 1");
	assert_string_equal(
		refusal(*state, "",
			",\"hooks\":{\"createContainer\":[{\"path\":\"/bin/sleep\","
			"\"args\":[\"sleep\",\"60\"],\"timeout\":1}]}"),
		"running hooks: createContainer hook /bin/sleep: it took longer than 1 seconds");
}

static void what_a_guest_cannot_do_is_refused_in_words(void **state)
{
	assert_non_null(strstr(refusal(*state, ",\"apparmorProfile\":\"docker-default\"", ""),
			       "the guest has no AppArmor"));
	assert_non_null(
		strstr(refusal(*state, ",\"selinuxLabel\":\"x\"", ""), "the guest has no SELinux"));
	assert_non_null(strstr(refusal(*state, "", LINUX(",\"intelRdt\":{}")), "intelRdt"));
	assert_non_null(strstr(
		refusal(*state, "", LINUX(",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}")),
		"SCMP_ACT_NOTIFY"));
	assert_non_null(strstr(
		refusal(*state, "", ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"nofs\"}]"),
		"cannot mount nofs on /x: the kernel has no file system \"nofs\""));
	assert_non_null(strstr(refusal(*state, "",
				       ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\","
				       "\"options\":[\"size=bogus\"]}]"),
			       "bad mount option size=bogus"));
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, NULL, check_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(the_user_has_its_ids_groups_umask_and_home),
		CLEAN(all_five_capability_sets_are_as_given),
		CLEAN(without_capabilities_root_has_none),
		CLEAN(limits_and_scheduling_are_set),
		CLEAN(the_names_are_the_containers_own),
		CLEAN(the_working_directory_is_made),
		CLEAN(kernel_parameters_of_namespaces_are_set),
		CLEAN(a_read_only_root_cannot_be_written),
		CLEAN(masked_and_read_only_paths_are_covered),
		CLEAN(a_tmpfs_may_start_with_what_it_covers),
		CLEAN(recursive_attributes_reach_the_mounts_below),
		CLEAN(mounts_and_the_root_have_their_propagation),
		CLEAN(a_user_namespace_maps_ids_and_owns_the_rest),
		CLEAN(limits_are_raised_for_a_user_namespace),
		CLEAN(an_exec_joins_a_user_namespace),
		CLEAN(an_id_mapped_mount_shifts_owners),
		CLEAN(a_time_namespace_has_its_offsets),
		CLEAN(a_new_network_has_only_a_loopback_that_is_up),
		CLEAN(a_namespace_is_joined_by_its_path),
		CLEAN(seccomp_filters_calls_and_arguments),
		CLEAN(the_personality_is_set),
		CLEAN(devices_are_made_with_mode_and_owner),
		CLEAN(the_cgroup_is_the_root_of_its_namespace),
		CLEAN(a_container_may_divide_its_cgroup),
		CLEAN(resources_that_the_kernel_lacks_are_named),
		CLEAN(an_update_changes_what_it_names),
		CLEAN(device_rules_hold_for_the_program),
		CLEAN(hooks_of_the_guest_run_and_are_given_the_state),
		CLEAN(what_a_guest_cannot_do_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

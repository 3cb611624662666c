/* SPDX-License-Identifier: Apache-2.0 */
/* The default configuration, as text: json-c takes single quotes, which keeps it readable in C. */
#include "cli/spec-default.h"

#include <json-c/json_tokener.h>
#include <errno.h>

#define CAPABILITIES                                                                       \
	"['CAP_AUDIT_WRITE', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'," \
	" 'CAP_KILL', 'CAP_MKNOD', 'CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_SETFCAP',"  \
	" 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_SETUID', 'CAP_SYS_CHROOT']"

static const char process[] =
	"{'terminal': false, 'user': {'uid': 0, 'gid': 0}, 'args': ['sh'],"
	" 'env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],"
	" 'cwd': '/',"
	" 'capabilities': {'bounding': " CAPABILITIES ", 'effective': " CAPABILITIES ","
	" 'permitted': " CAPABILITIES "},"
	" 'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 524288, 'soft': 1024}],"
	" 'noNewPrivileges': false}";

static const char mounts[] =
	"[{'destination': '/proc', 'type': 'proc', 'source': 'proc',"
	"  'options': ['nosuid', 'noexec', 'nodev']},"
	" {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs',"
	"  'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
	" {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts',"
	"  'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
	" {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm',"
	"  'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']},"
	" {'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue',"
	"  'options': ['nosuid', 'noexec', 'nodev']},"
	" {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs',"
	"  'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
	" {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup',"
	"  'options': ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']}]";

static const char linux_part[] =
	"{'namespaces': [{'type': 'pid'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'},"
	" {'type': 'cgroup'}],"
	" 'maskedPaths': ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys',"
	" '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug',"
	" '/proc/scsi', '/sys/firmware'],"
	" 'readonlyPaths': ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys',"
	" '/proc/sysrq-trigger']}";

static const char version[] = "'1.2.0'";
static const char root[] = "{'path': 'rootfs', 'readonly': false}";
static const char hostname[] = "'kata-like'";

static const struct {
	const char *key, *text;
} parts[] = {
	{ "ociVersion", version }, { "process", process }, { "root", root },
	{ "hostname", hostname },  { "mounts", mounts },   { "linux", linux_part },
};

int spec_default(struct json_object **ret_config, struct err *err)
{
	struct json_object *config = json_object_new_object();

	if (!config)
		return err_set(err, ENOMEM, "cannot make a configuration");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct json_object *part = json_tokener_parse(parts[i].text);

		if (!part || json_object_object_add(config, parts[i].key, part) < 0) {
			json_object_put(part);
			json_object_put(config);
			return err_set(err, ENOMEM, "cannot make a configuration");
		}
	}
	*ret_config = config;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets by name. */
#include "agent/container/capabilities.h"

#include <errno.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>

/* By number. */
static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

int capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return (int)i;
	}
	return -EINVAL;
}

static uint64_t bit(int capability)
{
	return (uint64_t)1 << capability;
}

uint64_t capability_set(const struct oci_strings *list)
{
	uint64_t set = 0;

	for (size_t i = 0; i < list->n; i++) {
		int capability = capability_number(list->list[i]);

		if (capability >= 0 && prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0)
			set |= bit(capability);
	}
	return set;
}

int capabilities_bound(const struct oci_capabilities *sets)
{
	uint64_t bounding = capability_set(&sets->bounding);

	for (int i = 0; i < 64; i++) {
		int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		if (has < 0)
			break;
		if (has > 0 && !(bounding & bit(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int set_three(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int set_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int i = 0; i < 64; i++) {
		if (ambient & bit(i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int capabilities_apply(const struct oci_capabilities *sets, uint64_t keep)
{
	uint64_t effective = capability_set(&sets->effective);
	uint64_t permitted = capability_set(&sets->permitted);
	uint64_t inheritable = capability_set(&sets->inheritable);
	/* The kernel takes only what is permitted and inheritable; the rest is left out, as in
	 * crun. */
	uint64_t ambient = capability_set(&sets->ambient) & permitted & inheritable;
	int r = set_three(effective | keep, permitted | keep, inheritable);

	return r < 0 ? r : set_ambient(ambient);
}

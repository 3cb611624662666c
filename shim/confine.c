/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim gives up once it serves. */
#include "shim/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* With who needs it. */
static const uint8_t kept[] = {
	CAP_CHOWN,	  CAP_FOWNER,	       CAP_FSETID,
	CAP_SETFCAP,					    /* virtiofsd, for the guest */
	CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,		    /* images of folders, virtiofsd */
	CAP_MKNOD,					    /* macvtap's device */
	CAP_SYS_CHROOT,					    /* virtiofsd's sandbox */
	CAP_KILL,					    /* the VMM, which is another user */
	CAP_SETUID,	  CAP_SETGID,	       CAP_SETPCAP, /* the VMM's jail, passt's */
	CAP_SYS_ADMIN,					    /* namespaces and mounts */
	CAP_SYS_PTRACE,	  /* namespaces of other processes, by /proc */
	CAP_SYS_RESOURCE, /* limits and the order in which memory is reclaimed */
	CAP_IPC_LOCK,	  /* io_uring before Linux 5.12 */
	CAP_NET_ADMIN,	  CAP_NET_RAW,	       CAP_NET_BIND_SERVICE,
	CAP_BPF, /* networks, CNI, ports */
};

/* The machine's clock, kernel, ports and swap; other processes' memory; keys. */
static const uint16_t refused[] = {
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_iopl,
	SYS_ioperm,
	SYS_acct,
	SYS_quotactl,
	SYS_syslog,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_lookup_dcookie,
	SYS_vhangup,
	SYS_nfsservctl,
	SYS_move_pages,
	SYS_migrate_pages,
	SYS_uselib,
	SYS_modify_ldt,
	SYS_pidfd_getfd,
};

static bool is_kept(unsigned long cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

static int reduce_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!is_kept(cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

static int reduce_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, sets) < 0)
		return -errno;
	for (unsigned word = 0; word < ARRAY_SIZE(sets); word++) {
		uint32_t mask = 0;

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			if (kept[i] / 32 == word)
				mask |= 1u << kept[i] % 32;
		sets[word].effective &= mask;
		sets[word].permitted &= mask;
		sets[word].inheritable = 0;
	}
	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}

static struct sock_filter statement(uint16_t code, uint32_t k)
{
	return (struct sock_filter)BPF_STMT(code, k);
}

static int refuse_calls(void)
{
	struct sock_filter code[2 * ARRAY_SIZE(refused) + 8];
	struct sock_fprog program = { .filter = code };
	uint16_t n = 0;

	code[n++] = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	code[n++] = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	code[n++] = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	/* The x32 interface would be a way around the numbers. */
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);
	code[n++] = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		code[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1);
		code[n++] = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	}
	code[n++] = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}

int confine_shim(struct err *err)
{
	bool root = geteuid() == 0;
	int r = 0;

	if (root)
		r = reduce_bounding_set();
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	/* The filter first: it takes CAP_SYS_ADMIN, which stays, or no_new_privs. */
	if (r == 0)
		r = refuse_calls();
	if (r == 0)
		r = reduce_capabilities();
	return r < 0 ? err_set(err, -r, "cannot give up what the shim does not need") : 0;
}

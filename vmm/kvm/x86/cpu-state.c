/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's state as plain data (Linux, Documentation/virt/kvm/api.rst). */
#include "vmm/kvm/x86/cpu-state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/syscalls.h"

SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_XSAVE),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_XCRS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_LAPIC),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_DEBUGREGS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_VCPU_EVENTS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_MP_STATE),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_MSR_INDEX_LIST),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_MSRS));

#define MSR_IA32_TSC	      0x10u
#define MSR_IA32_TSC_DEADLINE 0x6e0u

/* Of time stamps: more than a second apart on any processor. */
#define FAR_AWAY (1ull << 40)

struct part {
	unsigned long get, set;
	const char *name;
	size_t offset;
};

#define PART(request, member)                                                                      \
	{                                                                                          \
		KVM_GET_##request, KVM_SET_##request, #request, offsetof(struct cpu_state, member) \
	}

/*
 * In the order in which they are set: the local APIC by the mode that the special registers give
 * it, pending events behind the registers that they would change.
 */
static const struct part before_msrs[] = {
	PART(SREGS, sregs), PART(REGS, regs),	PART(XCRS, xcrs),
	PART(XSAVE, xsave), PART(LAPIC, lapic),
};
static const struct part after_msrs[] = {
	PART(DEBUGREGS, debugregs),
	PART(VCPU_EVENTS, events),
	PART(MP_STATE, mp_state),
};

static int get_parts(int vcpu_fd, const struct part *parts, size_t n, struct cpu_state *state,
		     struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (ioctl(vcpu_fd, parts[i].get, (uint8_t *)state + parts[i].offset) < 0)
			return err_set(err, errno, "KVM_GET_%s", parts[i].name);
	return 0;
}

static int set_parts(int vcpu_fd, const struct part *parts, size_t n, const struct cpu_state *state,
		     struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (ioctl(vcpu_fd, parts[i].set, (const uint8_t *)state + parts[i].offset) < 0)
			return err_set(err, errno, "KVM_SET_%s", parts[i].name);
	return 0;
}

/* KVM takes and gives several at once, but stops at the first that it does not know. */
static int access_msr(int vcpu_fd, unsigned long request, struct kvm_msr_entry *entry)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = *entry };
	int r = ioctl(vcpu_fd, request, &msrs);

	*entry = msrs.entry;
	return r < 0 ? -errno : r == 1 ? 0 : -EINVAL;
}

static int get_msrs(int kvm_fd, int vcpu_fd, struct cpu_state *state, struct err *err)
{
	struct {
		struct kvm_msr_list head;
		uint32_t indices[CPU_STATE_MSRS_MAX];
	} list = { .head.nmsrs = CPU_STATE_MSRS_MAX };

	if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0)
		return err_set(err, errno, "KVM_GET_MSR_INDEX_LIST");
	for (uint32_t i = 0; i < list.head.nmsrs; i++) {
		struct kvm_msr_entry entry = { .index = list.indices[i] };

		/* The list is the host's; this vCPU's CPUID may have less. */
		if (access_msr(vcpu_fd, KVM_GET_MSRS, &entry) == 0)
			state->msrs[state->n_msrs++] = entry;
	}
	return 0;
}

int cpu_state_save(int kvm_fd, int vcpu_fd, struct cpu_state *ret_state, struct err *err)
{
	int r;

	*ret_state = (struct cpu_state){ 0 };
	r = get_parts(vcpu_fd, before_msrs, ARRAY_SIZE(before_msrs), ret_state, err);
	if (r == 0)
		r = get_msrs(kvm_fd, vcpu_fd, ret_state, err);
	return r == 0 ? get_parts(vcpu_fd, after_msrs, ARRAY_SIZE(after_msrs), ret_state, err) : r;
}

/* What has its value already is not set: some can be read, but not written by KVM's user. */
static int set_msr(int vcpu_fd, const struct kvm_msr_entry *saved, struct err *err)
{
	struct kvm_msr_entry now = { .index = saved->index };
	struct kvm_msr_entry wanted = *saved;
	int r;

	if (access_msr(vcpu_fd, KVM_GET_MSRS, &now) == 0 && now.data == saved->data)
		return 0;
	r = access_msr(vcpu_fd, KVM_SET_MSRS, &wanted);
	return r < 0 ? err_set(err, -r, "cannot set MSR 0x%x to 0x%llx", saved->index,
			       (unsigned long long)saved->data)
		     : 0;
}

/*
 * KVM takes a time stamp that is within a second of what it expects for an attempt to bring vCPUs
 * in step, and does that instead of setting it. So the first vCPU takes a detour, and the others'
 * are brought in step with it.
 */
static int leave_step(int vcpu_fd, const struct cpu_state *state, struct err *err)
{
	for (uint32_t i = 0; i < state->n_msrs; i++) {
		struct kvm_msr_entry entry = state->msrs[i];

		entry.data += FAR_AWAY;
		if (entry.index == MSR_IA32_TSC)
			return set_msr(vcpu_fd, &entry, err);
	}
	return 0;
}

/* The timer's deadline is one of the guest's clock, which has to be right before. */
static int set_msrs(int vcpu_fd, const struct cpu_state *state, struct err *err)
{
	int r = 0;

	for (unsigned deadline = 0; deadline <= 1; deadline++)
		for (uint32_t i = 0; i < state->n_msrs && r == 0; i++)
			if ((state->msrs[i].index == MSR_IA32_TSC_DEADLINE) == deadline)
				r = set_msr(vcpu_fd, &state->msrs[i], err);
	return r;
}

int cpu_state_load(int vcpu_fd, bool first, const struct cpu_state *state, struct err *err)
{
	int r;

	if (state->n_msrs > CPU_STATE_MSRS_MAX)
		return err_say(err, EINVAL, "%u MSRs are too many", state->n_msrs);
	r = set_parts(vcpu_fd, before_msrs, ARRAY_SIZE(before_msrs), state, err);
	if (r == 0 && first)
		r = leave_step(vcpu_fd, state, err);
	if (r == 0)
		r = set_msrs(vcpu_fd, state, err);
	return r == 0 ? set_parts(vcpu_fd, after_msrs, ARRAY_SIZE(after_msrs), state, err) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The state an x86 vCPU starts in. */
#include "vmm/kvm/x86/cpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/log.h"
#include "lib/syscalls.h"
#include "vmm/kvm/x86/cpuid.h"

/* The registers of a VM that ended badly. */
SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_REGS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_SREGS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_TRANSLATE));

#define CR0_PE	 (1u << 0)
#define CR0_ET	 (1u << 4)
#define CR0_NE	 (1u << 5)
#define CR0_PG	 (1u << 31)
#define CR4_PAE	 (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define CPUID_ECX_XSAVE (1u << 26)

#define RFLAGS_ALWAYS 0x2u

#define CODE_SELECTOR 0x10u
#define DATA_SELECTOR 0x18u

#define MSR_IA32_MISC_ENABLE	0x1a0u
#define MISC_ENABLE_FAST_STRING 1u

#define APIC_LVT_LINT0	    0x350u
#define APIC_LVT_LINT1	    0x360u
#define APIC_DELIVERY_MASK  0x700u
#define APIC_LVT_MASKED	    0x10000u
#define APIC_DELIVER_NMI    0x400u
#define APIC_DELIVER_EXTINT 0x700u

/*
 * Switches on every kind of extended state that CPUID offers, which the guest's kernel would do
 * itself. Some hosts (QEMU's emulated SVM) let a guest change XCR0 without KVM's noticing, so that
 * KVM puts the old value back at the next entry: it has to be right from the start.
 */
static int set_xcr0(int vcpu_fd, struct kvm_cpuid2 *cpuid, struct err *err)
{
	struct kvm_cpuid_entry2 *features = cpuid_find(cpuid, 0x1, 0);
	struct kvm_cpuid_entry2 *states = cpuid_find(cpuid, 0xd, 0);
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	if (!features || !(features->ecx & CPUID_ECX_XSAVE) || !states)
		return 0;
	xcrs.xcrs[0].value = states->eax | (uint64_t)states->edx << 32;
	return ioctl(vcpu_fd, KVM_SET_XCRS, &xcrs) < 0 ? err_set(err, errno, "KVM_SET_XCRS") : 0;
}

static int set_cpuid(int kvm_fd, int vcpu_fd, enum cpu_model model, unsigned id, unsigned n,
		     struct err *err)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	int r = cpuid_get_supported(kvm_fd, &cpuid, err);

	if (r < 0)
		return r;
	cpuid_adjust(cpuid, model, id, n);
	if (ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
		return err_set(err, errno, "cannot set CPUID of vCPU %u", id);
	return set_xcr0(vcpu_fd, cpuid, err);
}

/* What firmware leaves behind: string instructions are fast, or Linux would not use them. */
static int set_msrs(int vcpu_fd, struct err *err)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1,
		  .entry = { .index = MSR_IA32_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING } };

	if (ioctl(vcpu_fd, KVM_SET_MSRS, &msr) != 1)
		return err_set(err, EINVAL, "cannot set MSR 0x%x", MSR_IA32_MISC_ENABLE);
	return 0;
}

static void set_lvt(struct kvm_lapic_state *apic, unsigned at, uint32_t delivery)
{
	uint32_t value;

	memcpy(&value, apic->regs + at, sizeof(value));
	value = (value & ~(APIC_DELIVERY_MASK | APIC_LVT_MASKED)) | delivery;
	memcpy(apic->regs + at, &value, sizeof(value));
}

/* The local interrupt pins as the MP table says they are wired: LINT0 to the PIC, LINT1 to NMI. */
static int set_apic(int vcpu_fd, struct err *err)
{
	struct kvm_lapic_state apic;

	if (ioctl(vcpu_fd, KVM_GET_LAPIC, &apic) < 0)
		return err_set(err, errno, "KVM_GET_LAPIC");
	set_lvt(&apic, APIC_LVT_LINT0, APIC_DELIVER_EXTINT);
	set_lvt(&apic, APIC_LVT_LINT1, APIC_DELIVER_NMI);
	if (ioctl(vcpu_fd, KVM_SET_LAPIC, &apic) < 0)
		return err_set(err, errno, "KVM_SET_LAPIC");
	return 0;
}

static void set_segments(struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment code = { .limit = 0xffffffff,
				    .selector = CODE_SELECTOR,
				    .type = 0xb, /* execute, read, accessed */
				    .present = 1,
				    .db = !long_mode,
				    .s = 1,
				    .l = long_mode,
				    .g = 1 };
	struct kvm_segment data = { .limit = 0xffffffff,
				    .selector = DATA_SELECTOR,
				    .type = 0x3, /* read, write, accessed */
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1 };
	struct kvm_segment task = { .limit = 0x67, .type = 0xb /* busy TSS */, .present = 1 };

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = task;
}

static int set_registers(int vcpu_fd, const struct boot_entry *entry, struct err *err)
{
	bool long_mode = entry->mode == BOOT_MODE_LONG_64;
	struct kvm_regs regs = { .rip = entry->instruction, .rflags = RFLAGS_ALWAYS };
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return err_set(err, errno, "KVM_GET_SREGS");
	set_segments(&sregs, long_mode);
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	sregs.idt = (struct kvm_dtable){ 0 };
	sregs.gdt = (struct kvm_dtable){ 0 };
	if (long_mode) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = entry->page_tables;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
		sregs.gdt.base = entry->gdt;
		sregs.gdt.limit = (uint16_t)(entry->gdt_bytes - 1);
		regs.rsi = entry->parameters;
	} else {
		regs.rbx = entry->parameters;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return err_set(err, errno, "KVM_SET_SREGS");
	if (ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return err_set(err, errno, "KVM_SET_REGS");
	return 0;
}

int cpu_init(int kvm_fd, int vcpu_fd, enum cpu_model model, unsigned id, unsigned n,
	     const struct boot_entry *entry, struct err *err)
{
	/* CPUID first: KVM lets an MSR exist, and checks its bits, by what CPUID says. */
	int r = set_cpuid(kvm_fd, vcpu_fd, model, id, n, err);

	if (r == 0)
		r = set_msrs(vcpu_fd, err);
	if (r == 0)
		r = set_apic(vcpu_fd, err);
	if (r == 0 && entry)
		r = set_registers(vcpu_fd, entry, err);
	return r < 0 ? err_push(err, "cannot set up vCPU %u", id) : 0;
}

void cpu_log_registers(int vcpu_fd)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu_fd, KVM_GET_SREGS, &s) < 0) {
		log_error("  registers cannot be read: %s", strerror(errno));
		return;
	}
	log_error("  rip=%016llx rsp=%016llx rflags=%08llx cs=%04x", r.rip, r.rsp, r.rflags,
		  s.cs.selector);
	log_error("  rax=%016llx rbx=%016llx rcx=%016llx rdx=%016llx", r.rax, r.rbx, r.rcx, r.rdx);
	log_error("  rsi=%016llx rdi=%016llx rbp=%016llx  r8=%016llx", r.rsi, r.rdi, r.rbp, r.r8);
	log_error("   r9=%016llx r10=%016llx r11=%016llx r12=%016llx", r.r9, r.r10, r.r11, r.r12);
	log_error("  r13=%016llx r14=%016llx r15=%016llx", r.r13, r.r14, r.r15);
	log_error("  cr0=%08llx cr2=%016llx cr3=%016llx cr4=%08llx efer=%04llx", s.cr0, s.cr2,
		  s.cr3, s.cr4, s.efer);
}

bool cpu_instruction(int vcpu_fd, gpa_t *ret_gpa)
{
	struct kvm_translation translation = { 0 };
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &regs) < 0 || ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return false;
	translation.linear_address = regs.rip + sregs.cs.base;
	if (ioctl(vcpu_fd, KVM_TRANSLATE, &translation) < 0 || !translation.valid)
		return false;
	*ret_gpa = translation.physical_address;
	return true;
}

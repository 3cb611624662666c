/* SPDX-License-Identifier: Apache-2.0 */
/* Which model-specific registers a guest may use (Intel SDM volume 4, AMD APM volume 2 appendix A).
 */
#include "vmm/kvm/x86/msr-filter.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "vmm/kvm/kvm.h"

#define READ  1u
#define WRITE 2u
#define BOTH  (READ | WRITE)

static const struct {
	uint32_t first, last;
	unsigned may;
} allowed[] = {
	{ 0x10, 0x12, BOTH },	 /* TSC, which is the guest's own; kvm-clock's first home */
	{ 0x17, 0x17, READ },	 /* platform id */
	{ 0x1b, 0x1b, BOTH },	 /* APIC base */
	{ 0x34, 0x34, READ },	 /* SMI count */
	{ 0x3a, 0x3a, READ },	 /* feature control */
	{ 0x3b, 0x3b, BOTH },	 /* TSC adjust */
	{ 0x48, 0x49, BOTH },	 /* speculation control, prediction command */
	{ 0x8b, 0x8b, BOTH },	 /* microcode version: a write is how it is asked for */
	{ 0xce, 0xce, READ },	 /* platform information */
	{ 0xcf, 0xcf, READ },	 /* core capabilities */
	{ 0xfe, 0xfe, READ },	 /* MTRR capabilities */
	{ 0x10a, 0x10a, READ },	 /* what mitigations the processor does without */
	{ 0x10b, 0x10b, WRITE }, /* flush of the first cache */
	{ 0x122, 0x122, BOTH },	 /* TSX control */
	{ 0x140, 0x140, BOTH },	 /* CPUID faulting */
	{ 0x174, 0x176, BOTH },	 /* SYSENTER */
	{ 0x179, 0x17b, BOTH },	 /* machine check, global */
	{ 0x198, 0x198, READ },	 /* performance status */
	{ 0x1a0, 0x1a0, BOTH },	 /* fast strings and others */
	{ 0x1c4, 0x1c5, BOTH },	 /* XFD */
	{ 0x1d9, 0x1d9, BOTH },	 /* debug control: single-stepping by branches */
	{ 0x200, 0x21f, BOTH },	 /* MTRRs, whose feature bit is off; kernels look */
	{ 0x250, 0x26f, BOTH },	 /* MTRRs of fixed ranges */
	{ 0x277, 0x277, BOTH },	 /* PAT */
	{ 0x2ff, 0x2ff, BOTH },	 /* MTRR default type */
	{ 0x280, 0x29f, BOTH },	 /* machine check banks, corrected errors */
	{ 0x400, 0x47f, BOTH },	 /* machine check banks */
	{ 0x4d0, 0x4d0, BOTH },	 /* machine check, extended */
	{ 0x6a0, 0x6a8, BOTH },	 /* control-flow enforcement */
	{ 0x6e0, 0x6e0, BOTH },	 /* TSC deadline: the timer */
	{ 0xda0, 0xda0, BOTH },	 /* supervisor XSAVE states */
	{ 0x4b564d00, 0x4b564d05, BOTH }, /* kvm-clock, asynchronous page faults, steal time, EOI */
	{ 0x4b564d06, 0x4b564d07, BOTH }, /* asynchronous page faults */
	{ 0xc0000080, 0xc0000084, BOTH }, /* EFER, SYSCALL */
	{ 0xc0000100, 0xc0000103, BOTH }, /* FS, GS, TSC_AUX */
	{ 0xc0002000, 0xc00023ff, BOTH }, /* machine check banks of AMD */
	{ 0xc0010010, 0xc0010010, READ }, /* SYSCFG */
	{ 0xc0010015, 0xc0010015, BOTH }, /* HWCR */
	{ 0xc001001f, 0xc001001f, READ }, /* northbridge */
	{ 0xc0010055, 0xc0010055, READ }, /* interrupt pending */
	{ 0xc0010058, 0xc0010058, READ }, /* where PCI configuration lies in memory */
	{ 0xc0010061, 0xc001006b, READ }, /* P-states */
	{ 0xc0010114, 0xc0010114, READ }, /* virtualization is switched off */
	{ 0xc001011f, 0xc001011f, BOTH }, /* speculation control, virtual */
	{ 0xc0010140, 0xc0010141, READ }, /* errata that the OS need not work around */
	{ 0xc0011020, 0xc0011020, READ }, /* load and store configuration */
	{ 0xc0011022, 0xc0011022, READ }, /* data cache configuration */
	{ 0xc0011029, 0xc0011029, BOTH }, /* decode configuration: serializing LFENCE */
	{ 0xc001102a, 0xc001102a, READ }, /* bus unit configuration */
};

/* The windows that the table lies in: all else is refused by default. */
static const struct {
	uint32_t first, n;
} windows[] = {
	{ 0x0, 0x1000 },
	{ 0x4b564d00, 0x40 },
	{ 0xc0000000, 0x2800 },
	{ 0xc0010000, 0x1100 },
};

#define BITMAP_BYTES (0x2800 / 8)

bool msr_filter_allows(uint32_t msr, bool write)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (msr >= allowed[i].first && msr <= allowed[i].last)
			return allowed[i].may & (write ? WRITE : READ);
	return false;
}

static void fill(uint8_t *bitmap, uint32_t first, uint32_t n, unsigned may)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (!(allowed[i].may & may) || allowed[i].first < first ||
		    allowed[i].first - first >= n)
			continue;
		for (uint32_t bit = allowed[i].first - first; bit <= allowed[i].last - first; bit++)
			bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

int msr_filter_set(int kvm_fd, int vm_fd, struct err *err)
{
	struct kvm_msr_filter filter = { .flags = KVM_MSR_FILTER_DEFAULT_DENY };
	uint8_t(*bitmaps)[BITMAP_BYTES] = NULL;
	size_t n = 0;
	int r = 0;

	_Static_assert(2 * ARRAY_SIZE(windows) <= KVM_MSR_FILTER_MAX_RANGES, "KVM takes no more");
	if (!kvm_capability(kvm_fd, KVM_CAP_X86_MSR_FILTER))
		return 0;
	bitmaps = calloc(2 * ARRAY_SIZE(windows), sizeof(*bitmaps));
	if (!bitmaps)
		return err_set(err, ENOMEM, "cannot set up the filter of MSRs");
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		for (unsigned may = READ; may <= WRITE; may++, n++) {
			fill(bitmaps[n], windows[i].first, windows[i].n, may);
			filter.ranges[n] = (struct kvm_msr_filter_range){
				.flags = may == READ ? KVM_MSR_FILTER_READ : KVM_MSR_FILTER_WRITE,
				.base = windows[i].first,
				.nmsrs = windows[i].n,
				.bitmap = bitmaps[n],
			};
		}
	}
	if (ioctl(vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		r = err_set(err, errno, "KVM_X86_SET_MSR_FILTER");
	free(bitmaps);
	return r;
}

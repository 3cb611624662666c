/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/kvm itself. */
#include "vmm/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#define API_VERSION 12 /* the only one there has been since Linux 2.6.22 */

const struct kvm_capability kvm_capabilities[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", "interrupt controllers in the kernel", true },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "guest memory", true },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR", "real mode on older Intel CPUs", true },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR",
	  "real mode on older Intel CPUs", true },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", "telling the guest what its CPU can do", true },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", "starting secondary CPUs", true },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", "message-signalled interrupts", true },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD", "device interrupts without an exit", true },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD", "device notifications without an exit", true },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER",
	  "a guest timer that needs no calibration", true },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "pausing and stopping the VM", true },
	{ KVM_CAP_COALESCED_PIO, "KVM_CAP_COALESCED_PIO", "faster PCI configuration", false },
	{ KVM_CAP_KVMCLOCK_CTRL, "KVM_CAP_KVMCLOCK_CTRL",
	  "a pause that the guest's watchdogs forgive", false },
	{ KVM_CAP_X86_MSR_FILTER, "KVM_CAP_X86_MSR_FILTER",
	  "keeping machine registers that it has no use for from the guest", false },
	{ KVM_CAP_PMU_CAPABILITY, "KVM_CAP_PMU_CAPABILITY",
	  "switching off performance counters in the guest", false },
};
const size_t kvm_n_capabilities = ARRAY_SIZE(kvm_capabilities);

int kvm_open(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	err_set(err, errno, "cannot open %s", path);
	switch (errno) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return err_hint(err, "load the kvm_intel or kvm_amd module, and switch on "
				     "virtualization in the firmware (or nested virtualization, if "
				     "this machine is itself virtual)");
	case EACCES:
	case EPERM:
		return err_hint(err,
				"add yourself to the group that owns it (usermod -aG kvm USER, "
				"then log in again), or run as root");
	case EBUSY:
		return err_hint(err,
				"stop the other hypervisor that uses the CPU's virtualization");
	default:
		return err->code;
	}
}

int kvm_capability(int kvm_fd, int id)
{
	int value = ioctl(kvm_fd, KVM_CHECK_EXTENSION, (long)id);

	return value > 0 ? value : 0;
}

int kvm_check_api(int kvm_fd, struct err *err)
{
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0L);

	if (version < 0)
		return err_say(err, ENOTTY, "the device given for KVM is not /dev/kvm");
	if (version != API_VERSION)
		return err_say(err, EPROTO,
			       "KVM speaks API version %d; version %d is needed: use "
			       "Linux 2.6.22 or later",
			       version, API_VERSION);
	return 0;
}

static int check_capabilities(int kvm_fd, struct err *err)
{
	for (size_t i = 0; i < kvm_n_capabilities; i++) {
		const struct kvm_capability *cap = &kvm_capabilities[i];

		if (cap->needed && kvm_capability(kvm_fd, cap->id) == 0)
			return err_say(err, ENOTSUP,
				       "KVM lacks %s (%s); use a newer kernel or another machine",
				       cap->name, cap->what);
	}
	return 0;
}

int kvm_init(struct kvm *kvm, int fd, struct err *err)
{
	_cleanup_fd_ int owned = fd;
	int r = kvm_check_api(fd, err), bytes, cpus;

	if (r == 0)
		r = check_capabilities(fd, err);
	if (r < 0)
		return r;
	bytes = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0L);
	if (bytes < (int)sizeof(struct kvm_run))
		return err_set(err, bytes < 0 ? errno : EPROTO, "KVM_GET_VCPU_MMAP_SIZE");
	cpus = kvm_capability(fd, KVM_CAP_MAX_VCPUS);
	if (cpus == 0)
		cpus = kvm_capability(fd, KVM_CAP_NR_VCPUS);
	*kvm = (struct kvm){ .fd = TAKE_FD(owned),
			     .run_bytes = (size_t)bytes,
			     .max_cpus = cpus > 0 ? (unsigned)cpus : 4, /* as api.rst says */
			     .coalesced_pio = kvm_capability(fd, KVM_CAP_COALESCED_PIO) > 0 };
	return 0;
}

void kvm_fini(struct kvm *kvm)
{
	if (kvm->fd >= 0)
		close(kvm->fd);
	kvm->fd = -1;
}

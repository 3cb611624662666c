/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine in KVM, without its vCPUs. */
#include "vmm/kvm/machine.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "vmm/kvm/x86/msr-filter.h"

/* Four pages that Intel KVM keeps for itself below the 4 GiB line, where no memory and no device
 * is. */
#define IDENTITY_MAP_ADDRESS 0xfffbc000ull
#define TSS_ADDRESS	     0xfffbd000ull

static int create_vm(const struct kvm *kvm)
{
	int fd;

	/* A signal may interrupt the creation; nothing is left behind then. */
	do
		fd = ioctl(kvm->fd, KVM_CREATE_VM, 0L);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* Guests get no performance counters; their registers would otherwise answer though CPUID hides
 * them. */
static int disable_pmu(const struct kvm *kvm, int vm_fd)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_PMU_CAPABILITY,
				      .args = { KVM_PMU_CAP_DISABLE } };

	if (!(kvm_capability(kvm->fd, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE))
		return 0;
	return ioctl(vm_fd, KVM_ENABLE_CAP, &cap) < 0 ? -errno : 0;
}

int machine_init(struct machine *machine, const struct kvm *kvm, enum cpu_model cpu_model,
		 struct err *err)
{
	_cleanup_fd_ int fd = create_vm(kvm);
	uint64_t identity = IDENTITY_MAP_ADDRESS;
	int r;

	*machine = (struct machine){ .kvm = kvm, .cpu_model = cpu_model, .fd = -1 };
	if (fd < 0)
		return err_set(err, -fd, "cannot create a VM (KVM_CREATE_VM)");
	if (ioctl(fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_set(err, errno, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDRESS) < 0)
		return err_set(err, errno, "KVM_SET_TSS_ADDR");
	if (ioctl(fd, KVM_CREATE_IRQCHIP, 0L) < 0)
		return err_set(err, errno,
			       "cannot create interrupt controllers (KVM_CREATE_IRQCHIP)");
	r = disable_pmu(kvm, fd);
	if (r < 0)
		return err_set(err, -r, "cannot switch off performance counters");
	r = msr_filter_set(kvm->fd, fd, err);
	if (r < 0)
		return r;
	machine->fd = TAKE_FD(fd);
	return 0;
}

void machine_fini(struct machine *machine)
{
	if (machine->fd >= 0)
		close(machine->fd);
	machine->fd = -1;
}

int machine_map(struct machine *machine, const struct guestmem *mem, struct err *err)
{
	for (size_t i = 0; i < mem->n_regions; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = (uint32_t)i,
			.guest_phys_addr = mem->regions[i].gpa,
			.memory_size = mem->regions[i].size_bytes,
			.userspace_addr = (uintptr_t)mem->regions[i].host,
		};

		if (ioctl(machine->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return err_set(err, errno,
				       "cannot give the VM %llu MiB of memory at 0x%llx",
				       slot.memory_size >> 20, slot.guest_phys_addr);
	}
	return 0;
}

int machine_coalesce_port(struct machine *machine, uint16_t port, uint32_t len_bytes,
			  struct err *err)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = port, .size = len_bytes, .pio = 1 };

	if (!machine->kvm->coalesced_pio)
		return 0;
	if (ioctl(machine->fd, KVM_REGISTER_COALESCED_MMIO, &zone) < 0)
		return err_set(err, errno, "cannot coalesce writes to port 0x%x", port);
	return 0;
}

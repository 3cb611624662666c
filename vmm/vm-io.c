/* SPDX-License-Identifier: Apache-2.0 */
/* Which port and which address leads where. */
#include "vmm/vm-io.h"

#include <string.h>

#include "vmm/legacy/absent.h"
#include "vmm/legacy/reset.h"

/* The chipset's reset register hides in the second byte of PCI's address register. */
static bool is_pci(uint16_t port, unsigned len)
{
	return port >= PCI_PORT_FIRST && port + len - 1 <= PCI_PORT_LAST &&
	       !(port == RESET_PORT_CHIPSET && len == 1);
}

static bool is_serial(const struct vm *vm, uint16_t port)
{
	return vm->console.loop && port >= SERIAL_PORT_FIRST &&
	       port < SERIAL_PORT_FIRST + SERIAL_PORTS;
}

static void port_read(void *ctx, unsigned cpu, uint16_t port, void *dst, unsigned len)
{
	struct vm *vm = ctx;
	uint8_t *bytes = dst;

	vm->accessing_cpu = cpu;
	if (is_pci(port, len)) {
		pci_bus_port_read(&vm->bus, port, dst, len);
		return;
	}
	for (unsigned i = 0; i < len; i++, port++) {
		if (is_serial(vm, port))
			bytes[i] = serial_read(&vm->console.serial, port - SERIAL_PORT_FIRST);
		else
			bytes[i] = absent_read(port);
	}
}

static void port_write(void *ctx, unsigned cpu, uint16_t port, const void *src, unsigned len)
{
	struct vm *vm = ctx;
	const uint8_t *bytes = src;

	vm->accessing_cpu = cpu;
	if (is_pci(port, len)) {
		pci_bus_port_write(&vm->bus, port, src, len);
		return;
	}
	for (unsigned i = 0; i < len; i++, port++) {
		if (is_serial(vm, port))
			serial_write(&vm->console.serial, port - SERIAL_PORT_FIRST, bytes[i]);
		else if (reset_requested(port, bytes[i]))
			vm_over(vm, VM_END_SHUTDOWN, -1, "the guest shut down");
	}
}

static void mmio_read(void *ctx, unsigned cpu, gpa_t gpa, void *dst, unsigned len)
{
	struct vm *vm = ctx;

	vm->accessing_cpu = cpu;
	if (!pci_bus_mmio_read(&vm->bus, gpa, dst, len))
		memset(dst, 0xff, len);
}

static void mmio_write(void *ctx, unsigned cpu, gpa_t gpa, const void *src, unsigned len)
{
	struct vm *vm = ctx;

	vm->accessing_cpu = cpu;
	(void)pci_bus_mmio_write(&vm->bus, gpa, src, len);
}

static const char *suberror_name(uint64_t suberror)
{
	switch (suberror) {
	case 1:
		return "an instruction that it cannot emulate";
	case 2:
		return "two exceptions at once";
	case 3:
		return "an exit while delivering an event";
	case 4:
		return "an exit that it does not expect";
	default:
		return "an unknown suberror";
	}
}

static void ended(void *ctx, unsigned cpu, enum vcpu_end why, uint64_t detail)
{
	struct vm *vm = ctx;

	switch (why) {
	case VCPU_END_TRIPLE_FAULT:
		vm_over(vm, VM_END_TRIPLE_FAULT, (int)cpu, "triple fault on vCPU %u", cpu);
		break;
	case VCPU_END_INTERNAL_ERROR:
		vm_over(vm, VM_END_INTERNAL_ERROR, (int)cpu,
			"KVM internal error on vCPU %u, suberror %llu: %s; see kata-like check",
			cpu, (unsigned long long)detail, suberror_name(detail));
		break;
	case VCPU_END_ENTRY_FAILED:
		vm_over(vm, VM_END_ENTRY_FAILED, (int)cpu,
			"the CPU refused to enter the guest on vCPU %u, reason 0x%llx", cpu,
			(unsigned long long)detail);
		break;
	case VCPU_END_RUN_FAILED:
		vm_over(vm, VM_END_HOST_ERROR, (int)cpu, "KVM_RUN failed on vCPU %u: %s", cpu,
			strerror((int)detail));
		break;
	case VCPU_END_UNKNOWN_EXIT:
		vm_over(vm, VM_END_HOST_ERROR, (int)cpu,
			"vCPU %u left the guest for a reason that is not known here, %llu", cpu,
			(unsigned long long)detail);
		break;
	}
}

static int confine(void *ctx)
{
	struct vm *vm = ctx;

	return vm->jail ? jail_shut(vm->jail, SYSCALLS_VCPU) : 0;
}

int vm_io_confine(void *ctx)
{
	struct vm *vm = ctx;
	int r = vm->jail ? jail_shut(vm->jail, SYSCALLS_IO) : 0;

	if (r < 0)
		vm_over(vm, VM_END_HOST_ERROR, -1, "cannot filter an I/O thread's system calls: %s",
			strerror(-r));
	return r;
}

void vm_io_init(struct vm *vm)
{
	vm->handlers = (struct vcpu_handlers){
		.ctx = vm,
		.lock = &vm->lock,
		.port_read = port_read,
		.port_write = port_write,
		.mmio_read = mmio_read,
		.mmio_write = mmio_write,
		.confine = confine,
		.ended = ended,
	};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts and doorbells on KVM. */
#include "vmm/kvm/interrupts.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "lib/syscalls.h"

/* By the guest, which sets up MSI-X, and by devices that come and go. */
SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, ioctl, 1, SYSCALL_IS, KVM_IRQFD),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, ioctl, 1, SYSCALL_IS, KVM_IOEVENTFD),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, ioctl, 1, SYSCALL_IS, KVM_SET_GSI_ROUTING));

#define ISA_LINES      16u
#define PIC_LINES      8u
#define IOAPIC_PINS    24u
#define DOORBELL_BYTES 2u

/* Interrupt numbers of KVM: the IOAPIC's pins, then the MSI sources. */
#define MSI_GSI(source) (IOAPIC_PINS + (source))

/* The table has the fixed routes first and grows by one entry a routed MSI source. */
#define FIXED_ROUTES (ISA_LINES + IOAPIC_PINS)

static size_t table_bytes(size_t n_entries)
{
	return sizeof(struct kvm_irq_routing) + n_entries * sizeof(struct kvm_irq_routing_entry);
}

static int table_apply(struct kvm_interrupts *irq)
{
	return ioctl(irq->vm_fd, KVM_SET_GSI_ROUTING, irq->table) < 0 ? -errno : 0;
}

static void put_pin(struct kvm_irq_routing *table, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static void put_fixed(struct kvm_irq_routing *table)
{
	for (uint32_t i = 0; i < ISA_LINES; i++)
		put_pin(table, i, i < PIC_LINES ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			i % PIC_LINES);
	for (uint32_t i = 0; i < IOAPIC_PINS; i++)
		put_pin(table, i, KVM_IRQCHIP_IOAPIC, i);
}

static struct kvm_interrupts *from_base(struct interrupts *base)
{
	return CONTAINER_OF(base, struct kvm_interrupts, base);
}

static bool is_used(const struct kvm_interrupts *irq, uint32_t source)
{
	return source < INTERRUPTS_MSI_MAX && (irq->used[source / 8] & 1u << source % 8);
}

static struct kvm_irq_routing_entry *find_route(struct kvm_irq_routing *table, uint32_t gsi)
{
	for (uint32_t i = FIXED_ROUTES; i < table->nr; i++)
		if (table->entries[i].gsi == gsi)
			return &table->entries[i];
	return NULL;
}

static bool same_target(const struct kvm_irq_routing_entry *a,
			const struct kvm_irq_routing_entry *b)
{
	return a->u.msi.address_lo == b->u.msi.address_lo &&
	       a->u.msi.address_hi == b->u.msi.address_hi && a->u.msi.data == b->u.msi.data;
}

static int set_irqfd(const struct kvm_interrupts *irq, uint32_t gsi, int event_fd, uint32_t flags)
{
	struct kvm_irqfd request = { .fd = (uint32_t)event_fd, .gsi = gsi, .flags = flags };

	return ioctl(irq->vm_fd, KVM_IRQFD, &request) < 0 ? -errno : 0;
}

static int msi_add(struct interrupts *base, int event_fd, uint32_t *ret_source)
{
	struct kvm_interrupts *irq = from_base(base);
	uint32_t source = 0;
	int r;

	while (is_used(irq, source))
		source++;
	if (source == INTERRUPTS_MSI_MAX)
		return -ENOSPC;
	r = set_irqfd(irq, MSI_GSI(source), event_fd, 0);
	if (r < 0)
		return r;
	irq->used[source / 8] |= (uint8_t)(1u << source % 8);
	*ret_source = source;
	return 0;
}

static int msi_route(struct interrupts *base, uint32_t source, uint64_t address, uint32_t data)
{
	struct kvm_interrupts *irq = from_base(base);
	struct kvm_irq_routing_entry route = {
		.gsi = MSI_GSI(source),
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)address,
			   .address_hi = (uint32_t)(address >> 32),
			   .data = data },
	};
	struct kvm_irq_routing_entry *entry;

	assert(is_used(irq, source));
	entry = find_route(irq->table, route.gsi);
	if (!entry) {
		struct kvm_irq_routing *larger =
			realloc(irq->table, table_bytes(irq->table->nr + 1));

		if (!larger)
			return -ENOMEM;
		irq->table = larger;
		entry = &larger->entries[larger->nr++];
	} else if (same_target(entry, &route)) {
		/* Each update makes KVM wait for readers of the table: none for nothing. */
		return 0;
	}
	*entry = route;
	return table_apply(irq);
}

static void msi_remove(struct interrupts *base, uint32_t source, int event_fd)
{
	struct kvm_interrupts *irq = from_base(base);
	struct kvm_irq_routing_entry *entry;

	assert(is_used(irq, source));
	(void)set_irqfd(irq, MSI_GSI(source), event_fd, KVM_IRQFD_FLAG_DEASSIGN);
	irq->used[source / 8] &= (uint8_t) ~(1u << source % 8);
	entry = find_route(irq->table, MSI_GSI(source));
	if (!entry)
		return;
	*entry = irq->table->entries[--irq->table->nr];
	/* A route that stays behind in KVM delivers nothing: its irqfd is gone. */
	(void)table_apply(irq);
}

static int set_doorbell(struct interrupts *base, gpa_t gpa, int event_fd, uint32_t flags)
{
	struct kvm_ioeventfd request = {
		.addr = gpa, .len = DOORBELL_BYTES, .fd = event_fd, .flags = flags
	};

	return ioctl(from_base(base)->vm_fd, KVM_IOEVENTFD, &request) < 0 ? -errno : 0;
}

static int doorbell_add(struct interrupts *base, gpa_t gpa, int event_fd)
{
	return set_doorbell(base, gpa, event_fd, 0);
}

static void doorbell_remove(struct interrupts *base, gpa_t gpa, int event_fd)
{
	(void)set_doorbell(base, gpa, event_fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static const struct interrupts_ops kvm_interrupts_ops = {
	.msi_add = msi_add,
	.msi_route = msi_route,
	.msi_remove = msi_remove,
	.doorbell_add = doorbell_add,
	.doorbell_remove = doorbell_remove,
};

int kvm_interrupts_init(struct kvm_interrupts *irq, const struct machine *machine, struct err *err)
{
	int r;

	*irq = (struct kvm_interrupts){ .base.ops = &kvm_interrupts_ops, .vm_fd = machine->fd };
	irq->table = calloc(1, table_bytes(FIXED_ROUTES));
	if (!irq->table)
		return err_set(err, ENOMEM, "cannot make the interrupt table");
	put_fixed(irq->table);
	r = table_apply(irq);
	if (r < 0) {
		kvm_interrupts_fini(irq);
		return err_set(err, -r, "cannot route interrupts (KVM_SET_GSI_ROUTING)");
	}
	return 0;
}

void kvm_interrupts_fini(struct kvm_interrupts *irq)
{
	free(irq->table);
	irq->table = NULL;
}

int kvm_interrupts_add_isa(struct kvm_interrupts *irq, unsigned line, int event_fd, struct err *err)
{
	int r = set_irqfd(irq, line, event_fd, 0);

	return r < 0 ? err_set(err, -r, "cannot connect ISA interrupt %u", line) : 0;
}

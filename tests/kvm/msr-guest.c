/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of three instructions for each of a list of model-specific registers: it touches the
 * register, then a port. Where the filter (vmm/kvm/x86/msr-filter.h) lets it, the port is reached;
 * else the fault, which it has no handler for, ends it.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/paging.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/machine.h"
#include "vmm/kvm/vcpu.h"

#define MEMORY_BYTES  (1ull << 20)
#define GUEST_ADDRESS 0x40000u

static const struct {
	const char *what;
	uint32_t msr;
	bool write, allowed;
} cases[] = {
	{ "the timer's deadline", 0x6e0, true, true },
	{ "kvm-clock's disabling", 0x4b564d01, true, true },
	{ "EFER", 0xc0000080, false, true },
	{ "what mitigations are not needed", 0x10a, true, false },
	{ "Hyper-V's guest identity", 0x40000000, true, false },
	{ "Hyper-V's interrupt controller", 0x40000080, true, false },
	{ "Hyper-V's reset", 0x40000003, true, false },
	{ "a performance counter of Intel's", 0x186, true, false },
	{ "a performance counter of AMD's", 0xc0010200, true, false },
	{ "a microcode update", 0x79, true, false },
	{ "power limits", 0x610, false, false },
	{ "feature control", 0x3a, true, false },
	{ "nested virtualization's state", 0xc0010117, true, false },
	{ "KVM's migration control", 0x4b564d08, true, false },
};

struct outcome {
	pthread_mutex_t lock, over_lock;
	pthread_cond_t over;
	bool done, reached;
};

static void end(struct outcome *outcome, bool reached)
{
	pthread_mutex_lock(&outcome->over_lock);
	if (!outcome->done)
		outcome->reached = reached;
	outcome->done = true;
	pthread_cond_signal(&outcome->over);
	pthread_mutex_unlock(&outcome->over_lock);
}

static void on_port_write(void *ctx, unsigned cpu, uint16_t port, const void *src, unsigned len)
{
	(void)cpu;
	(void)port;
	(void)src;
	(void)len;
	end(ctx, true);
}

static void on_ended(void *ctx, unsigned cpu, enum vcpu_end why, uint64_t detail)
{
	(void)cpu;
	(void)detail;
	if (why != VCPU_END_TRIPLE_FAULT)
		printf("\tit ended in another way: %d\n", (int)why);
	end(ctx, false);
}

static int write_guest(struct guestmem *mem, uint32_t msr, bool write)
{
	uint8_t code[] = {
		0xb9, 0,
		0,    0,
		0, /* mov $msr, %ecx */
		0x31, 0xc0,
		0x31, 0xd2,		   /* xor %eax, %eax; xor %edx, %edx */
		0x0f, write ? 0x30 : 0x32, /* wrmsr or rdmsr */
		0xe6, 0x80,		   /* out %al, $0x80 */
		0xeb, 0xfe,		   /* and so on */
	};

	memcpy(code + 1, &msr, sizeof(msr));
	return guestmem_write(mem, GUEST_ADDRESS, code, sizeof(code)) &&
			       paging_write_tables(mem, LAYOUT_PAGE_TABLES) == 0 &&
			       paging_write_gdt(mem, LAYOUT_GDT) == 0
		       ? 0
		       : -1;
}

/* Whether the guest got past the register; negative when it could not be tried. */
static int attempt(uint32_t msr, bool write, struct err *err)
{
	struct outcome outcome = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
				   PTHREAD_COND_INITIALIZER, false, false };
	struct vcpu_handlers handlers = { .ctx = &outcome,
					  .lock = &outcome.lock,
					  .port_write = on_port_write,
					  .ended = on_ended };
	struct boot_entry entry = { .mode = BOOT_MODE_LONG_64,
				    .instruction = GUEST_ADDRESS,
				    .page_tables = LAYOUT_PAGE_TABLES,
				    .gdt = LAYOUT_GDT,
				    .gdt_bytes = PAGING_GDT_BYTES };
	struct machine machine = { .fd = -1 };
	struct guestmem mem = { 0 };
	struct vcpus vcpus = { 0 };
	struct kvm kvm = { .fd = -1 };
	int fd = kvm_open(KVM_DEVICE_PATH, err);
	int r = fd < 0 ? fd : kvm_init(&kvm, fd, err);

	if (r == 0)
		r = guestmem_init(&mem, MEMORY_BYTES, LAYOUT_HOLE_START, LAYOUT_HOLE_END, err);
	if (r == 0)
		r = write_guest(&mem, msr, write);
	if (r == 0)
		r = machine_init(&machine, &kvm, CPU_MODEL_HOST, err);
	if (r == 0)
		r = machine_map(&machine, &mem, err);
	if (r == 0)
		r = vcpus_init(&vcpus, &machine, 1, &handlers, &entry, err);
	if (r == 0)
		r = vcpus_start(&vcpus, err);
	pthread_mutex_lock(&outcome.over_lock);
	while (r == 0 && !outcome.done)
		pthread_cond_wait(&outcome.over, &outcome.over_lock);
	pthread_mutex_unlock(&outcome.over_lock);
	vcpus_fini(&vcpus);
	machine_fini(&machine);
	guestmem_fini(&mem);
	kvm_fini(&kvm);
	return r < 0 ? r : outcome.reached;
}

int main(void)
{
	int failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		int got = attempt(cases[i].msr, cases[i].write, &err);

		if (got < 0) {
			printf("FAILED: %s\n", err_text(&err));
			return 1;
		}
		printf("%s: a guest %s %s %s (0x%x)\n",
		       (bool)got == cases[i].allowed ? "ok" : "FAILED",
		       cases[i].allowed ? "may" : "may not", cases[i].write ? "write" : "read",
		       cases[i].what, cases[i].msr);
		failures += (bool)got != cases[i].allowed;
	}
	return failures > 0;
}

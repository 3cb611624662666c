/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device (rng) behind its PCI function, driven by arbitrary accesses. Input: operations of
 * 12 bytes: what to do (1), length (1), offset (2), value (8). Guest memory can be written, so a
 * fuzzer can build rings and start the device.
 */
#include "lib/log.h"
#include "tests/fuzz/input.h"
#include "tests/unit/vmm/pci/fake-interrupts.h"
#include "vmm/virtio/rng.h"
#include "vmm/virtio/virtio-pci.h"

#define MEM_BYTES 0x10000u
#define BAR_BYTES 0x1000u
#define OPS_MAX	  400

static struct guestmem mem;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct vm {
	struct fake_interrupts irq;
	struct pci_bus bus;
	struct loop *loop;
	struct virtio_device *dev;
	struct pci_function *fn;
};

static void check(const struct vm *vm)
{
	const struct virtq *vq = &vm->dev->queues[0];

	/* The device gives back what it takes before it returns. */
	FUZZ_CHECK(vq->state.avail_next == vq->state.used_next);
	FUZZ_CHECK((vm->dev->features & ~vm->dev->features_offered) == 0);
	if (vq->state.ready)
		FUZZ_CHECK(vq->state.size >= 1 && vq->state.size <= vm->dev->ops->queue_sizes[0]);
	FUZZ_CHECK(fake_interrupts_doorbells(&vm->irq) <= vm->dev->ops->n_queues);
}

static void run(struct vm *vm, struct fuzz_input *input)
{
	uint8_t op = fuzz_take8(input);
	unsigned len = 1 + fuzz_take8(input) % 8;
	uint16_t where = fuzz_take16(input);
	uint64_t value = fuzz_take64(input);
	gpa_t bar = pci_function_bar(vm->fn, 0);
	uint8_t bytes[8];

	switch (op % 8) {
	case 0:
		(void)pci_bus_mmio_read(&vm->bus, bar + where % BAR_BYTES, bytes, len);
		break;
	case 1:
		(void)pci_bus_mmio_write(&vm->bus, bar + where % BAR_BYTES, &value, len);
		break;
	case 2:
		pci_function_config_read(vm->fn, where % (PCI_CONFIG_BYTES + 4), bytes, len);
		break;
	case 3:
		pci_function_config_write(vm->fn, where % (PCI_CONFIG_BYTES + 4), &value, len);
		break;
	case 4:
		(void)fake_interrupts_ring(&vm->irq, bar + where % BAR_BYTES);
		break;
	case 5:
		FUZZ_CHECK(loop_step(vm->loop, 0) == 0);
		break;
	case 6:
		virtio_device_config_changed(vm->dev);
		break;
	default:
		(void)!guestmem_write(&mem, where, &value, len);
		break;
	}
	check(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	static struct vm vm;
	struct virtio_host host;

	log_init("fuzz", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	if (mem.n_regions == 0)
		FUZZ_CHECK(guestmem_init(&mem, MEM_BYTES, 1u << 30, 1u << 30, NULL) == 0);
	memset(mem.regions[0].host, 0, MEM_BYTES);
	fake_interrupts_init(&vm.irq);
	pci_bus_init(&vm.bus, 0xe0000000, 0xf0000000);
	FUZZ_CHECK(loop_new(&vm.loop, NULL) == 0);
	host = (struct virtio_host){ &mem, &vm.bus, &vm.irq.interrupts, vm.loop, &lock };
	FUZZ_CHECK(rng_new(&vm.dev, NULL) == 0);
	FUZZ_CHECK(virtio_pci_add(&host, vm.dev, &vm.fn, NULL) == 0);
	for (int i = 0; i < OPS_MAX && input.left > 0; i++)
		run(&vm, &input);
	pci_bus_fini(&vm.bus);
	loop_free(vm.loop);
	FUZZ_CHECK(fake_interrupts_sources(&vm.irq) == 0);
	FUZZ_CHECK(fake_interrupts_doorbells(&vm.irq) == 0);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio PCI transport, driven through the bus as a guest drives it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/vmm/pci/fake-interrupts.h"
#include "tests/unit/vmm/virtio/echo-device.h"
#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/pci/msix.h"
#include "vmm/virtio/virtio-pci-state.h"

#define CONFIG_BYTES ECHO_CONFIG_BYTES
#define F_OWN	     (1ull << 3) /* a feature of the test's device */
#define N_QUEUES     ECHO_QUEUES

/* Registers of the common configuration. */
#define DEVICE_FEATURE_SELECT 0
#define DEVICE_FEATURE	      4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE	      12
#define CONFIG_VECTOR	      16
#define NUM_QUEUES	      18
#define STATUS		      20
#define GENERATION	      21
#define QUEUE_SELECT	      22
#define QUEUE_SIZE	      24
#define QUEUE_VECTOR	      26
#define QUEUE_ENABLE	      28
#define QUEUE_NOTIFY_OFF      30
#define QUEUE_DESC	      32
#define QUEUE_AVAIL	      40
#define QUEUE_USED	      48

#define ACKNOWLEDGED (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)
#define FEATURES_SET (ACKNOWLEDGED | VIRTIO_STATUS_FEATURES_OK)
#define RUNNING	     (FEATURES_SET | VIRTIO_STATUS_DRIVER_OK)

static struct echo echo;
static unsigned n_freed;

struct fixture {
	struct guestmem mem;
	struct pci_bus bus;
	struct fake_interrupts irq;
	struct loop *loop;
	pthread_mutex_t lock;
	struct pci_function *fn;
	gpa_t bar;
	unsigned common, isr, device, notify, access,
		msix; /* offsets in the BAR; of capabilities */
	struct fake_ring rings[N_QUEUES];
};

static struct fixture fixture;

static uint32_t config_read(struct fixture *f, unsigned offset, unsigned len)
{
	uint32_t value = 0;

	pci_function_config_read(f->fn, offset, &value, len);
	return value;
}

static void config_write(struct fixture *f, unsigned offset, uint32_t value, unsigned len)
{
	pci_function_config_write(f->fn, offset, &value, len);
}

/* Finds its way as a driver does, by the capabilities. */
static void find_parts(struct fixture *f)
{
	for (unsigned at = config_read(f, 0x34, 1); at; at = config_read(f, at + 1, 1)) {
		uint32_t offset = config_read(f, at + 8, 4);

		if (config_read(f, at, 1) == 0x11) {
			f->msix = at;
			continue;
		}
		assert_int_equal(config_read(f, at, 1), 0x09);
		assert_int_equal(config_read(f, at + 4, 1), 0); /* all in BAR 0 */
		switch (config_read(f, at + 3, 1)) {
		case 1:
			f->common = offset;
			assert_true(config_read(f, at + 12, 4) >= 56);
			break;
		case 2:
			f->notify = offset;
			assert_int_equal(config_read(f, at + 16, 4), 4);
			break;
		case 3:
			f->isr = offset;
			break;
		case 4:
			f->device = offset;
			assert_int_equal(config_read(f, at + 12, 4), CONFIG_BYTES);
			break;
		case 5:
			f->access = at;
			break;
		default:
			fail_msg("an unknown capability");
		}
	}
}

static int set_up(void **state)
{
	struct fixture *f = &fixture;
	struct virtio_host host;
	struct err err = ERR_INIT;

	memset(f, 0, sizeof(*f));
	*state = f;
	n_freed = 0;
	echo_init(&echo, F_OWN, &n_freed);
	fake_mem_init(&f->mem);
	fake_interrupts_init(&f->irq);
	pci_bus_init(&f->bus, 0xe0000000, 0xf0000000);
	pthread_mutex_init(&f->lock, NULL);
	if (loop_new(&f->loop, &err) < 0)
		return -1;
	host = (struct virtio_host){ .mem = &f->mem,
				     .bus = &f->bus,
				     .interrupts = &f->irq.interrupts,
				     .loop = f->loop,
				     .lock = &f->lock };
	if (virtio_pci_add(&host, &echo.dev, &f->fn, &err) < 0) {
		print_error("%s\n", err_text(&err));
		return -1;
	}
	find_parts(f);
	config_write(f, 0x04, 0x0006, 2);
	f->bar = pci_function_bar(f->fn, 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pci_bus_fini(&f->bus);
	loop_free(f->loop);
	guestmem_fini(&f->mem);
	pthread_mutex_destroy(&f->lock);
	if (n_freed != 1 || fake_interrupts_doorbells(&f->irq) ||
	    fake_interrupts_sources(&f->irq)) {
		print_error("something is left of the device\n");
		return -1;
	}
	return 0;
}

static uint64_t bar_read(struct fixture *f, unsigned offset, unsigned len)
{
	uint64_t value = 0;

	assert_true(pci_bus_mmio_read(&f->bus, f->bar + offset, &value, len));
	return value;
}

static void bar_write(struct fixture *f, unsigned offset, uint64_t value, unsigned len)
{
	assert_true(pci_bus_mmio_write(&f->bus, f->bar + offset, &value, len));
}

static uint64_t get(struct fixture *f, unsigned reg, unsigned len)
{
	return bar_read(f, f->common + reg, len);
}

static void set(struct fixture *f, unsigned reg, uint64_t value, unsigned len)
{
	bar_write(f, f->common + reg, value, len);
}

static uint64_t status(struct fixture *f)
{
	return get(f, STATUS, 1);
}

static void accept(struct fixture *f, uint64_t features)
{
	set(f, DRIVER_FEATURE_SELECT, 0, 4);
	set(f, DRIVER_FEATURE, (uint32_t)features, 4);
	set(f, DRIVER_FEATURE_SELECT, 1, 4);
	set(f, DRIVER_FEATURE, features >> 32, 4);
}

static void negotiate(struct fixture *f, uint64_t features)
{
	set(f, STATUS, 0, 1);
	set(f, STATUS, ACKNOWLEDGED, 1);
	accept(f, features);
	set(f, STATUS, FEATURES_SET, 1);
}

static void write_queue(struct fixture *f, uint16_t queue)
{
	const struct fake_ring *ring = &f->rings[queue];

	set(f, QUEUE_SELECT, queue, 2);
	set(f, QUEUE_SIZE, ring->size, 2);
	/* Low and high word, as Linux writes them, and in one. */
	set(f, QUEUE_DESC, (uint32_t)ring->desc, 4);
	set(f, QUEUE_DESC + 4, ring->desc >> 32, 4);
	set(f, QUEUE_AVAIL, ring->avail, 8);
	set(f, QUEUE_USED, ring->used, 8);
	set(f, QUEUE_VECTOR, queue + 1u, 2);
}

static void unmask(struct fixture *f, unsigned vector)
{
	unsigned entry = (config_read(f, f->msix + 4, 4) & ~7u) + 16 * vector;

	bar_write(f, entry, 0xfee00000, 8);
	bar_write(f, entry + 8, 0x40 + vector, 4);
	bar_write(f, entry + 12, 0, 4);
}

/* All that a driver does until its device works. */
static void start(struct fixture *f)
{
	gpa_t gpa = 0x1000;

	negotiate(f, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	config_write(f, f->msix + 2, 0x8000, 2);
	set(f, CONFIG_VECTOR, 0, 2);
	for (uint16_t i = 0; i < N_QUEUES; i++) {
		gpa = fake_ring_init(&f->rings[i], &f->mem, echo_queue_sizes[i], gpa);
		write_queue(f, i);
		set(f, QUEUE_ENABLE, 1, 2);
	}
	for (unsigned i = 0; i <= N_QUEUES; i++)
		unmask(f, i);
	set(f, STATUS, RUNNING, 1);
}

static gpa_t doorbell(struct fixture *f, unsigned queue)
{
	return f->bar + f->notify + 4 * queue;
}

static void step(struct fixture *f)
{
	assert_int_equal(loop_step(f->loop, 0), 0);
}

static void add_buffer(struct fixture *f, unsigned queue)
{
	const struct fake_buffer buffer = { 0x20000, 64, true };

	fake_ring_add(&f->rings[queue], &buffer, 1);
}

static void the_device_has_the_modern_identity(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_read(f, 0, 4), (0x1040 + 42) << 16 | 0x1af4);
	assert_true(config_read(f, 8, 1) >= 1);
	assert_int_equal(echo.n_attached, 1);
	assert_int_equal(get(f, NUM_QUEUES, 2), N_QUEUES);
}

static void features_are_shown_by_halves(void **state)
{
	struct fixture *f = *state;

	set(f, DEVICE_FEATURE_SELECT, 0, 4);
	assert_int_equal(get(f, DEVICE_FEATURE, 4),
			 F_OWN | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	set(f, DEVICE_FEATURE_SELECT, 1, 4);
	assert_int_equal(get(f, DEVICE_FEATURE, 4), 1);
	set(f, DEVICE_FEATURE_SELECT, 2, 4);
	assert_int_equal(get(f, DEVICE_FEATURE, 4), 0);
	set(f, DEVICE_FEATURE_SELECT, UINT32_MAX, 4);
	assert_int_equal(get(f, DEVICE_FEATURE, 4), 0);
}

static void features_that_were_not_offered_are_refused(void **state)
{
	struct fixture *f = *state;

	negotiate(f, VIRTIO_F_VERSION_1 | 1ull << 40);
	assert_int_equal(status(f), ACKNOWLEDGED);
	set(f, STATUS, RUNNING, 1);
	assert_int_equal(status(f), ACKNOWLEDGED);
	assert_int_equal(echo.n_activated, 0);
}

static void a_driver_without_version_1_is_refused(void **state)
{
	struct fixture *f = *state;

	negotiate(f, F_OWN);
	assert_int_equal(status(f), ACKNOWLEDGED);
}

static void features_are_final_after_features_ok(void **state)
{
	struct fixture *f = *state;

	negotiate(f, VIRTIO_F_VERSION_1 | F_OWN);
	assert_int_equal(status(f), FEATURES_SET);
	accept(f, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	set(f, STATUS, FEATURES_SET, 1);
	assert_true(echo.dev.features == (VIRTIO_F_VERSION_1 | F_OWN));
}

static void a_started_device_serves_doorbell_and_interrupt(void **state)
{
	struct fixture *f = *state;
	uint32_t len;

	start(f);
	assert_int_equal(status(f), RUNNING);
	assert_int_equal(echo.n_activated, 1);
	add_buffer(f, 1);
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 1)));
	step(f);
	assert_int_equal(echo.n_notified, 1);
	assert_true(fake_ring_take_used(&f->rings[1], NULL, &len));
	assert_int_equal(len, 64);
	assert_int_equal(fake_interrupts_taken(&f->irq, 2), 1);
	assert_int_equal(f->irq.sources[2].data, 0x42);
	assert_int_equal(fake_interrupts_taken(&f->irq, 1), 0);
}

static void a_notification_that_no_doorbell_takes_works_too(void **state)
{
	struct fixture *f = *state;

	start(f);
	add_buffer(f, 0);
	bar_write(f, f->notify, 0, 4);
	step(f);
	assert_int_equal(echo.n_notified, 1);
	assert_true(fake_ring_take_used(&f->rings[0], NULL, NULL));
}

static void notifications_for_no_queue_do_nothing(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (unsigned offset = 4 * N_QUEUES; offset < 0x400; offset++)
		bar_write(f, f->notify + offset, 0xffff, 2);
	bar_write(f, f->notify + 1, 0xffff, 2);
	step(f);
	assert_int_equal(echo.n_notified, 0);
}

static void a_notification_before_driver_ok_is_ignored(void **state)
{
	struct fixture *f = *state;

	bar_write(f, f->notify, 0, 2);
	step(f);
	negotiate(f, VIRTIO_F_VERSION_1);
	bar_write(f, f->notify, 0, 2);
	step(f);
	assert_int_equal(echo.n_notified, 0);
	/* Drained: it does not come back once the device runs. */
	start(f);
	step(f);
	assert_int_equal(echo.n_notified, 0);
}

static void a_queue_that_was_not_enabled_is_not_served(void **state)
{
	struct fixture *f = *state;

	negotiate(f, VIRTIO_F_VERSION_1);
	set(f, STATUS, RUNNING, 1);
	bar_write(f, f->notify + 4, 1, 2);
	step(f);
	assert_int_equal(echo.n_activated, 1);
	assert_int_equal(echo.n_notified, 0);
}

static void a_queue_cannot_be_changed_once_it_is_in_use(void **state)
{
	struct fixture *f = *state;

	start(f);
	set(f, QUEUE_SELECT, 0, 2);
	set(f, QUEUE_SIZE, 0xffff, 2);
	set(f, QUEUE_DESC, UINT64_MAX, 8);
	set(f, QUEUE_AVAIL + 2, UINT64_MAX, 8);
	set(f, QUEUE_USED, 0, 4);
	set(f, QUEUE_ENABLE, 0, 2);
	set(f, QUEUE_ENABLE, 1, 2);
	assert_int_equal(get(f, QUEUE_SIZE, 2), 16);
	assert_true(get(f, QUEUE_DESC, 8) == f->rings[0].desc);
	assert_true(get(f, QUEUE_AVAIL, 8) == f->rings[0].avail);
	assert_true(get(f, QUEUE_USED, 8) == f->rings[0].used);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 1);
	add_buffer(f, 0);
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 0)));
	step(f);
	assert_true(fake_ring_take_used(&f->rings[0], NULL, NULL));
}

static void a_queue_cannot_be_enabled_after_driver_ok(void **state)
{
	struct fixture *f = *state;

	negotiate(f, VIRTIO_F_VERSION_1);
	set(f, STATUS, RUNNING, 1);
	fake_ring_init(&f->rings[0], &f->mem, 16, 0x1000);
	write_queue(f, 0);
	set(f, QUEUE_ENABLE, 1, 2);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
	assert_true(get(f, QUEUE_DESC, 8) == 0);
}

static void a_queue_cannot_be_enabled_before_features_ok(void **state)
{
	struct fixture *f = *state;

	set(f, STATUS, ACKNOWLEDGED, 1);
	fake_ring_init(&f->rings[0], &f->mem, 16, 0x1000);
	write_queue(f, 0);
	set(f, QUEUE_ENABLE, 1, 2);
	assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
}

static void a_bad_queue_asks_for_a_reset_and_never_runs(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint16_t size;
		gpa_t desc;
	} bad[] = { { 0, 0x1000 },	   { 3, 0x1000 }, { 32, 0x1000 },
		    { 0xffff, 0x1000 },	   { 8, 0x1001 }, { 8, UINT64_MAX - 15 },
		    { 8, FAKE_HOLE_START } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		negotiate(f, VIRTIO_F_VERSION_1);
		fake_ring_init(&f->rings[0], &f->mem, 16, 0x1000);
		f->rings[0].size = bad[i].size;
		f->rings[0].desc = bad[i].desc;
		write_queue(f, 0);
		set(f, QUEUE_ENABLE, 1, 2);
		assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
		assert_int_equal(status(f), FEATURES_SET | VIRTIO_STATUS_NEEDS_RESET);
		set(f, STATUS, RUNNING, 1);
		assert_int_equal(echo.n_activated, 0);
	}
	start(f);
	assert_int_equal(status(f), RUNNING);
	assert_int_equal(echo.n_activated, 1);
}

static void a_broken_ring_needs_a_reset_and_says_so_by_interrupt(void **state)
{
	struct fixture *f = *state;
	uint64_t generation;

	start(f);
	generation = get(f, GENERATION, 1);
	fake_ring_set_avail_idx(&f->rings[0], 0x4000);
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 0)));
	step(f);
	assert_int_equal(status(f), RUNNING | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(fake_interrupts_taken(&f->irq, 0), 1);
	assert_true(get(f, GENERATION, 1) != generation);
	assert_int_equal(bar_read(f, f->isr, 1), VIRTIO_ISR_CONFIG);
	assert_int_equal(bar_read(f, f->isr, 1), 0); /* reading clears it */
	/* Not even the healthy queue is served until then. */
	echo.n_notified = 0;
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 1)));
	step(f);
	assert_int_equal(echo.n_notified, 0);
	start(f);
	add_buffer(f, 0);
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 0)));
	step(f);
	assert_true(fake_ring_take_used(&f->rings[0], NULL, NULL));
}

static void a_queue_select_out_of_range_reads_0_and_writes_nothing(void **state)
{
	struct fixture *f = *state;
	const uint16_t selects[] = { N_QUEUES, VIRTIO_QUEUES_MAX, 255, 0xffff };

	negotiate(f, VIRTIO_F_VERSION_1);
	for (unsigned i = 0; i < ARRAY_SIZE(selects); i++) {
		set(f, QUEUE_SELECT, selects[i], 2);
		for (unsigned reg = QUEUE_SIZE; reg < VIRTIO_PCI_COMMON_BYTES; reg += 2) {
			set(f, reg, 0xffff, 2);
			assert_int_equal(get(f, reg, 2), reg == QUEUE_VECTOR ? 0xffff : 0);
		}
	}
	assert_int_equal(status(f), FEATURES_SET);
}

static void vectors_out_of_range_become_no_vector(void **state)
{
	struct fixture *f = *state;
	const uint16_t vectors[] = { N_QUEUES + 1, 64, 2048, 0xfffe, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		set(f, CONFIG_VECTOR, 0, 2);
		set(f, CONFIG_VECTOR, vectors[i], 2);
		assert_int_equal(get(f, CONFIG_VECTOR, 2), 0xffff);
		set(f, QUEUE_SELECT, 1, 2);
		set(f, QUEUE_VECTOR, vectors[i], 2);
		assert_int_equal(get(f, QUEUE_VECTOR, 2), 0xffff);
	}
	set(f, QUEUE_VECTOR, N_QUEUES, 2);
	assert_int_equal(get(f, QUEUE_VECTOR, 2), N_QUEUES);
}

static void status_bits_cannot_be_cleared_one_by_one(void **state)
{
	struct fixture *f = *state;

	start(f);
	set(f, STATUS, ACKNOWLEDGED, 1);
	assert_int_equal(status(f), RUNNING);
	assert_int_equal(echo.n_reset, 1); /* the one that start() made */
	set(f, STATUS, RUNNING, 1);
	assert_int_equal(echo.n_activated, 1);
	set(f, STATUS, VIRTIO_STATUS_NEEDS_RESET, 1);
	assert_int_equal(status(f), RUNNING);
}

static void a_reset_brings_everything_back_to_the_start(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(fake_interrupts_doorbells(&f->irq), N_QUEUES);
	set(f, STATUS, 0, 1);
	assert_int_equal(status(f), 0);
	assert_int_equal(echo.n_reset, 2);
	assert_int_equal(fake_interrupts_doorbells(&f->irq), 0);
	assert_int_equal(get(f, CONFIG_VECTOR, 2), 0xffff);
	for (uint16_t i = 0; i < N_QUEUES; i++) {
		set(f, QUEUE_SELECT, i, 2);
		assert_int_equal(get(f, QUEUE_SIZE, 2), echo_queue_sizes[i]);
		assert_int_equal(get(f, QUEUE_VECTOR, 2), 0xffff);
		assert_int_equal(get(f, QUEUE_ENABLE, 2), 0);
		assert_int_equal(get(f, QUEUE_NOTIFY_OFF, 2), i);
		assert_true(get(f, QUEUE_DESC, 8) == 0);
	}
	start(f);
	assert_int_equal(status(f), RUNNING);
}

static void doorbells_follow_the_bar(void **state)
{
	struct fixture *f = *state;
	gpa_t old;

	start(f);
	old = doorbell(f, 0);
	config_write(f, 0x10, 0xe8000000, 4);
	f->bar = 0xe8000000;
	assert_int_equal(fake_interrupts_doorbells(&f->irq), N_QUEUES);
	assert_false(fake_interrupts_ring(&f->irq, old));
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 0)));
	step(f);
	assert_int_equal(echo.n_notified, 1);
	config_write(f, 0x04, 0, 2);
	assert_int_equal(fake_interrupts_doorbells(&f->irq), 0);
	config_write(f, 0x04, 2, 2);
	assert_int_equal(fake_interrupts_doorbells(&f->irq), N_QUEUES);
}

static void the_device_configuration_is_read_and_written(void **state)
{
	struct fixture *f = *state;

	bar_write(f, f->device + 1, 0x1122334455667788, 8);
	assert_int_equal(bar_read(f, f->device + 1, 1), 0x88);
	assert_int_equal(bar_read(f, f->device + 2, 2), 0x6677);
	assert_true(bar_read(f, f->device + 1, 8) == 0x1122334455667788);
	/* Across its end: what is there, then zeros. */
	bar_write(f, f->device + CONFIG_BYTES - 2, UINT64_MAX, 8);
	assert_true(bar_read(f, f->device + CONFIG_BYTES - 2, 8) == 0xffff);
	assert_int_equal(bar_read(f, f->device + CONFIG_BYTES, 4), 0);
}

static void a_changed_configuration_interrupts(void **state)
{
	struct fixture *f = *state;

	start(f);
	virtio_device_config_changed(&echo.dev);
	assert_int_equal(fake_interrupts_taken(&f->irq, 0), 1);
}

static void without_msix_the_isr_tells(void **state)
{
	struct fixture *f = *state;

	start(f);
	config_write(f, f->msix + 2, 0, 2);
	add_buffer(f, 0);
	assert_true(fake_interrupts_ring(&f->irq, doorbell(f, 0)));
	step(f);
	assert_int_equal(fake_interrupts_taken(&f->irq, 1), 0);
	assert_int_equal(bar_read(f, f->isr, 4), VIRTIO_ISR_QUEUE);
	assert_int_equal(bar_read(f, f->isr, 4), 0);
}

/* The window in configuration space. */
static void aim(struct fixture *f, unsigned bar, uint32_t offset, uint32_t length)
{
	config_write(f, f->access + 4, bar, 1);
	config_write(f, f->access + 8, offset, 4);
	config_write(f, f->access + 12, length, 4);
}

static void the_bar_is_reached_through_configuration_space(void **state)
{
	struct fixture *f = *state;

	aim(f, 0, f->common + NUM_QUEUES, 2);
	assert_int_equal(config_read(f, f->access + 16, 4) & 0xffff, N_QUEUES);
	aim(f, 0, f->common + STATUS, 1);
	config_write(f, f->access + 16, ACKNOWLEDGED, 1);
	assert_int_equal(status(f), ACKNOWLEDGED);
}

static void a_window_beyond_the_bar_does_nothing(void **state)
{
	struct fixture *f = *state;
	const struct {
		unsigned bar;
		uint32_t offset, length;
	} bad[] = { { 1, 0, 4 },	  { 255, 0, 4 },
		    { 0, 4096, 4 },	  { 0, 4093, 4 },
		    { 0, 0, 0 },	  { 0, 0, 3 },
		    { 0, 0, 8 },	  { 0, 0, UINT32_MAX },
		    { 0, UINT32_MAX, 4 }, { 0, UINT32_MAX - 1, 2 } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		aim(f, bad[i].bar, bad[i].offset, bad[i].length);
		config_write(f, f->access + 16, 0x01020304, 4);
		assert_int_equal(config_read(f, f->access + 16, 4), 0x01020304);
	}
	aim(f, 0, 4092, 4);
	assert_int_equal(config_read(f, f->access + 16, 4), 0);
}

static void every_width_and_offset_of_the_bar_is_answered(void **state)
{
	struct fixture *f = *state;
	const uint64_t values[] = { 0, 1, 0xff, 0xffff, UINT64_MAX, 0x0f0b030100000003 };
	uint64_t value;

	for (unsigned round = 0; round < ARRAY_SIZE(values); round++) {
		start(f);
		for (unsigned offset = 0; offset < 4096; offset++)
			for (unsigned len = 1; len <= 8; len++) {
				(void)pci_bus_mmio_read(&f->bus, f->bar + offset, &value, len);
				value = values[round];
				(void)pci_bus_mmio_write(&f->bus, f->bar + offset, &value, len);
			}
		step(f);
	}
	set(f, STATUS, 0, 1);
	start(f);
	assert_int_equal(status(f), RUNNING);
}

static void a_kick_calls_notify_again_later(void **state)
{
	struct fixture *f = *state;

	start(f);
	virtio_device_kick(&echo.dev, 1);
	assert_int_equal(echo.n_notified, 0);
	step(f);
	assert_int_equal(echo.n_notified, 1);
	step(f);
	assert_int_equal(echo.n_notified, 1);
}

static void a_device_that_cannot_be_added_is_freed(void **state)
{
	struct fixture *f = *state;
	struct virtio_host host = { &f->mem, &f->bus, &f->irq.interrupts, f->loop, &f->lock };
	struct err err = ERR_INIT;

	pci_bus_remove(&f->bus, f->fn);
	assert_int_equal(n_freed, 1);
	echo_init(&echo, 0, &n_freed);
	echo.attach_result = -EMFILE;
	assert_int_equal(virtio_pci_add(&host, &echo.dev, NULL, &err), -EMFILE);
	assert_int_equal(n_freed, 2);
	f->irq.sources_max = 1;
	echo_init(&echo, 0, &n_freed);
	assert_int_equal(virtio_pci_add(&host, &echo.dev, NULL, &err), -ENOSPC);
	assert_int_equal(n_freed, 3);
	assert_int_equal(fake_interrupts_sources(&f->irq), 0);
	n_freed = 1;
}

/* The guest, its memory and its driver are the same; the rest is another machine's. */
static void a_saved_function_goes_on_in_another_machine(void **state)
{
	struct fixture *f = *state;
	struct virtio_pci_saved saved;
	struct fake_interrupts irq;
	struct echo copy;
	struct pci_function *fn;
	struct pci_bus bus;
	struct virtio_host host = { .mem = &f->mem,
				    .bus = &bus,
				    .interrupts = &irq.interrupts,
				    .loop = f->loop,
				    .lock = &f->lock };
	unsigned n_copy_freed = 0;
	struct err err = ERR_INIT;

	start(f);
	add_buffer(f, 1); /* rung for, and not served before the end */
	assert_int_equal(virtio_pci_save(f->fn, &saved, &err), 0);
	fake_interrupts_init(&irq);
	pci_bus_init(&bus, 0xe0000000, 0xf0000000);
	echo_init(&copy, F_OWN, &n_copy_freed);
	assert_int_equal(virtio_pci_add(&host, &copy.dev, &fn, &err), 0);
	assert_int_equal(virtio_pci_load(fn, &saved, &err), 0);
	assert_int_equal(copy.n_activated, 1);
	assert_true(copy.dev.features == echo.dev.features);
	assert_true(pci_function_bar(fn, 0) == f->bar);
	assert_int_equal(fake_interrupts_doorbells(&irq), N_QUEUES);
	step(f);
	assert_true(fake_ring_take_used(&f->rings[1], NULL, NULL));
	assert_int_equal(fake_interrupts_taken(&irq, 2), 1);
	assert_int_equal(irq.sources[2].data, 0x42);
	pci_bus_fini(&bus);
	assert_int_equal(n_copy_freed, 1);
}

static void a_function_is_not_saved_while_it_is_busy(void **state)
{
	struct fixture *f = *state;
	struct virtio_pci_saved saved;
	struct virtq_chain chain;
	struct err err = ERR_INIT;

	start(f);
	add_buffer(f, 0);
	assert_int_equal(virtq_pop(&echo.dev.queues[0], &chain), 0);
	assert_int_equal(virtio_pci_save(f->fn, &saved, &err), -EBUSY);
	assert_int_equal(virtq_push(&echo.dev.queues[0], chain.head, 0), 0);
	assert_int_equal(virtio_pci_save(f->fn, &saved, &err), 0);
	/* A ring elsewhere than in memory. */
	saved.queues[1].used = 1ull << 40;
	assert_int_equal(virtio_pci_load(f->fn, &saved, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_has_the_modern_identity),
		TEST(features_are_shown_by_halves),
		TEST(features_that_were_not_offered_are_refused),
		TEST(a_driver_without_version_1_is_refused),
		TEST(features_are_final_after_features_ok),
		TEST(a_started_device_serves_doorbell_and_interrupt),
		TEST(a_notification_that_no_doorbell_takes_works_too),
		TEST(notifications_for_no_queue_do_nothing),
		TEST(a_notification_before_driver_ok_is_ignored),
		TEST(a_queue_that_was_not_enabled_is_not_served),
		TEST(a_queue_cannot_be_changed_once_it_is_in_use),
		TEST(a_queue_cannot_be_enabled_after_driver_ok),
		TEST(a_queue_cannot_be_enabled_before_features_ok),
		TEST(a_bad_queue_asks_for_a_reset_and_never_runs),
		TEST(a_broken_ring_needs_a_reset_and_says_so_by_interrupt),
		TEST(a_queue_select_out_of_range_reads_0_and_writes_nothing),
		TEST(vectors_out_of_range_become_no_vector),
		TEST(status_bits_cannot_be_cleared_one_by_one),
		TEST(a_reset_brings_everything_back_to_the_start),
		TEST(doorbells_follow_the_bar),
		TEST(the_device_configuration_is_read_and_written),
		TEST(a_changed_configuration_interrupts),
		TEST(without_msix_the_isr_tells),
		TEST(the_bar_is_reached_through_configuration_space),
		TEST(a_window_beyond_the_bar_does_nothing),
		TEST(every_width_and_offset_of_the_bar_is_answered),
		TEST(a_kick_calls_notify_again_later),
		TEST(a_device_that_cannot_be_added_is_freed),
		TEST(a_saved_function_goes_on_in_another_machine),
		TEST(a_function_is_not_saved_while_it_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

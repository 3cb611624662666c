/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-fs through its PCI function, between a driver and a file server of the tests: how the two
 * are brought together, and what the driver gets when the file server is gone.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/fd.h"
#include "tests/unit/vmm/pci/fake-interrupts.h"
#include "tests/unit/vmm/virtio/fake-backend.h"
#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/virtio-pci-regs.h"

/* Where the parts are in the BAR, and registers of the common configuration. */
#define DEVICE_OFFSET  0x100u
#define NOTIFY_OFFSET  0x400u
#define TABLE_OFFSET   0x800u
#define DEVICE_FEATURE 4
#define DRIVER_SELECT  8
#define DRIVER_FEATURE 12
#define CONFIG_VECTOR  16
#define STATUS	       20
#define QUEUE_SELECT   22
#define QUEUE_VECTOR   26
#define QUEUE_ENABLE   28
#define QUEUE_DESC     32
#define QUEUE_AVAIL    40
#define QUEUE_USED     48

#define FEATURES_SET (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK)
#define RUNNING	     (FEATURES_SET | VIRTIO_STATUS_DRIVER_OK)

#define N_QUEUES   2
#define QUEUE_SIZE 128

/* The requests of these tests: a header of 40 bytes, and room for a header of 16. */
#define REQUEST_BYTES 40u
#define REPLY_BYTES   16u

struct fixture {
	struct guestmem mem;
	struct pci_bus bus;
	struct fake_interrupts irq;
	struct loop *loop;
	pthread_mutex_t lock;
	struct fake_backend backend;
	struct pci_function *fn;
	gpa_t bar;
	unsigned msix; /* the capability */
	struct fake_ring rings[N_QUEUES];
	gpa_t next; /* memory that is not used yet */
};

static struct fixture fixture;

static int add_device(struct fixture *f, uint32_t trick_request, enum fake_trick trick,
		      struct err *err)
{
	struct virtio_host host = { .mem = &f->mem,
				    .bus = &f->bus,
				    .interrupts = &f->irq.interrupts,
				    .loop = f->loop,
				    .lock = &f->lock };
	struct fs_config config = { .fd = fake_backend_start(&f->backend, trick_request, trick),
				    .tag = "share",
				    .timeout_ms = fake_backend_limit_ms(trick) };
	struct virtio_device *dev;
	int r = fs_new(&config, &dev, err);

	return r == 0 ? virtio_pci_add(&host, dev, &f->fn, err) : r;
}

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

/* A device whose file server plays the trick at that request. */
static void plug(struct fixture *f, uint32_t trick_request, enum fake_trick trick)
{
	struct err err = ERR_INIT;

	if (add_device(f, trick_request, trick, &err) < 0)
		fail_msg("%s", err_text(&err));
	config_write(f, 0x04, 0x0006, 2);
	f->bar = pci_function_bar(f->fn, 0);
	for (unsigned at = config_read(f, 0x34, 1); at; at = config_read(f, at + 1, 1))
		if (config_read(f, at, 1) == 0x11)
			f->msix = at;
}

static int set_up(void **state)
{
	struct fixture *f = &fixture;
	struct err err = ERR_INIT;

	memset(f, 0, sizeof(*f));
	*state = f;
	f->backend.fd = -1;
	fake_interrupts_init(&f->irq);
	pci_bus_init(&f->bus, 0xe0000000, 0xf0000000);
	pthread_mutex_init(&f->lock, NULL);
	if (guestmem_init_shared(&f->mem, 2 * FAKE_HOLE_START, FAKE_HOLE_START, FAKE_HOLE_END,
				 &err) < 0)
		return -1;
	return loop_new(&f->loop, &err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pci_bus_fini(&f->bus);
	fake_backend_stop(&f->backend);
	loop_free(f->loop);
	guestmem_fini(&f->mem);
	pthread_mutex_destroy(&f->lock);
	if (fake_interrupts_doorbells(&f->irq) || fake_interrupts_sources(&f->irq)) {
		print_error("something is left of the device\n");
		return -1;
	}
	return 0;
}

static uint64_t get(struct fixture *f, unsigned offset, unsigned len)
{
	uint64_t value = 0;

	assert_true(pci_bus_mmio_read(&f->bus, f->bar + offset, &value, len));
	return value;
}

static void set(struct fixture *f, unsigned offset, uint64_t value, unsigned len)
{
	assert_true(pci_bus_mmio_write(&f->bus, f->bar + offset, &value, len));
}

static void mask(struct fixture *f, unsigned vector, bool masked)
{
	set(f, TABLE_OFFSET + 16 * vector, 0xfee00000, 8);
	set(f, TABLE_OFFSET + 16 * vector + 8, 0x40 + vector, 4);
	set(f, TABLE_OFFSET + 16 * vector + 12, masked, 4);
}

static void start(struct fixture *f)
{
	gpa_t gpa = 0x10000;

	set(f, STATUS, 0, 1);
	set(f, STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER, 1);
	set(f, DRIVER_SELECT, 0, 4);
	set(f, DRIVER_FEATURE, VIRTIO_F_EVENT_IDX, 4);
	set(f, DRIVER_SELECT, 1, 4);
	set(f, DRIVER_FEATURE, VIRTIO_F_VERSION_1 >> 32, 4);
	set(f, STATUS, FEATURES_SET, 1);
	config_write(f, f->msix + 2, 0x8000, 2);
	set(f, CONFIG_VECTOR, 0, 2);
	for (unsigned i = 0; i < N_QUEUES; i++) {
		gpa = fake_ring_init(&f->rings[i], &f->mem, QUEUE_SIZE, gpa);
		set(f, QUEUE_SELECT, i, 2);
		set(f, QUEUE_DESC, f->rings[i].desc, 8);
		set(f, QUEUE_AVAIL, f->rings[i].avail, 8);
		set(f, QUEUE_USED, f->rings[i].used, 8);
		set(f, QUEUE_VECTOR, i + 1, 2);
		set(f, QUEUE_ENABLE, 1, 2);
	}
	for (unsigned i = 0; i <= N_QUEUES; i++)
		mask(f, i, false);
	f->next = (gpa + 0xfff) & ~0xfffull;
	set(f, STATUS, RUNNING, 1);
}

static bool ring(struct fixture *f, unsigned queue)
{
	return fake_interrupts_ring(&f->irq, f->bar + NOTIFY_OFFSET + 4 * queue);
}

static void step(struct fixture *f)
{
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_step(f->loop, 0), 0);
}

/* How many interrupts came by that vector, whoever raised them. */
static unsigned interrupts(struct fixture *f, unsigned vector)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_SOURCES_MAX; i++)
		if (f->irq.sources[i].used && f->irq.sources[i].n_routes > 0 &&
		    f->irq.sources[i].data == 0x40 + vector)
			n += fake_interrupts_taken(&f->irq, i);
	return n;
}

/* A request as a FUSE client makes it; returns where the reply goes. *ret_head may be NULL. */
static gpa_t add_request(struct fixture *f, unsigned queue, uint64_t unique, uint16_t *ret_head)
{
	const struct fake_buffer buffers[] = { { f->next, REQUEST_BYTES, false },
					       { f->next + 0x100, REPLY_BYTES, true } };
	uint16_t head = fake_ring_add(&f->rings[queue], buffers, 2);
	gpa_t reply = f->next + 0x100;

	assert_true(guestmem_write(&f->mem, f->next + 8, &unique, sizeof(unique)));
	f->next += 0x200;
	if (ret_head)
		*ret_head = head;
	return reply;
}

/* Gives a chain back as the file server does, in memory only. */
static void serve(struct fixture *f, unsigned queue, uint16_t head)
{
	struct fake_ring *r = &f->rings[queue];
	uint16_t index;
	uint32_t entry[2] = { head, REPLY_BYTES };

	assert_true(guestmem_read(&f->mem, r->used + 2, &index, sizeof(index)));
	assert_true(guestmem_write(&f->mem, r->used + 4 + 8 * (gpa_t)(index % r->size), entry,
				   sizeof(entry)));
	index++;
	assert_true(guestmem_write(&f->mem, r->used + 2, &index, sizeof(index)));
}

static void assert_refused(struct fixture *f, gpa_t reply, uint64_t unique)
{
	struct {
		uint32_t len;
		int32_t error;
		uint64_t unique;
	} got = { 0 };

	assert_true(guestmem_read(&f->mem, reply, &got, sizeof(got)));
	assert_int_equal(got.len, REPLY_BYTES);
	assert_int_equal(got.error, -ENOTCONN);
	assert_true(got.unique == unique);
}

static void the_configuration_has_tag_and_queues(void **state)
{
	struct fixture *f = *state;
	char tag[FS_TAG_MAX];

	plug(f, 0, TRICK_NONE);
	for (unsigned i = 0; i < sizeof(tag); i++)
		tag[i] = (char)get(f, DEVICE_OFFSET + i, 1);
	assert_string_equal(tag, "share");
	assert_int_equal(get(f, DEVICE_OFFSET + FS_TAG_MAX, 4), 1);
	assert_int_equal(config_read(f, 0, 4), (0x1040 + 26) << 16 | 0x1af4);
}

static void only_what_the_server_can_is_offered(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	/* The fake server also says bit 26, which is not the device's. */
	assert_int_equal(get(f, DEVICE_FEATURE, 4), VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
}

static void a_tag_is_1_to_36_bytes(void **state)
{
	static const char *const tags[] = { "", "1234567890123456789012345678901234567" };
	struct virtio_device *dev;
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(tags); i++) {
		struct fs_config config = { .fd = eventfd(0, EFD_CLOEXEC), .tag = tags[i] };

		assert_int_equal(fs_new(&config, &dev, &err), -EINVAL);
	}
}

static void memory_of_our_own_is_not_enough(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	guestmem_fini(&f->mem);
	fake_mem_init(&f->mem);
	assert_int_equal(add_device(f, 0, TRICK_NONE, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "--shared-memory"));
}

static void the_server_gets_the_rings_when_the_driver_starts(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	assert_int_equal(f->backend.memory.n_regions, 0);
	start(f);
	assert_int_equal(f->backend.memory.n_regions, 2);
	for (unsigned i = 0; i < N_QUEUES; i++) {
		assert_true(f->backend.queues[i].enabled);
		assert_int_equal(f->backend.queues[i].size, QUEUE_SIZE);
		assert_true(f->backend.queues[i].address.desc == f->rings[i].desc);
	}
	assert_true(f->backend.accepted_features ==
		    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VHOST_USER_F_PROTOCOL_FEATURES));
}

static void doorbells_go_straight_to_the_server(void **state)
{
	struct fixture *f = *state;
	uint64_t value = 0;

	plug(f, 0, TRICK_NONE);
	start(f);
	assert_true(ring(f, 1));
	step(f);
	assert_int_equal(eventfd_read(f->backend.queues[1].kick_fd, &value), 0);
	assert_int_equal(value, 1);
}

/* A write of the eventfd from here could be made to block for ever. */
static void a_notification_of_another_width_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	uint64_t value = 0;

	plug(f, 0, TRICK_NONE);
	start(f);
	set(f, NOTIFY_OFFSET + 4, 1, 4);
	set(f, NOTIFY_OFFSET + 4, 1, 1);
	step(f);
	assert_int_equal(eventfd_read(f->backend.queues[1].kick_fd, &value), -1);
	assert_int_equal(errno, EAGAIN);
}

static void the_server_interrupts_the_driver(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	start(f);
	(void)interrupts(f, 2);
	(void)interrupts(f, 1);
	assert_int_equal(eventfd_write(f->backend.queues[1].call_fd, 1), 0);
	assert_int_equal(interrupts(f, 2), 1);
	assert_int_equal(interrupts(f, 1), 0);
}

static void a_masked_interrupt_comes_when_it_is_let_through(void **state)
{
	struct fixture *f = *state;
	unsigned sources;

	plug(f, 0, TRICK_NONE);
	start(f);
	sources = fake_interrupts_sources(&f->irq);
	(void)interrupts(f, 2);
	mask(f, 2, true);
	assert_int_equal(fake_interrupts_sources(&f->irq), sources - 1);
	mask(f, 2, false);
	assert_int_equal(fake_interrupts_sources(&f->irq), sources);
	assert_int_equal(interrupts(f, 2), 1);
	config_write(f, f->msix + 2, 0, 2);
	assert_int_equal(fake_interrupts_sources(&f->irq), sources - N_QUEUES);
	config_write(f, f->msix + 2, 0x8000, 2);
	assert_int_equal(fake_interrupts_sources(&f->irq), sources);
}

static void an_interrupt_follows_its_vectors_address(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	start(f);
	set(f, TABLE_OFFSET + 16 * 2 + 8, 0x77, 4);
	(void)interrupts(f, 0x37);
	assert_int_equal(eventfd_write(f->backend.queues[1].call_fd, 1), 0);
	assert_int_equal(interrupts(f, 0x37), 1);
}

static void a_reset_stops_the_server_and_a_start_starts_it(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	for (unsigned i = 1; i <= 3; i++) {
		start(f);
		assert_true(f->backend.queues[0].enabled && f->backend.queues[1].enabled);
		set(f, STATUS, 0, 1);
		assert_int_equal(f->backend.queues[0].n_stopped, i);
		assert_int_equal(f->backend.queues[1].n_stopped, i);
		assert_int_equal(get(f, STATUS, 1), 0);
	}
}

static void a_queue_outside_memory_is_never_told_of(void **state)
{
	struct fixture *f = *state;

	plug(f, 0, TRICK_NONE);
	set(f, STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER, 1);
	set(f, DRIVER_SELECT, 1, 4);
	set(f, DRIVER_FEATURE, VIRTIO_F_VERSION_1 >> 32, 4);
	set(f, STATUS, FEATURES_SET, 1);
	set(f, QUEUE_SELECT, 1, 2);
	set(f, QUEUE_DESC, FAKE_HOLE_START - 16, 8);
	set(f, QUEUE_AVAIL, 0x1000, 8);
	set(f, QUEUE_USED, 0x2000, 8);
	set(f, QUEUE_ENABLE, 1, 2);
	set(f, STATUS, RUNNING, 1);
	assert_int_equal(f->backend.memory.n_regions, 0);
	assert_int_equal(f->backend.queues[1].size, 0);
}

static void lost_requests_are_answered_when_the_server_dies(void **state)
{
	struct fixture *f = *state;
	uint16_t heads[5];
	gpa_t replies[5], later;
	unsigned n = 0;

	plug(f, 0, TRICK_NONE);
	start(f);
	for (unsigned i = 0; i < 5; i++)
		replies[i] = add_request(f, 1, 100 + i, &heads[i]);
	serve(f, 1, heads[3]);
	serve(f, 1, heads[0]);
	(void)interrupts(f, 2);
	fake_backend_kill(&f->backend);
	step(f);
	while (fake_ring_take_used(&f->rings[1], NULL, NULL))
		n++;
	assert_int_equal(n, 5);
	assert_refused(f, replies[1], 101);
	assert_refused(f, replies[2], 102);
	assert_refused(f, replies[4], 104);
	assert_true(interrupts(f, 2) > 0);
	/* The device goes on to refuse. */
	fake_ring_set_used_event(&f->rings[1], 5);
	later = add_request(f, 1, 200, NULL);
	assert_true(ring(f, 1));
	step(f);
	assert_true(fake_ring_take_used(&f->rings[1], NULL, NULL));
	assert_refused(f, later, 200);
	assert_int_equal(interrupts(f, 2), 1);
	assert_int_equal(get(f, STATUS, 1), RUNNING);
}

static void requests_without_a_reply_are_given_back(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer forget = { 0x80000, REQUEST_BYTES + 8, false };
	uint32_t len = 1;

	plug(f, 0, TRICK_NONE);
	start(f);
	fake_ring_add(&f->rings[0], &forget, 1);
	fake_backend_kill(&f->backend);
	step(f);
	assert_true(fake_ring_take_used(&f->rings[0], NULL, &len));
	assert_int_equal(len, 0);
}

static void a_server_that_died_first_leaves_a_device_that_refuses(void **state)
{
	struct fixture *f = *state;
	gpa_t reply;

	plug(f, 0, TRICK_NONE);
	fake_backend_kill(&f->backend);
	step(f);
	start(f);
	assert_int_equal(get(f, STATUS, 1), RUNNING);
	reply = add_request(f, 1, 7, NULL);
	assert_true(ring(f, 1));
	step(f);
	assert_true(fake_ring_take_used(&f->rings[1], NULL, NULL));
	assert_refused(f, reply, 7);
}

static void a_server_that_does_not_stop_is_given_up(void **state)
{
	struct fixture *f = *state;
	int64_t begin_ms;
	gpa_t reply;

	plug(f, VHOST_USER_GET_VRING_BASE, TRICK_SILENCE);
	start(f);
	begin_ms = clock_monotonic_ms();
	set(f, STATUS, 0, 1);
	assert_true(clock_monotonic_ms() - begin_ms < FAKE_BACKEND_LIMIT_MS + 20000);
	assert_int_equal(get(f, STATUS, 1), 0);
	step(f);
	start(f);
	reply = add_request(f, 1, 9, NULL);
	assert_true(ring(f, 1));
	step(f);
	assert_refused(f, reply, 9);
}

static void a_server_that_does_not_start_is_given_up(void **state)
{
	struct fixture *f = *state;
	gpa_t reply;

	plug(f, VHOST_USER_SET_VRING_KICK, TRICK_REFUSE);
	start(f);
	reply = add_request(f, 1, 11, NULL);
	assert_true(ring(f, 1));
	step(f);
	assert_true(fake_ring_take_used(&f->rings[1], NULL, NULL));
	assert_refused(f, reply, 11);
}

/* It has the memory still, and writes what it likes. */
static void rings_that_make_no_sense_break_the_device_only(void **state)
{
	struct fixture *f = *state;
	uint16_t index = 0x8000;

	plug(f, 0, TRICK_NONE);
	start(f);
	add_request(f, 1, 1, NULL);
	assert_true(guestmem_write(&f->mem, f->rings[1].used + 2, &index, sizeof(index)));
	fake_backend_kill(&f->backend);
	step(f);
	assert_true(get(f, STATUS, 1) & VIRTIO_STATUS_NEEDS_RESET);
	start(f);
	assert_int_equal(get(f, STATUS, 1), RUNNING);
}

/* It keeps both eventfds and makes every read and write of them block; ours are others by then. */
static void eventfds_that_the_server_kept_are_of_no_use_to_it(void **state)
{
	struct fixture *f = *state;
	gpa_t reply;

	plug(f, 0, TRICK_NONE);
	start(f);
	for (unsigned i = 0; i < N_QUEUES; i++) {
		assert_int_equal(fcntl(f->backend.queues[i].kick_fd, F_SETFL, 0), 0);
		assert_int_equal(fcntl(f->backend.queues[i].call_fd, F_SETFL, 0), 0);
		assert_int_equal(eventfd_write(f->backend.queues[i].call_fd, UINT64_MAX - 1), 0);
	}
	fake_backend_kill(&f->backend);
	step(f);
	reply = add_request(f, 1, 5, NULL);
	assert_true(ring(f, 1));
	step(f);
	assert_refused(f, reply, 5);
	for (unsigned i = 0; i < N_QUEUES; i++)
		assert_int_equal(fcntl(f->backend.queues[i].kick_fd, F_SETFL, O_NONBLOCK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_has_tag_and_queues),
		TEST(only_what_the_server_can_is_offered),
		TEST(a_tag_is_1_to_36_bytes),
		TEST(memory_of_our_own_is_not_enough),
		TEST(the_server_gets_the_rings_when_the_driver_starts),
		TEST(doorbells_go_straight_to_the_server),
		TEST(a_notification_of_another_width_goes_nowhere),
		TEST(the_server_interrupts_the_driver),
		TEST(a_masked_interrupt_comes_when_it_is_let_through),
		TEST(an_interrupt_follows_its_vectors_address),
		TEST(a_reset_stops_the_server_and_a_start_starts_it),
		TEST(a_queue_outside_memory_is_never_told_of),
		TEST(lost_requests_are_answered_when_the_server_dies),
		TEST(requests_without_a_reply_are_given_back),
		TEST(a_server_that_died_first_leaves_a_device_that_refuses),
		TEST(a_server_that_does_not_stop_is_given_up),
		TEST(a_server_that_does_not_start_is_given_up),
		TEST(rings_that_make_no_sense_break_the_device_only),
		TEST(eventfds_that_the_server_kept_are_of_no_use_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

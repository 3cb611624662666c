/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk on a real file by io_uring, with a driver that behaves and one that does not. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/block.h"

#define N_SECTORS  4096u
#define DISK_BYTES (N_SECTORS * 512u)
#define WAIT_MS	   20000

#define TYPE_READ	  0u
#define TYPE_WRITE	  1u
#define TYPE_FLUSH	  4u
#define TYPE_GET_ID	  8u
#define TYPE_DISCARD	  11u
#define TYPE_WRITE_ZEROES 13u

#define F_FLUSH	       (1ull << 9)
#define F_DISCARD      (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)
#define FEATURES       (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | F_FLUSH | F_DISCARD | F_WRITE_ZEROES)

struct fixture {
	struct fake_driver driver;
	int fd; /* the disk, for the test to look at */
	char path[64];
};

static struct fixture fixture;

/* Each sector of the disk is filled with its number. */
static uint8_t sector_byte(uint64_t sector)
{
	return (uint8_t)(sector * 7 + 1);
}

static int make_disk(struct fixture *f, off_t extra_bytes)
{
	uint8_t sector[512];

	(void)snprintf(f->path, sizeof(f->path), "/tmp/kata-like-test-block.XXXXXX");
	f->fd = mkstemp(f->path);
	if (f->fd < 0)
		return -1;
	for (unsigned i = 0; i < N_SECTORS; i++) {
		memset(sector, sector_byte(i), sizeof(sector));
		if (pwrite(f->fd, sector, sizeof(sector), (off_t)i * 512) != 512)
			return -1;
	}
	memset(sector, 0xee, sizeof(sector));
	return pwrite(f->fd, sector, (size_t)extra_bytes, DISK_BYTES) == extra_bytes ? 0 : -1;
}

static int set_up_with(void **state, bool read_only, off_t extra_bytes)
{
	struct block_config config = { .read_only = read_only, .id = "disk-of-the-test" };
	struct virtio_device *dev;
	struct err err = ERR_INIT;

	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	if (make_disk(&fixture, extra_bytes) < 0)
		return -1;
	config.fd = open(fixture.path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (block_new(&config, &dev, &err) < 0) {
		print_error("%s\n", err_text(&err));
		return -1;
	}
	fake_driver_init(&fixture.driver);
	fake_driver_attach(
		&fixture.driver, dev,
		FEATURES & (dev->features_offered | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, false, 0);
}

static int set_up_read_only(void **state)
{
	return set_up_with(state, true, 0);
}

static int set_up_crooked(void **state)
{
	return set_up_with(state, false, 100);
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_fini(&fixture.driver);
	close(fixture.fd);
	unlink(fixture.path);
	return 0;
}

/* A request in guest memory: header, data of len bytes, status byte. */
struct guest_request {
	gpa_t header, data, status;
	uint32_t len;
	uint16_t head;
};

static struct guest_request submit(struct fixture *f, uint32_t type, uint64_t sector, uint32_t len,
				   bool device_writes)
{
	struct guest_request request = { .len = len };
	struct fake_buffer buffers[3];
	unsigned n = 0;
	uint8_t *header;

	request.header = fake_driver_alloc(&f->driver, 16);
	request.data = fake_driver_alloc(&f->driver, len + 1);
	request.status = fake_driver_alloc(&f->driver, 1);
	header = fake_driver_at(&f->driver, request.header, 16);
	memcpy(header, &type, 4);
	memcpy(header + 8, &sector, 8);
	*(uint8_t *)fake_driver_at(&f->driver, request.status, 1) = 0xff;
	buffers[n++] = (struct fake_buffer){ request.header, 16, false };
	if (len > 0)
		buffers[n++] = (struct fake_buffer){ request.data, len, device_writes };
	buffers[n++] = (struct fake_buffer){ request.status, 1, true };
	request.head = fake_driver_add(&f->driver, 0, buffers, n);
	return request;
}

static uint8_t status_of(struct fixture *f, const struct guest_request *request)
{
	return *(uint8_t *)fake_driver_at(&f->driver, request->status, 1);
}

static uint8_t *data_of(struct fixture *f, const struct guest_request *request)
{
	return fake_driver_at(&f->driver, request->data, request->len);
}

/* Waits for the one request in flight. Its used length. */
static uint32_t wait_for(struct fixture *f, const struct guest_request *request)
{
	uint32_t head, len;

	fake_driver_kick(&f->driver, 0);
	assert_true(fake_driver_wait_used(&f->driver, 0, WAIT_MS, &head, &len));
	assert_int_equal(head, request->head);
	return len;
}

static void assert_sectors(const uint8_t *data, uint64_t sector, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (data[i] != sector_byte(sector + i / 512))
			fail_msg("byte %u is %#x", i, data[i]);
}

static void a_read_gives_what_is_on_the_disk(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_READ, 40, 8192, true);

	assert_int_equal(wait_for(f, &request), 8193);
	assert_int_equal(status_of(f, &request), 0);
	assert_sectors(data_of(f, &request), 40, 8192);
	assert_int_equal(f->driver.signals[0], 1);
}

static void a_write_reaches_the_file(void **state)
{
	struct fixture *f = *state;
	struct guest_request request;
	uint8_t bytes[1024];

	request = submit(f, TYPE_WRITE, N_SECTORS - 2, sizeof(bytes), false);
	memset(data_of(f, &request), 0x5c, sizeof(bytes));
	assert_int_equal(wait_for(f, &request), 1);
	assert_int_equal(status_of(f, &request), 0);
	assert_int_equal(pread(f->fd, bytes, sizeof(bytes), DISK_BYTES - 1024), 1024);
	assert_int_equal(bytes[0], 0x5c);
	assert_int_equal(bytes[1023], 0x5c);
}

static void a_large_read_is_whole(void **state)
{
	struct fixture *f = *state;
	/* Large enough for a worker thread of the kernel. */
	struct guest_request request = submit(f, TYPE_READ, 8, 1u << 20, true);

	assert_int_equal(wait_for(f, &request), (1u << 20) + 1);
	assert_int_equal(status_of(f, &request), 0);
	assert_sectors(data_of(f, &request), 8, 1u << 20);
}

static void a_flush_succeeds(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_FLUSH, 0, 0, true);

	assert_int_equal(wait_for(f, &request), 1);
	assert_int_equal(status_of(f, &request), 0);
}

static void the_guest_reads_the_id(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_GET_ID, 0, 20, true);

	assert_int_equal(wait_for(f, &request), 21);
	assert_int_equal(status_of(f, &request), 0);
	assert_string_equal((const char *)data_of(f, &request), "disk-of-the-test");
}

static uint8_t erase(struct fixture *f, uint32_t type, uint64_t sector, uint32_t n_sectors,
		     uint32_t flags)
{
	struct guest_request request = submit(f, type, 0, 16, false);
	uint8_t *range = data_of(f, &request);

	memcpy(range, &sector, 8);
	memcpy(range + 8, &n_sectors, 4);
	memcpy(range + 12, &flags, 4);
	assert_int_equal(wait_for(f, &request), 1);
	return status_of(f, &request);
}

static void assert_erased(struct fixture *f, uint64_t sector, unsigned n_sectors)
{
	uint8_t bytes[512];

	for (unsigned i = 0; i < n_sectors; i++) {
		assert_int_equal(pread(f->fd, bytes, 512, (off_t)(sector + i) * 512), 512);
		for (unsigned at = 0; at < 512; at++)
			assert_int_equal(bytes[at], 0);
	}
	assert_int_equal(pread(f->fd, bytes, 512, (off_t)(sector + n_sectors) * 512), 512);
	assert_int_equal(bytes[0], sector_byte(sector + n_sectors));
}

static void discarded_space_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	assert_int_equal(fstat(f->fd, &before), 0);
	assert_int_equal(erase(f, TYPE_DISCARD, 8, 2048, 0), 0);
	assert_erased(f, 8, 2048);
	assert_int_equal(fstat(f->fd, &after), 0);
	assert_true(after.st_blocks < before.st_blocks);
	assert_true(after.st_size == before.st_size);
}

static void zeroes_are_written_with_and_without_unmapping(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(erase(f, TYPE_WRITE_ZEROES, 3, 5, 0), 0);
	assert_erased(f, 3, 5);
	assert_int_equal(erase(f, TYPE_WRITE_ZEROES, 800, 16, 1), 0);
	assert_erased(f, 800, 16);
}

static void many_requests_are_in_flight_at_once(void **state)
{
	struct fixture *f = *state;
	struct guest_request requests[42];
	unsigned n_done = 0;

	/* Forty-two times three descriptors: all that the queue can hold. */
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
		requests[i] = submit(f, TYPE_READ, 16 * i, 4096, true);
	fake_driver_kick(&f->driver, 0);
	while (n_done < ARRAY_SIZE(requests)) {
		uint32_t len;

		assert_true(fake_driver_wait_used(&f->driver, 0, WAIT_MS, NULL, &len));
		assert_int_equal(len, 4097);
		n_done++;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
		assert_int_equal(status_of(f, &requests[i]), 0);
		assert_sectors(data_of(f, &requests[i]), 16 * i, 4096);
	}
}

static void more_chains_than_jobs_are_all_served(void **state)
{
	struct fixture *f = *state;
	gpa_t table = fake_driver_alloc(&f->driver, 128 * 48);
	gpa_t header = fake_driver_alloc(&f->driver, 16);
	gpa_t data = fake_driver_alloc(&f->driver, 128 * 512);
	gpa_t status = fake_driver_alloc(&f->driver, 128);
	unsigned n_done = 0;

	for (unsigned i = 0; i < 128; i++) {
		const struct fake_buffer buffers[] = { { header, 16, false },
						       { data + 512 * i, 512, true },
						       { status + i, 1, true } };

		fake_ring_add_indirect(&f->driver.rings[0], table + 48 * i, buffers, 3);
	}
	fake_driver_kick(&f->driver, 0);
	while (n_done < 128) {
		assert_true(fake_driver_wait_used(&f->driver, 0, WAIT_MS, NULL, NULL));
		n_done++;
	}
	for (unsigned i = 0; i < 128; i++)
		assert_sectors(fake_driver_at(&f->driver, data + 512 * i, 512), 0, 512);
}

static void a_reset_in_flight_leaves_no_request_behind(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 20; round++) {
		struct guest_request old, request;
		uint8_t *data;

		f->driver.alloc_next = 0x1000;
		fake_driver_restart(&f->driver, FEATURES);
		old = submit(f, TYPE_READ, 0, 600u << 10, true);
		submit(f, TYPE_FLUSH, 0, 0, true);
		fake_driver_kick(&f->driver, 0);
		fake_driver_reset(&f->driver);
		/* From here on the memory is the driver's again. */
		data = data_of(f, &old);
		memset(data, 0x77, old.len);
		for (int i = 0; i < 3; i++)
			fake_driver_step(&f->driver, 1);
		for (uint32_t i = 0; i < old.len; i++)
			assert_int_equal(data[i], 0x77);
		fake_driver_restart(&f->driver, FEATURES);
		request = submit(f, TYPE_READ, 40, 512, true);
		assert_int_equal(wait_for(f, &request), 513);
		assert_sectors(data_of(f, &request), 40, 512);
		fake_driver_reset(&f->driver);
	}
}

static void *reset_as_a_vcpu_does(void *ctx)
{
	struct fixture *f = ctx;

	fake_driver_reset(&f->driver);
	return NULL;
}

/* The resetting thread waits with the lock held for what the I/O thread, waiting for the lock,
 * submitted. */
static void a_reset_by_another_thread_does_not_hang(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 50; round++) {
		pthread_t vcpu;

		f->driver.alloc_next = 0x1000;
		fake_driver_restart(&f->driver, FEATURES);
		submit(f, TYPE_READ, 0, 600u << 10, true);
		submit(f, TYPE_READ, 0, 4096, true);
		submit(f, TYPE_FLUSH, 0, 0, true);
		fake_driver_kick(&f->driver, 0);
		assert_int_equal(pthread_create(&vcpu, NULL, reset_as_a_vcpu_does, f), 0);
		fake_driver_kick(&f->driver, 0);
		fake_driver_step(&f->driver, 0);
		assert_int_equal(pthread_join(vcpu, NULL), 0);
		assert_false(f->driver.dev->active);
	}
}

static void the_same_head_twice_in_flight_stops_the_device(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_READ, 0, 600u << 10, true);

	fake_ring_publish(&f->driver.rings[0], request.head);
	fake_driver_kick(&f->driver, 0);
	assert_int_equal(f->driver.resets_wanted, 1);
	fake_driver_reset(&f->driver);
	fake_driver_restart(&f->driver, FEATURES);
	request = submit(f, TYPE_READ, 40, 512, true);
	assert_int_equal(wait_for(f, &request), 513);
	assert_int_equal(status_of(f, &request), 0);
}

static void a_request_without_status_byte_stops_the_device(void **state)
{
	struct fixture *f = *state;
	struct fake_buffer buffer = { fake_driver_alloc(&f->driver, 528), 528, false };

	fake_driver_add(&f->driver, 0, &buffer, 1);
	fake_driver_kick(&f->driver, 0);
	assert_int_equal(f->driver.resets_wanted, 1);
	assert_false(f->driver.dev->active);
}

static void a_request_that_fails_leaves_the_buffer_alone(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_READ, UINT64_MAX / 512 + 1, 4096, true);

	memset(data_of(f, &request), 0x33, 4096);
	assert_int_equal(wait_for(f, &request), 0);
	assert_int_equal(status_of(f, &request), 1);
	assert_int_equal(data_of(f, &request)[0], 0x33);
	assert_int_equal(data_of(f, &request)[4095], 0x33);
}

static void the_read_only_disk_says_so_and_takes_no_writes(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_WRITE, 0, 512, false);

	assert_true(f->driver.dev->features_offered & (1ull << 5));
	assert_false(f->driver.dev->features_offered & F_DISCARD);
	assert_int_equal(wait_for(f, &request), 1);
	assert_int_equal(status_of(f, &request), 1);
	assert_int_equal(erase(f, TYPE_DISCARD, 0, 8, 0), 2);
	request = submit(f, TYPE_READ, 0, 512, true);
	assert_int_equal(wait_for(f, &request), 513);
	assert_sectors(data_of(f, &request), 0, 512);
}

static void the_rest_of_a_last_sector_reads_as_zeros(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_READ, N_SECTORS - 1, 1024, true);
	uint8_t *data = data_of(f, &request);

	memset(data, 0x33, 1024);
	assert_int_equal(wait_for(f, &request), 1025);
	assert_int_equal(status_of(f, &request), 0);
	assert_sectors(data, N_SECTORS - 1, 512);
	for (unsigned i = 512; i < 1024; i++)
		assert_int_equal(data[i], i < 612 ? 0xee : 0);
}

static void a_file_that_was_cut_short_reads_as_zeros(void **state)
{
	struct fixture *f = *state;
	struct guest_request request = submit(f, TYPE_READ, 2000, 4096, true);
	uint8_t *data = data_of(f, &request);

	memset(data, 0x33, 4096);
	assert_int_equal(ftruncate(f->fd, 1000 * 512), 0);
	assert_int_equal(wait_for(f, &request), 4097);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(data[i], 0);
}

static void the_configuration_tells_size_and_limits(void **state)
{
	struct fixture *f = *state;
	struct virtio_device *dev = f->driver.dev;
	uint64_t capacity;
	uint32_t seg_max, blk_size;

	dev->ops->config_read(dev, 0, &capacity, 8);
	dev->ops->config_read(dev, 12, &seg_max, 4);
	dev->ops->config_read(dev, 20, &blk_size, 4);
	assert_true(capacity == N_SECTORS);
	assert_int_equal(seg_max, 126);
	assert_int_equal(blk_size, 512);
	assert_true(seg_max + 2 <= VIRTQ_CHAIN_MAX);
}

static void without_flush_a_write_still_succeeds(void **state)
{
	struct fixture *f = *state;
	struct guest_request request;
	uint8_t bytes[512];

	fake_driver_reset(&f->driver);
	fake_driver_restart(&f->driver, VIRTIO_F_VERSION_1);
	request = submit(f, TYPE_WRITE, 5, 512, false);
	memset(data_of(f, &request), 0x5d, 512);
	assert_int_equal(wait_for(f, &request), 1);
	assert_int_equal(status_of(f, &request), 0);
	assert_int_equal(pread(f->fd, bytes, 512, 5 * 512), 512);
	assert_int_equal(bytes[511], 0x5d);
}

static void descriptors_that_are_no_disk_are_refused(void **state)
{
	struct block_config config = { .read_only = true };
	struct virtio_device *dev;
	struct err err = ERR_INIT;
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	config.fd = pipe_fds[0];
	assert_int_equal(block_new(&config, &dev, &err), -EINVAL);
	assert_int_equal(fcntl(pipe_fds[0], F_GETFD), -1); /* it was ours to close, and is */
	close(pipe_fds[1]);
	config.fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	assert_int_equal(block_new(&config, &dev, &err), -EINVAL); /* empty */
	config.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	config.read_only = false;
	assert_int_equal(block_new(&config, &dev, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_gives_what_is_on_the_disk),
		TEST(a_write_reaches_the_file),
		TEST(a_large_read_is_whole),
		TEST(a_flush_succeeds),
		TEST(the_guest_reads_the_id),
		TEST(discarded_space_is_given_back),
		TEST(zeroes_are_written_with_and_without_unmapping),
		TEST(many_requests_are_in_flight_at_once),
		TEST(more_chains_than_jobs_are_all_served),
		TEST(a_reset_in_flight_leaves_no_request_behind),
		TEST(a_reset_by_another_thread_does_not_hang),
		TEST(the_same_head_twice_in_flight_stops_the_device),
		TEST(a_request_without_status_byte_stops_the_device),
		TEST(a_request_that_fails_leaves_the_buffer_alone),
		cmocka_unit_test_setup_teardown(the_read_only_disk_says_so_and_takes_no_writes,
						set_up_read_only, tear_down),
		cmocka_unit_test_setup_teardown(the_rest_of_a_last_sector_reads_as_zeros,
						set_up_crooked, tear_down),
		TEST(a_file_that_was_cut_short_reads_as_zeros),
		TEST(the_configuration_tells_size_and_limits),
		TEST(without_flush_a_write_still_succeeds),
		cmocka_unit_test(descriptors_that_are_no_disk_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

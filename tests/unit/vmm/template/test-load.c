/* SPDX-License-Identifier: Apache-2.0 */
/* Templates' files: what is refused, and where memory comes to lie. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/template/layout.h"
#include "vmm/template/template.h"

#define MEMORY_BYTES (4u << 20)
#define PAGE	     GUESTMEM_PAGE_SIZE
#define N_RUNS	     2u

/* A template of one vCPU and no devices, with two pages at 1 MiB and one at 3 MiB. */
struct file {
	struct template_header header;
	struct machine_state machine;
	struct cpu_state cpu;
	struct template_run runs[N_RUNS];
};

#define DATA_OFFSET ((sizeof(struct file) + PAGE - 1) / PAGE * PAGE)
#define FILE_BYTES  (DATA_OFFSET + 3 * (size_t)PAGE)

static struct file *file;
static int fd = -1;

static int set_up(void **state)
{
	(void)state;
	file = calloc(1, sizeof(*file));
	fd = memfd_create("template", MFD_CLOEXEC);
	if (!file || fd < 0 || ftruncate(fd, (off_t)FILE_BYTES) < 0)
		return -1;
	file->header = (struct template_header){ .magic = TEMPLATE_MAGIC,
						 .version = TEMPLATE_VERSION,
						 .header_bytes = TEMPLATE_HEADER_BYTES,
						 .machine_bytes = sizeof(struct machine_state),
						 .cpu_bytes = sizeof(struct cpu_state),
						 .function_bytes = sizeof(struct template_function),
						 .n_cpus = 1,
						 .n_runs = N_RUNS,
						 .memory_bytes = MEMORY_BYTES };
	file->runs[0] = (struct template_run){ 1u << 20, 2 * PAGE };
	file->runs[1] = (struct template_run){ 3u << 20, PAGE };
	for (size_t i = 0; i < 3; i++) {
		uint8_t byte = (uint8_t)(0xa0 + i);

		if (pwrite(fd, &byte, 1, (off_t)(DATA_OFFSET + i * PAGE)) != 1)
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(file);
	close(fd);
	return 0;
}

static int open_it(struct template **ret_template, struct err *err)
{
	assert_int_equal(pwrite(fd, file, sizeof(*file), 0), sizeof(*file));
	return template_open(fd, "name", ret_template, err);
}

static void assert_refused(const char *why)
{
	struct template *template;
	struct err err = ERR_INIT;

	assert_int_equal(open_it(&template, &err), -EINVAL);
	assert_non_null(strstr(err.text, "template name: "));
	assert_non_null(strstr(err.text, why));
}

static void assert_memory(const struct guestmem *mem)
{
	static const struct {
		gpa_t gpa;
		uint8_t byte;
	} expected[] = { { 1u << 20, 0xa0 },
			 { (1u << 20) + PAGE, 0xa1 },
			 { 3u << 20, 0xa2 },
			 { 0, 0 },
			 { 2u << 20, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		uint8_t byte;

		assert_true(guestmem_read(mem, expected[i].gpa, &byte, 1));
		assert_int_equal(byte, expected[i].byte);
	}
}

static void memory_lies_where_it_was(void **state)
{
	(void)state;
	for (int shared = 0; shared <= 1; shared++) {
		struct template *template;
		struct err err = ERR_INIT;
		struct guestmem mem;
		uint8_t byte = 0xff, in_file;

		assert_int_equal(open_it(&template, &err), 0);
		assert_int_equal(template_memory_bytes(template), MEMORY_BYTES);
		assert_int_equal(template_cpus(template), 1);
		assert_int_equal((shared ? guestmem_init_shared
					 : guestmem_init)(&mem, MEMORY_BYTES, LAYOUT_HOLE_START,
							  LAYOUT_HOLE_END, &err),
				 0);
		assert_int_equal(template_load_memory(template, &mem, &err), 0);
		assert_memory(&mem);
		/* What the guest writes is its own. */
		assert_true(guestmem_write(&mem, 1u << 20, &byte, 1));
		assert_int_equal(pread(fd, &in_file, 1, (off_t)DATA_OFFSET), 1);
		assert_int_equal(in_file, 0xa0);
		guestmem_fini(&mem);
		template_free(template);
	}
}

static void memory_that_the_vm_does_not_have_is_refused(void **state)
{
	struct template *template;
	struct err err = ERR_INIT;
	struct guestmem mem;

	(void)state;
	assert_int_equal(open_it(&template, &err), 0);
	assert_int_equal(guestmem_init(&mem, 2u << 20, LAYOUT_HOLE_START, LAYOUT_HOLE_END, &err),
			 0);
	assert_int_equal(template_load_memory(template, &mem, &err), -EINVAL);
	assert_non_null(strstr(err.text, "memory where the VM has none"));
	guestmem_fini(&mem);
	template_free(template);
}

static void other_files_are_refused(void **state)
{
	(void)state;
	memcpy(file->header.magic, "\177ELF", 4);
	assert_refused("no template");
}

static void other_builds_are_refused(void **state)
{
	(void)state;
	file->header.cpu_bytes += 8;
	assert_refused("another build");
}

static void counts_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	file->header.n_functions = UINT32_MAX;
	assert_refused("makes no sense");
	file->header.n_functions = 0;
	file->header.n_cpus = 0;
	assert_refused("makes no sense");
	file->header.n_cpus = 1;
	file->header.n_runs = TEMPLATE_RUNS_MAX + 1;
	assert_refused("makes no sense");
}

static void a_file_that_is_cut_short_is_refused(void **state)
{
	struct template *template;
	struct err err = ERR_INIT;
	static const size_t lengths[] = { 0, sizeof(struct template_header) - 1,
					  sizeof(struct file) - 1, FILE_BYTES - 1 };

	(void)state;
	assert_int_equal(pwrite(fd, file, sizeof(*file), 0), sizeof(*file));
	for (size_t i = ARRAY_SIZE(lengths); i-- > 0;) {
		assert_int_equal(ftruncate(fd, (off_t)lengths[i]), 0);
		assert_int_equal(template_open(fd, "name", &template, &err), -EINVAL);
		assert_non_null(strstr(err.text, "cut short"));
	}
}

static void runs_out_of_order_or_bounds_are_refused(void **state)
{
	static const struct template_run wrong[] = {
		{ 1u << 20, PAGE },		     /* within the first */
		{ (3u << 20) + 1, PAGE },	     /* no page */
		{ 3u << 20, PAGE / 2 },		     /* half a page */
		{ 3u << 20, 0 },		     /* nothing */
		{ 3u << 20, UINT64_MAX - PAGE + 1 }, /* more than there is */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		file->runs[1] = wrong[i];
		assert_refused("list of memory");
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(memory_lies_where_it_was),
		CASE(memory_that_the_vm_does_not_have_is_refused),
		CASE(other_files_are_refused),
		CASE(other_builds_are_refused),
		CASE(counts_that_make_no_sense_are_refused),
		CASE(a_file_that_is_cut_short_is_refused),
		CASE(runs_out_of_order_or_bounds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

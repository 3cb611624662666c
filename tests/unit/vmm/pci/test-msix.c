/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: masks, pending interrupts, and when a vector is routed. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/vmm/pci/fake-interrupts.h"
#include "vmm/pci/msix.h"

#define N_VECTORS 3

#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK   0x4000u
#define ADDRESS	       0xfee01000u
#define DATA	       0x4041u

struct fixture {
	struct fake_interrupts irq;
	struct pci_function fn;
	struct msix msix;
};

static struct fixture fixture;

static const struct pci_function_ops no_ops;

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	memset(&fixture, 0, sizeof(fixture));
	fake_interrupts_init(&fixture.irq);
	pci_function_init(&fixture.fn, &no_ops, 1, 2, 3, 4, 5, 6);
	*state = &fixture;
	return msix_init(&fixture.msix, &fixture.fn, &fixture.irq.interrupts, N_VECTORS, 0, 0x800,
			 0xc00, &err);
}

static int tear_down(void **state)
{
	(void)state;
	msix_fini(&fixture.msix);
	return (int)fake_interrupts_sources(&fixture.irq);
}

static void set_control(struct fixture *f, uint16_t control)
{
	pci_function_config_write(&f->fn, f->msix.capability + 2, &control, 2);
	msix_config_written(&f->msix);
}

static void write32(struct fixture *f, uint64_t offset, uint32_t value)
{
	msix_table_write(&f->msix, offset, &value, 4);
}

/* As a guest does it: the message, then the mask. */
static void set_up_vector(struct fixture *f, unsigned vector)
{
	write32(f, 16 * vector, ADDRESS);
	write32(f, 16 * vector + 4, 0);
	write32(f, 16 * vector + 8, DATA + vector);
	write32(f, 16 * vector + 12, 0);
}

static uint64_t pending(struct fixture *f)
{
	uint64_t bits;

	msix_pba_read(&f->msix, 0, &bits, 8);
	return bits;
}

static void the_capability_says_how_many_vectors_and_where(void **state)
{
	struct fixture *f = *state;
	uint32_t words[3];

	pci_function_config_read(&f->fn, f->msix.capability, words, sizeof(words));
	assert_int_equal(words[0], (N_VECTORS - 1) << 16 | 0x11);
	assert_int_equal(words[1], 0x800);
	assert_int_equal(words[2], 0xc00);
}

static void only_enable_and_mask_of_the_control_word_can_be_written(void **state)
{
	struct fixture *f = *state;
	uint16_t control;

	set_control(f, 0xffff);
	pci_function_config_read(&f->fn, f->msix.capability + 2, &control, 2);
	assert_int_equal(control, CONTROL_ENABLE | CONTROL_MASK | (N_VECTORS - 1));
}

static void a_vector_fires_once_enabled_and_unmasked(void **state)
{
	struct fixture *f = *state;

	msix_fire(&f->msix, 1);
	set_control(f, CONTROL_ENABLE);
	set_up_vector(f, 1);
	assert_int_equal(fake_interrupts_taken(&f->irq, 1), 0); /* not enabled then: lost */
	msix_fire(&f->msix, 1);
	assert_int_equal(fake_interrupts_taken(&f->irq, 1), 1);
	assert_int_equal(fake_interrupts_taken(&f->irq, 0), 0);
	assert_true(f->irq.sources[1].address == ADDRESS);
	assert_int_equal(f->irq.sources[1].data, DATA + 1);
}

static void a_masked_vector_pends_and_fires_when_it_is_unmasked(void **state)
{
	struct fixture *f = *state;

	set_control(f, CONTROL_ENABLE);
	msix_fire(&f->msix, 2);
	msix_fire(&f->msix, 2);
	assert_int_equal(fake_interrupts_taken(&f->irq, 2), 0);
	assert_true(pending(f) == 1u << 2);
	set_up_vector(f, 2);
	assert_int_equal(fake_interrupts_taken(&f->irq, 2), 1);
	assert_true(pending(f) == 0);
}

static void the_function_mask_masks_all_vectors(void **state)
{
	struct fixture *f = *state;

	set_control(f, CONTROL_ENABLE | CONTROL_MASK);
	set_up_vector(f, 0);
	set_up_vector(f, 1);
	msix_fire(&f->msix, 0);
	msix_fire(&f->msix, 1);
	assert_true(pending(f) == 3);
	assert_int_equal(f->irq.sources[0].n_routes, 0);
	set_control(f, CONTROL_ENABLE);
	assert_int_equal(fake_interrupts_taken(&f->irq, 0), 1);
	assert_int_equal(fake_interrupts_taken(&f->irq, 1), 1);
	assert_int_equal(f->irq.sources[0].n_routes, 1);
}

static void nothing_is_routed_before_a_vector_is_unmasked(void **state)
{
	struct fixture *f = *state;

	set_control(f, CONTROL_ENABLE);
	write32(f, 0, ADDRESS);
	write32(f, 8, DATA);
	assert_int_equal(f->irq.sources[0].n_routes, 0);
	write32(f, 12, 0);
	assert_int_equal(f->irq.sources[0].n_routes, 1);
	assert_int_equal(f->irq.sources[1].n_routes, 0);
}

static void a_vector_is_routed_again_only_when_its_message_changed(void **state)
{
	struct fixture *f = *state;

	set_control(f, CONTROL_ENABLE);
	set_up_vector(f, 0);
	for (int i = 0; i < 10; i++) {
		write32(f, 12, 1);
		write32(f, 12, 0);
	}
	assert_int_equal(f->irq.sources[0].n_routes, 1);
	write32(f, 12, 1);
	write32(f, 8, DATA + 7);
	assert_int_equal(f->irq.sources[0].n_routes, 1);
	write32(f, 12, 0);
	assert_int_equal(f->irq.sources[0].n_routes, 2);
	assert_int_equal(f->irq.sources[0].data, DATA + 7);
}

static void a_vector_out_of_range_fires_nothing(void **state)
{
	struct fixture *f = *state;

	set_control(f, CONTROL_ENABLE);
	msix_fire(&f->msix, N_VECTORS);
	msix_fire(&f->msix, 63);
	msix_fire(&f->msix, 64);
	msix_fire(&f->msix, 0xffff);
	assert_true(pending(f) == 0);
}

static void every_width_and_offset_of_the_table_is_answered(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[9];

	set_control(f, CONTROL_ENABLE);
	for (uint64_t offset = 0; offset < 0x400; offset++)
		for (unsigned len = 1; len <= 8; len++) {
			memset(bytes, 0xff, sizeof(bytes));
			msix_table_write(&f->msix, offset, bytes, len);
			msix_pba_read(&f->msix, offset, bytes, len);
			msix_table_read(&f->msix, offset, bytes, len);
			assert_int_equal(bytes[8], 0xff);
		}
	msix_table_read(&f->msix, 16 * N_VECTORS, bytes, 8);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	/* Of the control word only the mask bit exists. */
	msix_table_read(&f->msix, 12, bytes, 4);
	assert_memory_equal(bytes, "\1\0\0\0", 4);
}

static void without_enough_sources_everything_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct pci_function fn;
	struct msix msix;
	struct err err = ERR_INIT;

	f->irq.sources_max = N_VECTORS + 1;
	pci_function_init(&fn, &no_ops, 1, 2, 3, 4, 5, 6);
	assert_int_equal(msix_init(&msix, &fn, &f->irq.interrupts, 2, 0, 0, 0, &err), -ENOSPC);
	assert_int_equal(fake_interrupts_sources(&f->irq), N_VECTORS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_capability_says_how_many_vectors_and_where),
		TEST(only_enable_and_mask_of_the_control_word_can_be_written),
		TEST(a_vector_fires_once_enabled_and_unmasked),
		TEST(a_masked_vector_pends_and_fires_when_it_is_unmasked),
		TEST(the_function_mask_masks_all_vectors),
		TEST(nothing_is_routed_before_a_vector_is_unmasked),
		TEST(a_vector_is_routed_again_only_when_its_message_changed),
		TEST(a_vector_out_of_range_fires_nothing),
		TEST(every_width_and_offset_of_the_table_is_answered),
		TEST(without_enough_sources_everything_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

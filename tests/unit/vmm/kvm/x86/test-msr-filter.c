/* SPDX-License-Identifier: Apache-2.0 */
/* Which model-specific registers a guest may use. */
#include "tests/unit/test.h"

#include "lib/cleanup.h"

#include "vmm/kvm/x86/msr-filter.h"

static void a_guest_has_the_registers_that_a_kernel_needs(void **state)
{
	static const uint32_t needed[] = { 0x10,       0x1b,	   0x174,      0x277,	  0x6e0,
					   0xc0000080, 0xc0000081, 0xc0000102, 0x4b564d01 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		assert_true(msr_filter_allows(needed[i], false));
		assert_true(msr_filter_allows(needed[i], true));
	}
	/* Mitigations, and what says which are not needed. */
	assert_true(msr_filter_allows(0x48, true));
	assert_true(msr_filter_allows(0x49, true));
	assert_true(msr_filter_allows(0x10a, false));
	assert_false(msr_filter_allows(0x10a, true));
}

static void what_a_guest_has_no_use_for_is_not_there(void **state)
{
	static const uint32_t refused[] = {
		0x40000000, 0x40000001, /* Hyper-V: identity, hypercall page */
		0x40000080, 0x400000b0, /* Hyper-V: interrupt controller, timers */
		0xc1,	    0x186,	0x38f,	    0xc0010200, /* performance counters */
		0x1c8,	    0x680,				/* branch records */
		0x570,						/* processor trace */
		0x79,						/* microcode update */
		0x19a,	    0x1b0,	0x610,	    0x150,	/* clocks, power, voltage */
		0x480,	    0x48f,	0xc0010117,		/* nested virtualization */
		0x9e,						/* system management mode */
		0xc0011030,					/* AMD's sampling */
		0x4b564d08,					/* migration control */
		0xffffffff,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_false(msr_filter_allows(refused[i], false));
		assert_false(msr_filter_allows(refused[i], true));
	}
	assert_false(msr_filter_allows(0x3a, true)); /* feature control: VMX */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_has_the_registers_that_a_kernel_needs),
		cmocka_unit_test(what_a_guest_has_no_use_for_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

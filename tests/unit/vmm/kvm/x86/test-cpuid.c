/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's CPUID says, made from what a KVM might support. */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <string.h>

#include "vmm/kvm/x86/cpuid.h"

static void add(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf, bool has_subleaves,
		const uint32_t regs[4])
{
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = subleaf,
		.flags = has_subleaves ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = regs[0],
		.ebx = regs[1],
		.ecx = regs[2],
		.edx = regs[3],
	};
}

#define ADD(cpuid, leaf, subleaf, has, ...) \
	add(cpuid, leaf, subleaf, has, (const uint32_t[4]){ __VA_ARGS__ })

/* Every feature bit there is, three caches, and the host's topology. */
static struct kvm_cpuid2 *supported(void)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));

	assert_non_null(cpuid);
	ADD(cpuid, 0x0, 0, false, 0x1f);
	ADD(cpuid, 0x1, 0, false, 0x806f1, 0x55667788, ~0u, ~0u);
	ADD(cpuid, 0x4, 0, true, 0xfc004121);
	ADD(cpuid, 0x4, 1, true, 0xfc004143);
	ADD(cpuid, 0x4, 2, true, 0xfc1fc163);
	ADD(cpuid, 0x7, 0, true, 0, ~0u, ~0u, ~0u);
	ADD(cpuid, 0xa, 0, false, 0x07300404);
	ADD(cpuid, 0xb, 0, true, 1, 2, 0x100, 77);
	ADD(cpuid, 0xb, 1, true, 5, 20, 0x201, 77);
	ADD(cpuid, 0x1f, 0, true, 1, 2, 0x100, 77);
	ADD(cpuid, 0x40000000, 0, false, 0x40000001);
	ADD(cpuid, 0x80000001, 0, false, 0, 0, ~0u, ~0u);
	ADD(cpuid, 0x80000008, 0, false, 0x3030, 0, 0x603f, 0);
	ADD(cpuid, 0x8000000a, 0, false, 1, 8, 0, ~0u);
	ADD(cpuid, 0x8000001e, 0, false, 77, 0x126, 0x301, 0);
	return cpuid;
}

static struct kvm_cpuid_entry2 *get(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, leaf, subleaf);

	assert_non_null(entry);
	return entry;
}

static void a_guest_sees_no_virtualization_counters_or_memory_types(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 1);
	assert_int_equal(get(cpuid, 0x1, 0)->ecx & 1u << 5, 0);
	assert_int_equal(get(cpuid, 0x80000001, 0)->ecx & 1u << 2, 0);
	assert_int_equal(get(cpuid, 0x1, 0)->ecx & 1u << 3, 0);
	assert_int_equal(get(cpuid, 0x7, 0)->ebx & (1u << 2 | 1u << 25), 0);
	assert_int_equal(get(cpuid, 0x1, 0)->edx & 1u << 12, 0);
	assert_null(cpuid_find(cpuid, 0xa, 0));
	assert_null(cpuid_find(cpuid, 0x8000000a, 0));
	free(cpuid);
}

static void a_guest_knows_its_hypervisor_and_has_a_deadline_timer(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	get(cpuid, 0x1, 0)->ecx = 0;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 1);
	assert_int_equal(get(cpuid, 0x1, 0)->ecx, 1u << 31 | 1u << 24 | 1u << 21);
	assert_int_equal(get(cpuid, 0x40000000, 0)->eax, 0x40000001);
	free(cpuid);
}

static void what_is_not_hidden_stays(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 1);
	assert_true(get(cpuid, 0x1, 0)->ecx & 1u << 23);
	assert_true(get(cpuid, 0x1, 0)->ecx & 1u << 26);
	assert_true(get(cpuid, 0x7, 0)->ebx & 1u << 20);
	assert_int_equal(get(cpuid, 0x1, 0)->eax, 0x806f1);
	assert_int_equal(get(cpuid, 0x1, 0)->ebx & 0xffff, 0x7788);
	free(cpuid);
}

static void each_vcpu_is_a_core_of_one_package(void **state)
{
	(void)state;
	for (unsigned id = 0; id < 6; id++) {
		struct kvm_cpuid2 *cpuid = supported();

		cpuid_adjust(cpuid, CPU_MODEL_HOST, id, 6);
		assert_int_equal(get(cpuid, 0x1, 0)->ebx >> 24, id);
		assert_int_equal(get(cpuid, 0x1, 0)->ebx >> 16 & 0xff, 8);
		assert_true(get(cpuid, 0x1, 0)->edx & 1u << 28);
		assert_int_equal(get(cpuid, 0xb, 0)->eax, 0);
		assert_int_equal(get(cpuid, 0xb, 0)->ebx, 1);
		assert_int_equal(get(cpuid, 0xb, 0)->ecx, 0x100);
		assert_int_equal(get(cpuid, 0xb, 1)->eax, 3);
		assert_int_equal(get(cpuid, 0xb, 1)->ebx, 6);
		assert_int_equal(get(cpuid, 0xb, 1)->ecx, 0x201);
		for (uint32_t level = 0; level < 3; level++)
			assert_int_equal(get(cpuid, 0xb, level)->edx, id);
		assert_int_equal(get(cpuid, 0xb, 2)->ebx, 0);
		assert_null(cpuid_find(cpuid, 0x1f, 0));
		free(cpuid);
	}
}

static void amd_leaves_tell_the_same(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 3, 4);
	assert_int_equal(get(cpuid, 0x80000008, 0)->ecx & 0xff, 3);
	assert_int_equal(get(cpuid, 0x80000008, 0)->ecx >> 12 & 0xf, 2);
	assert_int_equal(get(cpuid, 0x8000001e, 0)->eax, 3);
	assert_int_equal(get(cpuid, 0x8000001e, 0)->ebx, 3);
	assert_int_equal(get(cpuid, 0x8000001e, 0)->ecx, 0);
	assert_true(get(cpuid, 0x80000001, 0)->ecx & 1u << 1);
	free(cpuid);
}

static void the_last_cache_is_shared_and_the_first_are_not(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 4);
	assert_int_equal(get(cpuid, 0x4, 0)->eax >> 14 & 0xfff, 0);
	assert_int_equal(get(cpuid, 0x4, 1)->eax >> 14 & 0xfff, 0);
	assert_int_equal(get(cpuid, 0x4, 2)->eax >> 14 & 0xfff, 3);
	assert_int_equal(get(cpuid, 0x4, 2)->eax >> 26, 3);
	assert_int_equal(get(cpuid, 0x4, 2)->eax & 0x3fff, 0x163);
	free(cpuid);
}

static void one_cpu_has_no_siblings(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 1);
	assert_int_equal(get(cpuid, 0x1, 0)->ebx >> 16, 1);
	assert_int_equal(get(cpuid, 0x1, 0)->edx & 1u << 28, 0);
	assert_int_equal(get(cpuid, 0xb, 1)->ebx, 1);
	assert_int_equal(get(cpuid, 0x4, 2)->eax >> 14, 0);
	assert_int_equal(get(cpuid, 0x80000008, 0)->ecx & 0xf0ff, 0);
	free(cpuid);
}

static void a_cpu_without_topology_leaves_gets_none(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();

	(void)state;
	get(cpuid, 0x0, 0)->eax = 0x7;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 2);
	assert_null(cpuid_find(cpuid, 0xb, 0));
	free(cpuid);
}

static void the_baseline_processor_is_x86_64_v2(void **state)
{
	struct kvm_cpuid2 *cpuid = supported();
	struct kvm_cpuid_entry2 *leaf;

	(void)state;
	ADD(cpuid, 0xd, 0, true, 7, 832, 832, 0);
	ADD(cpuid, 0x19, 0, false, ~0u, ~0u, ~0u, ~0u);
	ADD(cpuid, 0x80000002, 0, false, ~0u, ~0u, ~0u, ~0u);
	cpuid_adjust(cpuid, CPU_MODEL_BASELINE, 0, 1);
	leaf = get(cpuid, 0x1, 0);
	/* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; no FMA, AES, XSAVE, AVX */
	assert_int_equal(leaf->ecx & 0x00982201u, 0x00982201u);
	assert_int_equal(leaf->ecx & (1u << 12 | 1u << 25 | 1u << 26 | 1u << 27 | 1u << 28), 0);
	leaf = get(cpuid, 0x7, 0);
	/* No AVX2, AVX-512, SHA; but what mitigations need */
	assert_int_equal(leaf->ebx & (1u << 5 | 1u << 16 | 1u << 29), 0);
	assert_int_equal(leaf->edx, 0xfc000400u & ~(1u << 30));
	/* LAHF, SYSCALL, NX, long mode; no virtualization, LZCNT, XOP */
	assert_int_equal(get(cpuid, 0x80000001, 0)->ecx & ~3u, 0);
	assert_int_equal(get(cpuid, 0x80000001, 0)->edx & 0x20100800u, 0x20100800u);
	assert_null(cpuid_find(cpuid, 0xd, 0));
	assert_null(cpuid_find(cpuid, 0x19, 0));
	assert_memory_equal(&get(cpuid, 0x80000002, 0)->eax, "kata", 4);
	free(cpuid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_sees_no_virtualization_counters_or_memory_types),
		cmocka_unit_test(a_guest_knows_its_hypervisor_and_has_a_deadline_timer),
		cmocka_unit_test(what_is_not_hidden_stays),
		cmocka_unit_test(each_vcpu_is_a_core_of_one_package),
		cmocka_unit_test(amd_leaves_tell_the_same),
		cmocka_unit_test(the_last_cache_is_shared_and_the_first_are_not),
		cmocka_unit_test(one_cpu_has_no_siblings),
		cmocka_unit_test(a_cpu_without_topology_leaves_gets_none),
		cmocka_unit_test(the_baseline_processor_is_x86_64_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

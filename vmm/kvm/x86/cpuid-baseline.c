/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline processor: nothing but what is named here is left of what KVM supports. Vendor,
 * family and model stay the host's, for kernels choose workarounds of processor faults by them.
 */
#include <stdbool.h>
#include <string.h>

#include "vmm/kvm/x86/cpuid.h"

#define BIT(n) (1u << (n))

/* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 HTT */
#define LEAF_1_EDX (0x07800000u | 0x0008ebffu | 0x00030000u | BIT(28))
/* SSE3 SSSE3 CX16 PCID SSE4.1 SSE4.2 X2APIC POPCNT TSC-DEADLINE RDRAND, and the hypervisor's */
#define LEAF_1_ECX                                                                               \
	(BIT(0) | BIT(9) | BIT(13) | BIT(17) | BIT(19) | BIT(20) | BIT(21) | BIT(23) | BIT(24) | \
	 BIT(30) | BIT(31))
/* FSGSBASE TSC_ADJUST SMEP ERMS INVPCID SMAP */
#define LEAF_7_EBX (BIT(0) | BIT(1) | BIT(7) | BIT(9) | BIT(10) | BIT(20))
#define LEAF_7_ECX BIT(2) /* UMIP */
/* Mitigations: MD_CLEAR, IBRS and IBPB, STIBP, L1D flush, ARCH_CAPABILITIES, SSBD */
#define LEAF_7_EDX   (BIT(10) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(31))
#define LEAF_7_2_EDX 0x3fu /* Mitigations: PSFD, IPRED, RRSBA, DDPD, BHI, MCDT */
/* LAHF, CmpLegacy */
#define LEAF_AMD_1_ECX (BIT(0) | BIT(1))
/* SYSCALL NX 1-GB pages RDTSCP long mode, and AMD's copy of leaf 1 */
#define LEAF_AMD_1_EDX \
	(BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29) | (LEAF_1_EDX & 0x0183f7ffu))
/* Mitigations: IBPB, IBRS, STIBP and how they are preferred, SSBD, what is not affected */
#define LEAF_AMD_8_EBX                                                                             \
	(BIT(12) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(24) | BIT(25) | BIT(26) | \
	 BIT(29))
/* Mitigations: serializing LFENCE, null selectors, automatic IBRS, SBPB, SRSO */
#define LEAF_AMD_21_EAX (BIT(2) | BIT(6) | BIT(8) | BIT(27) | BIT(28) | BIT(29))

/* What each register of a leaf may keep. Leaves that are not here, or below, are not there. */
static const struct {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
} kept[] = {
	{ 0x1, 0, ~0u, ~0u, LEAF_1_ECX, LEAF_1_EDX },
	{ 0x6, 0, BIT(2) /* the timer never stops */, 0, 0, 0 },
	{ 0x7, 0, 0x3 /* highest subleaf */, LEAF_7_EBX, LEAF_7_ECX, LEAF_7_EDX },
	{ 0x7, 2, 0, 0, 0, LEAF_7_2_EDX },
	{ 0x80000001, 0, ~0u, 0, LEAF_AMD_1_ECX, LEAF_AMD_1_EDX },
	{ 0x80000007, 0, 0, 0, 0, BIT(8) /* constant TSC */ },
	{ 0x80000008, 0, ~0u, LEAF_AMD_8_EBX, ~0u, 0 },
	{ 0x80000021, 0, LEAF_AMD_21_EAX, 0, 0, 0 },
};

/* Leaves without features, which are as good as the host's. */
static const uint32_t untouched[] = {
	0x0,	    0x2,	0x4,	    0x15,	0x16,	    0x40000000,
	0x40000001, 0x80000000, 0x80000005, 0x80000006, 0x8000001d, 0x8000001e,
};

static bool is_untouched(uint32_t leaf)
{
	for (size_t i = 0; i < ARRAY_SIZE(untouched); i++)
		if (untouched[i] == leaf)
			return true;
	return false;
}

/* False: the entry is to go. */
static bool reduce(struct kvm_cpuid_entry2 *entry)
{
	static const char name[48] = "kata-like baseline processor";

	if (entry->function >= 0x80000002 && entry->function <= 0x80000004) {
		const char *part = name + (entry->function - 0x80000002) * 16;

		memcpy(&entry->eax, part, 4);
		memcpy(&entry->ebx, part + 4, 4);
		memcpy(&entry->ecx, part + 8, 4);
		memcpy(&entry->edx, part + 12, 4);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (kept[i].leaf != entry->function || kept[i].subleaf != entry->index)
			continue;
		entry->eax &= kept[i].eax;
		entry->ebx &= kept[i].ebx;
		entry->ecx &= kept[i].ecx;
		entry->edx &= kept[i].edx;
		return true;
	}
	return is_untouched(entry->function);
}

void cpuid_reduce_to_baseline(struct kvm_cpuid2 *cpuid)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (reduce(&cpuid->entries[i]))
			cpuid->entries[left++] = cpuid->entries[i];
	cpuid->nent = left;
}

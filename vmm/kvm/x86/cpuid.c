/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's CPUID says (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E). */
#include "vmm/kvm/x86/cpuid.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

enum reg {
	EAX,
	EBX,
	ECX,
	EDX,
};

static uint32_t *entry_reg(struct kvm_cpuid_entry2 *entry, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	default:
		return &entry->edx;
	}
}

/* Features that KVM supports and that a guest of ours shall not see. */
static const struct {
	uint32_t leaf;
	enum reg reg;
	uint32_t bits;
} hidden[] = {
	/* Hypervisors in the guest: a large attack surface on the host that containers do not need.
	 */
	{ 0x1, ECX, 1u << 5 },	      /* VMX */
	{ 0x80000001, ECX, 1u << 2 }, /* SVM */
	/* Performance counters and tracing: side channels, and they cost at each entry. */
	{ 0x1, ECX, 1u << 15 | 1u << 2 },				/* PDCM, DTES64 */
	{ 0x1, EDX, 1u << 21 },						/* DS */
	{ 0x7, EBX, 1u << 25 },						/* Processor Trace */
	{ 0x7, EDX, 1u << 19 },						/* Architectural LBR */
	{ 0x80000001, ECX, 1u << 10 | 1u << 23 | 1u << 24 | 1u << 28 }, /* IBS, PERFCTR */
	/* Watchdog and node id registers do not exist. */
	{ 0x80000001, ECX, 1u << 13 | 1u << 19 },
	/*
	 * Memory types by range: all memory is cached, and a kernel that finds them reads all
	 * thirty registers three times over.
	 */
	{ 0x1, EDX, 1u << 12 }, /* MTRR */
	/* Enclaves need memory that we do not provide. */
	{ 0x7, EBX, 1u << 2 },	/* SGX */
	{ 0x7, ECX, 1u << 30 }, /* SGX launch control */
	/* Transactional memory: side channels of its own, and switched off on most hosts. */
	{ 0x7, EBX, 1u << 4 | 1u << 11 }, /* HLE, RTM */
	{ 0x7, EDX, 1u << 16 },		  /* TSXLDTRK */
	/* Waiting for a store would give the host's CPU away; KVM does not emulate it. */
	{ 0x1, ECX, 1u << 3 }, /* MONITOR */
};

/* Whole leaves that go with the features above, or describe the host's topology. */
static const uint32_t emptied[] = {
	0x5,	    /* MONITOR */
	0xa,	    /* performance counters */
	0x12,	    /* SGX */
	0x14,	    /* Processor Trace */
	0x1c,	    /* LBR */
	0x1f,	    /* topology, version 2: 0xb says it all */
	0x8000000a, /* SVM */
	0x8000001b, /* IBS */
	0x8000001f, /* memory encryption */
	0x80000022, /* performance counters */
	0x80000026, /* topology, extended */
};

int cpuid_get_supported(int kvm_fd, struct kvm_cpuid2 **ret_cpuid, struct err *err)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));

	if (!cpuid)
		return err_set(err, ENOMEM, "cannot ask KVM for CPUID");
	/* Room stays for the leaves that cpuid_adjust() adds. */
	cpuid->nent = CPUID_ENTRIES_MAX - 8;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
		int r = err_set(err, errno, "KVM_GET_SUPPORTED_CPUID");

		free(cpuid);
		return r;
	}
	*ret_cpuid = cpuid;
	return 0;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == leaf &&
		    (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == subleaf))
			return entry;
	}
	return NULL;
}

void cpuid_remove(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function != leaf)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
}

static void hide(struct kvm_cpuid2 *cpuid)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, hidden[i].leaf, 0);

		if (entry)
			*entry_reg(entry, hidden[i].reg) &= ~hidden[i].bits;
	}
	for (size_t i = 0; i < ARRAY_SIZE(emptied); i++)
		cpuid_remove(cpuid, emptied[i]);
}

/* The bits that number n things. */
static uint32_t bits_for(unsigned n)
{
	uint32_t bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

static void set_basic(struct kvm_cpuid2 *cpuid, unsigned id, unsigned n)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 0x1, 0);

	if (!entry)
		return;
	entry->ebx &= 0x0000ffffu;
	entry->ebx |= (uint32_t)id << 24 | (1u << bits_for(n)) << 16;
	/* We run under a hypervisor, have x2APIC, and a timer that needs no calibration. */
	entry->ecx |= 1u << 31 | 1u << 21 | 1u << 24;
	entry->edx &= ~(1u << 28);
	if (n > 1)
		entry->edx |= 1u << 28; /* HTT: the package has more than one logical CPU */
}

/* Caches, as Intel (leaf 4) and AMD (0x8000001d) tell them: the last level is shared by all cores.
 */
static void set_caches(struct kvm_cpuid2 *cpuid, uint32_t leaf, unsigned n)
{
	uint32_t last = (1u << bits_for(n)) - 1;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != leaf || !(entry->eax & 0x1f))
			continue;
		entry->eax &= 0x3fffu;
		if ((entry->eax >> 5 & 0x7) >= 3)
			entry->eax |= MIN(last, 0xfffu) << 14;
		if (leaf == 0x4)
			entry->eax |= MIN(last, 0x3fu) << 26;
	}
}

static void put(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid_entry2 *entry)
{
	if (cpuid->nent < CPUID_ENTRIES_MAX)
		cpuid->entries[cpuid->nent++] = *entry;
}

/* Leaf 0xb: one thread a core, n cores a package. */
static void set_topology(struct kvm_cpuid2 *cpuid, unsigned id, unsigned n)
{
	struct kvm_cpuid_entry2 *highest = cpuid_find(cpuid, 0x0, 0);
	struct kvm_cpuid_entry2 thread = { .function = 0xb,
					   .index = 0,
					   .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
					   .eax = 0,
					   .ebx = 1,
					   .ecx = 0 | 1u << 8,
					   .edx = id };
	struct kvm_cpuid_entry2 core = thread, end = thread;

	core.index = 1;
	core.eax = bits_for(n);
	core.ebx = n;
	core.ecx = 1 | 2u << 8;
	end.index = 2;
	end.ebx = 0;
	end.ecx = 2;
	cpuid_remove(cpuid, 0xb);
	if (!highest || highest->eax < 0xb)
		return;
	put(cpuid, &thread);
	put(cpuid, &core);
	put(cpuid, &end);
}

static void set_amd_topology(struct kvm_cpuid2 *cpuid, unsigned id, unsigned n)
{
	struct kvm_cpuid_entry2 *features = cpuid_find(cpuid, 0x80000001, 0);
	struct kvm_cpuid_entry2 *sizes = cpuid_find(cpuid, 0x80000008, 0);
	struct kvm_cpuid_entry2 *node = cpuid_find(cpuid, 0x8000001e, 0);

	if (features) {
		features->ecx &= ~(1u << 1);
		if (n > 1)
			features->ecx |= 1u << 1; /* CmpLegacy: HTT means cores */
	}
	if (sizes)
		sizes->ecx = (sizes->ecx & ~0xf0ffu) | (n - 1) | bits_for(n) << 12;
	if (node) {
		node->eax = id;
		node->ebx = id; /* the core, with one thread */
		node->ecx = 0;	/* node 0 of one */
	}
}

void cpuid_adjust(struct kvm_cpuid2 *cpuid, enum cpu_model model, unsigned id, unsigned n)
{
	hide(cpuid);
	if (model == CPU_MODEL_BASELINE)
		cpuid_reduce_to_baseline(cpuid);
	set_basic(cpuid, id, n);
	set_caches(cpuid, 0x4, n);
	set_caches(cpuid, 0x8000001d, n);
	set_topology(cpuid, id, n);
	set_amd_topology(cpuid, id, n);
}

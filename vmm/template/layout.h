/* SPDX-License-Identifier: Apache-2.0 */
/* A template's file: the header, then what it counts, in this order; memory from a page boundary.
 */
#ifndef KATA_LIKE_VMM_TEMPLATE_LAYOUT_H
#define KATA_LIKE_VMM_TEMPLATE_LAYOUT_H

#include "vmm/kvm/machine-state.h"
#include "vmm/kvm/x86/cpu-state.h"
#include "vmm/virtio/virtio-pci-state.h"

#define TEMPLATE_MAGIC	      "kata-like image" /* 15 bytes and a zero */
#define TEMPLATE_VERSION      1u
#define TEMPLATE_RUNS_MAX     65536u
#define TEMPLATE_HEADER_BYTES ((uint32_t)sizeof(struct template_header))

struct template_header {
	char magic[16];
	uint32_t version;
	/* Another build's structures may be larger or smaller. */
	uint32_t header_bytes, machine_bytes, cpu_bytes, function_bytes;
	uint32_t n_cpus, n_functions, n_runs;
	uint64_t memory_bytes;
};

struct template_function {
	uint8_t slot;
	uint8_t is_virtio;
	uint8_t padding[6];
	struct virtio_pci_saved saved; /* of another function only the configuration space */
};

/* Memory that is in the file; ascending, in whole pages, never across regions. */
struct template_run {
	uint64_t gpa, len_bytes;
};

#endif

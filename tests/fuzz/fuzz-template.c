/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template's file: whatever is in it, reading ends, and memory is filled within its bounds.
 * Input: the file; the sizes of its structures, which a fuzzer would only find by chance, are put
 * right first.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/fuzz/input.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/template/layout.h"
#include "vmm/template/template.h"

#define MEMORY_MAX (8ull << 20)

static void load(const struct template *template)
{
	uint64_t memory_bytes = template_memory_bytes(template);
	struct err err = ERR_INIT;
	struct guestmem mem;

	if (memory_bytes > MEMORY_MAX ||
	    guestmem_init_shared(&mem, memory_bytes, LAYOUT_HOLE_START, LAYOUT_HOLE_END, &err) < 0)
		return;
	/* All of what is accepted can be read: no run is longer than its file. */
	if (template_load_memory(template, &mem, &err) < 0)
		FUZZ_CHECK(err.code == -EINVAL);
	guestmem_fini(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct template_header header;
	struct template *template;
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = memfd_create("template", MFD_CLOEXEC);

	if (fd < 0 || size < sizeof(header))
		return 0;
	memcpy(&header, data, sizeof(header));
	if (header.version == TEMPLATE_VERSION) {
		header.header_bytes = TEMPLATE_HEADER_BYTES;
		header.machine_bytes = sizeof(struct machine_state);
		header.cpu_bytes = sizeof(struct cpu_state);
		header.function_bytes = sizeof(struct template_function);
	}
	if (fd_write_full(fd, &header, sizeof(header)) < 0 ||
	    fd_write_full(fd, data + sizeof(header), size - sizeof(header)) < 0 ||
	    template_open(fd, "fuzz", &template, &err) < 0)
		return 0;
	FUZZ_CHECK(template_cpus(template) >= 1 && template_cpus(template) <= LAYOUT_CPUS_MAX);
	load(template);
	template_free(template);
	return 0;
}

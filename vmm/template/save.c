/* SPDX-License-Identifier: Apache-2.0 */
/* A VM becomes a template. */
#include "vmm/template/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "vmm/template/layout.h"
#include "vmm/virtio/virtio-pci.h"

/* Fewer zero pages than this are written rather than skipped: each run becomes a mapping. */
#define GAP_PAGES 16u

struct runs {
	struct template_run *list;
	size_t n, room;
};

static void cleanup_runs(struct runs *runs)
{
	free(runs->list);
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, GUESTMEM_PAGE_SIZE - 1) == 0;
}

static int add_run(struct runs *runs, gpa_t gpa, uint64_t len_bytes)
{
	if (runs->n == TEMPLATE_RUNS_MAX)
		return -E2BIG;
	if (runs->n == runs->room) {
		size_t room = MAX(64u, runs->room * 2);
		struct template_run *grown = reallocarray(runs->list, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		runs->list = grown;
		runs->room = room;
	}
	runs->list[runs->n++] = (struct template_run){ .gpa = gpa, .len_bytes = len_bytes };
	return 0;
}

static int find_runs(const struct guestmem_region *region, struct runs *runs)
{
	uint64_t start = 0, end = 0; /* of the run that may go on; end 0: none */
	int r = 0;

	for (uint64_t at = 0; at < region->size_bytes && r == 0; at += GUESTMEM_PAGE_SIZE) {
		if (is_zero(region->host + at))
			continue;
		if (end > 0 && at - end > GAP_PAGES * GUESTMEM_PAGE_SIZE) {
			r = add_run(runs, region->gpa + start, end - start);
			end = 0;
		}
		if (end == 0)
			start = at;
		end = at + GUESTMEM_PAGE_SIZE;
	}
	return r == 0 && end > 0 ? add_run(runs, region->gpa + start, end - start) : r;
}

static int put(int fd, const void *data, size_t len_bytes, struct err *err)
{
	int r = fd_write_full(fd, data, len_bytes);

	return r < 0 ? err_set(err, -r, "cannot write the template") : 0;
}

static int save_function(const struct pci_function *fn, int fd, struct err *err)
{
	struct template_function function = { .slot = fn->slot,
					      .is_virtio = virtio_pci_device(fn) != NULL };
	int r = 0;

	if (function.is_virtio)
		r = virtio_pci_save(fn, &function.saved, err);
	else
		memcpy(function.saved.config, fn->config, sizeof(function.saved.config));
	return r == 0 ? put(fd, &function, sizeof(function), err) : r;
}

static int save_functions(const struct pci_bus *bus, int fd, struct err *err)
{
	int r = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS_MAX && r == 0; slot++)
		if (bus->slots[slot])
			r = save_function(bus->slots[slot], fd, err);
	return r;
}

static int save_cpus(const struct template_vm *vm, int fd, struct err *err)
{
	_cleanup_free_ struct cpu_state *state = malloc(sizeof(*state));
	int r = 0;

	if (!state)
		return err_set(err, ENOMEM, "cannot save the vCPUs");
	for (unsigned i = 0; i < vm->vcpus->n && r == 0; i++) {
		r = cpu_state_save(vm->machine->kvm->fd, vm->vcpus->list[i].fd, state, err);
		if (r == 0)
			r = put(fd, state, sizeof(*state), err);
	}
	return r;
}

/* From the file's beginning to the page that memory starts at. */
static int save_padding(size_t written_bytes, int fd, struct err *err)
{
	static const uint8_t zeros[GUESTMEM_PAGE_SIZE];

	return put(fd, zeros, -written_bytes % GUESTMEM_PAGE_SIZE, err);
}

static int save_memory(const struct guestmem *mem, const struct runs *runs, int fd, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < runs->n && r == 0; i++)
		r = put(fd, guestmem_at(mem, runs->list[i].gpa, runs->list[i].len_bytes),
			runs->list[i].len_bytes, err);
	return r;
}

static unsigned count_functions(const struct pci_bus *bus)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++)
		n += bus->slots[slot] != NULL;
	return n;
}

int template_save(const struct template_vm *vm, int fd, struct err *err)
{
	_cleanup_(cleanup_runs) struct runs runs = { 0 };
	struct template_header header = { .magic = TEMPLATE_MAGIC,
					  .version = TEMPLATE_VERSION,
					  .header_bytes = TEMPLATE_HEADER_BYTES,
					  .machine_bytes = sizeof(struct machine_state),
					  .cpu_bytes = sizeof(struct cpu_state),
					  .function_bytes = sizeof(struct template_function),
					  .n_cpus = vm->vcpus->n,
					  .n_functions = count_functions(vm->bus),
					  .memory_bytes = guestmem_size(vm->mem) };
	struct machine_state machine;
	size_t runs_bytes;
	int r = machine_state_save(vm->machine, &machine, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < vm->mem->n_regions && r == 0; i++)
		r = find_runs(&vm->mem->regions[i], &runs);
	if (r < 0)
		return err_set(err, -r, "cannot list what is in memory");
	header.n_runs = (uint32_t)runs.n;
	runs_bytes = runs.n * sizeof(*runs.list);
	r = put(fd, &header, sizeof(header), err);
	if (r == 0)
		r = put(fd, &machine, sizeof(machine), err);
	if (r == 0)
		r = save_cpus(vm, fd, err);
	if (r == 0)
		r = save_functions(vm->bus, fd, err);
	if (r == 0)
		r = put(fd, runs.list, runs_bytes, err);
	if (r == 0)
		r = save_padding(sizeof(header) + sizeof(machine) +
					 header.n_cpus * sizeof(struct cpu_state) +
					 header.n_functions * sizeof(struct template_function) +
					 runs_bytes,
				 fd, err);
	return r == 0 ? save_memory(vm->mem, &runs, fd, err) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A template becomes a VM. */
#include "vmm/template/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/template/layout.h"
#include "vmm/virtio/virtio-pci.h"

struct template
{
	int fd; /* the caller's */
	const char *name;
	struct template_header header;
	struct machine_state machine;
	struct cpu_state *cpus;
	struct template_function *functions;
	struct template_run *runs;
	uint64_t memory_offset; /* in the file */
};

static int refuse(const char *name, const char *why, struct err *err)
{
	return err_say(err, EINVAL, "template %s: %s; remove it, a new one is made by itself", name,
		       why);
}

static int check_header(const struct template *t, struct err *err)
{
	const struct template_header *h = &t->header;

	if (memcmp(h->magic, TEMPLATE_MAGIC, sizeof(h->magic)) != 0)
		return refuse(t->name, "this is no template", err);
	if (h->version != TEMPLATE_VERSION || h->header_bytes != TEMPLATE_HEADER_BYTES ||
	    h->machine_bytes != sizeof(struct machine_state) ||
	    h->cpu_bytes != sizeof(struct cpu_state) ||
	    h->function_bytes != sizeof(struct template_function))
		return refuse(t->name, "another build of this program wrote it", err);
	if (h->n_cpus == 0 || h->n_cpus > LAYOUT_CPUS_MAX || h->n_functions > PCI_SLOTS_MAX ||
	    h->n_runs > TEMPLATE_RUNS_MAX)
		return refuse(t->name, "its header makes no sense", err);
	return 0;
}

/* Reads a table of n elements, behind what was read before. */
static int read_table(struct template *t, void **ret_table, size_t n, size_t element_bytes,
		      struct err *err)
{
	size_t len_bytes = n * element_bytes;
	ssize_t got;

	*ret_table = malloc(MAX(len_bytes, 1u));
	if (!*ret_table)
		return err_set(err, ENOMEM, "template %s", t->name);
	got = fd_pread_full(t->fd, *ret_table, len_bytes, (off_t)t->memory_offset);
	if (got < 0)
		return err_set(err, (int)-got, "cannot read template %s", t->name);
	t->memory_offset += len_bytes;
	return (size_t)got == len_bytes ? 0 : refuse(t->name, "it is cut short", err);
}

/* The runs' order, and that the file has them all. What lies in memory is for guestmem to say. */
static int check_runs(struct template *t, struct err *err)
{
	uint64_t total = 0, behind = 0;
	struct stat st;

	for (uint32_t i = 0; i < t->header.n_runs; i++) {
		const struct template_run *run = &t->runs[i];

		if (run->gpa < behind || run->gpa % GUESTMEM_PAGE_SIZE != 0 ||
		    run->len_bytes == 0 || run->len_bytes % GUESTMEM_PAGE_SIZE != 0 ||
		    run->len_bytes > t->header.memory_bytes - total)
			return refuse(t->name, "its list of memory makes no sense", err);
		total += run->len_bytes;
		behind = run->gpa + run->len_bytes;
	}
	if (fstat(t->fd, &st) < 0)
		return err_set(err, errno, "template %s", t->name);
	t->memory_offset =
		(t->memory_offset + GUESTMEM_PAGE_SIZE - 1) & ~(uint64_t)(GUESTMEM_PAGE_SIZE - 1);
	if (st.st_size < 0 || (uint64_t)st.st_size < t->memory_offset ||
	    (uint64_t)st.st_size - t->memory_offset < total)
		return refuse(t->name, "it is cut short", err);
	return 0;
}

static int read_all(struct template *t, struct err *err)
{
	ssize_t n = fd_pread_full(t->fd, &t->header, sizeof(t->header), 0);
	int r;

	if (n < 0)
		return err_set(err, (int)-n, "cannot read template %s", t->name);
	if (n != (ssize_t)sizeof(t->header))
		return refuse(t->name, "it is cut short", err);
	r = check_header(t, err);
	if (r < 0)
		return r;
	n = fd_pread_full(t->fd, &t->machine, sizeof(t->machine), sizeof(t->header));
	if (n != (ssize_t)sizeof(t->machine))
		return refuse(t->name, "it is cut short", err);
	t->memory_offset = sizeof(t->header) + sizeof(t->machine);
	r = read_table(t, (void **)&t->cpus, t->header.n_cpus, sizeof(*t->cpus), err);
	if (r == 0)
		r = read_table(t, (void **)&t->functions, t->header.n_functions,
			       sizeof(*t->functions), err);
	if (r == 0)
		r = read_table(t, (void **)&t->runs, t->header.n_runs, sizeof(*t->runs), err);
	return r == 0 ? check_runs(t, err) : r;
}

int template_open(int fd, const char *name, struct template **ret_template, struct err *err)
{
	struct template *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(err, ENOMEM, "template %s", name);
	t->fd = fd;
	t->name = name;
	r = read_all(t, err);
	if (r < 0) {
		template_free(t);
		return r;
	}
	*ret_template = t;
	return 0;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	free(t->cpus);
	free(t->functions);
	free(t->runs);
	free(t);
}

uint64_t template_memory_bytes(const struct template *t)
{
	return t->header.memory_bytes;
}

unsigned template_cpus(const struct template *t)
{
	return t->header.n_cpus;
}

int template_load_memory(const struct template *t, const struct guestmem *mem, struct err *err)
{
	uint64_t offset = t->memory_offset;

	for (uint32_t i = 0; i < t->header.n_runs; i++) {
		const struct template_run *run = &t->runs[i];
		int r = guestmem_load(mem, run->gpa, run->len_bytes, t->fd, offset);

		if (r == -EFAULT)
			return refuse(t->name, "it has memory where the VM has none", err);
		if (r < 0)
			return err_set(err, -r, "cannot load template %s", t->name);
		offset += run->len_bytes;
	}
	return 0;
}

static int load_function(const struct template *t, const struct template_function *function,
			 const struct template_vm *vm, struct err *err)
{
	struct pci_function *fn =
		function->slot < PCI_SLOTS_MAX ? vm->bus->slots[function->slot] : NULL;

	/* The first four bytes are vendor and device. */
	if (!fn || (virtio_pci_device(fn) != NULL) != (function->is_virtio != 0) ||
	    memcmp(fn->config, function->saved.config, 4) != 0)
		return refuse(t->name, "its devices are not those of this VM", err);
	if (function->is_virtio)
		return virtio_pci_load(fn, &function->saved, err);
	pci_function_config_write(fn, 0, function->saved.config, sizeof(function->saved.config));
	return 0;
}

int template_load_state(const struct template *t, const struct template_vm *vm, struct err *err)
{
	int r = 0;

	if (t->header.n_cpus != vm->vcpus->n)
		return refuse(t->name, "it has another number of vCPUs", err);
	for (unsigned i = 0; i < vm->vcpus->n && r == 0; i++)
		r = cpu_state_load(vm->vcpus->list[i].fd, i == 0, &t->cpus[i], err);
	/* What the controllers still have to deliver goes to local APICs that are there. */
	if (r == 0)
		r = machine_state_load(vm->machine, &t->machine, err);
	for (uint32_t i = 0; i < t->header.n_functions && r == 0; i++)
		r = load_function(t, &t->functions[i], vm, err);
	return r < 0 ? err_push(err, "cannot go on from template %s", t->name) : 0;
}

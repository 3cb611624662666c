/* SPDX-License-Identifier: Apache-2.0 */
/* An interrupt controller for tests. */
#include "tests/unit/vmm/pci/fake-interrupts.h"

#include <errno.h>
#include <unistd.h>

static struct fake_interrupts *fake_of(struct interrupts *irq)
{
	return CONTAINER_OF(irq, struct fake_interrupts, interrupts);
}

static int msi_add(struct interrupts *irq, int event_fd, uint32_t *ret_source)
{
	struct fake_interrupts *fake = fake_of(irq);

	for (uint32_t i = 0; i < fake->sources_max; i++) {
		if (fake->sources[i].used)
			continue;
		fake->sources[i] = (struct fake_source){ .used = true, .event_fd = event_fd };
		*ret_source = i;
		return 0;
	}
	return -ENOSPC;
}

static int msi_route(struct interrupts *irq, uint32_t source, uint64_t address, uint32_t data)
{
	struct fake_source *s = &fake_of(irq)->sources[source];

	s->n_routes++;
	s->address = address;
	s->data = data;
	return 0;
}

static void msi_remove(struct interrupts *irq, uint32_t source, int event_fd)
{
	struct fake_source *s = &fake_of(irq)->sources[source];

	if (s->event_fd == event_fd)
		s->used = false;
}

static int doorbell_add(struct interrupts *irq, gpa_t gpa, int event_fd)
{
	struct fake_interrupts *fake = fake_of(irq);
	struct fake_doorbell *empty = NULL;

	for (unsigned i = 0; i < FAKE_DOORBELLS_MAX; i++) {
		if (fake->doorbells[i].gpa == gpa)
			return -EEXIST;
		if (fake->doorbells[i].gpa == 0)
			empty = &fake->doorbells[i];
	}
	if (!empty)
		return -ENOSPC;
	*empty = (struct fake_doorbell){ .gpa = gpa, .event_fd = event_fd };
	return 0;
}

static void doorbell_remove(struct interrupts *irq, gpa_t gpa, int event_fd)
{
	struct fake_interrupts *fake = fake_of(irq);

	for (unsigned i = 0; i < FAKE_DOORBELLS_MAX; i++)
		if (fake->doorbells[i].gpa == gpa && fake->doorbells[i].event_fd == event_fd)
			fake->doorbells[i].gpa = 0;
}

static const struct interrupts_ops fake_ops = {
	.msi_add = msi_add,
	.msi_route = msi_route,
	.msi_remove = msi_remove,
	.doorbell_add = doorbell_add,
	.doorbell_remove = doorbell_remove,
};

void fake_interrupts_init(struct fake_interrupts *fake)
{
	*fake = (struct fake_interrupts){ .interrupts.ops = &fake_ops,
					  .sources_max = FAKE_SOURCES_MAX };
}

unsigned fake_interrupts_sources(const struct fake_interrupts *fake)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_SOURCES_MAX; i++)
		n += fake->sources[i].used;
	return n;
}

unsigned fake_interrupts_doorbells(const struct fake_interrupts *fake)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_DOORBELLS_MAX; i++)
		n += fake->doorbells[i].gpa != 0;
	return n;
}

bool fake_interrupts_ring(struct fake_interrupts *fake, gpa_t gpa)
{
	uint64_t one = 1;

	for (unsigned i = 0; i < FAKE_DOORBELLS_MAX; i++)
		if (fake->doorbells[i].gpa == gpa && gpa != 0)
			return write(fake->doorbells[i].event_fd, &one, sizeof(one)) ==
			       (ssize_t)sizeof(one);
	return false;
}

unsigned fake_interrupts_taken(struct fake_interrupts *fake, unsigned source)
{
	uint64_t count;

	if (read(fake->sources[source].event_fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return 0;
	return (unsigned)count;
}

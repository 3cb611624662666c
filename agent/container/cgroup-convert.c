/* SPDX-License-Identifier: Apache-2.0 */
/* From the values of config.json to those of cgroup v2. */
#include "agent/container/cgroup-convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define SHARES_MIN		2u
#define SHARES_MAX		262144u
#define CPU_PERIOD_DEFAULT_USEC 100000u

struct settings {
	struct cgroup_setting *list;
	size_t n;
};

uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	if (shares == 0)
		return 0;
	shares = MAX(shares, (uint64_t)SHARES_MIN);
	shares = MIN(shares, (uint64_t)SHARES_MAX);
	return 1 + (shares - SHARES_MIN) * 9999 / (SHARES_MAX - SHARES_MIN);
}

uint64_t cgroup_io_weight_from_blkio(uint64_t weight)
{
	if (weight == 0)
		return 0;
	return 1 + (MAX(weight, (uint64_t)10) - 10) * 9999 / 990;
}

static void _printf_(3, 4) add(struct settings *settings, const char *file, const char *fmt, ...)
{
	struct cgroup_setting *setting;
	va_list va;

	if (settings->n == CGROUP_SETTINGS_MAX)
		return;
	setting = &settings->list[settings->n++];
	(void)snprintf(setting->file, sizeof(setting->file), "%s", file);
	va_start(va, fmt);
	(void)vsnprintf(setting->value, sizeof(setting->value), fmt, va);
	va_end(va);
}

/* -1 is no limit. */
static void add_limit(struct settings *settings, const char *file, int64_t limit)
{
	if (limit < 0)
		add(settings, file, "max");
	else
		add(settings, file, "%" PRId64, limit);
}

/*
 * v1's swap limit counts memory and swap together, v2's only swap. Where memory has no limit
 * neither has swap, and where only memory has one, swap keeps the default.
 */
static int convert_swap(const struct oci_memory *memory, struct settings *settings, struct err *err)
{
	int64_t swap = memory->swap.set ? memory->swap.value : 0;
	int64_t limit = memory->limit.set ? memory->limit.value : 0;

	if (limit == -1 && swap == 0)
		swap = -1;
	if (swap == 0)
		return 0;
	if (swap == -1) {
		add_limit(settings, "memory.swap.max", -1);
		return 0;
	}
	if (limit == 0 || limit == -1)
		return err_say(err, EINVAL,
			       "resources: memory.swap is set without a limit of memory");
	if (swap < limit)
		return err_say(err, EINVAL,
			       "resources: memory.swap (memory and swap together) is %" PRId64
			       ", below memory.limit, which is %" PRId64,
			       swap, limit);
	add_limit(settings, "memory.swap.max", swap - limit);
	return 0;
}

static int convert_memory(const struct oci_memory *memory, struct settings *settings,
			  struct err *err)
{
	int r = convert_swap(memory, settings, err);

	if (r < 0)
		return r;
	/* 0 is "not given", as everywhere in these resources. */
	if (memory->limit.set && memory->limit.value != 0)
		add_limit(settings, "memory.max", memory->limit.value);
	if (memory->reservation.set && memory->reservation.value != 0)
		add_limit(settings, "memory.low", memory->reservation.value);
	return 0;
}

static bool is_set(const struct oci_uint *value)
{
	return value->set && value->value != 0;
}

/* What only cgroup v1 has is refused: it must not look as if it were in force. */
static int refuse_v1(const struct oci_resources *resources, struct err *err)
{
	const struct oci_memory *memory = resources->memory;
	const struct oci_cpu *cpu = resources->cpu;
	const struct oci_block_io *io = resources->block_io;
	const struct {
		bool asked_for;
		const char *name;
	} all[] = {
		{ memory && memory->kernel.set && memory->kernel.value > 0, "memory.kernel" },
		{ memory && memory->kernel_tcp.set && memory->kernel_tcp.value > 0,
		  "memory.kernelTCP" },
		{ memory && memory->swappiness.set, "memory.swappiness" },
		{ memory && memory->disable_oom_killer, "memory.disableOOMKiller" },
		{ cpu && cpu->realtime_runtime.set && cpu->realtime_runtime.value != 0,
		  "cpu.realtimeRuntime" },
		{ cpu && is_set(&cpu->realtime_period), "cpu.realtimePeriod" },
		{ io && is_set(&io->leaf_weight), "blockIO.leafWeight" },
		{ is_set(&resources->network_class_id), "network.classID" },
		{ resources->has_network_priorities, "network.priorities" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].asked_for)
			return err_say(err, EINVAL, "resources: %s has no counterpart in cgroup v2",
				       all[i].name);
	}
	return 0;
}

static void convert_cpu(const struct oci_cpu *cpu, struct settings *settings)
{
	uint64_t period = cpu->period.set ? cpu->period.value : 0;
	int64_t quota = cpu->quota.set ? cpu->quota.value : 0;

	if (cpu->idle.set)
		add(settings, "cpu.idle", "%" PRId64, cpu->idle.value);
	/* An idle group has no weight to set. */
	if (cpu->shares.set && cpu->shares.value != 0 && !(cpu->idle.set && cpu->idle.value == 1))
		add(settings, "cpu.weight", "%" PRIu64,
		    cgroup_weight_from_shares(cpu->shares.value));
	if (quota != 0 || period != 0) {
		if (period == 0)
			period = CPU_PERIOD_DEFAULT_USEC;
		if (quota > 0)
			add(settings, "cpu.max", "%" PRId64 " %" PRIu64, quota, period);
		else
			add(settings, "cpu.max", "max %" PRIu64, period);
	}
	if (cpu->burst.set)
		add(settings, "cpu.max.burst", "%" PRIu64, cpu->burst.value);
}

static void convert_block_io(const struct oci_block_io *io, struct settings *settings)
{
	const struct {
		const struct oci_throttle_list *list;
		const char *key;
	} throttles[] = {
		{ &io->read_bps, "rbps" },
		{ &io->write_bps, "wbps" },
		{ &io->read_iops, "riops" },
		{ &io->write_iops, "wiops" },
	};

	if (io->weight.set && io->weight.value != 0)
		add(settings, "io.weight", "%" PRIu64,
		    cgroup_io_weight_from_blkio(io->weight.value));
	for (size_t i = 0; i < io->n_weight_devices; i++) {
		const struct oci_weight_device *device = &io->weight_devices[i];

		if (device->weight.set)
			add(settings, "io.weight", "%" PRId64 ":%" PRId64 " %" PRIu64,
			    device->major, device->minor,
			    cgroup_io_weight_from_blkio(device->weight.value));
	}
	for (size_t i = 0; i < ARRAY_SIZE(throttles); i++) {
		for (size_t j = 0; j < throttles[i].list->n; j++) {
			const struct oci_throttle_device *device = &throttles[i].list->list[j];

			add(settings, "io.max", "%" PRId64 ":%" PRId64 " %s=%" PRIu64,
			    device->major, device->minor, throttles[i].key, device->rate);
		}
	}
}

bool cgroup_weighs_disks(const struct oci_resources *resources)
{
	const struct oci_block_io *io = resources->block_io;

	for (size_t i = 0; i < resources->unified.n; i++)
		if (strcmp(resources->unified.list[i].key, "io.weight") == 0)
			return true;
	return io && ((io->weight.set && io->weight.value != 0) || io->n_weight_devices > 0);
}

static void convert_lists(const struct oci_resources *resources, struct settings *settings)
{
	char file[64];

	for (size_t i = 0; i < resources->n_hugepage_limits; i++) {
		const struct oci_hugepage_limit *limit = &resources->hugepage_limits[i];

		(void)snprintf(file, sizeof(file), "hugetlb.%.32s.max", limit->page_size);
		add(settings, file, "%" PRIu64, limit->limit);
	}
	for (size_t i = 0; i < resources->n_rdma; i++) {
		const struct oci_rdma *rdma = &resources->rdma[i];

		if (rdma->hca_handles.set)
			add(settings, "rdma.max", "%.64s hca_handle=%" PRIu64, rdma->device,
			    rdma->hca_handles.value);
		if (rdma->hca_objects.set)
			add(settings, "rdma.max", "%.64s hca_object=%" PRIu64, rdma->device,
			    rdma->hca_objects.value);
	}
}

int cgroup_convert(const struct oci_resources *resources,
		   struct cgroup_setting settings[CGROUP_SETTINGS_MAX], size_t *ret_n,
		   struct err *err)
{
	struct settings out = { .list = settings };
	int r = refuse_v1(resources, err);

	if (r == 0 && resources->memory)
		r = convert_memory(resources->memory, &out, err);
	if (r < 0)
		return r;
	if (resources->cpu)
		convert_cpu(resources->cpu, &out);
	if (resources->pids_limit.set && resources->pids_limit.value != 0)
		add_limit(&out, "pids.max", resources->pids_limit.value);
	if (resources->block_io)
		convert_block_io(resources->block_io, &out);
	convert_lists(resources, &out);
	if (out.n == CGROUP_SETTINGS_MAX)
		return err_say(err, E2BIG, "resources: more than %d settings for devices",
			       CGROUP_SETTINGS_MAX - 1);
	*ret_n = out.n;
	return 0;
}

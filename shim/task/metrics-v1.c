/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's figures for a host whose clients expect cgroups of version 1. */
#include "shim/task/metrics-v1.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include "metrics-v1.pb-c.h"

#define TYPE_METRICS_V1 "io.containerd.cgroups.v1.Metrics"
#define NSEC_PER_USEC	1000u

bool metrics_v1_wanted(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type != CGROUP2_SUPER_MAGIC;
}

/* The messages of a Metrics, which point at each other. */
struct parts {
	KataLike__MetricsV1__Metrics metrics;
	KataLike__MetricsV1__Pids pids;
	KataLike__MetricsV1__Cpu cpu;
	KataLike__MetricsV1__CpuUsage usage;
	KataLike__MetricsV1__CpuThrottling throttling;
	KataLike__MetricsV1__Memory memory;
	KataLike__MetricsV1__MemoryEntry memory_usage, swap, kernel, kernel_tcp;
};

static void fill_cpu(const KataLike__Agent__V1__StatsContainerResponse *stats, struct parts *parts)
{
	kata_like__metrics_v1__pids__init(&parts->pids);
	parts->pids.current = stats->pids_current;
	parts->pids.limit = stats->pids_limit;
	kata_like__metrics_v1__cpu_usage__init(&parts->usage);
	parts->usage.total = stats->cpu_usage_usec * NSEC_PER_USEC;
	parts->usage.kernel = stats->cpu_system_usec * NSEC_PER_USEC;
	parts->usage.user = stats->cpu_user_usec * NSEC_PER_USEC;
	kata_like__metrics_v1__cpu_throttling__init(&parts->throttling);
	parts->throttling.periods = stats->cpu_nr_periods;
	parts->throttling.throttled_periods = stats->cpu_nr_throttled;
	parts->throttling.throttled_time = stats->cpu_throttled_usec * NSEC_PER_USEC;
	kata_like__metrics_v1__cpu__init(&parts->cpu);
	parts->cpu.usage = &parts->usage;
	parts->cpu.throttling = &parts->throttling;
}

static void fill_memory(const KataLike__Agent__V1__StatsContainerResponse *stats,
			struct parts *parts)
{
	KataLike__MetricsV1__Memory *memory = &parts->memory;

	kata_like__metrics_v1__memory__init(memory);
	kata_like__metrics_v1__memory_entry__init(&parts->memory_usage);
	kata_like__metrics_v1__memory_entry__init(&parts->swap);
	kata_like__metrics_v1__memory_entry__init(&parts->kernel);
	kata_like__metrics_v1__memory_entry__init(&parts->kernel_tcp);
	memory->cache = memory->total_cache = stats->memory_file;
	memory->rss = memory->total_rss = stats->memory_anon;
	memory->total_pg_fault = stats->memory_pgfault;
	memory->total_pg_maj_fault = stats->memory_pgmajfault;
	memory->total_inactive_file = stats->memory_inactive_file;
	parts->memory_usage.usage = stats->memory_usage;
	parts->memory_usage.limit = stats->memory_limit;
	parts->memory_usage.failcnt = stats->memory_events_max;
	/* Of memory and swap together, where version 2 counts swap alone. */
	parts->swap.usage = stats->memory_usage + stats->memory_swap_usage;
	parts->swap.limit = stats->memory_swap_limit > UINT64_MAX - stats->memory_limit
				    ? UINT64_MAX
				    : stats->memory_limit + stats->memory_swap_limit;
	memory->usage = &parts->memory_usage;
	memory->swap = &parts->swap;
	memory->kernel = &parts->kernel;
	memory->kernel_tcp = &parts->kernel_tcp;
}

static int fill_hugetlb(const KataLike__Agent__V1__StatsContainerResponse *stats,
			KataLike__MetricsV1__Hugetlb **ret_entries,
			KataLike__MetricsV1__Hugetlb ***ret_list)
{
	*ret_entries = calloc(stats->n_hugetlb + 1, sizeof(**ret_entries));
	*ret_list = calloc(stats->n_hugetlb + 1, sizeof(**ret_list));
	if (!*ret_entries || !*ret_list)
		return -ENOMEM;
	for (size_t i = 0; i < stats->n_hugetlb; i++) {
		KataLike__MetricsV1__Hugetlb *entry = &(*ret_entries)[i];

		kata_like__metrics_v1__hugetlb__init(entry);
		entry->usage = stats->hugetlb[i]->current;
		entry->max = stats->hugetlb[i]->max;
		entry->pagesize = stats->hugetlb[i]->page_size;
		(*ret_list)[i] = entry;
	}
	return 0;
}

/* Names are the response's. */
static int fill_network(const KataLike__Agent__V1__StatsContainerResponse *stats,
			KataLike__MetricsV1__NetworkStat **ret_entries,
			KataLike__MetricsV1__NetworkStat ***ret_list)
{
	*ret_entries = calloc(stats->n_network + 1, sizeof(**ret_entries));
	*ret_list = calloc(stats->n_network + 1, sizeof(**ret_list));
	if (!*ret_entries || !*ret_list)
		return -ENOMEM;
	for (size_t i = 0; i < stats->n_network; i++) {
		const KataLike__Agent__V1__StatsContainerResponse__Network *from =
			stats->network[i];
		KataLike__MetricsV1__NetworkStat *to = &(*ret_entries)[i];

		kata_like__metrics_v1__network_stat__init(to);
		to->name = from->name;
		to->rx_bytes = from->rx_bytes;
		to->rx_packets = from->rx_packets;
		to->rx_errors = from->rx_errors;
		to->rx_dropped = from->rx_dropped;
		to->tx_bytes = from->tx_bytes;
		to->tx_packets = from->tx_packets;
		to->tx_errors = from->tx_errors;
		to->tx_dropped = from->tx_dropped;
		(*ret_list)[i] = to;
	}
	return 0;
}

int metrics_v1_pack(const KataLike__Agent__V1__StatsContainerResponse *stats,
		    KataLike__Any *ret_any)
{
	_cleanup_free_ KataLike__MetricsV1__Hugetlb *entries = NULL;
	_cleanup_free_ KataLike__MetricsV1__Hugetlb **list = NULL;
	_cleanup_free_ KataLike__MetricsV1__NetworkStat *interfaces = NULL;
	_cleanup_free_ KataLike__MetricsV1__NetworkStat **interface_list = NULL;
	struct parts parts;
	uint8_t *packed;

	if (fill_hugetlb(stats, &entries, &list) < 0 ||
	    fill_network(stats, &interfaces, &interface_list) < 0)
		return -ENOMEM;
	fill_cpu(stats, &parts);
	fill_memory(stats, &parts);
	kata_like__metrics_v1__metrics__init(&parts.metrics);
	parts.metrics.hugetlb = list;
	parts.metrics.n_hugetlb = stats->n_hugetlb;
	parts.metrics.network = interface_list;
	parts.metrics.n_network = stats->n_network;
	parts.metrics.pids = &parts.pids;
	parts.metrics.cpu = &parts.cpu;
	parts.metrics.memory = &parts.memory;
	packed = malloc(kata_like__metrics_v1__metrics__get_packed_size(&parts.metrics) + 1);
	if (!packed)
		return -ENOMEM;
	kata_like__any__init(ret_any);
	ret_any->type_url = (char *)TYPE_METRICS_V1;
	ret_any->value.len = kata_like__metrics_v1__metrics__pack(&parts.metrics, packed);
	ret_any->value.data = packed;
	return 0;
}

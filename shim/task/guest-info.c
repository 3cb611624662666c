/* SPDX-License-Identifier: Apache-2.0 */
/* Stats and ListProcesses: what the guest is asked for. */
#include <stdlib.h>

#include "agent.pb-c.h"
#include "metrics.pb-c.h"
#include "proto/task-api.h"
#include "shim/task/metrics-v1.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

/* The messages of a Metrics, which point at each other. */
struct metrics {
	KataLike__Metrics__Metrics metrics;
	KataLike__Metrics__Pids pids;
	KataLike__Metrics__Cpu cpu;
	KataLike__Metrics__Memory memory;
	KataLike__Metrics__MemoryEvents events;
	KataLike__Metrics__Io io;
	KataLike__Metrics__IoEntry *io_entries, **io_list;
	KataLike__Metrics__Hugetlb *hugetlb_entries, **hugetlb_list;
	KataLike__Metrics__NetworkStat *network_entries, **network_list;
};

static void fill_memory(struct metrics *m, const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	kata_like__metrics__memory__init(&m->memory);
	m->memory.anon = stats->memory_anon;
	m->memory.file = stats->memory_file;
	m->memory.inactive_anon = stats->memory_inactive_anon;
	m->memory.inactive_file = stats->memory_inactive_file;
	m->memory.pgfault = stats->memory_pgfault;
	m->memory.pgmajfault = stats->memory_pgmajfault;
	m->memory.usage = stats->memory_usage;
	m->memory.usage_limit = stats->memory_limit;
	m->memory.swap_usage = stats->memory_swap_usage;
	m->memory.swap_limit = stats->memory_swap_limit;
	kata_like__metrics__memory_events__init(&m->events);
	m->events.low = stats->memory_events_low;
	m->events.high = stats->memory_events_high;
	m->events.max = stats->memory_events_max;
	m->events.oom = stats->memory_events_oom;
	m->events.oom_kill = stats->memory_events_oom_kill;
}

static void fill_cpu(struct metrics *m, const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	kata_like__metrics__pids__init(&m->pids);
	m->pids.current = stats->pids_current;
	m->pids.limit = stats->pids_limit;
	kata_like__metrics__cpu__init(&m->cpu);
	m->cpu.usage_usec = stats->cpu_usage_usec;
	m->cpu.user_usec = stats->cpu_user_usec;
	m->cpu.system_usec = stats->cpu_system_usec;
	m->cpu.nr_periods = stats->cpu_nr_periods;
	m->cpu.nr_throttled = stats->cpu_nr_throttled;
	m->cpu.throttled_usec = stats->cpu_throttled_usec;
}

static int fill_lists(struct metrics *m, const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	m->io_entries = calloc(stats->n_io + 1, sizeof(*m->io_entries));
	m->io_list = calloc(stats->n_io + 1, sizeof(*m->io_list));
	m->hugetlb_entries = calloc(stats->n_hugetlb + 1, sizeof(*m->hugetlb_entries));
	m->hugetlb_list = calloc(stats->n_hugetlb + 1, sizeof(*m->hugetlb_list));
	if (!m->io_entries || !m->io_list || !m->hugetlb_entries || !m->hugetlb_list)
		return -1;
	kata_like__metrics__io__init(&m->io);
	for (size_t i = 0; i < stats->n_io; i++) {
		kata_like__metrics__io_entry__init(&m->io_entries[i]);
		m->io_entries[i].major = stats->io[i]->major;
		m->io_entries[i].minor = stats->io[i]->minor;
		m->io_entries[i].rbytes = stats->io[i]->read_bytes;
		m->io_entries[i].wbytes = stats->io[i]->write_bytes;
		m->io_entries[i].rios = stats->io[i]->reads;
		m->io_entries[i].wios = stats->io[i]->writes;
		m->io_list[i] = &m->io_entries[i];
	}
	m->io.usage = m->io_list;
	m->io.n_usage = stats->n_io;
	for (size_t i = 0; i < stats->n_hugetlb; i++) {
		kata_like__metrics__hugetlb__init(&m->hugetlb_entries[i]);
		m->hugetlb_entries[i].current = stats->hugetlb[i]->current;
		m->hugetlb_entries[i].max = stats->hugetlb[i]->max;
		m->hugetlb_entries[i].pagesize = stats->hugetlb[i]->page_size;
		m->hugetlb_list[i] = &m->hugetlb_entries[i];
	}
	return 0;
}

/* Names are the response's. */
static int fill_network(struct metrics *m, const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	m->network_entries = calloc(stats->n_network + 1, sizeof(*m->network_entries));
	m->network_list = calloc(stats->n_network + 1, sizeof(*m->network_list));
	if (!m->network_entries || !m->network_list)
		return -1;
	for (size_t i = 0; i < stats->n_network; i++) {
		const KataLike__Agent__V1__StatsContainerResponse__Network *from =
			stats->network[i];
		KataLike__Metrics__NetworkStat *to = &m->network_entries[i];

		kata_like__metrics__network_stat__init(to);
		to->name = from->name;
		to->rx_bytes = from->rx_bytes;
		to->rx_packets = from->rx_packets;
		to->rx_errors = from->rx_errors;
		to->rx_dropped = from->rx_dropped;
		to->tx_bytes = from->tx_bytes;
		to->tx_packets = from->tx_packets;
		to->tx_errors = from->tx_errors;
		to->tx_dropped = from->tx_dropped;
		m->network_list[i] = to;
	}
	m->metrics.network = m->network_list;
	m->metrics.n_network = stats->n_network;
	return 0;
}

static void metrics_free(struct metrics *m)
{
	free(m->network_entries);
	free(m->network_list);
	free(m->io_entries);
	free(m->io_list);
	free(m->hugetlb_entries);
	free(m->hugetlb_list);
}

/* Packs m's tree into an Any and answers with it. */
static void reply_metrics(struct ttrpc_call *call, struct metrics *m, size_t n_hugetlb)
{
	KataLike__Task__StatsResponse response = KATA_LIKE__TASK__STATS_RESPONSE__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	_cleanup_free_ uint8_t *packed = NULL;

	m->metrics.pids = &m->pids;
	m->metrics.cpu = &m->cpu;
	m->metrics.memory = &m->memory;
	m->metrics.memory_events = &m->events;
	m->metrics.io = &m->io;
	m->metrics.hugetlb = m->hugetlb_list;
	m->metrics.n_hugetlb = n_hugetlb;
	packed = malloc(kata_like__metrics__metrics__get_packed_size(&m->metrics) + 1);
	if (!packed) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	any.type_url = (char *)TASK_TYPE_METRICS;
	any.value.len = kata_like__metrics__metrics__pack(&m->metrics, packed);
	any.value.data = packed;
	response.stats = &any;
	ttrpc_call_reply(call, &response.base);
}

static void reply_v1(struct ttrpc_call *call,
		     const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	KataLike__Task__StatsResponse response = KATA_LIKE__TASK__STATS_RESPONSE__INIT;
	KataLike__Any any;

	if (metrics_v1_pack(stats, &any) < 0) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	response.stats = &any;
	ttrpc_call_reply(call, &response.base);
	free(any.value.data);
}

static void stats_arrived(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__StatsContainerResponse *stats = (const void *)message;
	struct ttrpc_call *call = ctx;
	struct metrics m = { .io_entries = NULL };

	if (status->code != TTRPC_OK) {
		task_fail_status(call, status);
		return;
	}
	if (metrics_v1_wanted()) {
		reply_v1(call, stats);
		return;
	}
	kata_like__metrics__metrics__init(&m.metrics);
	fill_cpu(&m, stats);
	fill_memory(&m, stats);
	if (fill_lists(&m, stats) == 0 && fill_network(&m, stats) == 0)
		reply_metrics(call, &m, stats->n_hugetlb);
	else
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	metrics_free(&m);
}

void task_stats(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StatsRequest *request = (const void *)message;
	struct container *container = task_find_container(ctx, call, request->id);
	KataLike__Agent__V1__ContainerRequest forward =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;

	if (!container)
		return;
	forward.container_id = container->id;
	agent_client_call(container->agent, "StatsContainer",
			  &kata_like__agent__v1__stats_container_response__descriptor,
			  &forward.base, TASK_TIMEOUT_MS, stats_arrived, call);
}

static void processes_listed(void *ctx, const struct ttrpc_status *status,
			     const ProtobufCMessage *response)
{
	struct ttrpc_call *call = ctx;

	if (status->code == TTRPC_OK)
		ttrpc_call_reply(call, response);
	else
		task_fail_status(call, status);
}

void task_list_processes(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = task_find_container(ctx, call, request->container_id);

	if (container)
		agent_client_call(container->agent, "ListProcesses",
				  &kata_like__agent__v1__list_processes_response__descriptor,
				  message, TASK_TIMEOUT_MS, processes_listed, call);
}

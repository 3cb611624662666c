/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that look: processes and statistics. */
#include <errno.h>
#include <string.h>

#include "agent/container/ps.h"
#include "agent/container/stats.h"
#include "agent/rpc/handlers.h"

#define PROCESSES_MAX 4096u
#define IO_MAX	      16u
#define NETWORKS_MAX  16u
#define HUGETLB_MAX   4u

typedef KataLike__Agent__V1__ListProcessesResponse__Process listed_process;
typedef KataLike__Agent__V1__StatsContainerResponse stats_response;

struct listing {
	const struct container *container;
	listed_process **processes;
	size_t n, room;
};

static const char *exec_id_of(const struct container *container, pid_t pid)
{
	for (const struct process *exec = container->execs; exec; exec = exec->next) {
		if (exec->pid == pid)
			return exec->exec_id;
	}
	return "";
}

static int grow(struct listing *listing)
{
	size_t room = listing->room ? listing->room * 2 : 16;
	listed_process **larger;

	if (listing->n < listing->room)
		return 0;
	if (listing->room >= PROCESSES_MAX)
		return -E2BIG;
	larger = realloc(listing->processes, room * sizeof(listed_process *));
	if (!larger)
		return -ENOMEM;
	listing->processes = larger;
	listing->room = room;
	return 0;
}

static int list_one(void *ctx, pid_t pid)
{
	struct listing *listing = ctx;
	struct ps_entry entry;
	listed_process *process;
	int r = grow(listing);

	if (r < 0)
		return r;
	/* One that has gone meanwhile is not listed. */
	if (ps_read(pid, &entry) < 0)
		return 0;
	process = malloc(sizeof(*process));
	if (!process)
		return -ENOMEM;
	kata_like__agent__v1__list_processes_response__process__init(process);
	process->pid = (uint32_t)pid;
	process->ppid = (uint32_t)entry.ppid;
	process->uid = entry.uid;
	process->start_time_ticks = entry.start_time_ticks;
	process->cpu_ticks = entry.cpu_ticks;
	process->exec_id = strdup(exec_id_of(listing->container, pid));
	process->tty = strdup(entry.tty);
	process->command = strdup(entry.command);
	listing->processes[listing->n++] = process;
	return process->exec_id && process->tty && process->command ? 0 : -ENOMEM;
}

static void free_listing(struct listing *listing)
{
	for (size_t i = 0; i < listing->n; i++) {
		free(listing->processes[i]->exec_id);
		free(listing->processes[i]->tty);
		free(listing->processes[i]->command);
		free(listing->processes[i]);
	}
	free(listing->processes);
}

void rpc_list_processes(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	KataLike__Agent__V1__ListProcessesResponse response =
		KATA_LIKE__AGENT__V1__LIST_PROCESSES_RESPONSE__INIT;
	struct listing listing = { .container = container };
	struct err err = ERR_INIT;
	int r;

	if (!container)
		return;
	r = cgroup_each_pid(container->cgroup, list_one, &listing);
	if (r == 0 || r == -E2BIG) {
		response.n_processes = listing.n;
		response.processes = listing.processes;
		ttrpc_call_reply(call, &response.base);
	} else {
		err_set(&err, -r, "cannot list the processes of container %s",
			request->container_id);
		ttrpc_call_fail_err(call, &err);
	}
	free_listing(&listing);
}

/* The two are the same in other types; a field that one of them lacks does not compile. */
#define COPY(field) response->field = stats.field

static void copy_numbers(const struct cgroup *cgroup, stats_response *response)
{
	struct stats stats;

	stats_read(cgroup, &stats);
	COPY(pids_current);
	COPY(pids_limit);
	COPY(cpu_usage_usec);
	COPY(cpu_user_usec);
	COPY(cpu_system_usec);
	COPY(cpu_nr_periods);
	COPY(cpu_nr_throttled);
	COPY(cpu_throttled_usec);
	COPY(memory_usage);
	COPY(memory_limit);
	COPY(memory_swap_usage);
	COPY(memory_swap_limit);
	COPY(memory_anon);
	COPY(memory_file);
	COPY(memory_inactive_anon);
	COPY(memory_inactive_file);
	COPY(memory_pgfault);
	COPY(memory_pgmajfault);
	COPY(memory_events_low);
	COPY(memory_events_high);
	COPY(memory_events_max);
	COPY(memory_events_oom);
	COPY(memory_events_oom_kill);
}

/* The lists of a response, in room of the caller's. */
struct stats_lists {
	KataLike__Agent__V1__StatsContainerResponse__Io io[IO_MAX], *io_list[IO_MAX];
	KataLike__Agent__V1__StatsContainerResponse__Network network[NETWORKS_MAX],
		*network_list[NETWORKS_MAX];
	KataLike__Agent__V1__StatsContainerResponse__Hugetlb hugetlb[HUGETLB_MAX],
		*hugetlb_list[HUGETLB_MAX];
	struct stats_network interfaces[NETWORKS_MAX];
};

static void copy_io(const struct cgroup *cgroup, struct stats_lists *lists,
		    stats_response *response)
{
	struct stats_io entries[IO_MAX];
	size_t n = stats_read_io(cgroup, entries, IO_MAX);

	for (size_t i = 0; i < n; i++) {
		kata_like__agent__v1__stats_container_response__io__init(&lists->io[i]);
		lists->io[i].major = entries[i].major;
		lists->io[i].minor = entries[i].minor;
		lists->io[i].read_bytes = entries[i].read_bytes;
		lists->io[i].write_bytes = entries[i].write_bytes;
		lists->io[i].reads = entries[i].reads;
		lists->io[i].writes = entries[i].writes;
		lists->io_list[i] = &lists->io[i];
	}
	response->n_io = n;
	response->io = lists->io_list;
}

static void copy_network(pid_t pid, struct stats_lists *lists, stats_response *response)
{
	size_t n = pid > 0 ? stats_read_network(pid, lists->interfaces, NETWORKS_MAX) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct stats_network *from = &lists->interfaces[i];

		kata_like__agent__v1__stats_container_response__network__init(&lists->network[i]);
		lists->network[i].name = lists->interfaces[i].name;
		lists->network[i].rx_bytes = from->rx_bytes;
		lists->network[i].rx_packets = from->rx_packets;
		lists->network[i].rx_errors = from->rx_errors;
		lists->network[i].rx_dropped = from->rx_dropped;
		lists->network[i].tx_bytes = from->tx_bytes;
		lists->network[i].tx_packets = from->tx_packets;
		lists->network[i].tx_errors = from->tx_errors;
		lists->network[i].tx_dropped = from->tx_dropped;
		lists->network_list[i] = &lists->network[i];
	}
	response->n_network = n;
	response->network = lists->network_list;
}

static void copy_hugetlb(const struct cgroup *cgroup, struct stats_lists *lists,
			 stats_response *response)
{
	static const char *const sizes[HUGETLB_MAX] = { "2MB", "1GB", "64KB", "32MB" };
	size_t n = 0;

	for (size_t i = 0; i < HUGETLB_MAX; i++) {
		char file[64];
		uint64_t current, max;

		(void)snprintf(file, sizeof(file), "hugetlb.%s.current", sizes[i]);
		if (cgroup_read_number(cgroup, file, 0, &current) < 0)
			continue;
		(void)snprintf(file, sizeof(file), "hugetlb.%s.max", sizes[i]);
		if (cgroup_read_number(cgroup, file, UINT64_MAX, &max) < 0)
			continue;
		kata_like__agent__v1__stats_container_response__hugetlb__init(&lists->hugetlb[n]);
		lists->hugetlb[n].page_size = (char *)sizes[i];
		lists->hugetlb[n].current = current;
		lists->hugetlb[n].max = max;
		lists->hugetlb_list[n] = &lists->hugetlb[n];
		n++;
	}
	response->n_hugetlb = n;
	response->hugetlb = lists->hugetlb_list;
}

void rpc_stats_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	KataLike__Agent__V1__StatsContainerResponse response =
		KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__INIT;
	struct stats_lists lists;

	if (!container)
		return;
	copy_numbers(container->cgroup, &response);
	copy_io(container->cgroup, &lists, &response);
	copy_network(container->init->pid, &lists, &response);
	copy_hugetlb(container->cgroup, &lists, &response);
	ttrpc_call_reply(call, &response.base);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A container's numbers, as its cgroup and its network namespace count them. */
#ifndef KATA_LIKE_AGENT_CONTAINER_STATS_H
#define KATA_LIKE_AGENT_CONTAINER_STATS_H

#include "agent/container/cgroup.h"

/* Numbers whose controller the kernel does not have stay 0. */
struct stats {
	uint64_t pids_current, pids_limit; /* limit 0: none */
	uint64_t cpu_usage_usec, cpu_user_usec, cpu_system_usec;
	uint64_t cpu_nr_periods, cpu_nr_throttled, cpu_throttled_usec;
	uint64_t memory_usage, memory_limit; /* limit UINT64_MAX: none */
	uint64_t memory_swap_usage, memory_swap_limit;
	uint64_t memory_anon, memory_file, memory_inactive_anon, memory_inactive_file;
	uint64_t memory_pgfault, memory_pgmajfault;
	uint64_t memory_events_low, memory_events_high, memory_events_max, memory_events_oom,
		memory_events_oom_kill;
};

struct stats_io {
	uint64_t major, minor, read_bytes, write_bytes, reads, writes;
};

struct stats_network {
	char name[16];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

void stats_read(const struct cgroup *cgroup, struct stats *ret_stats);

/* Fills at most room entries; returns how many. */
size_t stats_read_io(const struct cgroup *cgroup, struct stats_io *entries, size_t room);
/* The interfaces that the process pid sees. */
size_t stats_read_network(pid_t pid, struct stats_network *entries, size_t room);

/* Parses a line of io.stat. 0, or -EINVAL. */
int stats_parse_io(const char *line, struct stats_io *ret_io) _must_check_;
/* Parses a line of /proc/net/dev. 0, or -EINVAL (its headings). */
int stats_parse_network(const char *line, struct stats_network *ret_network) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A container's numbers. */
#include "agent/container/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "lib/fd.h"

#define FILE_BYTES 8192

struct key {
	const char *name;
	size_t offset; /* of the number in struct stats */
};

static const struct key cpu_keys[] = {
	{ "usage_usec", offsetof(struct stats, cpu_usage_usec) },
	{ "user_usec", offsetof(struct stats, cpu_user_usec) },
	{ "system_usec", offsetof(struct stats, cpu_system_usec) },
	{ "nr_periods", offsetof(struct stats, cpu_nr_periods) },
	{ "nr_throttled", offsetof(struct stats, cpu_nr_throttled) },
	{ "throttled_usec", offsetof(struct stats, cpu_throttled_usec) },
};

static const struct key memory_keys[] = {
	{ "anon", offsetof(struct stats, memory_anon) },
	{ "file", offsetof(struct stats, memory_file) },
	{ "inactive_anon", offsetof(struct stats, memory_inactive_anon) },
	{ "inactive_file", offsetof(struct stats, memory_inactive_file) },
	{ "pgfault", offsetof(struct stats, memory_pgfault) },
	{ "pgmajfault", offsetof(struct stats, memory_pgmajfault) },
};

static const struct key event_keys[] = {
	{ "low", offsetof(struct stats, memory_events_low) },
	{ "high", offsetof(struct stats, memory_events_high) },
	{ "max", offsetof(struct stats, memory_events_max) },
	{ "oom", offsetof(struct stats, memory_events_oom) },
	{ "oom_kill", offsetof(struct stats, memory_events_oom_kill) },
};

/* A file of "name number" lines. */
static void read_keyed(const struct cgroup *cgroup, const char *file, const struct key *keys,
		       size_t n_keys, struct stats *stats)
{
	char text[FILE_BYTES], *save = NULL;

	if (cgroup_read(cgroup, file, text, sizeof(text)) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');

		if (!space)
			continue;
		*space = '\0';
		for (size_t i = 0; i < n_keys; i++) {
			if (strcmp(line, keys[i].name) == 0)
				*(uint64_t *)(void *)((char *)stats + keys[i].offset) =
					strtoull(space + 1, NULL, 10);
		}
	}
}

/* A number whose file is not there keeps what it has. */
static void read_number(const struct cgroup *cgroup, const char *file, uint64_t max,
			uint64_t *ret_value)
{
	uint64_t value;

	if (cgroup_read_number(cgroup, file, max, &value) == 0)
		*ret_value = value;
}

void stats_read(const struct cgroup *cgroup, struct stats *ret_stats)
{
	struct stats stats = { .memory_limit = UINT64_MAX, .memory_swap_limit = UINT64_MAX };

	read_number(cgroup, "pids.current", 0, &stats.pids_current);
	read_number(cgroup, "pids.max", 0, &stats.pids_limit);
	read_number(cgroup, "memory.current", 0, &stats.memory_usage);
	read_number(cgroup, "memory.max", UINT64_MAX, &stats.memory_limit);
	read_number(cgroup, "memory.swap.current", 0, &stats.memory_swap_usage);
	read_number(cgroup, "memory.swap.max", UINT64_MAX, &stats.memory_swap_limit);
	read_keyed(cgroup, "cpu.stat", cpu_keys, ARRAY_SIZE(cpu_keys), &stats);
	read_keyed(cgroup, "memory.stat", memory_keys, ARRAY_SIZE(memory_keys), &stats);
	read_keyed(cgroup, "memory.events", event_keys, ARRAY_SIZE(event_keys), &stats);
	*ret_stats = stats;
}

int stats_parse_io(const char *line, struct stats_io *ret_io)
{
	struct stats_io io = { 0 };
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{ " rbytes=", &io.read_bytes },
		{ " wbytes=", &io.write_bytes },
		{ " rios=", &io.reads },
		{ " wios=", &io.writes },
	};

	if (sscanf(line, "%" SCNu64 ":%" SCNu64, &io.major, &io.minor) != 2)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *at = strstr(line, keys[i].key);

		if (at)
			*keys[i].value = strtoull(at + strlen(keys[i].key), NULL, 10);
	}
	*ret_io = io;
	return 0;
}

size_t stats_read_io(const struct cgroup *cgroup, struct stats_io *entries, size_t room)
{
	char text[FILE_BYTES], *save = NULL;
	size_t n = 0;

	if (cgroup_read(cgroup, "io.stat", text, sizeof(text)) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line && n < room;
	     line = strtok_r(NULL, "\n", &save)) {
		if (stats_parse_io(line, &entries[n]) == 0)
			n++;
	}
	return n;
}

int stats_parse_network(const char *line, struct stats_network *ret_network)
{
	struct stats_network net = { 0 };
	int n;

	n = sscanf(line,
		   " %15[^:]: %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   net.name, &net.rx_bytes, &net.rx_packets, &net.rx_errors, &net.rx_dropped,
		   &net.tx_bytes, &net.tx_packets, &net.tx_errors, &net.tx_dropped);
	if (n != 9)
		return -EINVAL;
	*ret_network = net;
	return 0;
}

size_t stats_read_network(pid_t pid, struct stats_network *entries, size_t room)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *save = NULL;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	if (file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line && n < room;
	     line = strtok_r(NULL, "\n", &save)) {
		if (stats_parse_network(line, &entries[n]) == 0 &&
		    strcmp(entries[n].name, "lo") != 0)
			n++;
	}
	return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod uses of the host. */
#include "shim/sandbox-api/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "metrics.pb-c.h"

#define FILE_MAX 65536

/* The number of a file that holds one; 0 where it is missing, UINT64_MAX for "max". */
static uint64_t number_in(int cgroup_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;

	if (file_read(cgroup_fd, name, FILE_MAX, &text, NULL, NULL) < 0)
		return 0;
	return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* The number behind a key at the beginning of a line. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
	}
	return 0;
}

static void read_cpu(int fd, KataLike__Metrics__Cpu *ret_cpu)
{
	_cleanup_free_ char *text = NULL;

	kata_like__metrics__cpu__init(ret_cpu);
	if (file_read(fd, "cpu.stat", FILE_MAX, &text, NULL, NULL) < 0)
		return;
	ret_cpu->usage_usec = value_of(text, "usage_usec");
	ret_cpu->user_usec = value_of(text, "user_usec");
	ret_cpu->system_usec = value_of(text, "system_usec");
	ret_cpu->nr_periods = value_of(text, "nr_periods");
	ret_cpu->nr_throttled = value_of(text, "nr_throttled");
	ret_cpu->throttled_usec = value_of(text, "throttled_usec");
}

static void read_memory(int fd, KataLike__Metrics__Memory *ret_memory)
{
	_cleanup_free_ char *text = NULL;

	kata_like__metrics__memory__init(ret_memory);
	ret_memory->usage = number_in(fd, "memory.current");
	ret_memory->usage_limit = number_in(fd, "memory.max");
	ret_memory->swap_usage = number_in(fd, "memory.swap.current");
	ret_memory->swap_limit = number_in(fd, "memory.swap.max");
	if (file_read(fd, "memory.stat", FILE_MAX, &text, NULL, NULL) < 0)
		return;
	ret_memory->anon = value_of(text, "anon");
	ret_memory->file = value_of(text, "file");
	ret_memory->inactive_anon = value_of(text, "inactive_anon");
	ret_memory->inactive_file = value_of(text, "inactive_file");
	ret_memory->pgfault = value_of(text, "pgfault");
	ret_memory->pgmajfault = value_of(text, "pgmajfault");
}

int metrics_of_cgroup(const char *cgroup, uint8_t **ret_packed, size_t *ret_len, struct err *err)
{
	_cleanup_fd_ int fd = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
	KataLike__Metrics__Metrics metrics = KATA_LIKE__METRICS__METRICS__INIT;
	KataLike__Metrics__Pids pids = KATA_LIKE__METRICS__PIDS__INIT;
	KataLike__Metrics__Cpu cpu;
	KataLike__Metrics__Memory memory;

	if (fd < 0)
		return err_set(err, errno, "the pod's cgroup %s", cgroup);
	pids.current = number_in(fd, "pids.current");
	pids.limit = number_in(fd, "pids.max");
	read_cpu(fd, &cpu);
	read_memory(fd, &memory);
	metrics.pids = &pids;
	metrics.cpu = &cpu;
	metrics.memory = &memory;
	*ret_packed = malloc(kata_like__metrics__metrics__get_packed_size(&metrics) + 1);
	if (!*ret_packed)
		return err_set(err, ENOMEM, "the pod's figures");
	*ret_len = kata_like__metrics__metrics__pack(&metrics, *ret_packed);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `stats`: what a container uses, for people; --json gives what `events --stats` gives. */
#include <assert.h>
#include <errno.h>

#include "cli/metrics.h"
#include "cli/verbs.h"

struct stats_options {
	bool json;
};

static const struct option stats_table[] = {
	OPTION_FLAG(struct stats_options, json, 0, "json", "print JSON"),
};

static void format_bytes(uint64_t bytes, char *ret_text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	(void)snprintf(ret_text, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* No limit is written as 0 or as all ones, by what the kernel calls "max". */
static void format_limit(uint64_t bytes, char *ret_text, size_t size)
{
	if (bytes == 0 || bytes == UINT64_MAX)
		(void)snprintf(ret_text, size, "no limit");
	else
		format_bytes(bytes, ret_text, size);
}

static void print_network(const KataLike__Metrics__Metrics *metrics)
{
	for (size_t i = 0; i < metrics->n_network; i++) {
		const KataLike__Metrics__NetworkStat *stat = metrics->network[i];
		char received[32], sent[32];

		format_bytes(stat->rx_bytes, received, sizeof(received));
		format_bytes(stat->tx_bytes, sent, sizeof(sent));
		(void)printf("%-9s %s received (%llu packets), %s sent (%llu packets)\n",
			     stat->name, received, (unsigned long long)stat->rx_packets, sent,
			     (unsigned long long)stat->tx_packets);
	}
}

static void print_table(const KataLike__Metrics__Metrics *metrics)
{
	char usage[32], limit[32], read_text[32], write_text[32];
	uint64_t read_bytes = 0, write_bytes = 0;

	for (size_t i = 0; metrics->io && i < metrics->io->n_usage; i++) {
		read_bytes += metrics->io->usage[i]->rbytes;
		write_bytes += metrics->io->usage[i]->wbytes;
	}
	format_bytes(metrics->memory->usage, usage, sizeof(usage));
	format_limit(metrics->memory->usage_limit, limit, sizeof(limit));
	format_bytes(read_bytes, read_text, sizeof(read_text));
	format_bytes(write_bytes, write_text, sizeof(write_text));
	(void)printf("cpu       %llu.%03llu s (user %llu.%03llu s, system %llu.%03llu s)\n",
		     (unsigned long long)(metrics->cpu->usage_usec / 1000000),
		     (unsigned long long)(metrics->cpu->usage_usec / 1000 % 1000),
		     (unsigned long long)(metrics->cpu->user_usec / 1000000),
		     (unsigned long long)(metrics->cpu->user_usec / 1000 % 1000),
		     (unsigned long long)(metrics->cpu->system_usec / 1000000),
		     (unsigned long long)(metrics->cpu->system_usec / 1000 % 1000));
	(void)printf("memory    %s (%s)\n", usage, limit);
	(void)printf("processes %llu\n", (unsigned long long)metrics->pids->current);
	(void)printf("disk      %s read, %s written\n", read_text, write_text);
	print_network(metrics);
	if (metrics->memory_events && metrics->memory_events->oom_kill)
		(void)printf("oom kills %llu\n",
			     (unsigned long long)metrics->memory_events->oom_kill);
}

static int run_stats(const struct cli *cli, const void *values, char **args, size_t n_args,
		     struct err *err)
{
	const struct stats_options *options = values;
	_cleanup_container_ struct container container = CONTAINER_INIT;
	_cleanup_task_ KataLike__Metrics__Metrics *metrics = NULL;
	struct json_object *json;
	int r = container_open_live(cli, args[0], &container, err);

	(void)n_args;
	if (r == 0)
		r = metrics_ask(&container, &metrics, err);
	if (r < 0)
		return r;
	assert(metrics);
	if (!options->json) {
		print_table(metrics);
		return 0;
	}
	json = metrics_to_json(metrics);
	if (!json)
		return err_set(err, ENOMEM, "stats");
	(void)printf("%s\n", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	return 0;
}

const struct verb verb_stats = {
	.name = "stats",
	.arguments = "ID",
	.summary = "Print what a container uses",
	VERB_OPTIONS(struct stats_options, stats_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_stats,
};

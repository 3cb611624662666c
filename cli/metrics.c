/* SPDX-License-Identifier: Apache-2.0 */
/* Resource usage: from the shim's message to what people and programs read. */
#include "cli/metrics.h"

#include <errno.h>
#include <string.h>

#include "proto/task-api.h"

int metrics_ask(const struct container *container, KataLike__Metrics__Metrics **ret_metrics,
		struct err *err)
{
	KataLike__Task__StatsRequest request = KATA_LIKE__TASK__STATS_REQUEST__INIT;
	_cleanup_task_ KataLike__Task__StatsResponse *response = NULL;
	KataLike__Metrics__Metrics *metrics;
	int r;

	request.id = (char *)(uintptr_t)container->record.id;
	r = task_stats(container->client, &request, &response, err);
	if (r < 0)
		return r;
	if (!response->stats || strcmp(response->stats->type_url, TASK_TYPE_METRICS) != 0)
		return err_say(err, EPROTO, "the shim's statistics are of an unknown type");
	metrics = kata_like__metrics__metrics__unpack(NULL, response->stats->value.len,
						      response->stats->value.data);
	if (!metrics || !metrics->cpu || !metrics->memory || !metrics->pids) {
		task_free(metrics);
		return err_say(err, EPROTO, "the shim's statistics are incomplete");
	}
	*ret_metrics = metrics;
	return 0;
}

/* Adds a new object under key, or returns NULL. */
static struct json_object *add_object(struct json_object *parent, const char *key)
{
	struct json_object *object = json_object_new_object();

	if (parent && object && json_object_object_add(parent, key, object) == 0)
		return object;
	json_object_put(object);
	return NULL;
}

struct number {
	const char *key;
	uint64_t value;
};

static int add_numbers(struct json_object *object, const struct number *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!object || json_object_object_add(object, numbers[i].key,
						      json_object_new_uint64(numbers[i].value)) < 0)
			return -ENOMEM;
	return 0;
}

static int add_cpu(struct json_object *data, const KataLike__Metrics__Cpu *cpu)
{
	struct json_object *object = add_object(data, "cpu");
	const struct number usage[] = {
		{ "total", cpu->usage_usec * 1000 },
		{ "kernel", cpu->system_usec * 1000 },
		{ "user", cpu->user_usec * 1000 },
	};
	const struct number throttling[] = {
		{ "periods", cpu->nr_periods },
		{ "throttledPeriods", cpu->nr_throttled },
		{ "throttledTime", cpu->throttled_usec * 1000 },
	};
	int r = add_numbers(add_object(object, "usage"), usage, ARRAY_SIZE(usage));

	return r < 0 ? r
		     : add_numbers(add_object(object, "throttling"), throttling,
				   ARRAY_SIZE(throttling));
}

static int add_memory(struct json_object *data, const KataLike__Metrics__Memory *memory)
{
	struct json_object *object = add_object(data, "memory");
	const struct number usage[] = { { "usage", memory->usage },
					{ "limit", memory->usage_limit } };
	const struct number swap[] = { { "usage", memory->swap_usage },
				       { "limit", memory->swap_limit } };
	const struct number cache[] = { { "cache", memory->file } };
	const struct number raw[] = {
		{ "anon", memory->anon },
		{ "file", memory->file },
		{ "inactive_anon", memory->inactive_anon },
		{ "inactive_file", memory->inactive_file },
		{ "pgfault", memory->pgfault },
		{ "pgmajfault", memory->pgmajfault },
	};
	int r = add_numbers(object, cache, ARRAY_SIZE(cache));

	if (r == 0)
		r = add_numbers(add_object(object, "usage"), usage, ARRAY_SIZE(usage));
	if (r == 0)
		r = add_numbers(add_object(object, "swap"), swap, ARRAY_SIZE(swap));
	return r < 0 ? r : add_numbers(add_object(object, "raw"), raw, ARRAY_SIZE(raw));
}

static int add_io_row(struct json_object *array, const KataLike__Metrics__IoEntry *entry,
		      const char *op, uint64_t value)
{
	struct json_object *row = json_object_new_object();
	const struct number numbers[] = {
		{ "major", entry->major },
		{ "minor", entry->minor },
		{ "value", value },
	};

	if (!row || json_object_array_add(array, row) < 0) {
		json_object_put(row);
		return -ENOMEM;
	}
	if (json_object_object_add(row, "op", json_object_new_string(op)) < 0)
		return -ENOMEM;
	return add_numbers(row, numbers, ARRAY_SIZE(numbers));
}

static int add_io(struct json_object *data, const KataLike__Metrics__Io *io)
{
	struct json_object *object = add_object(data, "blkio");
	struct json_object *array = json_object_new_array();

	if (!object || !array ||
	    json_object_object_add(object, "ioServiceBytesRecursive", array) < 0) {
		json_object_put(array);
		return -ENOMEM;
	}
	for (size_t i = 0; io && i < io->n_usage; i++)
		if (add_io_row(array, io->usage[i], "Read", io->usage[i]->rbytes) < 0 ||
		    add_io_row(array, io->usage[i], "Write", io->usage[i]->wbytes) < 0)
			return -ENOMEM;
	return 0;
}

static int add_network(struct json_object *data, const KataLike__Metrics__Metrics *metrics)
{
	struct json_object *array = json_object_new_array();

	if (!array || json_object_object_add(data, "network_interfaces", array) < 0) {
		json_object_put(array);
		return -ENOMEM;
	}
	for (size_t i = 0; i < metrics->n_network; i++) {
		const KataLike__Metrics__NetworkStat *stat = metrics->network[i];
		struct json_object *row = json_object_new_object();
		const struct number numbers[] = {
			{ "RxBytes", stat->rx_bytes },	 { "RxPackets", stat->rx_packets },
			{ "RxErrors", stat->rx_errors }, { "RxDropped", stat->rx_dropped },
			{ "TxBytes", stat->tx_bytes },	 { "TxPackets", stat->tx_packets },
			{ "TxErrors", stat->tx_errors }, { "TxDropped", stat->tx_dropped },
		};

		if (!row || json_object_array_add(array, row) < 0) {
			json_object_put(row);
			return -ENOMEM;
		}
		if (json_object_object_add(row, "Name", json_object_new_string(stat->name)) < 0 ||
		    add_numbers(row, numbers, ARRAY_SIZE(numbers)) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct json_object *metrics_to_json(const KataLike__Metrics__Metrics *metrics)
{
	struct json_object *data = json_object_new_object();
	const struct number pids[] = { { "current", metrics->pids->current },
				       { "limit", metrics->pids->limit } };

	if (data && add_cpu(data, metrics->cpu) == 0 && add_memory(data, metrics->memory) == 0 &&
	    add_io(data, metrics->io) == 0 && add_network(data, metrics) == 0 &&
	    add_numbers(add_object(data, "pids"), pids, ARRAY_SIZE(pids)) == 0)
		return data;
	json_object_put(data);
	return NULL;
}

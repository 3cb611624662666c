/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's figures in the form of cgroups of version 1. */
#include "shim/task/metrics-v1.h"

#include <stdlib.h>

#include "metrics-v1.pb-c.h"
#include "tests/unit/test.h"

static KataLike__MetricsV1__Metrics *convert(
	const KataLike__Agent__V1__StatsContainerResponse *stats)
{
	KataLike__MetricsV1__Metrics *metrics;
	KataLike__Any any;

	assert_int_equal(metrics_v1_pack(stats, &any), 0);
	assert_string_equal(any.type_url, "io.containerd.cgroups.v1.Metrics");
	metrics = kata_like__metrics_v1__metrics__unpack(NULL, any.value.len, any.value.data);
	assert_non_null(metrics);
	free(any.value.data);
	return metrics;
}

static void figures_are_in_the_units_of_version_1(void **state)
{
	KataLike__Agent__V1__StatsContainerResponse stats =
		KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__INIT;
	KataLike__Agent__V1__StatsContainerResponse__Hugetlb
		huge = KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__HUGETLB__INIT,
		*list[] = { &huge };
	KataLike__Agent__V1__StatsContainerResponse__Network
		eth0 = KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__NETWORK__INIT,
		*interfaces[] = { &eth0 };
	KataLike__MetricsV1__Metrics *metrics;

	(void)state;
	stats.cpu_usage_usec = 7;
	stats.memory_usage = 100;
	stats.memory_limit = 1000;
	stats.memory_swap_usage = 5;
	stats.memory_swap_limit = 50;
	stats.memory_file = 60;
	stats.memory_anon = 40;
	stats.pids_current = 3;
	huge.page_size = (char *)"2MB";
	huge.current = 9;
	stats.hugetlb = list;
	stats.n_hugetlb = 1;
	eth0.name = (char *)"eth0";
	eth0.rx_bytes = 11;
	eth0.tx_dropped = 12;
	stats.network = interfaces;
	stats.n_network = 1;
	metrics = convert(&stats);
	assert_int_equal(metrics->cpu->usage->total, 7000);
	assert_int_equal(metrics->memory->usage->usage, 100);
	assert_int_equal(metrics->memory->swap->usage, 105);
	assert_int_equal(metrics->memory->swap->limit, 1050);
	assert_int_equal(metrics->memory->total_cache, 60);
	assert_int_equal(metrics->memory->rss, 40);
	assert_int_equal(metrics->pids->current, 3);
	assert_int_equal(metrics->n_hugetlb, 1);
	assert_string_equal(metrics->hugetlb[0]->pagesize, "2MB");
	assert_int_equal(metrics->n_network, 1);
	assert_string_equal(metrics->network[0]->name, "eth0");
	assert_int_equal(metrics->network[0]->rx_bytes, 11);
	assert_int_equal(metrics->network[0]->tx_dropped, 12);
	kata_like__metrics_v1__metrics__free_unpacked(metrics, NULL);
}

static void what_clients_look_into_is_always_there(void **state)
{
	KataLike__Agent__V1__StatsContainerResponse stats =
		KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__INIT;
	KataLike__MetricsV1__Metrics *metrics;

	(void)state;
	stats.memory_limit = stats.memory_swap_limit = UINT64_MAX;
	metrics = convert(&stats);
	assert_non_null(metrics->cpu->usage);
	assert_non_null(metrics->cpu->throttling);
	assert_non_null(metrics->memory->usage);
	assert_true(metrics->memory->swap->limit == UINT64_MAX);
	kata_like__metrics_v1__metrics__free_unpacked(metrics, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_in_the_units_of_version_1),
		cmocka_unit_test(what_clients_look_into_is_always_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `events`: statistics and out-of-memory kills as JSON lines, as runc prints them, and in the end
 * the container's exit.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/metrics.h"
#include "cli/signals.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "lib/log.h"

#define INTERVAL_DEFAULT_S 5
#define INTERVAL_MAX_S	   86400
#define OOM_INTERVAL_MS	   1000

struct events_options {
	const char *interval;
	bool stats;
};

static const struct option events_table[] = {
	OPTION_FLAG(struct events_options, stats, 0, "stats", "print statistics once and end"),
	OPTION_VALUE(struct events_options, interval, 0, "interval", "SECONDS",
		     "time between two (5s)"),
};

static int print_event(const char *type, const char *id, struct json_object *data)
{
	struct json_object *event = json_object_new_object();
	int r = event ? 0 : -1;

	r = r ? r : json_object_object_add(event, "type", json_object_new_string(type));
	r = r ? r : json_object_object_add(event, "id", json_object_new_string(id));
	if (r == 0 && data)
		r = json_object_object_add(event, "data", json_object_get(data));
	if (r == 0) {
		(void)printf("%s\n", json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN));
		(void)fflush(stdout);
	}
	json_object_put(event);
	return r ? -ENOMEM : 0;
}

/* One line for all kills that were not told yet. */
static int print_oom(const char *id, uint64_t kills, uint64_t *told)
{
	if (kills <= *told)
		return 0;
	*told = kills;
	return print_event("oom", id, NULL);
}

static int report(const struct container *container, uint64_t *oom_kills, bool with_stats,
		  struct err *err)
{
	_cleanup_task_ KataLike__Metrics__Metrics *metrics = NULL;
	struct json_object *data = NULL;
	int r = metrics_ask(container, &metrics, err);

	if (r < 0)
		return r;
	if (metrics->memory_events)
		r = print_oom(container->record.id, metrics->memory_events->oom_kill, oom_kills);
	if (r == 0 && with_stats) {
		data = metrics_to_json(metrics);
		r = data ? print_event("stats", container->record.id, data) : -ENOMEM;
	}
	json_object_put(data);
	return r < 0 ? err_set(err, -r, "events") : 0;
}

struct watch {
	const struct container *container;
	uint64_t oom_kills;
	bool due, ended;
	int result;
};

static void on_timer(void *ctx)
{
	struct watch *watch = ctx;

	watch->due = true;
}

/* {"status":137,"exited_at":"2026-01-02T03:04:05.678901234Z"} */
static struct json_object *describe_exit(const KataLike__Task__WaitResponse *response)
{
	struct json_object *data = json_object_new_object();
	char text[64] = "", whole[96];
	struct tm when;
	time_t seconds = response->exited_at ? response->exited_at->seconds : 0;
	int r = data ? 0 : -1;

	r = r ? r
	      : json_object_object_add(data, "status",
				       json_object_new_int64(response->exit_status));
	if (r == 0 && response->exited_at && gmtime_r(&seconds, &when) &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &when) > 0) {
		(void)snprintf(whole, sizeof(whole), "%s.%09dZ", text,
			       (int)response->exited_at->nanos);
		r = json_object_object_add(data, "exited_at", json_object_new_string(whole));
	}
	if (r == 0)
		return data;
	json_object_put(data);
	return NULL;
}

static void on_exit_told(void *ctx, int result, const KataLike__Task__WaitResponse *response,
			 const struct err *err)
{
	struct watch *watch = ctx;
	struct json_object *data = result == 0 ? describe_exit(response) : NULL;

	(void)err;
	watch->ended = true;
	if (data)
		watch->result = print_oom(watch->container->record.id, response->oom_kills,
					  &watch->oom_kills);
	if (data && watch->result == 0)
		watch->result = print_event("exit", watch->container->record.id, data);
	json_object_put(data);
}

/* Until the container ends or a signal comes; neither is an error. */
static int report_for_ever(struct container *container, uint64_t interval_s, struct err *err)
{
	struct loop_source *timer = NULL;
	struct task_wait *wait = NULL;
	struct watch watch = { .container = container, .due = true };
	uint64_t seconds = 0;
	int r = signals_new(container->loop, &container->signals, err);

	if (r < 0)
		return r;
	r = loop_add_timer(container->loop, on_timer, &watch, &timer);
	if (r == 0)
		r = task_wait_async(container->client, container->record.id, "", on_exit_told,
				    &watch, &wait, err);
	while (r == 0 && !watch.ended && !*signals_noted(container->signals) &&
	       !task_client_is_lost(container->client)) {
		if (watch.due) {
			watch.due = false;
			loop_timer_arm(timer, OOM_INTERVAL_MS);
			/* It may end meanwhile: then that is what is told. */
			if (report(container, &watch.oom_kills, seconds++ % interval_s == 0, err) <
			    0)
				log_debug("no statistics: %s", err_text(err));
			continue;
		}
		r = loop_step(container->loop, -1);
	}
	if (!watch.ended)
		task_wait_forget(wait);
	loop_source_free(timer);
	return r < 0 && r != -ENOENT && r != -ECONNRESET ? r : watch.result;
}

/* "5" or "5s". */
static int parse_interval(const char *text, uint64_t *ret_s, struct err *err)
{
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%s", text);
	if (*digits && digits[strlen(digits) - 1] == 's')
		digits[strlen(digits) - 1] = '\0';
	return value_count("--interval", digits, 1, INTERVAL_MAX_S, ret_s, err);
}

static int run_events(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct events_options *options = values;
	_cleanup_container_ struct container container = CONTAINER_INIT;
	uint64_t interval_s = INTERVAL_DEFAULT_S, oom_kills = UINT64_MAX;
	int r = 0;

	(void)n_args;
	if (options->interval)
		r = parse_interval(options->interval, &interval_s, err);
	if (r == 0)
		r = container_open_live(cli, args[0], &container, err);
	if (r < 0)
		return r;
	if (options->stats)
		return report(&container, &oom_kills, true, err);
	return report_for_ever(&container, interval_s, err);
}

const struct verb verb_events = {
	.name = "events",
	.arguments = "ID",
	.summary = "Print statistics, OOM kills and the exit of a container as JSON lines",
	VERB_OPTIONS(struct events_options, events_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_events,
};

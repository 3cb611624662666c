/* SPDX-License-Identifier: Apache-2.0 */
/* A container's resource usage, asked from its shim. */
#ifndef KATA_LIKE_CLI_METRICS_H
#define KATA_LIKE_CLI_METRICS_H

#include <json-c/json_object.h>

#include "cli/container.h"
#include "metrics.pb-c.h"

/* The caller's, to be freed with task_free(). Its cpu, memory and pids are never NULL. */
int metrics_ask(const struct container *container, KataLike__Metrics__Metrics **ret_metrics,
		struct err *err) _must_check_;

/* The object that runc's `events --stats` prints as "data". NULL when out of memory. */
struct json_object *metrics_to_json(const KataLike__Metrics__Metrics *metrics);

#endif

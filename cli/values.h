/* SPDX-License-Identifier: Apache-2.0 */
/* What options mean: sizes, counts, mounts, signals. Each error names the option and an example. */
#ifndef KATA_LIKE_CLI_VALUES_H
#define KATA_LIKE_CLI_VALUES_H

#include <json-c/json_object.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * A size in bytes, more than 0: digits, then nothing or one of b, k, m, g, t of either case (powers
 * of 1024), which "iB" or "B" may follow. -EINVAL, -ERANGE.
 */
int value_size(const char *option, const char *text, uint64_t *ret_bytes, struct err *err)
	_must_check_;

/* A whole number between min and max. -EINVAL, -ERANGE. */
int value_count(const char *option, const char *text, uint64_t min, uint64_t max,
		uint64_t *ret_count, struct err *err) _must_check_;

/* A number of processors, fractions allowed ("1.5"), in thousandths. More than 0. */
int value_cpus(const char *option, const char *text, uint64_t *ret_millis, struct err *err)
	_must_check_;

/* "TERM", "SIGTERM", "term" or "15", as a number from 1 to 64. */
int value_signal(const char *text, uint32_t *ret_signal, struct err *err) _must_check_;

/*
 * --mount: comma-separated type=bind|tmpfs|…, source= (src=), target= (destination=, dst=), ro
 * (readonly), and further mount options as they are, as an element of config.json's "mounts".
 * A relative bind source is taken from the current directory. -EINVAL, -ENOENT, -ENOMEM.
 */
int value_mount(const char *text, struct json_object **ret_mount, struct err *err) _must_check_;

#endif

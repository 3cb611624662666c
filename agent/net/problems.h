/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be done of a request of many parts: a short list of texts for people. */
#ifndef KATA_LIKE_AGENT_NET_PROBLEMS_H
#define KATA_LIKE_AGENT_NET_PROBLEMS_H

#include "lib/cleanup.h"

#define PROBLEMS_MAX	 16
#define PROBLEM_TEXT_MAX 160

struct problems {
	size_t n;
	char texts[PROBLEMS_MAX][PROBLEM_TEXT_MAX];
};

/* Notes one, with ": strerror(errnum)" behind it; those beyond the room are dropped. */
void problems_add(struct problems *problems, int errnum, const char *fmt, ...) _printf_(3, 4)
	__attribute__((nonnull(3)));

#endif

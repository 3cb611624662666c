/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the guest's agent cannot go on, as it tells before it ends the VM (VSOCK_PORT_LAST_WORDS). It
 * is an explanation and no more: whatever a guest says there, only its end is an end.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_LAST_WORDS_H
#define KATA_LIKE_SHIM_SANDBOX_LAST_WORDS_H

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/sandbox/vsock-link.h"

struct last_words;

/* Listens on the link, which stays the caller's and lives longer. */
int last_words_new(struct loop *loop, struct vsock_link *link, struct last_words **ret_words,
		   struct err *err) _must_check_;
/* NULL is fine. */
void last_words_free(struct last_words *words);

/* What was said last, a single line of bounded length without control characters; "" for nothing.
 */
const char *last_words_text(const struct last_words *words);

#endif

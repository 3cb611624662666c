/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containerd says on standard input at `start`: from 2.3 on BootstrapParams, before that the
 * runtime's options, or nothing. Each can be read as the other, so it is BootstrapParams only if it
 * names the id and the namespace of the command line.
 */
#ifndef KATA_LIKE_SHIM_BOOTSTRAP_H
#define KATA_LIKE_SHIM_BOOTSTRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "shim/options.h"

struct bootstrap {
	bool has_params; /* protocol 3: the answer is JSON */
	bool debug;
	/* "" for what nobody said. */
	char *ttrpc_address, *grpc_address, *binary;
	char *shim_cgroup;
};

/* Reads standard input to its end, unless that is a terminal, and the environment. */
int bootstrap_read(const struct options *options, struct bootstrap *ret_bootstrap, struct err *err)
	_must_check_;
/* The same from bytes. */
int bootstrap_parse(const struct options *options, const uint8_t *data, size_t len_bytes,
		    struct bootstrap *ret_bootstrap, struct err *err) _must_check_;
void bootstrap_fini(struct bootstrap *bootstrap);

#endif

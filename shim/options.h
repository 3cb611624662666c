/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's command line, as containerd's shim v2 contract gives it. */
#ifndef KATA_LIKE_SHIM_OPTIONS_H
#define KATA_LIKE_SHIM_OPTIONS_H

#include <stdbool.h>

#include "lib/err.h"

enum options_action {
	OPTIONS_ACTION_START,
	OPTIONS_ACTION_DELETE,
	OPTIONS_ACTION_INFO,	/* -info */
	OPTIONS_ACTION_VERSION, /* -v, -version */
};

/* Strings point into argv; those not given are "". */
struct options {
	enum options_action action;
	const char *namespace; /* "default" when absent */
	const char *address;   /* containerd's socket; empty: our own command line started us */
	const char *publish_binary;
	const char *id;
	const char *bundle; /* of delete; start has it as its working directory */
	bool debug;
};

/*
 * Reads argv: flags in any of Go's forms (-k v, -k=v, --k v, --k=v), then one action word. start
 * and delete need a valid -id. -EINVAL names the argument at fault.
 */
int options_parse(int argc, char **argv, struct options *ret_options, struct err *err) _must_check_;

#endif

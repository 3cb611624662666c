/* SPDX-License-Identifier: Apache-2.0 */
/* The VMM's command line, parsed and checked as far as that goes without opening anything. */
#ifndef KATA_LIKE_VMM_OPTIONS_H
#define KATA_LIKE_VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "vmm/vm.h"

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

struct options_disk {
	char *file;	/* owned */
	const char *id; /* within file's memory, or "" */
	bool read_only;
};

struct options_fs {
	char *file;	 /* owned */
	const char *tag; /* within file's memory */
};

struct options_net {
	char *text;			  /* owned; the files point into it */
	const char *files[NET_PAIRS_MAX]; /* "fd:N" each */
	struct net_config config;	  /* but for the descriptors, which are as many as files */
};

/* Files are as given: a path, or "fd:N". Strings are argv's. NULL: not given. */
struct options {
	enum options_action action;
	bool json;
	const char *kernel, *initrd, *template, *cmdline, *kvm, *control, *console, *vsock,
		*vsock_uds, *log;
	enum log_level log_level;
	unsigned cpus;
	uint64_t memory_bytes;
	struct options_disk disks[VM_DISKS_MAX];
	size_t n_disks;
	struct options_fs fs[VM_FS_MAX];
	size_t n_fs;
	struct options_net nets[VM_NETS_MAX];
	size_t n_nets;
	const char *descriptors;
	bool shared_memory;
	bool rng, pvpanic;
	enum cpu_model cpu_model;
	uid_t jail_user; /* 0: not given */
	bool no_jail;
};

/* -EINVAL with a message that names the option. Free with options_fini() in either case. */
int options_parse(int argc, char *const argv[], struct options *ret_options, struct err *err)
	_must_check_;
void options_fini(struct options *options);

void options_help(FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to a created container: record, bundle, shim, Create. `run` and `create` are
 * built on it. Whatever fails in between, and whatever signal comes, launch_undo() takes all of it
 * back.
 */
#ifndef KATA_LIKE_CLI_LAUNCH_H
#define KATA_LIKE_CLI_LAUNCH_H

#include <json-c/json_object.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/record.h"
#include "cli/signals.h"
#include "lib/loop.h"

/* Where a container comes from, and the virtual machine it gets: options of `run` and `create`. */
struct launch_options {
	const char *name, *pod, *kernel, *initrd, *cmdline, *cpus, *memory;
	bool console;
};

#define LAUNCH_OPTION_ROWS(t, field)                                                              \
	OPTION_VALUE(t, field.pod, 0, "pod", "ID", "join the virtual machine of container ID"),   \
		OPTION_VALUE(t, field.cpus, 0, "cpus", "N", "processors of the virtual machine"), \
		OPTION_VALUE(t, field.memory, 'm', "memory", "SIZE",                              \
			     "its memory, such as 256M or 2G"),                                   \
		OPTION_VALUE(t, field.kernel, 0, "kernel", "FILE",                                \
			     "its kernel, a vmlinux or a bzImage"),                               \
		OPTION_VALUE(t, field.initrd, 0, "initrd", "FILE",                                \
			     "its initramfs, with the agent in it"),                              \
		OPTION_VALUE(t, field.cmdline, 0, "cmdline", "TEXT",                              \
			     "added to the kernel's command line"),                               \
		OPTION_FLAG(t, field.console, 0, "console",                                       \
			    "give it a serial console, shown by `kata-like logs`")

/* The network that the container gets (cli/network.h), as far as the shim makes it. */
#define LAUNCH_PUBLISH_MAX 1024
struct launch_network {
	const char *model;		  /* NULL: as configured */
	const char *user;		  /* "true", or a program; NULL: no such network */
	char publish[LAUNCH_PUBLISH_MAX]; /* "8080:80/tcp,…" */
};

struct launch {
	const struct cli *cli;
	const struct launch_options *options;
	struct loop *loop;
	struct signals *signals;
	struct record record;
	struct launch_network network;
	struct task_client *client;
};

#define LAUNCH_INIT ((struct launch){ .record = { .folder_fd = -1 } })

/* Paths or URIs as Create takes them; "" for none. */
struct launch_streams {
	bool terminal;
	const char *in, *out, *err;
};

/* Looks at the options' values, and puts into config which pod the container belongs to. */
int launch_annotate(const struct launch_options *options, struct json_object *config,
		    struct err *err) _must_check_;

/* Whether /dev/kvm can be opened at all; the error says who can tell more. */
int launch_check_kvm(struct err *err) _must_check_;

/* Takes signals, and makes the record; name NULL makes up an id. options are borrowed. */
int launch_begin(struct launch *launch, const struct cli *cli, const char *name,
		 const struct launch_options *options, struct err *err) _must_check_;
/* Writes the record's bundle. */
int launch_write_config(const struct launch *launch, struct json_object *config, struct err *err)
	_must_check_;
/* Starts the shim and creates the container. -EINTR when a signal asked to end. */
int launch_create(struct launch *launch, const struct launch_streams *streams, struct err *err)
	_must_check_;
int launch_start(struct launch *launch, struct err *err) _must_check_;

/*
 * Ends whatever is there of it and removes the record. What cannot be undone is logged, and why the
 * sandbox ended, unless told, the error that was printed, says so (NULL: nothing was).
 */
void launch_undo(struct launch *launch, const char *told);
void launch_fini(struct launch *launch);

static inline void cleanup_launch(struct launch *launch)
{
	launch_fini(launch);
}
#define _cleanup_launch_ _cleanup_(cleanup_launch)

#endif

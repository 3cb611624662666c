/* SPDX-License-Identifier: Apache-2.0 */
/* An existing container: its record, its shim when one answers, and its state. */
#ifndef KATA_LIKE_CLI_CONTAINER_H
#define KATA_LIKE_CLI_CONTAINER_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/ending.h"
#include "cli/record.h"
#include "cli/signals.h"
#include "lib/loop.h"

enum container_status {
	CONTAINER_CREATING, /* someone is at it */
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
	CONTAINER_DEAD, /* its shim has died and left it */
};

struct container {
	const struct cli *cli;
	struct loop *loop;
	struct signals *signals; /* NULL unless taken by the verb */
	struct record record;
	struct task_client *client; /* NULL when no shim answers */

	enum container_status status;
	uint32_t pid; /* of the VMM; 0 when stopped or dead */
	bool terminal;
	char bundle[PATHS_MAX];
	struct record_exit exit_record; /* when stopped */
};

#define CONTAINER_INIT ((struct container){ .record = { .folder_fd = -1 } })

/* Finds a container and asks for its state. -ENOENT. */
int container_open(const struct cli *cli, const char *id, struct container *ret_container,
		   struct err *err) _must_check_;
/* The same, and -ESRCH with a text that says its status when no shim answers for it. */
int container_open_live(const struct cli *cli, const char *id, struct container *ret_container,
			struct err *err) _must_check_;
void container_fini(struct container *container);

/* "running", "stopped", … as the runtime specification has them, and "dead". */
const char *container_status_name(enum container_status status);

/* What the verbs that end it work on. */
struct ending container_ending(const struct container *container);

/* Its config.json with an absolute root. The caller's. */
int container_config(const struct container *container, struct json_object **ret_config,
		     struct err *err) _must_check_;

static inline void cleanup_container(struct container *container)
{
	container_fini(container);
}
#define _cleanup_container_ _cleanup_(cleanup_container)

#endif

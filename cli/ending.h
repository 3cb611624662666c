/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How containers end, for every verb that ends one: the task is deleted, the sandbox shut down when
 * it was the last container in it, and the record removed or kept. Only one process at a time ends
 * a container; for who comes too late there is nothing to do, which is no error.
 *
 * 1 comes back when the container is ended as asked, but a stream or the status of its process was
 * lost on its way, which has been printed.
 */
#ifndef KATA_LIKE_CLI_ENDING_H
#define KATA_LIKE_CLI_ENDING_H

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/record.h"
#include "lib/loop.h"

struct ending {
	const struct cli *cli;
	struct loop *loop;
	const struct record *record;
	struct task_client *client; /* NULL when no shim answers */
};

/* Removes a stopped container and its record. -EBUSY when it runs. */
int ending_remove(const struct ending *ending, struct err *err) _must_check_;

/* The same for one in whatever state, also half-made, also with a shim that is dead or hangs. */
int ending_force(const struct ending *ending, struct err *err) _must_check_;

/*
 * Removes a stopped container and its virtual machine, and keeps the record with its logs and exit
 * status. A pod's first container is left to its shim while it has other members.
 */
int ending_keep(const struct ending *ending, const struct record_exit *exit_record, struct err *err)
	_must_check_;

/*
 * Waits while another process ends the container; returns at once when none does. -ETIMEDOUT when
 * that one does not get on. One that was killed or failed half-way may have left a record that has
 * to be looked for again.
 */
int ending_wait_for_other(const char *namespace, const char *id, struct err *err) _must_check_;

/*
 * Prints why the sandbox ended, when it did not end by itself and told, which is what has been
 * printed already (or NULL), does not say it.
 */
void ending_report_failure(const struct record *record, const char *told);

#endif

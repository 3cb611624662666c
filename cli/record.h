/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's record: its folder STATE/<namespace>/<id>, as lib/paths.h draws it. While a shim
 *lives the folder is shared with it, and the shim's Shutdown removes it. What the command line
 *adds:
 *
 *	bundle/config.json	what the container was made from
 *	output.log		what a detached container wrote
 *	exit.json		how it ended: the record of a container that has no shim any more
 *
 * The folder is locked (flock(2), shared) by whoever is creating or attending the container, so
 *that a folder without a shim is known to be under construction or left by a crash.
 */
#ifndef KATA_LIKE_CLI_RECORD_H
#define KATA_LIKE_CLI_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/paths.h"

#define RECORD_ID_MAX 80

struct record {
	char namespace[RECORD_ID_MAX];
	char id[RECORD_ID_MAX];
	char folder[PATHS_MAX];
	int folder_fd; /* the very folder that was made or is held; -1: whatever has the name */
};

#define RECORD_INIT ((struct record){ .folder_fd = -1 })

struct record_exit {
	uint32_t status;     /* 128 + n for a signal */
	int64_t exited_at_s; /* since the epoch */
	uint32_t exited_at_ns;
};

/* A new, locked folder with an empty bundle/ in it. -EEXIST when the id is taken, -EINVAL. */
int record_create(const char *namespace, const char *id, struct record *ret_record, struct err *err)
	_must_check_;
/* An existing one, not locked. -ENOENT. */
int record_open(const char *namespace, const char *id, struct record *ret_record, struct err *err)
	_must_check_;
/* Lets go of the lock. */
void record_fini(struct record *record);

/* Whether another process holds the lock. */
bool record_is_attended(const struct record *record);
/* Holds on to the folder that has the name now: another of that name is not taken for it. */
int record_hold(struct record *record, struct err *err) _must_check_;

/* A file in the folder. */
int record_path(const struct record *record, const char *file, char *ret_path, struct err *err)
	_must_check_;
/* The shim's address; -ENOENT when there is none (yet). ret_address: PATHS_MAX bytes. */
int record_address(const struct record *record, char *ret_address, struct err *err) _must_check_;
int record_set_address(const struct record *record, const char *address, struct err *err)
	_must_check_;
/* Whether another container's record has the same address: the members of a pod. */
bool record_shares_shim(const struct record *record, const char *address);

/* exit.json; reading gives -ENOENT when there is none. */
int record_read_exit(const struct record *record, struct record_exit *ret_exit, struct err *err)
	_must_check_;

/*
 * Before the shim removes the folder: puts its logs and config.json aside, under other names of the
 * same files, with exit.json. record_restore() brings them back. All that needs space comes first:
 * where that fails nothing has changed.
 */
int record_put_aside(const struct record *record, const struct record_exit *exit_record,
		     struct err *err) _must_check_;
/* In between: what the record is to tell (ending_report_failure()) of how the container ended. */
int record_note_failure(const struct record *record, const char *text, struct err *err)
	_must_check_;
int record_restore(const struct record *record, struct err *err) _must_check_;
/* The same for one who did not live to do it: while nobody else is at it. */
int record_recover(const char *namespace, const char *id, struct err *err) _must_check_;

/* Removes the folder and, when it is the last, the namespace's. 0 also when it is gone already. */
int record_remove(const struct record *record, struct err *err) _must_check_;

/* The ids in a namespace, sorted; a NULL-ended array that is the caller's, with its texts. */
int record_list(const char *namespace, char ***ret_ids, size_t *ret_n, struct err *err)
	_must_check_;
void record_list_free(char **ids);

static inline void cleanup_record(struct record *record)
{
	record_fini(record);
}
#define _cleanup_record_ _cleanup_(cleanup_record)

#endif

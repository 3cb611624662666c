/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in a container that has our attention, from its start to its end: streams, terminal,
 * signals and exit status. `run` and `exec` are built on it.
 *
 * While it runs: signals go to the process; Ctrl-C pressed three times kills it; a changed window
 * size goes to its terminal; the end of our stdin becomes CloseIO; when nobody reads our stdout any
 * more the process gets SIGPIPE, and SIGKILL two seconds later.
 */
#ifndef KATA_LIKE_CLI_SESSION_H
#define KATA_LIKE_CLI_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/signals.h"
#include "lib/loop.h"

struct session;

struct session_config {
	struct loop *loop;
	struct signals *signals;
	const char *id, *exec_id; /* borrowed; exec_id "" for the container's init */
	const char *folder;	  /* for the FIFOs */
	bool terminal, interactive;
};

struct session_result {
	uint32_t status;
	int64_t exited_at_s;
	uint32_t exited_at_ns;
};

/* Makes the streams, so that their paths can go into Create or Exec. */
int session_new(const struct session_config *config, struct session **ret_session, struct err *err)
	_must_check_;
/* Puts the terminal back and removes the FIFOs; before the client that watches is freed. */
void session_free(struct session *session);

const char *session_stdin(const struct session *session);
const char *session_stdout(const struct session *session);
const char *session_stderr(const struct session *session);

/* Between Create or Exec and Start: asks for the end of the process, so that it cannot be missed.
 */
int session_watch(struct session *session, struct task_client *client, struct err *err)
	_must_check_;
/* After Start: runs until the process has ended and its output is written. */
int session_run(struct session *session, struct session_result *ret_result, struct err *err)
	_must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The action `delete`. */
#include "shim/delete.h"

#include <errno.h>
#include <time.h>

#include "lib/fd.h"
#include "shim/pod.h"
#include "shim/sandbox/process.h"
#include "shim/state.h"
#include "task.pb-c.h"

static int print_response(struct err *err)
{
	KataLike__Task__DeleteResponse response = KATA_LIKE__TASK__DELETE_RESPONSE__INIT;
	KataLike__Timestamp exited_at = KATA_LIKE__TIMESTAMP__INIT;
	uint8_t packed[64];
	struct timespec now;
	size_t len;
	int r;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return err_set(err, errno, "cannot read the clock");
	exited_at.seconds = now.tv_sec;
	exited_at.nanos = (int32_t)now.tv_nsec;
	response.exit_status = PROCESS_STATUS_KILLED;
	response.exited_at = &exited_at;
	if (kata_like__task__delete_response__get_packed_size(&response) > sizeof(packed))
		return err_say(err, EMSGSIZE, "the answer does not fit");
	len = kata_like__task__delete_response__pack(&response, packed);
	r = fd_write_full(STDOUT_FILENO, packed, len);
	return r < 0 ? err_set(err, -r, "cannot write the answer") : 0;
}

static int clean_up(const struct state *state, struct err *err)
{
	_cleanup_fd_ int lock = -1;
	int r;

	if (access(state->dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = paths_check_sandbox(state->namespace, state->id, err);
	if (r == 0)
		r = state_lock(state, &lock, err);
	if (r < 0 || state_shim_lives(state))
		return r;
	r = state_clear(state, err);
	return r < 0 ? r : state_remove(state, err);
}

int delete_run(const struct options *options, struct err *err)
{
	struct state state;
	char id[128];
	/* A member of a pod has the pod's shim, which outlives it. */
	int r = pod_find(*options->bundle ? options->bundle : ".", options->id, id, sizeof(id),
			 err);

	if (r == 0)
		r = state_locate(options->namespace, id, options->address, &state, err);
	if (r == 0)
		r = clean_up(&state, err);
	return r < 0 ? r : print_response(err);
}

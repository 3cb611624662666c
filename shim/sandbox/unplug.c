/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container had goes from the VM and from the shared folder:
 *
 *	(turn) -> each disk: the guest lets go, the VMM takes it -> the guest lets go of what was
 *	shared -> (job) it is unmounted -> done
 *
 * A failure on the way is logged, and the rest goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent.pb-c.h"
#include "common.pb-c.h"
#include "lib/log.h"
#include "shim/sandbox/storage-private.h"
#include "shim/sandbox/vmm-process.h"
#include "vmm.pb-c.h"

#define CALL_TIMEOUT_MS 10000
/* The guest's kernel unmounts a moment after the last process of a container has ended. */
#define BUSY_TRIES	 100
#define BUSY_INTERVAL_MS 50

struct release {
	struct release *next;
	struct storage *storage;
	struct storage_user *user;
	struct turn *turn;
	struct job *job;
	struct loop_source *timer;
	size_t at; /* the user's disk whose turn it is */
	char address[STORAGE_ADDRESS_MAX];
	int tries;
	uint32_t numbers[PLAN_ITEMS_MAX]; /* shares to be taken away */
	size_t n_numbers;
	unsigned int calls; /* under way: the release is then freed by the last one's answer */
	bool abandoned;
	loop_fn *done;
	void *ctx;
};

static void release_disks(struct release *release);

static void release_free(struct release *release)
{
	loop_source_free(release->timer);
	storage_free_user(release->user);
	free(release);
}

static void release_end(struct release *release)
{
	loop_fn *done = release->done;
	void *ctx = release->ctx;

	for (struct release **at = &release->storage->releases; *at; at = &(*at)->next) {
		if (*at == release) {
			*at = release->next;
			break;
		}
	}
	job_cancel(TAKE_PTR(release->job));
	turn_end(TAKE_PTR(release->turn));
	if (release->calls > 0)
		release->abandoned = true;
	else
		release_free(release);
	if (done)
		done(ctx);
}

/* True if the answer is still of interest. */
static bool answered(struct release *release)
{
	release->calls--;
	if (!release->abandoned)
		return true;
	if (release->calls == 0)
		release_free(release);
	return false;
}

static void unshared(void *ctx, const struct err *err, struct job_output *output)
{
	struct release *release = ctx;

	(void)output;
	release->job = NULL;
	if (err->code != 0)
		log_warn("%s", err_text(err));
	release_end(release);
}

static void unshare_numbers(struct release *release)
{
	struct storage *storage = release->storage;
	const struct unshare_input input = { .state_dir = storage->state->dir,
					     .numbers = release->numbers,
					     .n_numbers = release->n_numbers };
	struct err err = ERR_INIT;

	if (job_start_with(storage->loop, prepare_unshare, &input, storage->ns_fd, unshared,
			   release, &release->job, &err) == 0)
		return;
	log_warn("%s", err_text(&err));
	release_end(release);
}

static void guest_let_go_of_shares(void *ctx, const struct ttrpc_status *status,
				   const ProtobufCMessage *response)
{
	struct release *release = ctx;

	(void)response;
	if (!answered(release))
		return;
	if (status->code != TTRPC_OK)
		log_warn("the guest cannot let go of shared files: %s", status->message);
	unshare_numbers(release);
}

/* Nobody finds it any more, so nobody comes to use it while it goes. */
static void take_unused_shares(struct release *release)
{
	struct storage *storage = release->storage;

	for (size_t i = 0; i < storage->n_shares;) {
		uint32_t number = storage->shares[i].number;

		if (storage_share_is_used(storage, number) ||
		    release->n_numbers == PLAN_ITEMS_MAX) {
			i++;
			continue;
		}
		release->numbers[release->n_numbers++] = number;
		storage_forget_share(storage, i);
	}
}

static void release_shares(struct release *release)
{
	KataLike__Agent__V1__ReleaseSharedRequest request =
		KATA_LIKE__AGENT__V1__RELEASE_SHARED_REQUEST__INIT;
	char names[PLAN_ITEMS_MAX][12];
	char *paths[PLAN_ITEMS_MAX];

	take_unused_shares(release);
	if (release->n_numbers == 0) {
		release_end(release);
		return;
	}
	for (size_t i = 0; i < release->n_numbers; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%" PRIu32, release->numbers[i]);
		paths[i] = names[i];
	}
	request.paths = paths;
	request.n_paths = release->n_numbers;
	release->calls++;
	agent_client_call(sandbox_agent(release->storage->sandbox), "ReleaseShared",
			  &kata_like__empty__descriptor, &request.base, CALL_TIMEOUT_MS,
			  guest_let_go_of_shares, release);
}

static void next_disk(struct release *release)
{
	release->at++;
	release->tries = 0;
	release_disks(release);
}

static void disk_removed(void *ctx, const struct ttrpc_status *status,
			 const ProtobufCMessage *response)
{
	struct release *release = ctx;
	struct storage *storage = release->storage;

	(void)response;
	if (!answered(release))
		return;
	if (status->code != TTRPC_OK)
		log_warn("the VMM cannot take away the disk at %s: %s", release->address,
			 status->message);
	for (size_t i = 0; i < storage->n_disks; i++)
		if (strcmp(storage->disks[i].address, release->address) == 0)
			storage_forget_disk(storage, i);
	next_disk(release);
}

static void remove_from_vmm(struct release *release)
{
	KataLike__Vmm__V1__RemoveDeviceRequest request =
		KATA_LIKE__VMM__V1__REMOVE_DEVICE_REQUEST__INIT;
	struct err err = ERR_INIT;

	request.address = release->address;
	release->calls++;
	if (vmm_process_call(sandbox_vmm(release->storage->sandbox), "RemoveDevice",
			     &kata_like__empty__descriptor, &request.base, CALL_TIMEOUT_MS,
			     disk_removed, release, &err) == 0)
		return;
	release->calls--;
	log_warn("cannot take away the disk at %s: %s", release->address, err_text(&err));
	next_disk(release);
}

static void guest_let_go_of_disk(void *ctx, const struct ttrpc_status *status,
				 const ProtobufCMessage *response)
{
	struct release *release = ctx;

	(void)response;
	if (!answered(release))
		return;
	if (status->code == TTRPC_OK) {
		remove_from_vmm(release);
	} else if (status->code == TTRPC_FAILED_PRECONDITION && ++release->tries < BUSY_TRIES) {
		loop_timer_arm(release->timer, BUSY_INTERVAL_MS);
	} else {
		log_warn("the guest cannot let go of the disk at %s: %s", release->address,
			 status->message);
		next_disk(release);
	}
}

static void ask_guest_for_disk(void *ctx)
{
	struct release *release = ctx;
	KataLike__Agent__V1__RemoveDeviceRequest request =
		KATA_LIKE__AGENT__V1__REMOVE_DEVICE_REQUEST__INIT;

	request.address = release->address;
	release->calls++;
	agent_client_call(sandbox_agent(release->storage->sandbox), "RemoveDevice",
			  &kata_like__empty__descriptor, &request.base, CALL_TIMEOUT_MS,
			  guest_let_go_of_disk, release);
}

/* The index of the user's disk if it is to go: not used by others, and of those that can go. */
static bool goes(const struct release *release, size_t at, size_t *ret_i)
{
	const struct storage *storage = release->storage;
	const char *serial = release->user->serials[at];

	for (size_t i = 0; i < storage->n_disks; i++) {
		const struct storage_disk *disk = &storage->disks[i];

		if (strcmp(disk->disk.serial, serial) != 0)
			continue;
		*ret_i = i;
		return !storage_disk_is_used(storage, serial) && (*disk->address || !disk->in_vm);
	}
	return false;
}

static void release_disks(struct release *release)
{
	struct storage *storage = release->storage;
	size_t i = 0;

	for (; release->at < release->user->n_disks; release->at++) {
		if (!goes(release, release->at, &i))
			continue;
		if (storage->disks[i].in_vm) {
			memcpy(release->address, storage->disks[i].address,
			       sizeof(release->address));
			ask_guest_for_disk(release);
			return;
		}
		storage_forget_disk(storage, i);
	}
	release_shares(release);
}

/* Nothing that only this user has is in the VM or in the folder. */
static bool has_nothing(const struct release *release)
{
	const struct storage *storage = release->storage;
	size_t i;

	for (size_t at = 0; at < release->user->n_disks; at++)
		if (goes(release, at, &i))
			return false;
	for (i = 0; i < storage->n_shares; i++)
		if (!storage_share_is_used(storage, storage->shares[i].number))
			return false;
	return true;
}

static void turn_has_come(void *ctx)
{
	struct release *release = ctx;

	if (sandbox_state(release->storage->sandbox) != SANDBOX_READY)
		release_end(release);
	else
		release_disks(release);
}

void storage_release(struct storage *storage, const char *container_id, loop_fn *done, void *ctx)
{
	struct release *release = calloc(1, sizeof(*release));
	struct storage_user *user = storage_take_user(storage, container_id);

	if (!release || !user) {
		free(release);
		storage_free_user(user);
		if (done)
			done(ctx);
		return;
	}
	*release = (struct release){ .storage = storage, .user = user, .done = done, .ctx = ctx };
	release->next = storage->releases;
	storage->releases = release;
	if (sandbox_state(storage->sandbox) != SANDBOX_READY || has_nothing(release) ||
	    loop_add_timer(storage->loop, ask_guest_for_disk, release, &release->timer) < 0) {
		release_end(release);
		return;
	}
	release->turn = turns_take(&storage->turns, turn_has_come, release);
	if (!release->turn)
		release_end(release);
}

void storage_abandon(struct storage *storage)
{
	while (storage->releases)
		release_end(storage->releases);
}

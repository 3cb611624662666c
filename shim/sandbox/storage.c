/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's containers have of the host.
 *
 * Tables say what there is (disks, shares) and who uses it (one struct user a container); a thing
 * without a user is taken back. Whatever changes the VM's devices happens in a turn.
 */
#include "shim/sandbox/storage.h"

#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "proto/shared-folder.h"
#include "shim/pidfile.h"
#include "shim/rootfs/file-server.h"
#include "shim/sandbox/storage-private.h"

int storage_new(struct loop *loop, const struct state *state, const struct place *place,
		struct sandbox *sandbox, struct storage **ret_storage, struct err *err)
{
	struct storage *storage = calloc(1, sizeof(*storage));

	if (!storage)
		return err_set(err, ENOMEM, "cannot keep track of storage");
	*storage = (struct storage){
		.loop = loop,
		.state = state,
		.place = place,
		.sandbox = sandbox,
		.turns = { .loop = loop },
		.ns_fd = -1,
	};
	sandbox_take_turns(sandbox, &storage->turns);
	*ret_storage = storage;
	return 0;
}

void storage_end(struct storage *storage)
{
	storage_cancel(storage);
	storage_abandon(storage);
	file_server_free(TAKE_PTR(storage->server));
	if (storage->ns_fd >= 0)
		close(TAKE_FD(storage->ns_fd));
}

void storage_free(struct storage *storage)
{
	if (!storage)
		return;
	storage_end(storage);
	for (size_t i = 0; i < storage->n_disks; i++)
		if (storage->disks[i].disk.fd >= 0)
			close(storage->disks[i].disk.fd);
	while (storage->users)
		storage_free_user(storage_take_user(storage, storage->users->container_id));
	free(storage->shares);
	free(storage);
}

struct turn *storage_take_turn(struct storage *storage, loop_fn *fn, void *ctx)
{
	return turns_take(&storage->turns, fn, ctx);
}

struct storage_user *storage_take_user(struct storage *storage, const char *container_id)
{
	for (struct storage_user **at = &storage->users; *at; at = &(*at)->next) {
		struct storage_user *user = *at;

		if (strcmp(user->container_id, container_id) != 0)
			continue;
		*at = user->next;
		return user;
	}
	return NULL;
}

void storage_free_user(struct storage_user *user)
{
	if (!user)
		return;
	free(user->container_id);
	free(user);
}

static bool has_serial(const struct storage_user *user, const char *serial)
{
	for (size_t i = 0; i < user->n_disks; i++)
		if (strcmp(user->serials[i], serial) == 0)
			return true;
	return false;
}

static bool has_number(const struct storage_user *user, uint32_t number)
{
	for (size_t i = 0; i < user->n_shares; i++)
		if (user->numbers[i] == number)
			return true;
	return false;
}

bool storage_disk_is_used(const struct storage *storage, const char *serial)
{
	for (const struct storage_user *user = storage->users; user; user = user->next)
		if (has_serial(user, serial))
			return true;
	return false;
}

bool storage_share_is_used(const struct storage *storage, uint32_t number)
{
	for (const struct storage_user *user = storage->users; user; user = user->next)
		if (has_number(user, number))
			return true;
	return false;
}

void storage_forget_disk(struct storage *storage, size_t i)
{
	if (storage->disks[i].disk.fd >= 0)
		close(storage->disks[i].disk.fd);
	storage->disks[i] = storage->disks[--storage->n_disks];
}

void storage_forget_share(struct storage *storage, size_t i)
{
	storage->shares[i] = storage->shares[--storage->n_shares];
}

static struct storage_disk *find_disk(struct storage *storage, const char *serial)
{
	for (size_t i = 0; i < storage->n_disks; i++)
		if (strcmp(storage->disks[i].disk.serial, serial) == 0)
			return &storage->disks[i];
	return NULL;
}

/* One more of a disk that is there already is closed. */
static int adopt_disk(struct storage *storage, const struct disk *disk, struct err *err)
{
	if (find_disk(storage, disk->serial)) {
		close(disk->fd);
		return 0;
	}
	if (storage->n_disks == SANDBOX_DISKS_MAX) {
		close(disk->fd);
		return err_say(err, E2BIG, "more than %d disks in one pod", SANDBOX_DISKS_MAX);
	}
	storage->disks[storage->n_disks++] = (struct storage_disk){ .disk = *disk };
	return 0;
}

static int adopt_share(struct storage *storage, const struct prepared_share *share, struct err *err)
{
	struct prepared_share *grown;

	storage->next_number = MAX(storage->next_number, share->number + 1);
	if (!share->fresh)
		return 0;
	grown = reallocarray(storage->shares, storage->n_shares + 1, sizeof(*grown));
	if (!grown)
		return err_set(err, ENOMEM, "cannot keep track of what is shared");
	storage->shares = grown;
	grown[storage->n_shares++] = *share;
	return 0;
}

static void note_user(struct storage *storage, struct storage_user *user,
		      const struct prepared *prepared)
{
	for (size_t i = 0; i < prepared->n_disks; i++)
		(void)snprintf(user->serials[user->n_disks++], sizeof(user->serials[0]), "%s",
			       prepared->disks[i].serial);
	for (size_t i = 0; i < prepared->n_shares; i++)
		user->numbers[user->n_shares++] = prepared->shares[i].number;
	user->next = storage->users;
	storage->users = user;
}

/* The job's descriptors: the disks' in their order, then the namespace's. */
static int adopt(struct storage *storage, struct job_output *output, struct prepared *prepared,
		 struct err *err)
{
	struct storage_user *user = TAKE_PTR(storage->preparing);
	int r = 0;

	if (prepared->made_folder)
		storage->ns_fd = output->fds[prepared->n_disks];
	note_user(storage, user, prepared);
	for (size_t i = 0; i < prepared->n_disks; i++) {
		int failed;

		prepared->disks[i].fd = output->fds[i];
		failed = adopt_disk(storage, &prepared->disks[i], r == 0 ? err : NULL);
		prepared->disks[i].fd = -1;
		r = r < 0 ? r : failed;
	}
	for (size_t i = 0; i < prepared->n_shares; i++) {
		int failed = adopt_share(storage, &prepared->shares[i], r == 0 ? err : NULL);

		r = r < 0 ? r : failed;
	}
	return r;
}

static void prepared(void *ctx, const struct err *failure, struct job_output *output)
{
	struct storage *storage = ctx;
	storage_done_fn *done = storage->done;
	struct err err = *failure;

	storage->job = NULL;
	if (!output) {
		storage_free_user(TAKE_PTR(storage->preparing));
	} else {
		memcpy(storage->ret_prepared, output->record, sizeof(*storage->ret_prepared));
		if (adopt(storage, output, storage->ret_prepared, &err) == 0)
			err = ERR_INIT;
	}
	done(storage->done_ctx, &err);
}

static struct storage_user *new_user(const char *container_id)
{
	struct storage_user *user = calloc(1, sizeof(*user));

	if (user)
		user->container_id = strdup(container_id);
	if (user && user->container_id)
		return user;
	free(user);
	return NULL;
}

int storage_prepare(struct storage *storage, const char *container_id, const struct plan *plan,
		    KataLike__Task__Mount *const *mounts, size_t n_mounts,
		    struct prepared *ret_prepared, storage_done_fn *done, void *ctx,
		    struct err *err)
{
	struct prepare_input input = {
		.plan = plan,
		.mounts = mounts,
		.n_mounts = n_mounts,
		.state_dir = storage->state->dir,
		.has_folder = storage->ns_fd >= 0,
		.known = storage->shares,
		.n_known = storage->n_shares,
		.next_number = storage->next_number,
	};
	int r;

	storage->preparing = new_user(container_id);
	if (!storage->preparing)
		return err_set(err, ENOMEM, "cannot keep track of storage");
	storage->ret_prepared = ret_prepared;
	storage->done = done;
	storage->done_ctx = ctx;
	r = job_start_with(storage->loop, prepare_run, &input, storage->ns_fd, prepared, storage,
			   &storage->job, err);
	if (r < 0)
		storage_free_user(TAKE_PTR(storage->preparing));
	return r;
}

void storage_cancel(struct storage *storage)
{
	job_cancel(TAKE_PTR(storage->job));
	storage_free_user(TAKE_PTR(storage->preparing));
}

static void server_ended(void *ctx, const char *reason)
{
	struct storage *storage = ctx;
	struct err err = ERR_INIT;
	char path[PATHS_MAX];

	if (state_file(storage->state, "virtiofsd.pid", path, NULL) == 0)
		(void)unlink(path);
	log_debug("the file server has ended (%s)", reason);
	/* It follows the VM. */
	if (strcmp(reason, "status 0") == 0)
		return;
	/* Open files cannot be brought back, and what waits for them would wait for ever. */
	(void)err_say(&err, ECONNRESET,
		      "the file server has ended (%s), and with it the containers' files; "
		      "virtiofsd.log may say why",
		      reason);
	sandbox_fail(storage->sandbox, &err);
}

int storage_start_server(struct storage *storage, int *ret_fd, struct err *err)
{
	const struct file_server_config config = { .ns_fd = storage->ns_fd,
						   .cgroup_fd = storage->place->cgroup_fd,
						   .program = storage->program,
						   .state_dir = storage->state->dir };
	char path[PATHS_MAX];
	int r;

	/* One that a boot or a plugging failed with is of no use any more. */
	file_server_free(TAKE_PTR(storage->server));
	r = file_server_new(storage->loop, &config, server_ended, storage, &storage->server, ret_fd,
			    err);
	if (r == 0)
		r = state_file(storage->state, "virtiofsd.pid", path, err);
	return r == 0 ? pidfile_write(path, file_server_pid(storage->server), err) : r;
}

int storage_boot(struct storage *storage, const struct settings *settings,
		 struct sandbox_parts *ret_parts, struct err *err)
{
	int r = 0;

	*ret_parts = (struct sandbox_parts){ .fs_fd = -1, .cgroup_fd = storage->place->cgroup_fd };
	(void)snprintf(storage->program, sizeof(storage->program), "%s",
		       settings_text(settings, SETTING_FILE_SERVER));
	/*
	 * It costs the guest large pages, so only where it is needed: by what shares files, and by
	 * what members may come to, which under containerd is every container.
	 */
	storage->shared_memory = storage->n_shares > 0 || state_is_containerds(storage->state) ||
				 settings_flag(settings, SETTING_SHARED_MEMORY);
	ret_parts->shared_memory = storage->shared_memory;
	if (storage->n_shares > 0)
		r = storage_start_server(storage, &ret_parts->fs_fd, err);
	if (r < 0)
		return r;
	storage->served = ret_parts->fs_fd >= 0;
	for (size_t i = 0; i < storage->n_disks; i++) {
		ret_parts->disks[ret_parts->n_disks++] = storage->disks[i].disk;
		storage->disks[i].disk.fd = -1;
		storage->disks[i].in_vm = true;
	}
	return 0;
}

void storage_boot_failed(struct storage *storage)
{
	file_server_free(TAKE_PTR(storage->server));
	storage->served = false;
	while (storage->n_disks > 0)
		storage_forget_disk(storage, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How containers end. */
#include "cli/ending.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cli/network.h"
#include "cli/shim-process.h"
#include "lib/fd.h"
#include "lib/log.h"

#define SHIM_EXIT_MS 10000
#define FAILURE_MAX  4096
/* More than ending one takes, with all that may have to be waited for. */
#define LOCK_TIMEOUT_MS 30000
#define LOCK_POLL_US	2000

/* Held while a container is ended: "" when it had gone before the lock was ours. */
struct ending_lock {
	int fd;
	char path[PATHS_MAX];
};

#define ENDING_LOCK_INIT ((struct ending_lock){ .fd = -1 })

static void ending_unlock(struct ending_lock *lock)
{
	char *slash;

	if (lock->fd < 0)
		return;
	(void)unlink(lock->path);
	close(lock->fd);
	/* The namespace's folder, when that was the last thing in it. */
	slash = strrchr(lock->path, '/');
	if (slash) {
		*slash = '\0';
		(void)rmdir(lock->path);
	}
}
#define _cleanup_ending_lock_ _cleanup_(ending_unlock)

/* Whether fd is still the file at path: whoever held the lock before us has removed it. */
static bool is_file_at(int fd, const char *path)
{
	struct stat by_fd, by_path;

	return fstat(fd, &by_fd) == 0 && stat(path, &by_path) == 0 &&
	       by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

static int lock_path(const char *namespace, const char *id, char *ret_path, struct err *err)
{
	char name[RECORD_ID_MAX + 8];

	(void)snprintf(name, sizeof(name), ".lock-%s", id);
	return paths_sandbox(namespace, name, NULL, ret_path, err);
}

/* Whoever has it may have been stopped, which is no reason to stand still with it. */
static int lock_in_time(int fd, const char *id, struct err *err)
{
	int64_t end_ms = clock_monotonic_ms() + LOCK_TIMEOUT_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(err, errno, "cannot lock container %s", id);
		if (clock_monotonic_ms() >= end_ms)
			return err_say(err, ETIMEDOUT,
				       "another command has been ending container %s for %d s and "
				       "more: it may have been stopped",
				       id, LOCK_TIMEOUT_MS / 1000);
		(void)usleep(LOCK_POLL_US);
	}
	return 0;
}

int ending_wait_for_other(const char *namespace, const char *id, struct err *err)
{
	_cleanup_ending_lock_ struct ending_lock lock = ENDING_LOCK_INIT;
	_cleanup_fd_ int fd = -1;
	int r = lock_path(namespace, id, lock.path, err);

	if (r < 0)
		return r;
	fd = open(lock.path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		r = lock_in_time(fd, id, err);
	if (r < 0)
		return r;
	/* One that was killed has left it there; who comes after one that was not finds it gone. */
	if (fd >= 0 && is_file_at(fd, lock.path))
		lock.fd = TAKE_FD(fd);
	return record_recover(namespace, id, err);
}

/*
 * Several may want to end one container: the command that ran it, the one that attends it,
 * `delete`. One at a time, and who comes second finds what the first has left. 1 when there is
 * something to do, 0 when the record has gone.
 */
static int ending_take_lock(const struct record *record, struct ending_lock *ret_lock,
			    struct err *err)
{
	int r = lock_path(record->namespace, record->id, ret_lock->path, err);

	if (r < 0)
		return r;
	for (;;) {
		int fd = open(ret_lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 && errno == ENOENT)
			return 0;
		if (fd < 0)
			return err_set(err, errno, "cannot open %s", ret_lock->path);
		r = lock_in_time(fd, record->id, err);
		if (r < 0) {
			close(fd);
			return r;
		}
		if (is_file_at(fd, ret_lock->path)) {
			ret_lock->fd = fd;
			/* Another may have the name by now. */
			return record->folder_fd >= 0
				       ? is_file_at(record->folder_fd, record->folder)
				       : access(record->folder, F_OK) == 0;
		}
		close(fd);
	}
}

/* A shim that answered before may have been ended by someone else while we waited for the lock. */
static bool has_shim(const struct ending *ending)
{
	if (!ending->client)
		return false;
	return loop_step(ending->loop, 0) == 0 && !task_client_is_lost(ending->client);
}

/* The record of the container that the pod was made with: the shim's own folder. */
static bool owns_shim(const struct record *record)
{
	char path[PATHS_MAX];

	return record_path(record, "shim.pid", path, NULL) == 0 && access(path, F_OK) == 0;
}

/* Whether nobody else is in the sandbox, so that the whole of it may go. */
static bool is_alone(const struct record *record)
{
	char address[PATHS_MAX];

	return owns_shim(record) && record_address(record, address, NULL) == 0 &&
	       !record_shares_shim(record, address);
}

/* Whether the shim has taken its socket away: it is leaving. */
static bool socket_is_gone(const char *address)
{
	const char *path = strncmp(address, "unix://", 7) == 0 ? address + 7 : address;

	return access(path, F_OK) < 0 && errno == ENOENT;
}

/* 1 when a stream or the status of its process was lost, which is told, to a kept record as well.
 */
static int delete_task(const struct ending *ending, bool kept, struct err *err)
{
	KataLike__Task__DeleteRequest request = KATA_LIKE__TASK__DELETE_REQUEST__INIT;
	_cleanup_task_ KataLike__Task__DeleteResponse *response = NULL;
	int r;

	request.id = (char *)(uintptr_t)ending->record->id;
	r = task_delete(ending->client, &request, &response, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!*response->failure)
		return 0;
	log_error("container %s: %s", ending->record->id, response->failure);
	if (kept && record_note_failure(ending->record, response->failure, err) < 0)
		log_warn("%s", err_text(err));
	return 1;
}

/*
 * Asks the shim to leave; it stays (and 0 comes back with *ret_gone false) as long as it has
 * containers. When it has gone, its process has ended as well.
 */
static int shut_down(const struct ending *ending, bool now, bool *ret_gone, struct err *err)
{
	KataLike__Task__ShutdownRequest request = KATA_LIKE__TASK__SHUTDOWN_REQUEST__INIT;
	char address[PATHS_MAX] = "";
	int r;

	(void)!record_address(ending->record, address, NULL);
	request.id = (char *)(uintptr_t)ending->record->id;
	request.now = now;
	r = task_shutdown(ending->client, &request, NULL, err);
	/*
	 * Its last act may be to close the connection instead of answering; one that was lost
	 * before that has left the socket.
	 */
	if (r < 0 && !(task_client_is_lost(ending->client) && socket_is_gone(address)))
		return r;
	*ret_gone = task_client_is_lost(ending->client) || now || socket_is_gone(address);
	if (!*ret_gone)
		return 0;
	r = task_client_wait_lost(ending->client, SHIM_EXIT_MS);
	return r < 0 ? err_set(err, -r, "the daemon of %s does not end", ending->record->id) : 0;
}

/* What a dead shim has left, and the folder. */
static int clean_up(const struct ending *ending, struct err *err)
{
	const struct record *record = ending->record;
	char address[PATHS_MAX], bundle[PATHS_MAX];
	int r = record_path(record, "bundle", bundle, err);

	if (r < 0)
		return r;
	if (owns_shim(record) || record_address(record, address, NULL) == 0) {
		r = shim_process_delete(ending->cli, ending->loop, record, bundle, err);
		if (r < 0)
			return err_push(err, "cannot clean up after %s", record->id);
	}
	return record_remove(record, err);
}

static int remove_locked(const struct ending *ending, struct err *err)
{
	bool alone = is_alone(ending->record), gone = false;
	int failed, r;

	if (!has_shim(ending))
		return clean_up(ending, err);
	failed = delete_task(ending, false, err);
	if (failed < 0)
		return failed;
	r = shut_down(ending, alone, &gone, err);
	/* The folder of a shim that stays for others is its own. */
	if (r == 0 && (gone || !owns_shim(ending->record)))
		r = record_remove(ending->record, err);
	return r < 0 ? r : failed;
}

/* A member of a pod that others are in: only its own processes may go. */
static int stop_member(const struct ending *ending, struct err *err)
{
	KataLike__Task__KillRequest kill_request = KATA_LIKE__TASK__KILL_REQUEST__INIT;
	KataLike__Task__WaitRequest wait_request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	int r;

	kill_request.id = (char *)(uintptr_t)ending->record->id;
	kill_request.signal = SIGKILL;
	kill_request.all = true;
	r = task_kill(ending->client, &kill_request, NULL, err);
	/* It may have ended by itself, and the shim not have heard of it yet. */
	wait_request.id = kill_request.id;
	if (r == 0 || r == -ENOENT)
		r = task_wait(ending->client, &wait_request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

static int force_locked(const struct ending *ending, struct err *err)
{
	char address[PATHS_MAX];
	bool gone = false;
	int r;

	if (!has_shim(ending))
		goto dead;
	task_client_set_interrupts(ending->client, NULL);
	if (record_address(ending->record, address, NULL) == 0 &&
	    record_shares_shim(ending->record, address)) {
		r = stop_member(ending, err);
		return r < 0 ? r : remove_locked(ending, err);
	}
	r = shut_down(ending, true, &gone, err);
	if (r == 0)
		return record_remove(ending->record, err);
	log_debug("%s", err_text(err));
dead:
	r = shim_process_kill(ending->record, err);
	if (r < 0 && r != -ESRCH)
		return r;
	return clean_up(ending, err);
}

static int keep_locked(const struct ending *ending, const struct record_exit *exit_record,
		       struct err *err)
{
	const struct record *record = ending->record;
	char address[PATHS_MAX];
	bool alone = is_alone(record), gone = false;
	int failed = 0, r;

	if (!has_shim(ending))
		return clean_up(ending, err);
	r = record_address(record, address, err);
	if (r < 0 || (owns_shim(record) && record_shares_shim(record, address)))
		return r;
	r = record_put_aside(record, exit_record, err);
	if (r == 0)
		r = failed = delete_task(ending, true, err);
	if (r >= 0)
		r = shut_down(ending, alone, &gone, err);
	if (r == 0)
		r = record_restore(record, err);
	return r < 0 ? r : failed;
}

/*
 * Whose network the container has: its own id, or that of the container that its pod was made with,
 * in whose folder the shim's socket is. Asked before the folders go.
 */
static void find_pod(const struct record *record, char ret_id[RECORD_ID_MAX])
{
	char address[PATHS_MAX], *slash;

	(void)snprintf(ret_id, RECORD_ID_MAX, "%s", record->id);
	if (record_address(record, address, NULL) < 0)
		return;
	slash = strrchr(address, '/');
	if (!slash)
		return;
	*slash = '\0';
	slash = strrchr(address, '/');
	if (slash && strlen(slash + 1) < RECORD_ID_MAX)
		(void)snprintf(ret_id, RECORD_ID_MAX, "%s", slash + 1);
}

/* Once the pod's VM is gone its network goes too. */
static void remove_network(const struct record *record, const char *pod)
{
	char path[PATHS_MAX];

	if (paths_sandbox(record->namespace, pod, "shim.pid", path, NULL) < 0 ||
	    access(path, F_OK) == 0)
		return;
	network_remove(record->namespace, pod);
}

/* Ends it with the lock held, and its pod's network once the VM is gone. */
static int end_with(const struct ending *ending,
		    int (*end_locked)(const struct ending *ending, struct err *err),
		    struct err *err)
{
	_cleanup_ending_lock_ struct ending_lock lock = ENDING_LOCK_INIT;
	char pod[RECORD_ID_MAX];
	int r = ending_take_lock(ending->record, &lock, err);

	if (r <= 0)
		return r;
	find_pod(ending->record, pod);
	r = end_locked(ending, err);
	remove_network(ending->record, pod);
	return r;
}

int ending_remove(const struct ending *ending, struct err *err)
{
	return end_with(ending, remove_locked, err);
}

int ending_force(const struct ending *ending, struct err *err)
{
	return end_with(ending, force_locked, err);
}

int ending_keep(const struct ending *ending, const struct record_exit *exit_record, struct err *err)
{
	_cleanup_ending_lock_ struct ending_lock lock = ENDING_LOCK_INIT;
	char pod[RECORD_ID_MAX];
	int r = ending_take_lock(ending->record, &lock, err);

	if (r <= 0)
		return r;
	find_pod(ending->record, pod);
	r = keep_locked(ending, exit_record, err);
	remove_network(ending->record, pod);
	return r;
}

void ending_report_failure(const struct record *record, const char *told)
{
	_cleanup_free_ char *text = NULL;
	char path[PATHS_MAX];

	if (record_path(record, "failure", path, NULL) < 0 ||
	    file_read(AT_FDCWD, path, FAILURE_MAX, &text, NULL, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (!told || !strstr(told, text))
		log_error("container %s: %s", record->id, text);
}

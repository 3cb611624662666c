/* SPDX-License-Identifier: Apache-2.0 */
/* Containers' folders under the state root. */
#include "cli/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json_object.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/fd.h"
#include "oci/json.h"

#define CREATE_TRIES   5
#define ASIDE_PREFIX   ".ended-"
#define ASIDE_WAIT_US  10000
#define ASIDE_TRIES    500
#define SMALL_FILE_MAX 4096

static const char *const kept_files[] = {
	"bundle/config.json", "output.log", "console.log", "shim.log", "vmm.log", "failure",
};

static int record_init(struct record *record, const char *namespace, const char *id,
		       struct err *err)
{
	int r = paths_check_id("namespace", namespace, err);

	*record = RECORD_INIT;
	if (r == 0)
		r = paths_check_id("container id", id, err);
	if (r < 0)
		return r;
	(void)snprintf(record->namespace, sizeof(record->namespace), "%s", namespace);
	(void)snprintf(record->id, sizeof(record->id), "%s", id);
	return paths_sandbox(namespace, id, NULL, record->folder, err);
}

/* The folder that the record's is in. ret_path: PATHS_MAX bytes. */
static void namespace_folder(const struct record *record, char *ret_path)
{
	size_t len = strlen(record->folder) - strlen(record->id) - 1;

	(void)snprintf(ret_path, PATHS_MAX, "%.*s", (int)len, record->folder);
}

/* The last container of a namespace takes the namespace's folder along, so mkdir may have to retry.
 */
static int make_folder(const struct record *record, struct err *err)
{
	char parent[PATHS_MAX];
	int r;

	namespace_folder(record, parent);
	for (int i = 0; i < CREATE_TRIES; i++) {
		r = dir_make(parent, 0700, err);
		if (r < 0)
			return err_push(err, "cannot make the state folder");
		if (mkdir(record->folder, 0700) == 0)
			return 0;
		if (errno != ENOENT)
			break;
	}
	if (errno == EEXIST)
		return err_say(err, EEXIST,
			       "a container named \"%s\" exists already; choose another name or "
			       "remove that one: kata-like delete %s",
			       record->id, record->id);
	r = err_set(err, errno, "cannot make %s", record->folder);
	(void)rmdir(parent); /* where it was made for this one */
	return r;
}

int record_hold(struct record *record, struct err *err)
{
	record->folder_fd = open(record->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return record->folder_fd < 0 ? err_set(err, errno, "cannot open %s", record->folder) : 0;
}

static int take_lock(struct record *record, struct err *err)
{
	record->folder_fd = open(record->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (record->folder_fd < 0 || flock(record->folder_fd, LOCK_SH | LOCK_NB) < 0)
		return err_set(err, errno, "cannot lock %s", record->folder);
	return 0;
}

int record_create(const char *namespace, const char *id, struct record *ret_record, struct err *err)
{
	char bundle[PATHS_MAX];
	int r = record_init(ret_record, namespace, id, err);

	if (r == 0)
		r = record_path(ret_record, "bundle", bundle, err);
	/* Before, lest something be made in another place; and after, as it may just have been
	 * made. */
	if (r == 0)
		r = paths_check_sandbox(namespace, id, err);
	if (r == 0)
		r = make_folder(ret_record, err);
	if (r == 0)
		r = paths_check_sandbox(namespace, id, err);
	if (r < 0)
		return r;
	r = take_lock(ret_record, err);
	if (r == 0 && mkdir(bundle, 0700) < 0)
		r = err_set(err, errno, "cannot make %s", bundle);
	if (r < 0) {
		(void)!record_remove(ret_record, NULL);
		record_fini(ret_record);
	}
	return r;
}

static int aside_folder(const struct record *record, char *ret_path, struct err *err)
{
	char name[RECORD_ID_MAX + sizeof(ASIDE_PREFIX)];

	(void)snprintf(name, sizeof(name), ASIDE_PREFIX "%s", record->id);
	return paths_sandbox(record->namespace, name, NULL, ret_path, err);
}

/*
 * Whether the record's folder is there. While its shim leaves, a record stands aside for a moment
 * (record_put_aside): that is waited for.
 */
static bool is_there(const struct record *record)
{
	char aside[PATHS_MAX];
	bool stands_aside;

	if (aside_folder(record, aside, NULL) < 0)
		return false;
	for (int tries = 0; tries < ASIDE_TRIES; tries++) {
		stands_aside = access(aside, F_OK) == 0;
		if (access(record->folder, F_OK) == 0)
			return true;
		if (!stands_aside)
			break;
		usleep(ASIDE_WAIT_US);
	}
	return access(record->folder, F_OK) == 0;
}

int record_open(const char *namespace, const char *id, struct record *ret_record, struct err *err)
{
	int r = record_init(ret_record, namespace, id, err);

	if (r < 0)
		return r;
	if (is_there(ret_record))
		return paths_check_sandbox(namespace, id, err);
	if (errno != ENOENT)
		return err_set(err, errno, "container \"%s\": %s", id, ret_record->folder);
	return err_say(err, ENOENT,
		       "container \"%s\" does not exist in namespace \"%s\"; `kata-like list` "
		       "shows those that do",
		       id, namespace);
}

void record_fini(struct record *record)
{
	if (record->folder_fd >= 0)
		close(record->folder_fd);
	record->folder_fd = -1;
}

bool record_is_attended(const struct record *record)
{
	_cleanup_fd_ int fd = open(record->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int record_path(const struct record *record, const char *file, char *ret_path, struct err *err)
{
	return paths_sandbox(record->namespace, record->id, file, ret_path, err);
}

int record_address(const struct record *record, char *ret_address, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char path[PATHS_MAX];
	int r = record_path(record, "address", path, err);

	if (r == 0)
		r = file_read(AT_FDCWD, path, PATHS_MAX - 1, &text, NULL, err);
	if (r < 0)
		return r;
	assert(text);
	(void)snprintf(ret_address, PATHS_MAX, "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

int record_set_address(const struct record *record, const char *address, struct err *err)
{
	char path[PATHS_MAX];
	int r = record_path(record, "address", path, err);

	return r < 0 ? r : file_write_atomic(path, address, strlen(address), 0600, err);
}

bool record_shares_shim(const struct record *record, const char *address)
{
	char **ids = NULL;
	size_t n = 0;
	bool shared = false;

	if (record_list(record->namespace, &ids, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n && !shared; i++) {
		char other_address[PATHS_MAX];
		struct record other;

		if (strcmp(ids[i], record->id) != 0 &&
		    record_open(record->namespace, ids[i], &other, NULL) == 0 &&
		    record_address(&other, other_address, NULL) == 0)
			shared = strcmp(other_address, address) == 0;
	}
	record_list_free(ids);
	return shared;
}

static int read_exit_members(const struct json_node *node, struct record_exit *ret_exit)
{
	uint64_t seconds = 0;
	int r = json_get_u32(node, "exitStatus", JSON_REQUIRED, &ret_exit->status);

	if (r >= 0)
		r = json_get_uint(node, "exitedAtSeconds", JSON_REQUIRED, INT64_MAX, &seconds);
	ret_exit->exited_at_s = (int64_t)seconds;
	if (r >= 0)
		r = json_get_u32(node, "exitedAtNanoseconds", JSON_REQUIRED,
				 &ret_exit->exited_at_ns);
	return r < 0 ? r : 0;
}

int record_read_exit(const struct record *record, struct record_exit *ret_exit, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char path[PATHS_MAX];
	struct json_object *object = NULL;
	struct arena arena = ARENA_INIT;
	size_t len = 0;
	int r = record_path(record, "exit.json", path, err);

	if (r == 0)
		r = file_read(AT_FDCWD, path, SMALL_FILE_MAX, &text, &len, err);
	if (r == 0)
		r = json_parse(path, text, len, &object, err);
	if (r < 0)
		return r;
	{
		struct json_reader reader = { .file = path, .arena = &arena, .err = err };
		struct json_node top = { .reader = &reader, .value = object };

		r = read_exit_members(&top, ret_exit);
	}
	json_object_put(object);
	arena_fini(&arena);
	return r;
}

static int write_exit(const char *folder, const struct record_exit *exit_record, struct err *err)
{
	char path[PATHS_MAX * 2];
	char text[SMALL_FILE_MAX];
	int n;

	(void)snprintf(path, sizeof(path), "%s/exit.json", folder);
	n = snprintf(text, sizeof(text),
		     "{\"exitStatus\": %u, \"exitedAtSeconds\": %lld, "
		     "\"exitedAtNanoseconds\": %u}\n",
		     exit_record->status, (long long)exit_record->exited_at_s,
		     exit_record->exited_at_ns);
	return file_write_atomic(path, text, (size_t)n, 0600, err);
}

/* Links dir_from/file as dir_to/file; a file that is not there is not missed. */
static int link_file(const char *dir_from, const char *dir_to, const char *file, struct err *err)
{
	char from[PATHS_MAX * 2], to[PATHS_MAX * 2];

	(void)snprintf(from, sizeof(from), "%s/%s", dir_from, file);
	(void)snprintf(to, sizeof(to), "%s/%s", dir_to, file);
	if (link(from, to) < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot keep %s", from);
	return 0;
}

int record_put_aside(const struct record *record, const struct record_exit *exit_record,
		     struct err *err)
{
	char aside[PATHS_MAX], bundle[PATHS_MAX * 2];
	int r = aside_folder(record, aside, err);

	if (r == 0)
		r = dir_remove(aside, err);
	if (r < 0 && r != -ENOENT)
		return r;
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", aside);
	r = dir_make(bundle, 0700, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kept_files); i++)
		r = link_file(record->folder, aside, kept_files[i], err);
	if (r == 0)
		r = write_exit(aside, exit_record, err);
	if (r < 0)
		(void)!dir_remove(aside, NULL);
	return r;
}

int record_note_failure(const struct record *record, const char *text, struct err *err)
{
	char aside[PATHS_MAX], path[PATHS_MAX * 2];
	int r = aside_folder(record, aside, err);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/failure", aside);
	return file_write_atomic(path, text, strlen(text), 0600, err);
}

int record_restore(const struct record *record, struct err *err)
{
	char aside[PATHS_MAX];
	int r = aside_folder(record, aside, err);

	if (r == 0)
		r = dir_remove(record->folder, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (rename(aside, record->folder) < 0)
		return err_set(err, errno, "cannot keep the record %s", record->folder);
	return 0;
}

int record_recover(const char *namespace, const char *id, struct err *err)
{
	char aside[PATHS_MAX];
	struct record record;
	int r = record_init(&record, namespace, id, err);

	if (r == 0)
		r = aside_folder(&record, aside, err);
	if (r < 0)
		return r;
	/* Not over one that there is by now. */
	if (renameat2(AT_FDCWD, aside, AT_FDCWD, record.folder, RENAME_NOREPLACE) < 0 &&
	    errno != ENOENT && errno != EEXIST)
		return err_set(err, errno, "cannot bring the record %s back", record.folder);
	return 0;
}

int record_remove(const struct record *record, struct err *err)
{
	char parent[PATHS_MAX], aside[PATHS_MAX];
	int r = aside_folder(record, aside, err);

	if (r == 0)
		r = dir_remove(aside, err);
	if (r == 0 || r == -ENOENT)
		r = dir_remove(record->folder, err);
	if (r < 0 && r != -ENOENT)
		return r;
	namespace_folder(record, parent);
	(void)rmdir(parent); /* stays while others are in it */
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_add(char ***ids, size_t *n, const char *id)
{
	char **grown = reallocarray(*ids, *n + 2, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*ids = grown;
	grown[*n] = strdup(id);
	if (!grown[*n])
		return -ENOMEM;
	grown[++*n] = NULL;
	return 0;
}

int record_list(const char *namespace, char ***ret_ids, size_t *ret_n, struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	char root[PATHS_MAX], path[PATHS_MAX * 2];
	struct dirent *entry;
	char **ids = NULL;
	size_t n = 0;
	int r = paths_check_id("namespace", namespace, err);

	if (r == 0)
		r = paths_state_root(root, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", root, namespace);
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		return err_set(err, errno, "cannot read %s", path);
	while (r == 0 && dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = list_add(&ids, &n, entry->d_name);
	if (r < 0) {
		record_list_free(ids);
		return err_set(err, -r, "cannot list %s", path);
	}
	if (n)
		qsort(ids, n, sizeof(*ids), compare_ids);
	*ret_ids = ids;
	*ret_n = n;
	return 0;
}

void record_list_free(char **ids)
{
	for (char **id = ids; id && *id; id++)
		free(*id);
	free(ids);
}

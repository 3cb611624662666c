/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files, read with libinih. It hands over one line after the other without saying
 * which: the lines are counted here, where it asks for them. A value that goes on in lines that
 * begin with a blank comes piece by piece, and is set once the next key begins.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/settings/keys.h"

struct reading {
	struct settings *settings;
	enum setting_source source;
	const char *path; /* or what the text is called */
	FILE *file;
	unsigned int line;
	bool goes_on; /* the line begins with a blank */
	struct {
		enum setting_key key; /* SETTING_N_KEYS: none */
		unsigned int line;
		char text[SETTINGS_TEXT_MAX];
	} pending;
	unsigned int lines[SETTING_N_KEYS]; /* where each key was set in this file; 0: not yet */
	struct err *err;
	bool failed; /* err is set: the first failure counts */
};

static void fail(struct reading *reading, unsigned int line)
{
	reading->failed = true;
	(void)err_push(reading->err, "%s:%u", reading->path, line);
}

static void set_pending(struct reading *reading)
{
	enum setting_key key = reading->pending.key;
	unsigned int line = reading->pending.line;
	char where[SETTINGS_WHERE_MAX];

	reading->pending.key = SETTING_N_KEYS;
	if (key == SETTING_N_KEYS || reading->failed)
		return;
	(void)snprintf(where, sizeof(where), "%.*s:%u", PATHS_MAX, reading->path, line);
	if (key_set(reading->settings, key, reading->source, where, reading->pending.text,
		    reading->err) == 0)
		return;
	(void)err_push(reading->err, "[%s] %s", settings_keys[key].section,
		       settings_keys[key].name);
	fail(reading, line);
}

static void append_pending(struct reading *reading, const char *text)
{
	size_t len = strlen(reading->pending.text);
	size_t room = sizeof(reading->pending.text) - len;
	int more = (int)strlen(text);

	/* libinih takes comments away from a value's first line only. */
	for (const char *p = text; reading->goes_on && (p = strchr(p, ';')) != NULL; p++) {
		if (p == text || isblank((unsigned char)p[-1])) {
			more = (int)(p - text);
			break;
		}
	}
	while (more > 0 && isblank((unsigned char)text[more - 1]))
		more--;
	if (snprintf(reading->pending.text + len, room, "%s%.*s", len && more ? " " : "", more,
		     text) < (int)room)
		return;
	(void)err_say(reading->err, EINVAL, "the value is longer than %d bytes",
		      SETTINGS_TEXT_MAX - 1);
	fail(reading, reading->line);
}

/* libinih has a key and its value, or a further piece of the last one's. */
static int take_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	enum setting_key key;

	if (reading->failed)
		return 1;
	if (reading->goes_on && reading->pending.key != SETTING_N_KEYS) {
		append_pending(reading, value);
		return 1;
	}
	set_pending(reading);
	if (reading->failed)
		return 1;
	key = key_find(section, name, reading->err);
	if (key == SETTING_N_KEYS) {
		fail(reading, reading->line);
		return 1;
	}
	if (reading->lines[key]) {
		(void)err_say(reading->err, EINVAL,
			      "[%s] %s is set already, in line %u; take one of them out", section,
			      name, reading->lines[key]);
		fail(reading, reading->line);
		return 1;
	}
	reading->lines[key] = reading->line;
	reading->pending.key = key;
	reading->pending.line = reading->line;
	reading->pending.text[0] = '\0';
	append_pending(reading, value);
	return 1;
}

/* A section without keys would pass unnoticed. */
static void check_section(struct reading *reading, const char *line)
{
	char name[64];
	size_t len = strcspn(line + 1, "]\r\n");

	if (line[0] != '[')
		return;
	if (line[1 + len] != ']' || len >= sizeof(name)) {
		(void)err_say(reading->err, EINVAL, "this is no [section]");
		fail(reading, reading->line);
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, line + 1);
	if (!key_section_known(name)) {
		(void)key_find(name, "", reading->err);
		fail(reading, reading->line);
	}
}

static bool complete_line(struct reading *reading, const char *line)
{
	size_t len = strlen(line);
	int next;

	if (len > 0 && line[len - 1] == '\n')
		return true;
	next = getc(reading->file);
	if (next == EOF)
		return true;
	(void)err_say(reading->err, EINVAL,
		      "the line is longer than %zu bytes, or has a NUL in it; let a long value go "
		      "on in a line that begins with a blank",
		      len);
	fail(reading, reading->line);
	return false;
}

static char *next_line(char *line, int size, void *stream)
{
	struct reading *reading = stream;

	if (reading->failed || !fgets(line, size, reading->file))
		return NULL;
	reading->line++;
	reading->goes_on = isblank((unsigned char)line[0]);
	if (!complete_line(reading, line))
		return NULL;
	check_section(reading, line);
	return reading->failed ? NULL : line;
}

/* libinih's callbacks for reading and for values get the same pointer. */
static int read_stream(struct reading *reading)
{
	int bad_line = ini_parse_stream(next_line, reading, take_value, reading);

	set_pending(reading);
	if (reading->failed)
		return reading->err->code;
	if (ferror(reading->file))
		return err_set(reading->err, EIO, "cannot read %s", reading->path);
	if (bad_line == 0)
		return 0;
	return err_say(reading->err, bad_line > 0 ? EINVAL : ENOMEM,
		       "%s:%d: neither a [section] nor KEY = VALUE nor a # comment", reading->path,
		       bad_line);
}

/* Nothing but a file, and none that anybody could have written. */
static int open_file(const char *path, FILE **ret_file, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot read configuration file %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "configuration file %s is not a regular file", path);
	if (st.st_mode & S_IWOTH)
		return err_say(err, EPERM,
			       "configuration file %s may be written to by anybody; chmod o-w %s",
			       path, path);
	*ret_file = fdopen(fd, "r");
	if (!*ret_file)
		return err_set(err, errno, "cannot read configuration file %s", path);
	(void)TAKE_FD(fd);
	return 0;
}

static int read_file(struct settings *settings, const char *path, struct err *err)
{
	_cleanup_file_ FILE *file = NULL;
	struct reading reading = { .settings = settings,
				   .source = SETTING_SOURCE_FILE,
				   .path = path,
				   .pending.key = SETTING_N_KEYS,
				   .err = err };
	int r = open_file(path, &file, err);

	if (r < 0)
		return r;
	reading.file = file;
	return read_stream(&reading);
}

int settings_apply_text(struct settings *settings, const char *name, const char *text,
			struct err *err)
{
	_cleanup_file_ FILE *file = NULL;
	struct reading reading = { .settings = settings,
				   .source = SETTING_SOURCE_OPTION,
				   .path = name,
				   .pending.key = SETTING_N_KEYS,
				   .err = err };

	if (!*text)
		return 0;
	file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	if (!file)
		return err_set(err, errno, "%s", name);
	reading.file = file;
	return read_stream(&reading);
}

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && !strcmp(entry->d_name + len - 4, ".ini");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_drop_ins(struct settings *settings, struct err *err)
{
	char dir[PATHS_MAX + 2], path[PATHS_MAX + 2 + 256];
	struct dirent **entries = NULL;
	int n, r = 0;

	(void)snprintf(dir, sizeof(dir), "%s.d", settings->file);
	n = scandir(dir, &entries, is_drop_in, by_bytes);
	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_set(err, errno, "%s", dir);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		if (r == 0)
			r = read_file(settings, path, err);
		free(entries[i]);
	}
	free((void *)entries);
	return r;
}

/* What is installed, or stands beside this program. */
static void find_defaults(struct settings *settings)
{
	static const char *const file_servers[] = { "/usr/libexec/virtiofsd",
						    "/usr/lib/qemu/virtiofsd" };
	struct setting_value *values = settings->values;
	char path[PATHS_MAX];

	if (paths_guest("vmlinux", path, NULL) == 0)
		(void)snprintf(values[SETTING_KERNEL].text, SETTINGS_TEXT_MAX, "%s", path);
	if (paths_guest("initramfs.img", path, NULL) == 0)
		(void)snprintf(values[SETTING_INITRD].text, SETTINGS_TEXT_MAX, "%s", path);
	for (size_t i = 0; i < ARRAY_SIZE(file_servers) && !*values[SETTING_FILE_SERVER].text; i++)
		if (access(file_servers[i], X_OK) == 0)
			(void)snprintf(values[SETTING_FILE_SERVER].text, SETTINGS_TEXT_MAX, "%s",
				       file_servers[i]);
}

int settings_load(const char *named, struct settings *ret_settings, struct err *err)
{
	const char *path;
	struct settings *settings = ret_settings;
	struct err scratch = ERR_INIT;
	int r = 0;

	if (!err)
		err = &scratch;
	if (!named || !*named)
		named = getenv(SETTINGS_ENVIRONMENT);
	*settings = (struct settings){ .file_named = named && *named };
	path = named && *named ? named : SETTINGS_FILE;
	if (path[0] != '/' || strlen(path) >= sizeof(settings->file))
		return err_say(err, EINVAL,
			       "configuration file \"%.200s\" is not an absolute path of less than "
			       "%d bytes",
			       path, PATHS_MAX);
	(void)snprintf(settings->file, sizeof(settings->file), "%s", path);
	for (size_t i = 0; r == 0 && i < SETTING_N_KEYS; i++)
		r = key_set(settings, (enum setting_key)i, SETTING_SOURCE_DEFAULT, "", "", err);
	find_defaults(settings);
	if (r == 0 && (settings->file_named || access(path, F_OK) == 0))
		r = read_file(settings, path, err);
	return r < 0 ? r : read_drop_ins(settings, err);
}

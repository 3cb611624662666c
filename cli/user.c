/* SPDX-License-Identifier: Apache-2.0 */
/* Users by name, from a root filesystem that is not trusted. */
#include "cli/user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/fd.h"

#define DATABASE_MAX (1u << 20)
#define FIELDS_MAX   7

/* passwd: name, password, uid, gid, comment, home, shell. group: name, password, gid, members. */
enum { PASSWD_NAME = 0, PASSWD_UID = 2, PASSWD_GID = 3, PASSWD_HOME = 5, PASSWD_FIELDS = 6 };
enum { GROUP_NAME = 0, GROUP_GID = 2, GROUP_MEMBERS = 3, GROUP_FIELDS = 3 };

struct who {
	const char *name; /* NULL when a number was given */
	uint32_t id;
};

static bool parse_id(const char *text, uint32_t *ret_id)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)value;
	return true;
}

/* The file's text, or NULL where there is none: an image need not have users. */
static char *read_database(const char *root_path, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	_cleanup_fd_ int root_fd = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	char *text;
	ssize_t n;

	if (root_fd < 0)
		return NULL;
	fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (fd < 0)
		return NULL;
	text = malloc(DATABASE_MAX + 1);
	if (!text)
		return NULL;
	n = fd_read_full(fd, text, DATABASE_MAX);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static size_t split(char *line, char **fields)
{
	size_t n = 0;

	while (line && n < FIELDS_MAX)
		fields[n++] = strsep(&line, ":");
	return n;
}

static bool matches(const struct who *who, const char *name, const char *id_text)
{
	uint32_t id;

	if (who->name)
		return strcmp(who->name, name) == 0;
	return parse_id(id_text, &id) && id == who->id;
}

static bool find_passwd(char *database, const struct who *who, struct user *user, char **ret_name)
{
	char *line;

	while ((line = strsep(&database, "\n"))) {
		char *fields[FIELDS_MAX];

		if (split(line, fields) < PASSWD_FIELDS ||
		    !matches(who, fields[PASSWD_NAME], fields[PASSWD_UID]) ||
		    !parse_id(fields[PASSWD_UID], &user->uid) ||
		    !parse_id(fields[PASSWD_GID], &user->gid))
			continue;
		if (fields[PASSWD_HOME][0] == '/')
			(void)snprintf(user->home, sizeof(user->home), "%s", fields[PASSWD_HOME]);
		*ret_name = fields[PASSWD_NAME];
		return true;
	}
	return false;
}

static bool has_member(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (!strcmp(member, name))
			return true;
	return false;
}

/* Adds each group that lists name as a member. */
static void find_memberships(char *database, const char *name, struct user *user)
{
	char *line;

	while ((line = strsep(&database, "\n"))) {
		char *fields[FIELDS_MAX];

		if (split(line, fields) <= GROUP_MEMBERS || user->n_groups == USER_GROUPS_MAX ||
		    !has_member(fields[GROUP_MEMBERS], name))
			continue;
		if (parse_id(fields[GROUP_GID], &user->groups[user->n_groups]))
			user->n_groups++;
	}
}

static bool find_group(char *database, const struct who *who, uint32_t *ret_gid)
{
	char *line;

	while ((line = strsep(&database, "\n"))) {
		char *fields[FIELDS_MAX];

		if (split(line, fields) >= GROUP_FIELDS &&
		    matches(who, fields[GROUP_NAME], fields[GROUP_GID]))
			return parse_id(fields[GROUP_GID], ret_gid);
	}
	return false;
}

static int apply_group(const char *root_path, const char *text, struct user *user, struct err *err)
{
	_cleanup_free_ char *database = NULL;
	struct who who = { .name = text };

	if (parse_id(text, &user->gid))
		return 0;
	database = read_database(root_path, "etc/group");
	if (!database || !find_group(database, &who, &user->gid))
		return err_say(err, ENOENT,
			       "--user: no group \"%s\" in %s/etc/group; use a number instead",
			       text, root_path);
	return 0;
}

static int apply_user(const char *root_path, const char *text, bool with_groups, struct user *user,
		      struct err *err)
{
	_cleanup_free_ char *passwd = read_database(root_path, "etc/passwd");
	_cleanup_free_ char *group = NULL;
	struct who who = { 0 };
	char *name;

	if (!parse_id(text, &who.id))
		who.name = text;
	user->uid = who.id;
	if (!passwd || !find_passwd(passwd, &who, user, &name)) {
		if (!who.name)
			return 0;
		return err_say(err, ENOENT,
			       "--user: no user \"%s\" in %s/etc/passwd; use a number instead",
			       text, root_path);
	}
	if (with_groups)
		group = read_database(root_path, "etc/group");
	if (group)
		find_memberships(group, name, user);
	return 0;
}

int user_find(const char *root_path, const char *text, struct user *ret_user, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *group = copy;
	char *name;
	int r;

	if (!copy)
		return err_set(err, ENOMEM, "--user");
	*ret_user = (struct user){ .home = "/" };
	name = strsep(&group, ":");
	if (!*name || (group && !*group))
		return err_say(err, EINVAL, "--user: \"%s\" is not USER or USER:GROUP", text);
	r = apply_user(root_path, name, !group, ret_user, err);
	if (r < 0 || !group)
		return r;
	return apply_group(root_path, group, ret_user, err);
}

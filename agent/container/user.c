/* SPDX-License-Identifier: Apache-2.0 */
/* A process's user. */
#include "agent/container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "lib/fd.h"

#define PASSWD_MAX_BYTES (1u << 20)

int user_apply(const struct oci_user *user, struct err *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "cannot keep the capabilities");
	if (setgroups(user->n_additional_gids, user->additional_gids) < 0)
		return err_set(err, errno, "cannot set the additional groups");
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return err_set(err, errno, "cannot become gid %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return err_set(err, errno, "cannot become uid %u", user->uid);
	umask(user->umask.set ? (mode_t)user->umask.value : 0022);
	return 0;
}

/* The n-th field of a line that ends at a newline or the text's end. */
static const char *field(const char *line, int n, size_t *ret_len)
{
	while (n-- > 0) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return NULL;
		line++;
	}
	*ret_len = strcspn(line, ":\n");
	return line;
}

char *user_home_in(const char *passwd, uint32_t uid)
{
	char wanted[16];
	int wanted_len = snprintf(wanted, sizeof(wanted), "%u", uid);

	for (const char *line = passwd; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t id_len = 0, home_len = 0;
		const char *id = field(line, 2, &id_len);
		const char *home = field(line, 5, &home_len);

		if (id && home && home_len > 0 && id_len == (size_t)wanted_len &&
		    strncmp(id, wanted, id_len) == 0)
			return strndup(home, home_len);
	}
	return strdup("/");
}

char *user_home(uint32_t uid)
{
	/* What the image put there may be a pipe, which must not be waited for. */
	_cleanup_fd_ int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PASSWD_MAX_BYTES)
		return strdup("/");
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return NULL;
	n = fd_read_full(fd, text, (size_t)st.st_size);
	return n < 0 ? strdup("/") : user_home_in(text, uid);
}

int user_map_id(const struct oci_id_mapping *mappings, size_t n, uint32_t id, uint32_t *ret_id)
{
	*ret_id = id;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (id >= mappings[i].container_id &&
		    id - mappings[i].container_id < mappings[i].size) {
			*ret_id = mappings[i].host_id + (id - mappings[i].container_id);
			return 0;
		}
	}
	return -ENOENT;
}

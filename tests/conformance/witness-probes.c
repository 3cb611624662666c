/* SPDX-License-Identifier: Apache-2.0 */
/* What the witness tries because an argument asks for it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/witness.h"

#define CHILDREN_MAX 256

static void show_outcome(struct json_writer *out, const char *key, long result)
{
	if (result < 0)
		json_error(out, key, errno);
	else
		json_string(out, key, "ok");
}

/* "exit 3", "signal 9": how a child ended. */
static void show_end(struct json_writer *out, const char *key, pid_t child)
{
	char text[32];
	int status;

	if (child < 0 || waitpid(child, &status, 0) < 0) {
		json_error(out, key, errno);
		return;
	}
	if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		(void)snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	json_string(out, key, text);
}

/* A child that has no copy of what stdio holds back. */
static pid_t fork_clean(struct json_writer *out)
{
	(void)fflush(out->stream);
	return fork();
}

static void probe_read(struct json_writer *out, const char *key, const char *path)
{
	witness_show_file(out, key, path);
}

/* Opens for writing, and writes nothing: the file may be one that acts upon a write. */
static void probe_write(struct json_writer *out, const char *key, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);

	show_outcome(out, key, fd);
	if (fd >= 0)
		(void)close(fd);
}

static void probe_create(struct json_writer *out, const char *key, const char *folder)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.witness", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	show_outcome(out, key, fd);
	if (fd >= 0) {
		(void)close(fd);
		(void)unlink(path);
	}
}

static void probe_list(struct json_writer *out, const char *key, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	if (n < 0) {
		json_error(out, key, errno);
		return;
	}
	json_open(out, key, '[');
	for (int i = 0; i < n; i++) {
		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
			json_string(out, NULL, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	json_close(out, ']');
}

static void probe_stat(struct json_writer *out, const char *key, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		json_error(out, key, errno);
		return;
	}
	json_open(out, key, '{');
	json_int(out, "type", (st.st_mode & S_IFMT) >> 12);
	json_int(out, "mode", st.st_mode & 07777);
	json_int(out, "uid", st.st_uid);
	json_int(out, "gid", st.st_gid);
	json_close(out, '}');
}

/* Runs a program, which a copy of the witness makes tell whether it got another user ("exit 17").
 */
static void probe_exec(struct json_writer *out, const char *key, const char *path)
{
	pid_t child = fork_clean(out);

	if (child == 0) {
		char *argv[] = { (char *)path, "whoami", NULL };

		(void)execv(path, argv);
		_exit(100 + (errno < 100 ? errno : 100));
	}
	show_end(out, key, child);
}

/* "NR,A0,A1…": one system call by its number; "path" as an argument is a path that does not exist.
 */
static void probe_syscall(struct json_writer *out, const char *key, const char *text)
{
	long numbers[7] = { 0 };
	char *copy = strdup(text), *rest = copy, *word;

	for (size_t i = 0; i < 7 && (word = strsep(&rest, ",")); i++) {
		numbers[i] = strcmp(word, "path") == 0 ? (long)"/nonexistent/path"
						       : strtol(word, NULL, 0);
	}
	(void)fflush(out->stream);
	show_outcome(out, key,
		     syscall(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
			     numbers[6]));
	free(copy);
}

/* The same, in a child, so that it may kill. */
static void probe_deadly(struct json_writer *out, const char *key, const char *text)
{
	pid_t child = fork_clean(out);

	if (child == 0)
		_exit(syscall(strtol(text, NULL, 0), 0, 0, 0, 0, 0, 0) < 0 ? errno : 0);
	show_end(out, key, child);
}

/* A system call through the gate of 32-bit x86. */
static void probe_syscall32(struct json_writer *out, const char *key, const char *number)
{
	pid_t child = fork_clean(out);

	if (child == 0) {
		int result;

		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(atoi(number)), "b"(0), "c"(0), "d"(0)
				 : "memory");
		_exit(result < 0 ? -result : 0);
	}
	show_end(out, key, child);
}

/* "c:MAJOR:MINOR:PATH": makes a device node and opens it. */
static void probe_mknod(struct json_writer *out, const char *key, const char *text)
{
	char type, path[256];
	unsigned int major_number, minor_number;
	int fd;

	if (sscanf(text, "%c:%u:%u:%255s", &type, &major_number, &minor_number, path) != 4) {
		json_error(out, key, EINVAL);
		return;
	}
	if (mknod(path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600,
		  makedev(major_number, minor_number)) < 0) {
		json_error(out, key, errno);
		return;
	}
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	show_outcome(out, key, fd);
	if (fd >= 0)
		(void)close(fd);
	(void)unlink(path);
}

/* "r:PATH", "w:PATH", "rw:PATH": opens with that access. */
static void probe_open(struct json_writer *out, const char *key, const char *text)
{
	const char *path = strchr(text, ':');
	int flags = text[0] == 'w' ? O_WRONLY : text[1] == 'w' ? O_RDWR : O_RDONLY, fd;

	if (!path) {
		json_error(out, key, EINVAL);
		return;
	}
	fd = open(path + 1, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	show_outcome(out, key, fd);
	if (fd >= 0)
		(void)close(fd);
}

/* Touches so many MiB in a child. */
static void probe_touch(struct json_writer *out, const char *key, const char *mib)
{
	pid_t child = fork_clean(out);

	if (child == 0) {
		size_t len = (size_t)atol(mib) << 20;
		char *bytes =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (bytes == MAP_FAILED)
			_exit(1);
		for (size_t i = 0; i < len; i += 4096)
			bytes[i] = 1;
		_exit(0);
	}
	show_end(out, key, child);
}

/* How many children there may be at once, up to a number. */
static void probe_fork(struct json_writer *out, const char *key, const char *number)
{
	pid_t children[CHILDREN_MAX];
	int wanted = atoi(number), n = 0;

	(void)fflush(out->stream);
	for (; n < wanted && n < CHILDREN_MAX; n++) {
		children[n] = fork();
		if (children[n] == 0) {
			(void)pause();
			_exit(0);
		}
		if (children[n] < 0)
			break;
	}
	json_int(out, key, n);
	for (int i = 0; i < n; i++) {
		(void)kill(children[i], SIGKILL);
		(void)waitpid(children[i], NULL, 0);
	}
}

/* "FAMILY,TYPE,PROTOCOL" */
static void probe_socket(struct json_writer *out, const char *key, const char *text)
{
	int family = 0, type = 0, protocol = 0, fd;

	(void)sscanf(text, "%d,%d,%d", &family, &type, &protocol);
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	show_outcome(out, key, fd);
	if (fd >= 0)
		(void)close(fd);
}

/* Whether a signal is one that the process was started with ignored. */
static void probe_ignored(struct json_writer *out, const char *key, const char *number)
{
	struct sigaction action;

	if (sigaction(atoi(number), NULL, &action) < 0)
		json_error(out, key, errno);
	else
		json_int(out, key, action.sa_handler == SIG_IGN);
}

static const struct {
	const char *verb;
	void (*probe)(struct json_writer *out, const char *key, const char *argument);
} probes[] = {
	{ "read", probe_read },	      { "write", probe_write },	  { "create", probe_create },
	{ "list", probe_list },	      { "stat", probe_stat },	  { "exec", probe_exec },
	{ "syscall", probe_syscall }, { "deadly", probe_deadly }, { "syscall32", probe_syscall32 },
	{ "mknod", probe_mknod },     { "open", probe_open },	  { "touch", probe_touch },
	{ "fork", probe_fork },	      { "socket", probe_socket }, { "ignored", probe_ignored },
};

int witness_probe(struct json_writer *out, const char *word)
{
	const char *colon = strchr(word, ':');
	size_t len = colon ? (size_t)(colon - word) : 0;

	for (size_t i = 0; colon && i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (strlen(probes[i].verb) == len && memcmp(word, probes[i].verb, len) == 0) {
			probes[i].probe(out, word, colon + 1);
			return 0;
		}
	}
	return -1;
}

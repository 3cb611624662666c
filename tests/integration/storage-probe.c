/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs expect of a file system, tried in the folder that is the first argument; prints the
 * line of what fails. With a second argument it is about locks between processes: "hold" keeps one
 * until a file named done is there, "denied" succeeds if another process has it. Linked statically,
 * as it runs in containers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			(void)printf("line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
			exit(1);                                                                  \
		}                                                                                 \
	} while (0)

static void make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

static void owners_modes_and_links(void)
{
	struct stat st;

	make("plain", "text");
	CHECK(chown("plain", 1234, 4321) == 0 && chmod("plain", 04751) == 0);
	CHECK(stat("plain", &st) == 0);
	CHECK(st.st_uid == 1234 && st.st_gid == 4321 && (st.st_mode & 07777) == 04751);
	CHECK(link("plain", "second") == 0 && stat("second", &st) == 0 && st.st_nlink == 2);
	CHECK(symlink("plain", "soft") == 0 && lstat("soft", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(mkfifo("fifo", 0600) == 0 && stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
}

static void attributes(void)
{
	char value[16];

	CHECK(setxattr("plain", "user.kind", "probe", 5, 0) == 0);
	CHECK(getxattr("plain", "user.kind", value, sizeof(value)) == 5);
	CHECK(memcmp(value, "probe", 5) == 0);
	CHECK(listxattr("plain", NULL, 0) >= 10);
	CHECK(removexattr("plain", "user.kind") == 0);
	CHECK(getxattr("plain", "user.kind", value, sizeof(value)) < 0 && errno == ENODATA);
}

static void mapped_pages_are_common(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT, 0600);
	char *map, back[6];

	CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	memcpy(map + 4096, "mapped", 6);
	CHECK(msync(map, 8192, MS_SYNC) == 0);
	CHECK(pread(fd, back, 6, 4096) == 6 && memcmp(back, "mapped", 6) == 0);
	CHECK(munmap(map, 8192) == 0 && close(fd) == 0);
}

/* In another process, as a process never excludes itself. */
static int try_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("locked", O_RDWR);
	int denied = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	return denied && fcntl(fd, F_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES);
}

static void locks_exclude(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("locked", O_RDWR | O_CREAT, 0600), status;
	pid_t pid;

	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLKW, &lock) == 0);
	pid = fork();
	if (pid == 0)
		_exit(!try_locks());
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(close(fd) == 0);
}

/* The names in the working directory that begin so. */
static int names_that_begin(const char *start)
{
	DIR *dir = opendir(".");
	const struct dirent *entry;
	int n = 0;

	CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		n += strncmp(entry->d_name, start, strlen(start)) == 0;
	CHECK(closedir(dir) == 0);
	return n;
}

static int give_name(int fd, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static int make_without_name(int flags)
{
	int fd = open(".", O_TMPFILE | O_RDWR | flags, 0640);
	char back[5];
	struct stat st;

	CHECK(fd >= 0 && write(fd, "later", 5) == 5);
	CHECK(pread(fd, back, 5, 0) == 5 && memcmp(back, "later", 5) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 5);
	CHECK((st.st_mode & 07777) == 0640);
	return fd;
}

/* A guest whose file server has no FUSE_TMPFILE gives them names that begin so. */
static void files_without_a_name(void)
{
	int named = make_without_name(0), unnamed = make_without_name(0);
	int excluded = make_without_name(O_EXCL), twin;
	char path[64];
	struct stat st;

	CHECK(give_name(named, "named") == 0 && give_name(named, "named") < 0 && errno == EEXIST);
	CHECK(stat("named", &st) == 0 && st.st_size == 5 && st.st_nlink == 1);
	CHECK(fstat(named, &st) == 0 && st.st_nlink == 1 && close(named) == 0);
	CHECK(give_name(excluded, "excluded") < 0 && errno == ENOENT && close(excluded) == 0);

	/* It lives as long as anybody has it open. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", unnamed);
	twin = open(path, O_RDWR);
	CHECK(twin >= 0 && close(unnamed) == 0 && give_name(twin, "twin") == 0);
	CHECK(close(twin) == 0 && stat("twin", &st) == 0 && st.st_nlink == 1);
	CHECK(close(make_without_name(0)) == 0);
	CHECK(names_that_begin(".fuse-tmpfile") == 0);
	CHECK(access("excluded", F_OK) < 0);
}

static void renaming_over_what_is_open(void)
{
	int fd;
	char text[4] = "";

	make("old", "old");
	make("new", "new");
	fd = open("old", O_RDONLY);
	CHECK(fd >= 0 && rename("new", "old") == 0);
	CHECK(read(fd, text, 3) == 3 && memcmp(text, "old", 3) == 0 && close(fd) == 0);
	fd = open("old", O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, 3) == 3 && memcmp(text, "new", 3) == 0 && close(fd) == 0);
	fd = open("old", O_RDWR);
	CHECK(fd >= 0 && unlink("old") == 0 && write(fd, "gone", 4) == 4 && close(fd) == 0);
}

static void hold_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("locked", O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &lock) == 0);
	make("has-lock", "");
	while (access("done", F_OK) < 0)
		(void)usleep(100000);
}

int main(int argc, char *argv[])
{
	CHECK(argc >= 2 && chdir(argv[1]) == 0);
	if (argc > 2 && strcmp(argv[2], "hold") == 0) {
		hold_locks();
		return 0;
	}
	if (argc > 2)
		return !try_locks();
	owners_modes_and_links();
	attributes();
	mapped_pages_are_common();
	locks_exclude();
	files_without_a_name();
	renaming_over_what_is_open();
	(void)printf("all as expected\n");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library to preload that has one call of a program fail, as the system may: memory, descriptors,
 * processes or space have run out, a descriptor got lost on its way. Which one is counted, so that
 * a test can fail each in turn.
 *
 *	KATA_LIKE_FAULT_PROGRAM	the name of the program's file; others are left alone
 *	KATA_LIKE_FAULT_AT	the number of the call that fails, from 1; followed by + all from it
 *	KATA_LIKE_FAULT_COUNT	a file of at least 8 bytes: how many calls all processes have made;
 *				unset: only the processes count that this one has forked
 *	KATA_LIKE_FAULT_REPORT	where the one that failed is named, with who called it: a file, or
 *				/dev/kmsg
 *	KATA_LIKE_FAULT_JAILED	set: the program goes where it can open nothing and look at no
 *				file, so that is opened at once, and calls on files do not count
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES_MAX 24
#define REPORT_MAX 4000
/* The counter is in the first half, what is unreported in the other. */
#define SHARED_BYTES 8192
/* Shown on the console of a kernel that is to be quiet. */
#define KMSG_ALERT "<1>failing: "

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

/* Shared by every process that counts; NULL in those that do not. */
static _Atomic uint64_t *counter;
/* What a process could not report from where it was; who forked it can. NULL with a file. */
static struct {
	_Atomic bool there;
	char text[REPORT_MAX + 1];
} * unreported;
static uint64_t at;
static bool from_there_on;
static const char *report_path;
static int report_fd = -1; /* of a program that goes into a jail */
/* What is called from here, or by a handler in between, does not count. */
static _Thread_local bool busy;

/*
 * json-c's parser does not look whether it got the memory for a small value. It is not ours to
 * mend, so what it asks for does not count.
 */
static bool is_json_parser(void)
{
	static const char *const names[] = {
		"json_tokener_", "json_object_new", "json_object_object", "json_object_array",
		"lh_",		 "array_list_",	    "printbuf_"
	};
	void *frames[7];
	int n = backtrace(frames, 7);

	for (int i = 2; i < n; i++) {
		Dl_info info = { .dli_sname = NULL };

		if (!dladdr(frames[i], &info) || !info.dli_sname)
			continue;
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (strncmp(info.dli_sname, names[k], strlen(names[k])) == 0)
				return true;
	}
	return false;
}

static int open_report(void)
{
	/* A device that is not there must not become a file. */
	return (int)syscall(SYS_openat, AT_FDCWD, report_path,
			    O_WRONLY | O_APPEND | O_CLOEXEC | (unreported ? 0 : O_CREAT), 0666);
}

static void report(const char *what)
{
	int fd = report_fd >= 0 ? report_fd : open_report();
	void *frames[FRAMES_MAX];
	int n = backtrace(frames, FRAMES_MAX);
	char text[REPORT_MAX];
	size_t len;

	if (fd < 0 && !unreported)
		return;
	len = (size_t)snprintf(text, sizeof(text), "%s%s",
			       strcmp(report_path, "/dev/kmsg") == 0 ? KMSG_ALERT : "", what);
	for (int i = 2; i < n && len < sizeof(text); i++) {
		Dl_info info = { .dli_fname = NULL };

		if (!dladdr(frames[i], &info) || !info.dli_fname)
			continue;
		/* One back: what follows the call may be another line. */
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " %s+0x%lx", info.dli_fname,
			(unsigned long)((uintptr_t)frames[i] - 1 - (uintptr_t)info.dli_fbase));
	}
	len = len < sizeof(text) ? len : sizeof(text) - 1;
	text[len++] = '\n';
	if (fd < 0) {
		memcpy(unreported->text, text, len);
		unreported->text[len] = '\0';
		unreported->there = true;
		return;
	}
	/* In one: each is a message where this is the kernel's log. */
	(void)!syscall(SYS_write, fd, text, len);
	if (fd != report_fd)
		(void)syscall(SYS_close, fd);
}

static void report_for_others(void)
{
	int fd = open_report();

	if (fd < 0)
		return;
	unreported->there = false;
	(void)!syscall(SYS_write, fd, unreported->text, strlen(unreported->text));
	(void)syscall(SYS_close, fd);
}

static void crashed(int number)
{
	busy = true;
	report("CRASHED");
	(void)raise(number);
}

/* Whether this call is the one; errno is what it fails with then. */
static bool fails(const char *what, int errnum)
{
	int before = errno;
	bool left_out;
	uint64_t number;

	if (!counter || busy)
		return false;
	busy = true;
	if (unreported && unreported->there)
		report_for_others();
	left_out = is_json_parser();
	busy = false;
	errno = before;
	if (left_out)
		return false;
	number = atomic_fetch_add(counter, 1) + 1;
	if (number < at || (number > at && !from_there_on))
		return false;
	busy = true;
	if (number == at)
		report(what);
	busy = false;
	errno = errnum;
	return true;
}

/* Standard error is left alone: nobody can complain that it cannot complain. */
static bool is_file(int fd)
{
	struct stat st;
	int before = errno;
	bool yes =
		report_fd < 0 && fd != STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	errno = before;
	return yes;
}

/* PID 1 of a guest has no /proc yet. */
static int own_path(char *ret_path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_path, size - 1);
	const char *executed = (const char *)getauxval(AT_EXECFN);

	if (n >= 0)
		ret_path[n] = '\0';
	else if (executed)
		(void)snprintf(ret_path, size, "%s", executed);
	return n >= 0 || executed ? 0 : -1;
}

__attribute__((constructor)) static void start(void)
{
	const char *program = getenv("KATA_LIKE_FAULT_PROGRAM");
	const char *count = getenv("KATA_LIKE_FAULT_COUNT");
	const char *number = getenv("KATA_LIKE_FAULT_AT");
	char self[512];
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = (int)SA_RESETHAND };
	void *frames[2], *shared;
	int fd = -1, flags = MAP_SHARED;

	report_path = getenv("KATA_LIKE_FAULT_REPORT");
	if (!program || !number || !report_path || own_path(self, sizeof(self)) < 0)
		return;
	if (!strrchr(self, '/') || strcmp(strrchr(self, '/') + 1, program) != 0)
		return;
	/* The first call loads a library. */
	(void)backtrace(frames, 2);
	if (count)
		fd = (int)syscall(SYS_openat, AT_FDCWD, count, O_RDWR | O_CLOEXEC, 0);
	else
		flags |= MAP_ANONYMOUS;
	if (count && fd < 0)
		return;
	shared =
		(void *)syscall(SYS_mmap, NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	if (shared == MAP_FAILED)
		return;
	if (getenv("KATA_LIKE_FAULT_JAILED"))
		report_fd = open_report();
	at = strtoull(number, NULL, 10);
	from_there_on = number[strlen(number) - 1] == '+';
	if (!count)
		unreported = (void *)((char *)shared + SHARED_BYTES / 2);
	counter = shared;
	/* What nobody asked to see would pass for an end like others. */
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		(void)sigaction(crashes[i], &action, NULL);
}

void *malloc(size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails("calloc", ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails("realloc", ENOMEM) ? NULL : __libc_realloc(old, size);
}

/*
 * DEFINE(result, name, errno, parameters, arguments, condition, failure). By a name of its own, as
 * the headers declare some with three dots.
 */
#define DEFINE(type, name, errnum, parameters, arguments, condition, failure)            \
	type fail_##name parameters __asm__(#name);                                      \
	type fail_##name parameters                                                      \
	{                                                                                \
		static type(*_Atomic real) parameters;                                   \
		type(*next) parameters = real;                                           \
                                                                                         \
		if (!next) {                                                             \
			*(void **)&next = dlsym(RTLD_NEXT, #name);                       \
			real = next;                                                     \
		}                                                                        \
		return (condition) && fails(#name, errnum) ? (failure) : next arguments; \
	}

#define CALL(name, errnum, parameters, arguments) \
	DEFINE(int, name, errnum, parameters, arguments, true, -1)

CALL(open64, EMFILE, (const char *path, int flags, long mode), (path, flags, mode))
CALL(openat64, EMFILE, (int dir_fd, const char *path, int flags, long mode),
     (dir_fd, path, flags, mode))
CALL(socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
CALL(socketpair, EMFILE, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds))
CALL(pipe2, EMFILE, (int fds[2], int flags), (fds, flags))
CALL(accept4, EMFILE, (int fd, struct sockaddr *address, socklen_t *len, int flags),
     (fd, address, len, flags))
CALL(dup3, EMFILE, (int old, int new, int flags), (old, new, flags))
DEFINE(int, fcntl64, EMFILE, (int fd, int command, long argument), (fd, command, argument),
       command == F_DUPFD || command == F_DUPFD_CLOEXEC, -1)
CALL(eventfd, EMFILE, (unsigned value, int flags), (value, flags))
CALL(epoll_create1, EMFILE, (int flags), (flags))
CALL(timerfd_create, EMFILE, (int clock, int flags), (clock, flags))
CALL(signalfd, EMFILE, (int fd, const void *mask, int flags), (fd, mask, flags))
CALL(memfd_create, EMFILE, (const char *name, unsigned flags), (name, flags))
DEFINE(int, epoll_ctl, ENOMEM, (int fd, int op, int target, void *event), (fd, op, target, event),
       op == 1, -1)
CALL(fork, EAGAIN, (void), ())
CALL(execve, ENOMEM, (const char *path, char *const argv[], char *const env[]), (path, argv, env))
CALL(execv, ENOMEM, (const char *path, char *const argv[]), (path, argv))
DEFINE(int, pthread_create, EAGAIN,
       (pthread_t * thread, const pthread_attr_t *attr, void *(*main)(void *), void *ctx),
       (thread, attr, main, ctx), true, EAGAIN)
DEFINE(void *, mmap64, ENOMEM,
       (void *address, size_t len, int prot, int flags, int fd, long offset),
       (address, len, prot, flags, fd, offset), true, MAP_FAILED)
CALL(mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
CALL(mkdirat, ENOSPC, (int dir_fd, const char *path, mode_t mode), (dir_fd, path, mode))
CALL(mknod, ENOSPC, (const char *path, mode_t mode, dev_t dev), (path, mode, dev))
CALL(mkfifo, ENOSPC, (const char *path, mode_t mode), (path, mode))
CALL(link, ENOSPC, (const char *from, const char *to), (from, to))
CALL(rename, ENOSPC, (const char *from, const char *to), (from, to))
CALL(ftruncate64, ENOSPC, (int fd, long len), (fd, len))
CALL(bind, ENOSPC, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
DEFINE(ssize_t, write, ENOSPC, (int fd, const void *data, size_t len), (fd, data, len), is_file(fd),
       -1)
DEFINE(ssize_t, writev, ENOSPC, (int fd, const struct iovec *data, int n), (fd, data, n),
       is_file(fd), -1)
DEFINE(ssize_t, pwrite64, ENOSPC, (int fd, const void *data, size_t len, long offset),
       (fd, data, len, offset), is_file(fd), -1)
DEFINE(ssize_t, sendfile64, ENOSPC, (int out, int in, off_t *offset, size_t len),
       (out, in, offset, len), is_file(out), -1)
DEFINE(ssize_t, read, EIO, (int fd, void *data, size_t len), (fd, data, len), is_file(fd), -1)
DEFINE(ssize_t, pread64, EIO, (int fd, void *data, size_t len, long offset),
       (fd, data, len, offset), is_file(fd), -1)
CALL(mount, ENOMEM,
     (const char *source, const char *target, const char *type, unsigned long flags,
      const void *data),
     (source, target, type, flags, data))
CALL(move_mount, ENOMEM,
     (int from, const char *from_path, int to, const char *to_path, unsigned flags),
     (from, from_path, to, to_path, flags))
CALL(open_tree, ENOMEM, (int dir_fd, const char *path, unsigned flags), (dir_fd, path, flags))
CALL(mount_setattr, ENOMEM, (int dir_fd, const char *path, unsigned flags, void *attr, size_t size),
     (dir_fd, path, flags, attr, size))
CALL(unshare, ENOSPC, (int flags), (flags))
CALL(setns, ENOMEM, (int fd, int type), (fd, type))
CALL(setresuid, EAGAIN, (uid_t real_id, uid_t effective, uid_t saved), (real_id, effective, saved))
CALL(ioctl, ENOMEM, (int fd, unsigned long request, long argument), (fd, request, argument))
CALL(flock, ENOLCK, (int fd, int operation), (fd, operation))
CALL(io_uring_queue_init_params, ENOMEM, (unsigned entries, void *ring, void *params),
     (entries, ring, params))
DEFINE(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags),
       (fd, message, flags), message->msg_controllen > 0, -1)

CALL(fsopen, ENOMEM, (const char *type, unsigned flags), (type, flags))
CALL(fsmount, EMFILE, (int fd, unsigned flags, unsigned attributes), (fd, flags, attributes))
CALL(mknodat, ENOSPC, (int dir_fd, const char *path, mode_t mode, dev_t dev),
     (dir_fd, path, mode, dev))
CALL(symlinkat, ENOSPC, (const char *target, int dir_fd, const char *path), (target, dir_fd, path))

/* For calls that the C library has no function for. */
static int errno_of(long number)
{
	switch (number) {
	case SYS_clone3:
		return EAGAIN;
	case SYS_pivot_root:
	case SYS_seccomp:
		return ENOMEM;
	case SYS_openat2:
	case SYS_pidfd_open:
		return EMFILE;
	default:
		return 0;
	}
}

DEFINE(long, syscall, errno_of(number),
       (long number, long a, long b, long c, long d, long e, long f), (number, a, b, c, d, e, f),
       errno_of(number) != 0, -1)

static void close_passed(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
			(void)syscall(SYS_close, ((int *)(void *)CMSG_DATA(c))[i]);
	}
}

/* Descriptors for which there is no room are lost, and the message says so. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, message, flags);

	if (n < 0 || message->msg_controllen == 0 || !CMSG_FIRSTHDR(message) ||
	    CMSG_FIRSTHDR(message)->cmsg_type != SCM_RIGHTS || !fails("recvmsg", 0))
		return n;
	close_passed(message);
	message->msg_controllen = 0;
	message->msg_flags |= MSG_CTRUNC;
	return n;
}

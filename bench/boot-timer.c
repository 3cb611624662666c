/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots a guest with kata-like-vmm as the shim does and tells how long it takes until the agent is
 *ready: from the VMM's exec to the agent's connection to the ready port. Then it ends the VM.
 *
 *	boot-timer VMM KERNEL INITRD MEMORY CMDLINE [MARKER]
 *
 * Prints "ready_ns N", and the VMM's resident memory beside the guest's as "vmm_rss_kib N". MARKER,
 *if given, is a tracefs trace_marker: "ready" is written there at that moment, for
 *boot-instructions.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"

#define READY_TIMEOUT_S 120

struct boot {
	pid_t pid;
	int link_fd, control_fd;
	int64_t start_ns;
};

_noreturn_ static void fail(const char *what)
{
	(void)fprintf(stderr, "boot-timer: %s: %s\n", what, strerror(errno));
	exit(1);
}

_noreturn_ static void exec_vmm(char **argv, int link_fd, int control_fd)
{
	char link[32], control[32];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(link, sizeof(link), "fd:%d", link_fd);
	(void)snprintf(control, sizeof(control), "fd:%d", control_fd);
	execl(argv[1], argv[1], "--kernel", argv[2], "--initrd", argv[3], "--memory", argv[4],
	      "--cmdline", argv[5], "--vsock", link, "--control", control, "--rng", "--pvpanic",
	      (char *)NULL);
	fail(argv[1]);
}

static void start(struct boot *boot, char **argv)
{
	int link[2], control[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, link) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, control) < 0)
		fail("socketpair");
	if (fd_set_cloexec(link[0], 1) < 0 || fd_set_cloexec(control[0], 1) < 0)
		fail("fcntl");
	boot->start_ns = clock_monotonic_ns();
	boot->pid = fork();
	if (boot->pid < 0)
		fail("fork");
	if (boot->pid == 0)
		exec_vmm(argv, link[1], control[1]);
	close(link[1]);
	close(control[1]);
	boot->link_fd = link[0];
	boot->control_fd = control[0];
}

static void wait_ready(const struct boot *boot)
{
	struct timeval limit = { .tv_sec = READY_TIMEOUT_S };
	struct vsock_link_message message;
	int fd;
	size_t n_fds = 1;

	(void)setsockopt(boot->link_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd_recv(boot->link_fd, &message, sizeof(message), &fd, &n_fds) <= 0 || n_fds != 1)
		fail("the guest did not get ready");
	close(fd);
}

/*
 * What is resident and belongs to the VMM: everything but the guest's memory, which is the largest
 * mapping.
 */
static long vmm_rss_kib(pid_t pid)
{
	char path[64], line[512];
	long size = 0, largest = 0, rss_of_largest = 0, total = 0, value;
	_cleanup_file_ FILE *smaps = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps)
		fail(path);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "Size: %ld kB", &value) == 1)
			size = value;
		if (sscanf(line, "Rss: %ld kB", &value) != 1)
			continue;
		total += value;
		if (size > largest) {
			largest = size;
			rss_of_largest = value;
		}
	}
	return total - rss_of_largest;
}

int main(int argc, char **argv)
{
	struct boot boot;
	char marker[] =
		"ready"; /* on the stack, which is resident: tracefs does not fault pages in */
	int marker_fd = -1;
	int64_t ready_ns;

	if (argc < 6) {
		(void)fprintf(stderr,
			      "Usage: boot-timer VMM KERNEL INITRD MEMORY CMDLINE [MARKER]\n");
		return 2;
	}
	if (argc > 6) {
		marker_fd = open(argv[6], O_WRONLY | O_CLOEXEC);
		if (marker_fd < 0)
			fail(argv[6]);
	}
	start(&boot, argv);
	wait_ready(&boot);
	ready_ns = clock_monotonic_ns() - boot.start_ns;
	if (marker_fd >= 0 && write(marker_fd, marker, strlen(marker)) != (ssize_t)strlen(marker))
		fail(argv[6]);
	printf("ready_ns %lld\nvmm_rss_kib %ld\n", (long long)ready_ns, vmm_rss_kib(boot.pid));
	close(boot.control_fd);
	if (waitpid(boot.pid, NULL, 0) < 0)
		fail("waitpid");
	return 0;
}

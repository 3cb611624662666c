/* SPDX-License-Identifier: Apache-2.0 */
/* Which namespaces a container gets. */
#include "agent/container/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/nsfs.h>

#include "lib/fd.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
	unsigned long flag;
	const char *file;
} kinds[OCI_NAMESPACE_N] = {
	[OCI_NAMESPACE_PID] = { CLONE_NEWPID, "pid" },
	[OCI_NAMESPACE_NETWORK] = { CLONE_NEWNET, "net" },
	[OCI_NAMESPACE_MOUNT] = { CLONE_NEWNS, "mnt" },
	[OCI_NAMESPACE_IPC] = { CLONE_NEWIPC, "ipc" },
	[OCI_NAMESPACE_UTS] = { CLONE_NEWUTS, "uts" },
	[OCI_NAMESPACE_USER] = { CLONE_NEWUSER, "user" },
	[OCI_NAMESPACE_CGROUP] = { CLONE_NEWCGROUP, "cgroup" },
	[OCI_NAMESPACE_TIME] = { CLONE_NEWTIME, "time" },
};

/* What the first container of a pod shares with those that name it. */
static const enum oci_namespace_kind shared_kinds[] = {
	OCI_NAMESPACE_PID,
	OCI_NAMESPACE_IPC,
	OCI_NAMESPACE_UTS,
};

unsigned long namespaces_flag(enum oci_namespace_kind kind)
{
	return kinds[kind].flag;
}

static int open_on_host(enum oci_namespace_kind kind, const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int type;

	if (fd < 0)
		return err_set(err, errno, "cannot open the %s namespace %s",
			       oci_namespace_name(kind), path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 || (unsigned long)type != kinds[kind].flag)
		return err_say(err, EINVAL, "%s is no %s namespace", path,
			       oci_namespace_name(kind));
	return TAKE_FD(fd);
}

/* The namespace to be joined for a path: a descriptor, -1 for the VM's own (errno 0), or -errno. */
static int open_in_guest(const struct namespaces_pod *pod, enum oci_namespace_kind kind,
			 const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = -1;
	switch (kind) {
	case OCI_NAMESPACE_NETWORK:
		return 0;
	case OCI_NAMESPACE_PID:
	case OCI_NAMESPACE_IPC:
	case OCI_NAMESPACE_UTS:
		if (pod->fds[kind] < 0)
			return 0;
		*ret_fd = fcntl(pod->fds[kind], F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_set(err, errno, "cannot join the pod's namespaces") : 0;
	default:
		return err_say(err, ENOTSUP,
			       "the %s namespace %s is outside the VM, and cannot be joined",
			       oci_namespace_name(kind), path);
	}
}

static int plan_join(const struct namespaces_pod *pod, enum oci_namespace_kind kind,
		     const char *path, struct namespaces_plan *plan, struct err *err)
{
	int fd = -1;
	int r = 0;

	if (kind == OCI_NAMESPACE_MOUNT)
		return err_say(err, ENOTSUP,
			       "a container cannot join a mount namespace and have its own root");
	if (pod->in_guest)
		r = open_in_guest(pod, kind, path, &fd, err);
	else
		fd = r = open_on_host(kind, path, err);
	if (r < 0)
		return r;
	plan->join_fds[kind] = fd;
	if (fd >= 0)
		plan->joined_flags |= kinds[kind].flag;
	return 0;
}

int namespaces_plan(struct namespaces_pod *pod, const struct oci_spec *spec,
		    struct namespaces_plan *ret_plan, struct err *err)
{
	struct namespaces_plan plan = { .new_flags = CLONE_NEWNS };

	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++)
		plan.join_fds[kind] = -1;
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++) {
		const struct oci_namespace *namespace = &spec->linux_.namespaces[kind];
		int r = 0;

		if (!namespace->listed)
			continue;
		if (namespace->path)
			r = plan_join(pod, (enum oci_namespace_kind)kind, namespace->path, &plan,
				      err);
		else if (kind == OCI_NAMESPACE_NETWORK && pod->in_guest && !pod->network_taken)
			pod->network_taken = true;
		else
			plan.new_flags |= kinds[kind].flag;
		if (r < 0) {
			namespaces_plan_fini(&plan);
			return r;
		}
	}
	*ret_plan = plan;
	return 0;
}

void namespaces_plan_fini(struct namespaces_plan *plan)
{
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++) {
		if (plan->join_fds[kind] >= 0)
			close(plan->join_fds[kind]);
		plan->join_fds[kind] = -1;
	}
}

int namespaces_keep(struct namespaces_pod *pod, const struct namespaces_plan *plan, pid_t pid,
		    struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared_kinds); i++) {
		enum oci_namespace_kind kind = shared_kinds[i];
		char path[64];

		if (pod->fds[kind] >= 0 || !(plan->new_flags & kinds[kind].flag))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[kind].file);
		pod->fds[kind] = open(path, O_RDONLY | O_CLOEXEC);
		if (pod->fds[kind] < 0)
			return err_set(err, errno, "cannot keep the pod's namespaces");
	}
	return 0;
}

void namespaces_forget(struct namespaces_pod *pod)
{
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++) {
		if (pod->fds[kind] >= 0)
			close(pod->fds[kind]);
		pod->fds[kind] = -1;
	}
}

static int join_one(const struct namespaces_plan *plan, enum oci_namespace_kind kind,
		    struct err *err)
{
	if (plan->join_fds[kind] < 0)
		return 0;
	if (setns(plan->join_fds[kind], (int)kinds[kind].flag) < 0)
		return err_set(err, errno, "cannot join the %s namespace",
			       oci_namespace_name(kind));
	return 0;
}

int namespaces_join(const struct namespaces_plan *plan, struct err *err)
{
	/* The user namespace comes last: entering it gives up the power over the others. */
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++) {
		int r = 0;

		if (kind != OCI_NAMESPACE_PID && kind != OCI_NAMESPACE_USER)
			r = join_one(plan, (enum oci_namespace_kind)kind, err);
		if (r < 0)
			return r;
	}
	return join_one(plan, OCI_NAMESPACE_USER, err);
}

int namespaces_new_time(const struct oci_linux *linux_, struct err *err)
{
	char text[128] = "";
	_cleanup_fd_ int fd = -1;
	int r = 0;

	if (unshare(CLONE_NEWTIME) < 0)
		return err_set(err, errno, "cannot make a time namespace");
	if (linux_->monotonic.set)
		(void)snprintf(text, sizeof(text), "monotonic %" PRId64 " %u\n",
			       linux_->monotonic.secs, linux_->monotonic.nanosecs);
	if (linux_->boottime.set) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "boottime %" PRId64 " %u\n",
			       linux_->boottime.secs, linux_->boottime.nanosecs);
	}
	if (text[0])
		r = file_poke(AT_FDCWD, "/proc/self/timens_offsets", text);
	if (r < 0)
		return err_set(err, -r, "cannot set timeOffsets");
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		return err_set(err, errno, "cannot enter the time namespace");
	return 0;
}

int namespaces_loopback_up(struct err *err)
{
	struct ifreq request = { .ifr_name = "lo" };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A kernel without IPv4 has no such interface to set up. */
	if (fd < 0 && errno == EAFNOSUPPORT)
		return 0;
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return err_set(err, errno, "cannot look at the loopback interface");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_set(err, errno, "cannot set the loopback interface up");
	return 0;
}

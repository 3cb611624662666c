/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the VMM's jail, one function each. */
#include "vmm/jail/stages.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/userns.h"

/* A vsock connection takes one, a device a handful; see VSOCK_CONNECTIONS_MAX. */
#define FILES_MAX 2048u

#define ROOT_OPTIONS "mode=555,nr_inodes=2,size=4k"

#define RIGHTS_NONE                                                                              \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                         \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int stage_user_namespace(bool *ret_made, struct err *err)
{
	/* In the new namespace they have no name yet. */
	uid_t user = geteuid();
	gid_t group = getegid();
	int r;

	*ret_made = unshare(CLONE_NEWUSER) == 0;
	if (!*ret_made) {
		log_warn("this VM's jail has neither namespaces nor an empty root: %s "
			 "(unprivileged user namespaces are switched off?)",
			 strerror(errno));
		return 0;
	}
	r = userns_map_ourselves(user, group);
	return r < 0 ? err_set(err, -r, "cannot set up a user namespace") : 0;
}

int stage_namespaces(struct err *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return err_set(err, errno, "cannot make namespaces");
	return 0;
}

int stage_root(struct err *err)
{
	/* The new root may stand on any folder; nothing is written to it. */
	static const char *const places[] = { "/tmp", "/run", "/dev", "/mnt" };
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	size_t i = 0;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "cannot keep mounts to ourselves");
	while (mount("empty", places[i], "tmpfs", flags, ROOT_OPTIONS) < 0)
		if (++i == ARRAY_SIZE(places))
			return err_set(err, errno, "cannot mount an empty root");
	/* The old root ends up on top of the new one, and is taken off there. */
	if (chdir(places[i]) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "cannot change to an empty root");
	return 0;
}

int stage_user(uid_t user, struct err *err)
{
	if (user == 0)
		return err_say(err, EINVAL, "the VMM does not run as root");
	if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
	    setresuid(user, user, user) < 0)
		return err_set(err, errno, "cannot become user %u", user);
	return 0;
}

static int empty_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

int stage_no_gain(bool privileged, struct err *err)
{
	int r = 0;

	if (privileged) {
		r = empty_bounding_set();
		if (r == 0 && prctl(PR_SET_SECUREBITS, RIGHTS_NONE, 0, 0, 0) < 0)
			r = -errno;
	}
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? err_set(err, -r, "cannot bar the way back to capabilities") : 0;
}

int stage_no_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capset, &head, none) < 0
		       ? err_set(err, errno, "cannot give capabilities away")
		       : 0;
}

/* Both limits, never above what they are. */
static int lower(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(what, &limit) < 0)
		return -errno;
	limit.rlim_max = MIN(limit.rlim_max, most);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(what, &limit) < 0 ? -errno : 0;
}

int stage_limits(unsigned n_threads, uint64_t file_bytes, bool secret, struct err *err)
{
	int r = lower(RLIMIT_CORE, 0);

	if (r == 0)
		r = lower(RLIMIT_NOFILE, FILES_MAX);
	if (r == 0)
		r = lower(RLIMIT_NPROC, n_threads);
	if (r == 0)
		r = lower(RLIMIT_FSIZE, file_bytes == UINT64_MAX ? RLIM_INFINITY : file_bytes);
	/* Writing beyond it is an error like any other. */
	if (r == 0 && signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		r = -errno;
	if (r == 0 && prctl(PR_SET_DUMPABLE, secret ? 0 : 1, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? err_set(err, -r, "cannot set limits") : 0;
}

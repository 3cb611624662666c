/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a template, in a process of its own: boots a VM that has nothing but its kernel,
 * waits until the agent serves and its connections are gone, and has the VMM write it down. Then
 * another VM starts from it: a host may refuse to restore what it let us save, and that should be
 * known before a container depends on it. Of such a host an empty file is left, so that it is not
 * tried again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "proto/vsock-link.h"
#include "shim/sandbox/template.h"
#include "shim/sandbox/vmm-process.h"
#include "shim/sandbox/vsock-link.h"
#include "vmm.pb-c.h"

#define CALL_TIMEOUT_MS	  10000
#define RETRY_INTERVAL_MS 10
/* So many are kept, the latest: pods of the same kind share one. */
#define KEPT_MAX 8

struct maker {
	struct loop *loop;
	struct vsock_link *link;
	struct vsock_listener *ready;
	struct vmm_process *vmm;
	struct ttrpc_client *agent;
	struct loop_source *retry, *limit;
	int fd;	     /* of the file that is written */
	bool trying; /* to start from it */
	int64_t timeout_ms;
	struct err err;
};

/* The loop ends; with an error, if one was set. */
static void over(struct maker *maker)
{
	loop_quit(maker->loop, 0);
}

static void vmm_ended(void *ctx, bool killed, const char *reason)
{
	struct maker *maker = ctx;

	(void)killed;
	(void)err_say(&maker->err, ECONNRESET, "the VM ended: %s", reason);
	over(maker);
}

static void timed_out(void *ctx)
{
	struct maker *maker = ctx;

	(void)err_say(&maker->err, ETIMEDOUT, "the guest did not come up within %lld s",
		      (long long)(maker->timeout_ms / 1000));
	over(maker);
}

static void saved(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	struct maker *maker = ctx;

	(void)response;
	/* The guest takes its leave of our connection a moment after we did. */
	if (status->code == TTRPC_FAILED_PRECONDITION) {
		loop_timer_arm(maker->retry, RETRY_INTERVAL_MS);
		return;
	}
	if (status->code != TTRPC_OK)
		(void)ttrpc_status_to_err(status, &maker->err);
	over(maker);
}

static void save(void *ctx)
{
	struct maker *maker = ctx;
	KataLike__Vmm__V1__SaveTemplateRequest request =
		KATA_LIKE__VMM__V1__SAVE_TEMPLATE_REQUEST__INIT;
	int r = 0;

	if (ftruncate(maker->fd, 0) < 0 || lseek(maker->fd, 0, SEEK_SET) < 0)
		r = err_set(&maker->err, errno, "cannot begin the file");
	if (r == 0)
		r = vmm_process_send(maker->vmm, maker->fd, &request.token, &maker->err);
	if (r == 0)
		r = vmm_process_call(maker->vmm, "SaveTemplate", &kata_like__empty__descriptor,
				     &request.base, maker->timeout_ms, saved, maker, &maker->err);
	if (r < 0)
		over(maker);
}

/* It answers, so it has nothing to do any more. */
static void answered(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	struct maker *maker = ctx;

	(void)response;
	if (status->code != TTRPC_OK) {
		(void)ttrpc_status_to_err(status, &maker->err);
		over(maker);
		return;
	}
	if (maker->trying)
		over(maker);
	else
		loop_timer_arm(maker->retry, 0);
}

static void retry(void *ctx)
{
	struct maker *maker = ctx;

	ttrpc_client_free(TAKE_PTR(maker->agent));
	save(maker);
}

static int ask_agent(struct maker *maker, struct err *err)
{
	static const struct ttrpc_target target = {
		"kata_like.agent.v1.Agent", "ListInterfaces",
		&kata_like__agent__v1__list_interfaces_response__descriptor
	};
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	int fd, r = vsock_link_connect(maker->link, VSOCK_PORT_AGENT, &fd, err);

	if (r == 0)
		r = ttrpc_client_new(maker->loop, fd, NULL, NULL, &maker->agent, err);
	if (r == 0 && ttrpc_client_call(maker->agent, &target, &request.base, CALL_TIMEOUT_MS,
					answered, maker) < 0)
		r = err_set(err, ENOMEM, "cannot call the agent");
	return r;
}

static void agent_serves(void *ctx, int fd)
{
	struct maker *maker = ctx;

	close(fd);
	maker->ready = NULL;
	if (ask_agent(maker, &maker->err) < 0)
		over(maker);
}

struct files {
	int kernel, initrd, kvm, vsock;
};

static void cleanup_files(struct files *files)
{
	cleanup_fd(&files->kernel);
	cleanup_fd(&files->initrd);
	cleanup_fd(&files->kvm);
	cleanup_fd(&files->vsock);
}

static int open_files(struct maker *maker, const struct guest *guest, struct files *files,
		      struct err *err)
{
	int pair[2];
	int r = maker->trying ? 0 : guest_open_images(guest, &files->kernel, &files->initrd, err);

	if (r == 0)
		r = guest_open_kvm(&files->kvm, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot make the vsock link");
	files->vsock = pair[1];
	return vsock_link_new(maker->loop, pair[0], &maker->link, err);
}

static int start(struct maker *maker, const struct template_request *request, struct err *err)
{
	_cleanup_(cleanup_files) struct files files = { -1, -1, -1, -1 };
	const struct guest *guest = request->guest;
	char log_path[PATHS_MAX];
	struct vmm_config config = { .console_fd = -1,
				     .fs_fd = -1,
				     .template_fd = maker->trying ? maker->fd : -1,
				     .cmdline = guest->cmdline,
				     .cpus = guest->cpus,
				     .memory_bytes = guest->memory_bytes,
				     .sandbox_id = request->state->id,
				     .cpu_model = guest->cpu_model,
				     .first_user = guest->first_user,
				     .n_users = guest->n_users,
				     .log_path = log_path };
	int r = open_files(maker, guest, &files, err);

	if (r == 0)
		r = state_file(request->state, "vmm.log", log_path, err);
	if (r == 0 && maker->trying)
		r = ask_agent(maker, err);
	else if (r == 0 && vsock_link_listen(maker->link, VSOCK_PORT_READY, agent_serves, maker,
					     &maker->ready) < 0)
		r = err_set(err, ENOMEM, "cannot wait for the agent");
	if (r < 0)
		return r;
	config.kernel_fd = files.kernel;
	config.initrd_fd = files.initrd;
	config.kvm_fd = files.kvm;
	config.vsock_fd = files.vsock;
	return vmm_process_new(maker->loop, &config, vmm_ended, maker, &maker->vmm, err);
}

static void clear(struct maker *maker)
{
	ttrpc_client_free(TAKE_PTR(maker->agent));
	vmm_process_free(TAKE_PTR(maker->vmm));
	vsock_link_free(TAKE_PTR(maker->link));
	loop_source_free(TAKE_PTR(maker->retry));
	loop_source_free(TAKE_PTR(maker->limit));
	loop_free(TAKE_PTR(maker->loop));
}

static int run(struct maker *maker, const struct template_request *request, struct err *err)
{
	int r = loop_new(&maker->loop, err);

	if (r < 0)
		return r;
	if (loop_add_timer(maker->loop, retry, maker, &maker->retry) < 0 ||
	    loop_add_timer(maker->loop, timed_out, maker, &maker->limit) < 0)
		return err_set(err, ENOMEM, "cannot make a timer");
	maker->timeout_ms = request->guest->timeout_ms;
	loop_timer_arm(maker->limit, maker->timeout_ms);
	r = start(maker, request, err);
	if (r < 0)
		return r;
	r = loop_run(maker->loop);
	if (r < 0)
		return err_set(err, -r, "the event loop failed");
	*err = maker->err;
	return maker->err.code;
}

/* Whether a VM starts from it. If not, the file is emptied. */
static int try(struct maker *maker, const struct template_request *request, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	maker->trying = true;
	r = run(maker, request, &why);
	clear(maker);
	if (r == 0)
		return 0;
	log_warn("this host does not start VMs from templates: %s", err_text(&why));
	return ftruncate(maker->fd, 0) < 0 ? err_set(err, errno, "cannot empty the file") : 0;
}

/* Makes the folder, and the file unless somebody else is at it: -EALREADY then. */
static int begin_file(const char *path, int *ret_fd, struct err *err)
{
	char folder[PATHS_MAX];
	struct stat ours, there;
	_cleanup_fd_ int fd = -1;
	int r = paths_cache("templates", folder, err);

	if (r == 0)
		r = dir_make(folder, 0700, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, errno, "cannot make %s", path);
	/* It may have got its final name before the lock was ours. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &ours) < 0 || stat(path, &there) < 0 ||
	    ours.st_ino != there.st_ino)
		return -EALREADY;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Removes the oldest ones until few enough are there. */
static void evict(void)
{
	char folder[PATHS_MAX], oldest[NAME_MAX + 1];
	_cleanup_dir_ DIR *dir = NULL;
	unsigned n;

	if (paths_cache("templates", folder, NULL) < 0)
		return;
	dir = opendir(folder);
	do {
		struct timespec least = { .tv_sec = INT64_MAX };

		n = 0;
		for (struct dirent *entry; dir && (entry = readdir(dir));) {
			struct stat st;

			if (entry->d_name[0] == '.' ||
			    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue;
			n++;
			if (st.st_mtim.tv_sec >= least.tv_sec)
				continue;
			least = st.st_mtim;
			(void)snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
		}
		if (n > KEPT_MAX && unlinkat(dirfd(dir), oldest, 0) < 0)
			return;
		if (dir)
			rewinddir(dir);
	} while (n > KEPT_MAX);
}

int template_make(const void *input, struct job_output *output, struct err *err)
{
	const struct template_request *request = input;
	struct maker maker = { .fd = -1 };
	const char *path = request->guest->template_path;
	char made[PATHS_MAX + 4];
	_cleanup_fd_ int fd = -1;
	int r;

	(void)output;
	/* Another shim may have been quicker. */
	if (template_open(request->guest, &fd) != -ENOENT)
		return 0;
	(void)snprintf(made, sizeof(made), "%s.new", path);
	r = begin_file(made, &maker.fd, err);
	if (r == -EALREADY)
		return 0;
	if (r == 0)
		r = run(&maker, request, err);
	clear(&maker);
	if (r == 0)
		r = try(&maker, request, err);
	/* Whole before it has its name, also if the host fails. */
	if (r == 0 && (fsync(maker.fd) < 0 || fchmod(maker.fd, 0400) < 0 || rename(made, path) < 0))
		r = err_set(err, errno, "cannot put %s in place", path);
	if (r < 0 && maker.fd >= 0)
		(void)unlink(made);
	cleanup_fd(&maker.fd);
	if (r == 0)
		evict();
	/* The VM's own failure is told as that of any VM. */
	if (r == 0 || r == -ETIMEDOUT || r == -ECONNRESET)
		return r;
	return err_push(err, "no template of this VM could be made");
}

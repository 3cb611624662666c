/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of the VMM's jail. */
#include "vmm/jail/jail.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/syscalls.h"
#include "vmm/jail/stages.h"

/* What the C library calls on its own, in every thread. */
SYSCALLS(
	/* malloc(), and the areas that modules map: nothing of it can be executed */
	SYSCALL_IF(SYSCALLS_ALL, mmap, 2, SYSCALL_LACKS, PROT_EXEC),
	SYSCALL_IF(SYSCALLS_ALL, mprotect, 2, SYSCALL_LACKS, PROT_EXEC),
	SYSCALL(SYSCALLS_ALL, munmap), SYSCALL(SYSCALLS_ALL, mremap), SYSCALL(SYSCALLS_ALL, brk),
	SYSCALL_IF(SYSCALLS_ALL, madvise, 2, SYSCALL_IS, MADV_DONTNEED),
	/* locks, conditions, the end of a thread */
	SYSCALL(SYSCALLS_ALL, futex), SYSCALL(SYSCALLS_ALL, exit),
	SYSCALL(SYSCALLS_ALL, exit_group),
	/* signals: that which gets a vCPU out of the guest, and pthread_kill() blocking all */
	SYSCALL(SYSCALLS_ALL, rt_sigreturn), SYSCALL(SYSCALLS_ALL, rt_sigprocmask),
	/* what Linux has a thread call that was stopped and continued within a wait */
	SYSCALL(SYSCALLS_ALL, restart_syscall));

/* The sanitizers read /proc, open libraries and fork to report what they found. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Signal handlers have no context to be given. Set once, before there is a second thread. */
static int refusal_log_fd = -1;

static char *put_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *put_number(char *at, unsigned long value, unsigned base)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) > 0);
	while (n > 0)
		*at++ = digits[--n];
	return at;
}

/* Only what is safe in a handler, in a process that may be in anybody's hands. */
static void on_refusal(int signal_number, siginfo_t *info, void *context)
{
	const ucontext_t *machine = context;
	static const int registers[] = { REG_RDI, REG_RSI, REG_RDX };
	char text[160], *at = text;

	(void)signal_number;
	at = put_text(at, "kata-like-vmm: killed by seccomp (system call ");
	at = put_number(at, (unsigned)info->si_syscall, 10);
	at = put_text(at, " with");
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		at = put_text(at, " 0x");
		at = put_number(at, (unsigned long)machine->uc_mcontext.gregs[registers[i]], 16);
	}
	at = put_text(at, ")\n");
	(void)!write(refusal_log_fd, text, (size_t)(at - text));
	for (;;)
		(void)syscall(FILTER_KILL_NUMBER);
}

static int watch_refusals(int log_fd, struct err *err)
{
	struct sigaction action = { .sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO };

	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSYS);
	refusal_log_fd = log_fd;
	return sigaction(SIGSYS, &action, NULL) < 0 ? err_set(err, errno, "cannot handle SIGSYS")
						    : 0;
}

static int make_filters(struct jail *jail, struct err *err)
{
	size_t n;
	const struct syscall_rule *rules = filter_declared(&n);
	int r = filter_build(&jail->main, rules, n, SYSCALLS_MAIN, err);

	if (r == 0)
		r = filter_build(&jail->vcpu, rules, n, SYSCALLS_VCPU, err);
	if (r == 0)
		r = filter_build(&jail->io, rules, n, SYSCALLS_IO, err);
	jail->filtered = r == 0;
	return r;
}

int jail_enter(struct jail *jail, const struct jail_config *config, struct err *err)
{
	bool root = geteuid() == 0, own_user = false;
	int death_signal = 0, r;

	jail->filtered = false;
	if (config->off) {
		log_warn("this VM has no jail: --no-jail was given");
		return 0;
	}
	/* The C library reads the time zone at the first conversion, for the log's lines. */
	tzset();
	(void)prctl(PR_GET_PDEATHSIG, &death_signal);
	r = root ? 0 : stage_user_namespace(&own_user, err);
	if (r == 0 && (root || own_user))
		r = stage_namespaces(err);
	if (r == 0 && (root || own_user) && !SANITIZED)
		r = stage_root(err);
	if (r == 0)
		r = stage_no_gain(root || own_user, err);
	if (r == 0 && root)
		r = stage_user(config->user, err);
	if (r == 0)
		r = stage_no_capabilities(err);
	if (r == 0)
		r = stage_limits(config->n_threads, config->file_bytes, !SANITIZED, err);
	/* Linux forgets it when the user changes. */
	if (r == 0 && prctl(PR_SET_PDEATHSIG, death_signal) < 0)
		r = err_set(err, errno, "cannot end together with the parent");
	if (r == 0)
		r = watch_refusals(config->log_fd, err);
	if (r < 0)
		return err_push(err, "cannot shut the VMM into its jail");
	if (SANITIZED) {
		log_warn("this VM's jail has no filter of system calls and no empty root: "
			 "it is a build for finding mistakes, with sanitizers");
		return 0;
	}
	return make_filters(jail, err);
}

int jail_shut(const struct jail *jail, unsigned kind)
{
	const struct filter *filter = kind == SYSCALLS_MAIN   ? &jail->main
				      : kind == SYSCALLS_VCPU ? &jail->vcpu
							      : &jail->io;
	sigset_t refusal;
	int r;

	if (!jail->filtered)
		return 0;
	sigemptyset(&refusal);
	sigaddset(&refusal, SIGSYS);
	r = -pthread_sigmask(SIG_UNBLOCK, &refusal, NULL);
	return r < 0 ? r : filter_apply(filter);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters of system calls: how they are built, and the VMM's own, with every call there is
 * tried against them. It links all of the VMM but its main file, so that the rules are those of the
 * program.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/jail/filter.h"
#include "vmm/vm.h"

#define NUMBERS 460 /* of system calls; the newest Linux has fewer */
#define MOST	40  /* that a thread may be let */

/* Breakpoints of Linux itself, which no filter is asked about: elsewhere they raise SIGILL. */
#define NUMBER_URETPROBE 335
#define NUMBER_UPROBE	 336

static const unsigned kinds[] = { SYSCALLS_MAIN, SYSCALLS_VCPU, SYSCALLS_IO };

/* Brings all of the VMM into this program. */
static int (*volatile whole_vmm)(struct vm *, struct loop *, struct vm_config *,
				 struct err *) = vm_init;

static uint32_t run(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (unsigned pc = 0; pc < filter->len; pc++) {
		const struct sock_filter *i = &filter->code[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const uint8_t *)data + i->k, sizeof(a));
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & i->k ? i->jt : i->jf;
			break;
		default:
			assert_int_equal(i->code, BPF_RET | BPF_K);
			return i->k;
		}
	}
	fail_msg("the filter has no end");
	return 0;
}

static uint32_t ask(const struct filter *filter, int number, uint64_t first, uint64_t second,
		    uint64_t third)
{
	struct seccomp_data data = { .nr = number,
				     .arch = AUDIT_ARCH_X86_64,
				     .args = { first, second, third } };

	return run(filter, &data);
}

static void build(struct filter *filter, const struct syscall_rule *rules, size_t n, unsigned kind)
{
	struct err err = ERR_INIT;

	assert_int_equal(filter_build(filter, rules, n, kind, &err), 0);
}

static void rules_say_what_passes(void **state)
{
	static const struct syscall_rule rules[] = {
		SYSCALL(SYSCALLS_ALL, read),
		SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, 0x1234),
		{ 0 },
		SYSCALL(SYSCALLS_VCPU, write),
		SYSCALL_IF(SYSCALLS_MAIN, mmap, 2, SYSCALL_LACKS, PROT_EXEC),
		SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, 0x99),
		SYSCALL_IF(SYSCALLS_MAIN, tgkill, 0, SYSCALL_IS_PID, 0),
	};
	struct filter filter;

	(void)state;
	build(&filter, rules, ARRAY_SIZE(rules), SYSCALLS_MAIN);
	assert_int_equal(filter.n_calls, 4);
	assert_int_equal(ask(&filter, SYS_read, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&filter, SYS_ioctl, 0, 0x1234, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&filter, SYS_ioctl, 0, 0x99, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&filter, SYS_ioctl, 0x1234, 0x1235, 0x99), FILTER_REFUSE);
	assert_int_equal(ask(&filter, SYS_mmap, 0, 0, PROT_READ), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&filter, SYS_mmap, 0, 0, PROT_READ | PROT_EXEC), FILTER_REFUSE);
	assert_int_equal(ask(&filter, SYS_tgkill, (uint64_t)getpid(), 1, 1), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&filter, SYS_tgkill, (uint64_t)getppid(), 1, 1), FILTER_REFUSE);
	assert_int_equal(ask(&filter, SYS_write, 0, 0, 0), FILTER_REFUSE);
	build(&filter, rules, ARRAY_SIZE(rules), SYSCALLS_VCPU);
	assert_int_equal(filter.n_calls, 2);
	assert_int_equal(ask(&filter, SYS_write, 0, 0, 0), SECCOMP_RET_ALLOW);
}

static void another_architecture_is_killed_at_once(void **state)
{
	static const struct syscall_rule rules[] = { SYSCALL(SYSCALLS_ALL, read) };
	struct seccomp_data data = { .nr = SYS_read, .arch = AUDIT_ARCH_I386 };
	struct filter filter;

	(void)state;
	build(&filter, rules, 1, SYSCALLS_MAIN);
	assert_int_equal(run(&filter, &data), SECCOMP_RET_KILL_PROCESS);
	data.arch = AUDIT_ARCH_X86_64;
	data.nr = SYS_read | 0x40000000; /* x32 */
	assert_int_equal(run(&filter, &data), FILTER_REFUSE);
	data.nr = FILTER_KILL_NUMBER;
	assert_int_equal(run(&filter, &data), SECCOMP_RET_KILL_PROCESS);
}

static void more_rules_than_fit_are_refused(void **state)
{
	struct syscall_rule rules[300];
	struct filter filter;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct syscall_rule)SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, i);
	assert_int_equal(filter_build(&filter, rules, 300, SYSCALLS_MAIN, &err), -E2BIG);
	assert_int_equal(filter_build(&filter, rules, 100, SYSCALLS_MAIN, &err), -E2BIG);
}

static void vmm_filter(struct filter *filter, unsigned kind)
{
	size_t n;
	const struct syscall_rule *rules = filter_declared(&n);

	assert_non_null(whole_vmm);
	build(filter, rules, n, kind);
}

static void no_thread_of_the_vmm_may_make_40_system_calls(void **state)
{
	struct filter filter;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		vmm_filter(&filter, kinds[i]);
		print_message("kind %u: %u system calls, %u instructions\n", kinds[i],
			      filter.n_calls, filter.len);
		assert_in_range(filter.n_calls, 5, MOST - 1);
	}
}

static bool is_listed(int number, unsigned kind)
{
	size_t n;
	const struct syscall_rule *rules = filter_declared(&n);

	for (size_t i = 0; i < n; i++)
		if (rules[i].number == number && (rules[i].threads & kind))
			return true;
	return false;
}

/* What became of a process that made the call with these arguments under the filter. */
static int wait_status_of(const struct filter *filter, int number, unsigned long first,
			  unsigned long second, unsigned long third)
{
	int wait_status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(5);		       /* for those that wait */
		(void)signal(SIGSYS, SIG_DFL); /* cmocka catches it */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_apply(filter) < 0)
			_exit(2);
		(void)syscall(number, first, second, third, 0, 0, 0);
		(void)syscall(SYS_exit_group, 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	return wait_status;
}

static void a_call_that_is_not_listed_kills(void **state)
{
	struct filter filter;
	unsigned n_killed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		vmm_filter(&filter, kinds[i]);
		for (int number = 0; number < NUMBERS; number++) {
			int wait_status;

			if (is_listed(number, kinds[i]) || number == NUMBER_URETPROBE ||
			    number == NUMBER_UPROBE)
				continue;
			wait_status = wait_status_of(&filter, number, 0, 0, 0);
			if (!WIFSIGNALED(wait_status) || WTERMSIG(wait_status) != SIGSYS)
				fail_msg("kind %u may make system call %d", kinds[i], number);
			n_killed++;
		}
	}
	print_message("%u calls tried\n", n_killed);
}

static void a_listed_call_with_other_arguments_kills(void **state)
{
	static const struct {
		int number;
		unsigned long first, second, third;
	} attacks[] = {
		{ SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC },
		{ SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC },
		{ SYS_ioctl, 0, 0x5412 /* TIOCSTI: types into a terminal */, 0 },
		{ SYS_ioctl, 0, KVM_CREATE_VM, 0 },
		{ SYS_ioctl, 0, KVM_CREATE_VCPU, 1 },
		{ SYS_ioctl, 0, KVM_SET_USER_MEMORY_REGION, 0 },
		{ SYS_fcntl, 0, 8 /* F_SETOWN: signals to others */, 1 },
		{ SYS_fcntl, 0, 1033 /* F_ADD_SEALS */, 0 },
		{ SYS_tgkill, 1, 1, SIGKILL },
		{ SYS_madvise, 0, 4096, MADV_DODUMP },
		{ SYS_socketpair, 16 /* AF_NETLINK */, 1, 0 },
	};
	struct filter filter;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		vmm_filter(&filter, kinds[i]);
		for (size_t j = 0; j < ARRAY_SIZE(attacks); j++) {
			int wait_status =
				wait_status_of(&filter, attacks[j].number, attacks[j].first,
					       attacks[j].second, attacks[j].third);

			if (!WIFSIGNALED(wait_status) || WTERMSIG(wait_status) != SIGSYS)
				fail_msg("kind %u: attack %zu passes", kinds[i], j);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_say_what_passes),
		cmocka_unit_test(another_architecture_is_killed_at_once),
		cmocka_unit_test(more_rules_than_fit_are_refused),
		cmocka_unit_test(no_thread_of_the_vmm_may_make_40_system_calls),
		cmocka_unit_test(a_call_that_is_not_listed_kills),
		cmocka_unit_test(a_listed_call_with_other_arguments_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

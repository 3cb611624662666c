/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter's layout: one block a system call,
 *
 *	number is N?  no: next block
 *	[ load argument; matches?  no: next rule ] allow
 *	refuse
 *
 * Calls with checked arguments come first. Among them is the ioctl that runs the guest, the hottest
 * of all; the others need no quick way: Linux remembers which numbers a filter always allows and
 * does not ask again.
 */
#include "vmm/jail/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define RULES_MAX   256u
#define NUMBERS_MAX 512u /* of system calls */
/* A conditional jump reaches this far. */
#define JUMP_MAX 255u

#define LOAD_ARGUMENT(n)                                                                          \
	(uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t)) /* little endian \
										  */

struct builder {
	struct filter *filter;
	const struct syscall_rule *rules[RULES_MAX]; /* of the kind of thread, sorted */
	size_t n;
	bool checked[NUMBERS_MAX]; /* by number: some rule looks at an argument */
	bool overflow;
};

static void emit(struct builder *builder, uint16_t code, uint32_t k, size_t if_true,
		 size_t if_false)
{
	struct filter *filter = builder->filter;

	if (filter->len == FILTER_INSTRUCTIONS_MAX || if_true > JUMP_MAX || if_false > JUMP_MAX) {
		builder->overflow = true;
		return;
	}
	filter->code[filter->len++] = (struct sock_filter){
		.code = code, .jt = (uint8_t)if_true, .jf = (uint8_t)if_false, .k = k
	};
}

static void emit_answer(struct builder *builder, uint32_t answer)
{
	emit(builder, BPF_RET | BPF_K, answer, 0, 0);
}

/* Instructions that emit_rule() makes of it. */
static size_t rule_length(const struct syscall_rule *rule)
{
	return rule->check == SYSCALL_ANY ? 1 : 3;
}

static void emit_rule(struct builder *builder, const struct syscall_rule *rule)
{
	uint32_t value = rule->check == SYSCALL_IS_PID ? (uint32_t)getpid() : rule->value;

	if (rule->check != SYSCALL_ANY)
		emit(builder, BPF_LD | BPF_W | BPF_ABS, LOAD_ARGUMENT(rule->argument), 0, 0);
	if (rule->check == SYSCALL_LACKS)
		emit(builder, BPF_JMP | BPF_JSET | BPF_K, value, 1, 0);
	else if (rule->check != SYSCALL_ANY)
		emit(builder, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	emit_answer(builder, SECCOMP_RET_ALLOW);
}

/* The rules from first on that are about the same call. Returns how many. */
static size_t emit_call(struct builder *builder, size_t first)
{
	uint32_t number = builder->rules[first]->number;
	size_t end = first, length = 1;

	while (end < builder->n && builder->rules[end]->number == number)
		length += rule_length(builder->rules[end++]);
	emit(builder, BPF_JMP | BPF_JEQ | BPF_K, number, 0, length);
	for (size_t i = first; i < end; i++)
		emit_rule(builder, builder->rules[i]);
	emit_answer(builder, FILTER_REFUSE);
	builder->filter->n_calls++;
	return end - first;
}

static bool comes_before(const struct builder *builder, const struct syscall_rule *a,
			 const struct syscall_rule *b)
{
	if (builder->checked[a->number] != builder->checked[b->number])
		return builder->checked[a->number];
	/* Within a call the order of declaration stays. */
	return a->number < b->number;
}

static int collect(struct builder *builder, const struct syscall_rule *rules, size_t n_rules,
		   unsigned kind)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (!(rules[i].threads & kind))
			continue;
		if (builder->n == RULES_MAX || rules[i].number >= NUMBERS_MAX)
			return -E2BIG;
		builder->checked[rules[i].number] |= rules[i].check != SYSCALL_ANY;
		builder->rules[builder->n++] = &rules[i];
	}
	for (size_t i = 1; i < builder->n; i++) {
		const struct syscall_rule *rule = builder->rules[i];
		size_t at = i;

		for (; at > 0 && comes_before(builder, rule, builder->rules[at - 1]); at--)
			builder->rules[at] = builder->rules[at - 1];
		builder->rules[at] = rule;
	}
	return 0;
}

int filter_build(struct filter *filter, const struct syscall_rule *rules, size_t n_rules,
		 unsigned kind, struct err *err)
{
	struct builder builder = { .filter = filter };
	int r = collect(&builder, rules, n_rules, kind);

	filter->len = 0;
	filter->n_calls = 0;
	emit(&builder, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(&builder, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_answer(&builder, SECCOMP_RET_KILL_PROCESS);
	/* Numbers of the x32 interface have a bit of their own: none is on a list. */
	emit(&builder, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	for (size_t i = 0; i < builder.n && r == 0;)
		i += emit_call(&builder, i);
	emit(&builder, BPF_JMP | BPF_JEQ | BPF_K, FILTER_KILL_NUMBER, 0, 1);
	emit_answer(&builder, SECCOMP_RET_KILL_PROCESS);
	emit_answer(&builder, FILTER_REFUSE);
	if (r < 0 || builder.overflow)
		return err_say(err, E2BIG, "too many system calls are declared");
	return 0;
}

int filter_apply(const struct filter *filter)
{
	struct sock_fprog program = { .len = filter->len,
				      .filter = (struct sock_filter *)(uintptr_t)filter->code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0 ? -errno : 0;
}

/* The linker's names for the section's two ends. */
extern const struct syscall_rule __start_syscall_rules[], __stop_syscall_rules[];

const struct syscall_rule *filter_declared(size_t *ret_n_rules)
{
	*ret_n_rules = (size_t)(__stop_syscall_rules - __start_syscall_rules);
	return __start_syscall_rules;
}

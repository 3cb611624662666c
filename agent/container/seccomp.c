/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp filters. */
#include "agent/container/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <strings.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/fd.h"

#define FILTER_INSTRUCTIONS_MAX 65535

struct seccomp_filter {
	unsigned int flags;
	struct sock_fprog program;
	struct sock_filter code[];
};

static uint32_t action_value(int64_t action, const struct oci_uint *errno_ret)
{
	uint16_t data = errno_ret->set ? (uint16_t)errno_ret->value : EPERM;

	switch ((enum oci_seccomp_action)action) {
	case OCI_SECCOMP_KILL_THREAD:
		return SCMP_ACT_KILL_THREAD;
	case OCI_SECCOMP_KILL_PROCESS:
		return SCMP_ACT_KILL_PROCESS;
	case OCI_SECCOMP_TRAP:
		return SCMP_ACT_TRAP;
	case OCI_SECCOMP_ERRNO:
		return SCMP_ACT_ERRNO(data);
	case OCI_SECCOMP_TRACE:
		return SCMP_ACT_TRACE(data);
	case OCI_SECCOMP_ALLOW:
		return SCMP_ACT_ALLOW;
	case OCI_SECCOMP_LOG:
		return SCMP_ACT_LOG;
	case OCI_SECCOMP_NOTIFY:
		return SCMP_ACT_NOTIFY;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static enum scmp_compare op_value(int64_t op)
{
	switch ((enum oci_seccomp_op)op) {
	case OCI_SECCOMP_NE:
		return SCMP_CMP_NE;
	case OCI_SECCOMP_LT:
		return SCMP_CMP_LT;
	case OCI_SECCOMP_LE:
		return SCMP_CMP_LE;
	case OCI_SECCOMP_EQ:
		return SCMP_CMP_EQ;
	case OCI_SECCOMP_GE:
		return SCMP_CMP_GE;
	case OCI_SECCOMP_GT:
		return SCMP_CMP_GT;
	case OCI_SECCOMP_MASKED_EQ:
		return SCMP_CMP_MASKED_EQ;
	}
	return SCMP_CMP_EQ;
}

/* "SCMP_ARCH_X86_64" is libseccomp's "x86_64". */
static int add_architectures(scmp_filter_ctx context, const struct oci_seccomp *config,
			     struct err *err)
{
	for (size_t i = 0; i < config->architectures.n; i++) {
		const char *name = config->architectures.list[i];
		char lower[32] = "";
		uint32_t token;
		int r;

		if (strncmp(name, "SCMP_ARCH_", 10) == 0)
			name += 10;
		for (size_t j = 0; name[j] && j < sizeof(lower) - 1; j++)
			lower[j] =
				(char)(name[j] >= 'A' && name[j] <= 'Z' ? name[j] + 32 : name[j]);
		token = seccomp_arch_resolve_name(lower);
		if (token == 0)
			return err_say(err, EINVAL, "unknown architecture \"%.32s\"", name);
		r = seccomp_arch_add(context, token);
		if (r < 0 && r != -EEXIST)
			return err_set(err, -r, "cannot filter for architecture %s", lower);
	}
	return 0;
}

static int add_call(scmp_filter_ctx context, const struct oci_seccomp_rule *rule, int call,
		    uint32_t action)
{
	struct scmp_arg_cmp args[6];
	bool repeated = false;
	uint32_t seen = 0;
	int r = 0;

	for (size_t i = 0; i < rule->n_args && i < ARRAY_SIZE(args); i++) {
		const struct oci_seccomp_arg *arg = &rule->args[i];

		repeated |= seen & 1u << arg->index;
		seen |= 1u << arg->index;
		args[i] = (struct scmp_arg_cmp){ .arg = arg->index,
						 .op = op_value(arg->op),
						 .datum_a = arg->value,
						 .datum_b = arg->value_two };
	}
	/* One rule cannot look at an argument twice: then the conditions are alternatives. */
	if (!repeated)
		return seccomp_rule_add_array(context, action, call, (unsigned int)rule->n_args,
					      args);
	for (size_t i = 0; r == 0 && i < rule->n_args; i++)
		r = seccomp_rule_add_array(context, action, call, 1, &args[i]);
	return r;
}

static int add_rule(scmp_filter_ctx context, const struct oci_seccomp_rule *rule,
		    uint32_t default_action, struct err *err)
{
	uint32_t action = action_value(rule->action, &rule->errno_ret);

	if (rule->n_args > 6)
		return err_say(err, EINVAL, "a rule has more than 6 arguments");
	/* libseccomp refuses rules that say what the default says. */
	if (action == default_action)
		return 0;
	for (size_t i = 0; i < rule->names.n; i++) {
		int call = seccomp_syscall_resolve_name(rule->names.list[i]);
		int r;

		if (call == __NR_SCMP_ERROR)
			continue;
		r = add_call(context, rule, call, action);
		if (r < 0)
			return err_set(err, -r, "cannot add a rule for %.64s", rule->names.list[i]);
	}
	return 0;
}

static int export_filter(scmp_filter_ctx context, struct seccomp_filter **ret_filter,
			 struct err *err)
{
	_cleanup_fd_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	_cleanup_free_ struct seccomp_filter *filter = NULL;
	off_t bytes;
	int r;

	if (fd < 0)
		return err_set(err, errno, "cannot compile");
	r = seccomp_export_bpf(context, fd);
	if (r < 0)
		return err_set(err, -r, "cannot compile");
	bytes = lseek(fd, 0, SEEK_END);
	if (bytes < 0 || bytes / (off_t)sizeof(struct sock_filter) > FILTER_INSTRUCTIONS_MAX)
		return err_say(err, E2BIG, "the filter is too long");
	filter = calloc(1, sizeof(*filter) + (size_t)bytes);
	if (!filter)
		return err_set(err, ENOMEM, "cannot compile");
	if (fd_pread_full(fd, filter->code, (size_t)bytes, 0) != bytes)
		return err_say(err, EIO, "cannot read the compiled filter");
	filter->program.len = (unsigned short)((size_t)bytes / sizeof(struct sock_filter));
	*ret_filter = TAKE_PTR(filter);
	return 0;
}

static int compile(scmp_filter_ctx context, const struct oci_seccomp *config,
		   struct seccomp_filter **ret_filter, struct err *err)
{
	uint32_t default_action = action_value(config->default_action, &config->default_errno_ret);
	int r = add_architectures(context, config, err);

	for (size_t i = 0; r == 0 && i < config->n_rules; i++)
		r = add_rule(context, &config->rules[i], default_action, err);
	if (r == 0)
		r = export_filter(context, ret_filter, err);
	if (r == 0) {
		(*ret_filter)->flags =
			(config->flag_log ? SECCOMP_FILTER_FLAG_LOG : 0) |
			(config->flag_spec_allow ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0) |
			(seccomp_asks_listener(config) ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
	}
	return r;
}

bool seccomp_asks_listener(const struct oci_seccomp *config)
{
	bool asks = config->default_action == OCI_SECCOMP_NOTIFY;

	for (size_t i = 0; i < config->n_rules; i++)
		asks |= config->rules[i].action == OCI_SECCOMP_NOTIFY;
	return asks;
}

/* The call that hands the listener its descriptor cannot wait for the listener's answer. */
static int check_listener(const struct oci_seccomp *config, struct err *err)
{
	if (!seccomp_asks_listener(config))
		return 0;
	if (!config->listener_path || !*config->listener_path)
		return err_say(err, EINVAL, "linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
	for (size_t i = 0; i < config->n_rules; i++) {
		const struct oci_seccomp_rule *rule = &config->rules[i];

		for (size_t j = 0; j < rule->names.n; j++) {
			if (strcmp(rule->names.list[j], "sendmsg") == 0)
				return rule->action == OCI_SECCOMP_NOTIFY
					       ? err_say(err, EINVAL,
							 "linux.seccomp: SCMP_ACT_NOTIFY cannot be "
							 "had for sendmsg")
					       : 0;
		}
	}
	if (config->default_action == OCI_SECCOMP_NOTIFY)
		return err_say(
			err, EINVAL,
			"linux.seccomp: with SCMP_ACT_NOTIFY as the default, sendmsg needs a "
			"rule of its own");
	return 0;
}

int seccomp_compile(const struct oci_seccomp *config, struct seccomp_filter **ret_filter,
		    struct err *err)
{
	scmp_filter_ctx context;
	int r;

	r = check_listener(config, err);
	if (r < 0)
		return r;
	context = seccomp_init(action_value(config->default_action, &config->default_errno_ret));
	if (!context)
		return err_say(err, EINVAL, "linux.seccomp: bad default action");
	r = compile(context, config, ret_filter, err);
	seccomp_release(context);
	return r < 0 ? err_push(err, "linux.seccomp") : 0;
}

int seccomp_install(const struct seccomp_filter *filter, int *ret_notify_fd)
{
	struct sock_fprog program = filter->program;
	long r;

	program.filter = (struct sock_filter *)filter->code;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);
	if (r < 0)
		return -errno;
	*ret_notify_fd = filter->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? (int)r : -1;
	return 0;
}

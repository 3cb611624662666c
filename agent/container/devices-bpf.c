/* SPDX-License-Identifier: Apache-2.0 */
/* The device rules of config.json as an eBPF program. */
#include "agent/container/devices-bpf.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#define INSTRUCTIONS_MAX 4096

/* The registers that the program keeps its facts in. */
enum {
	REG_TYPE = BPF_REG_2,
	REG_LEFT = BPF_REG_3, /* access bits not decided yet */
	REG_MAJOR = BPF_REG_4,
	REG_MINOR = BPF_REG_5,
};

struct program {
	struct bpf_insn *instructions;
	size_t n, room;
};

/* What each container may do whatever its rules say, as in the other OCI runtimes. */
static const struct oci_device_rule always[] = {
	{ true, 'c', -1, -1, false, false, true }, /* make any node… */
	{ true, 'b', -1, -1, false, false, true },
	{ true, 'c', 1, 3, true, true, true },	  /* … and use null, */
	{ true, 'c', 1, 5, true, true, true },	  /* zero, */
	{ true, 'c', 1, 7, true, true, true },	  /* full, */
	{ true, 'c', 1, 8, true, true, true },	  /* random, */
	{ true, 'c', 1, 9, true, true, true },	  /* urandom, */
	{ true, 'c', 5, 0, true, true, true },	  /* tty, */
	{ true, 'c', 5, 1, true, true, true },	  /* console, */
	{ true, 'c', 5, 2, true, true, true },	  /* ptmx, */
	{ true, 'c', 136, -1, true, true, true }, /* pts */
};

static void emit(struct program *program, uint8_t code, unsigned int dst, unsigned int src,
		 int16_t off, int32_t imm)
{
	if (program->n < program->room)
		program->instructions[program->n] = (struct bpf_insn){ .code = code,
								       .dst_reg = dst & 15,
								       .src_reg = src & 15,
								       .off = off,
								       .imm = imm };
	program->n++;
}

static void emit_return(struct program *program, int32_t value)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* struct bpf_cgroup_dev_ctx: access_type is access bits << 16 | type. */
static void emit_prologue(struct program *program)
{
	emit(program, BPF_LDX | BPF_MEM | BPF_W, REG_TYPE, BPF_REG_1,
	     offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, REG_LEFT, REG_TYPE, 0, 0);
	emit(program, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, 0xffff);
	emit(program, BPF_ALU64 | BPF_RSH | BPF_K, REG_LEFT, 0, 0, 16);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, REG_MAJOR, BPF_REG_1,
	     offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, REG_MINOR, BPF_REG_1,
	     offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static int32_t rule_access(const struct oci_device_rule *rule)
{
	return (rule->read ? BPF_DEVCG_ACC_READ : 0) | (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
	       (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
}

/* Jumps that leave a rule which does not match are patched once its end is known. */
static void emit_rule(struct program *program, const struct oci_device_rule *rule)
{
	size_t jumps[3], n_jumps = 0;

	if (rule->type != 'a') {
		jumps[n_jumps++] = program->n;
		emit(program, BPF_JMP | BPF_JNE | BPF_K, REG_TYPE, 0, 0,
		     rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (rule->major >= 0) {
		jumps[n_jumps++] = program->n;
		emit(program, BPF_JMP32 | BPF_JNE | BPF_K, REG_MAJOR, 0, 0, (int32_t)rule->major);
	}
	if (rule->minor >= 0) {
		jumps[n_jumps++] = program->n;
		emit(program, BPF_JMP32 | BPF_JNE | BPF_K, REG_MINOR, 0, 0, (int32_t)rule->minor);
	}
	if (rule->allow) {
		emit(program, BPF_ALU64 | BPF_AND | BPF_K, REG_LEFT, 0, 0, ~rule_access(rule));
		emit(program, BPF_JMP | BPF_JNE | BPF_K, REG_LEFT, 0, 2, 0);
		emit_return(program, 1);
	} else {
		emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, REG_LEFT, 0, 0);
		emit(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, rule_access(rule));
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
		emit_return(program, 0);
	}
	for (size_t i = 0; i < n_jumps; i++) {
		if (jumps[i] < program->room)
			program->instructions[jumps[i]].off = (int16_t)(program->n - jumps[i] - 1);
	}
}

/* A rule for everything decides all, so that rules before it need not be looked at. */
static bool rule_is_total(const struct oci_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && rule->read &&
	       rule->write && rule->mknod;
}

int devices_bpf_build(const struct oci_device_rule *rules, size_t n_rules,
		      struct bpf_insn *instructions, size_t room)
{
	struct program program = { .instructions = instructions, .room = room };
	bool total = false;

	emit_prologue(&program);
	for (size_t i = ARRAY_SIZE(always); i > 0; i--)
		emit_rule(&program, &always[i - 1]);
	for (size_t i = n_rules; i > 0 && !total; i--) {
		total = rule_is_total(&rules[i - 1]);
		if (total)
			emit_return(&program, rules[i - 1].allow);
		else
			emit_rule(&program, &rules[i - 1]);
		if (program.n > program.room)
			return -E2BIG;
	}
	if (!total)
		emit_return(&program, 0);
	return program.n > program.room ? -E2BIG : (int)program.n;
}

static int bpf(int command, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

/* The program that is there already, if one is: it is replaced, since all that are there must
 * allow. */
static int attached_program(int cgroup_fd)
{
	uint32_t ids[1] = { 0 };
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = 1;
	r = bpf(BPF_PROG_QUERY, &attr);
	if (r < 0 || attr.query.prog_cnt == 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = ids[0];
	r = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	return r < 0 ? -1 : r;
}

int devices_bpf_attach(int cgroup_fd, const struct oci_device_rule *rules, size_t n_rules,
		       struct err *err)
{
	_cleanup_free_ struct bpf_insn *code = calloc(INSTRUCTIONS_MAX, sizeof(*code));
	_cleanup_fd_ int program_fd = -1, old_fd = -1;
	union bpf_attr attr;
	int n, r;

	if (!code)
		return err_set(err, ENOMEM, "cannot make the device rules");
	n = devices_bpf_build(rules, n_rules, code, INSTRUCTIONS_MAX);
	if (n < 0)
		return err_set(err, -n, "too many device rules");
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	program_fd = bpf(BPF_PROG_LOAD, &attr);
	if (program_fd < 0) {
		err_set(err, -program_fd, "cannot load the device rules");
		return err_hint(err, "the guest kernel needs CONFIG_CGROUP_BPF");
	}
	old_fd = attached_program(cgroup_fd);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old_fd;
	}
	r = bpf(BPF_PROG_ATTACH, &attr);
	if (r < 0)
		return err_set(err, -r, "cannot put the device rules on the cgroup");
	return 0;
}

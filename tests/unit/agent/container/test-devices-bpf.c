/* SPDX-License-Identifier: Apache-2.0 */
/* The device rules' program decides as the rules say: it is run here, instruction by instruction.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "agent/container/devices-bpf.h"

#define ROOM 512

/* The few instructions that the program is made of. */
static uint64_t run(const struct bpf_insn *code, int n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[11] = { 0 };
	int steps = 0;

	for (int pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &code[pc];
		uint64_t imm = (uint64_t)(int64_t)i->imm;

		assert_true(steps++ < 10000);
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			reg[i->dst_reg] =
				*(const uint32_t *)(const void *)((const char *)ctx + i->off);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			reg[i->dst_reg] = reg[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			reg[i->dst_reg] = imm;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			reg[i->dst_reg] &= imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			reg[i->dst_reg] >>= imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += reg[i->dst_reg] != imm ? i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += reg[i->dst_reg] == imm ? i->off : 0;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			pc += (uint32_t)reg[i->dst_reg] != (uint32_t)imm ? i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return reg[0];
		default:
			fail_msg("unexpected instruction %02x", i->code);
		}
	}
	fail_msg("the program runs off its end");
	return 0;
}

enum {
	M = BPF_DEVCG_ACC_MKNOD,
	R = BPF_DEVCG_ACC_READ,
	W = BPF_DEVCG_ACC_WRITE,
};

static bool allows(const struct oci_device_rule *rules, size_t n_rules, char type, uint32_t major,
		   uint32_t minor, uint32_t access)
{
	struct bpf_insn code[ROOM];
	int n = devices_bpf_build(rules, n_rules, code, ROOM);
	const struct bpf_cgroup_dev_ctx ctx = {
		.access_type =
			access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
		.major = major,
		.minor = minor,
	};

	assert_true(n > 0);
	return run(code, n, &ctx) == 1;
}

static void without_rules_only_the_usual_devices_may_be_used(void **state)
{
	(void)state;
	assert_true(allows(NULL, 0, 'c', 1, 3, R | W));
	assert_true(allows(NULL, 0, 'c', 5, 2, R | W | M));
	assert_true(allows(NULL, 0, 'c', 136, 77, R | W));
	assert_true(allows(NULL, 0, 'b', 8, 0, M));
	assert_false(allows(NULL, 0, 'b', 8, 0, R));
	assert_false(allows(NULL, 0, 'b', 1, 3, R));
	assert_false(allows(NULL, 0, 'c', 1, 1, R));
}

static void the_last_rule_that_matches_decides(void **state)
{
	const struct oci_device_rule rules[] = {
		{ false, 'a', -1, -1, true, true, true },
		{ true, 'b', 8, -1, true, true, false },
		{ false, 'b', 8, 1, false, true, false },
	};

	(void)state;
	assert_true(allows(rules, 3, 'b', 8, 0, R | W));
	assert_true(allows(rules, 3, 'b', 8, 1, R));
	assert_false(allows(rules, 3, 'b', 8, 1, W));
	assert_false(allows(rules, 3, 'b', 8, 1, R | W));
	assert_false(allows(rules, 3, 'c', 8, 0, R));
	assert_false(allows(rules, 3, 'b', 9, 0, R));
}

static void several_rules_may_allow_an_access_together(void **state)
{
	const struct oci_device_rule rules[] = {
		{ true, 'c', 10, 200, true, false, false },
		{ true, 'c', 10, 200, false, true, false },
	};

	(void)state;
	assert_true(allows(rules, 2, 'c', 10, 200, R | W));
	assert_false(allows(rules, 1, 'c', 10, 200, R | W));
}

static void a_rule_that_allows_all_opens_what_no_later_one_closes(void **state)
{
	const struct oci_device_rule rules[] = {
		{ true, 'a', -1, -1, true, true, true },
		{ false, 'b', 259, 0, true, true, true },
	};

	(void)state;
	assert_true(allows(rules, 2, 'b', 8, 0, R | W | M));
	assert_false(allows(rules, 2, 'b', 259, 0, R));
}

static void the_usual_devices_stay_whatever_the_rules_deny(void **state)
{
	const struct oci_device_rule rules[] = { { false, 'c', 1, -1, true, true, true } };

	(void)state;
	assert_true(allows(rules, 1, 'c', 1, 3, R | W));
	assert_false(allows(rules, 1, 'c', 1, 1, R | W));
}

static void more_rules_than_fit_are_refused(void **state)
{
	struct oci_device_rule rules[100] = { 0 };
	struct bpf_insn code[ROOM];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct oci_device_rule){ true, 'c', (int64_t)i, 1, true, true, true };
	assert_int_equal(devices_bpf_build(rules, ARRAY_SIZE(rules), code, ROOM), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_only_the_usual_devices_may_be_used),
		cmocka_unit_test(the_last_rule_that_matches_decides),
		cmocka_unit_test(several_rules_may_allow_an_access_together),
		cmocka_unit_test(a_rule_that_allows_all_opens_what_no_later_one_closes),
		cmocka_unit_test(the_usual_devices_stay_whatever_the_rules_deny),
		cmocka_unit_test(more_rules_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF program that finds the listener for localhost. */
#include "shim/net/sk-lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/bpf.h>

/* The map's keys. */
#define KEY_IPV4  0
#define KEY_IPV6  1
#define LOG_BYTES 4096

static int bpf(enum bpf_cmd command, union bpf_attr *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

#define INSN(op, dst, src, offset, immediate) \
	((struct bpf_insn){ .code = (op),     \
			    .dst_reg = (dst), \
			    .src_reg = (src), \
			    .off = (offset),  \
			    .imm = (int32_t)(immediate) })
#define LOAD_CTX(dst, field) \
	INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_6, offsetof(struct bpf_sk_lookup, field), 0)
#define SET(dst, value)		 INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define COPY(dst, src)		 INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define IF_NOT(reg, value, skip) INSN(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, skip, value)
#define CALL(helper)		 INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT			 INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/*
 *	key = 0; if (family != AF_INET || (local_ip4 & 255) != 127) {
 *		key = 1; if (family != AF_INET6 || local_ip6 != ::1) goto pass; }
 *	if (protocol != TCP) goto pass;
 *	sk = map_lookup(map, &key); if (!sk) goto pass;
 *	sk_assign(ctx, sk, 0); sk_release(sk);
 *	pass: return SK_PASS;
 */
static int load_program(int map_fd, struct err *err)
{
	const struct bpf_insn program[] = {
		COPY(BPF_REG_6, BPF_REG_1),
		LOAD_CTX(BPF_REG_2, protocol),
		IF_NOT(BPF_REG_2, IPPROTO_TCP, 31),
		LOAD_CTX(BPF_REG_2, family),
		SET(BPF_REG_7, KEY_IPV4),
		IF_NOT(BPF_REG_2, AF_INET, 4),
		LOAD_CTX(BPF_REG_3, local_ip4),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, 0, htonl(0xff000000u)),
		IF_NOT(BPF_REG_3, htonl(0x7f000000u), 25),
		INSN(BPF_JMP | BPF_JA, 0, 0, 10, 0),
		SET(BPF_REG_7, KEY_IPV6),
		IF_NOT(BPF_REG_2, AF_INET6, 22),
		LOAD_CTX(BPF_REG_3, local_ip6[0]),
		IF_NOT(BPF_REG_3, 0, 20),
		LOAD_CTX(BPF_REG_3, local_ip6[1]),
		IF_NOT(BPF_REG_3, 0, 18),
		LOAD_CTX(BPF_REG_3, local_ip6[2]),
		IF_NOT(BPF_REG_3, 0, 16),
		LOAD_CTX(BPF_REG_3, local_ip6[3]),
		IF_NOT(BPF_REG_3, htonl(1), 14),
		/* A key on the stack, where map functions want it. */
		INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_7, -4, 0),
		COPY(BPF_REG_2, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0), /* the other half of that one */
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 7, 0),
		COPY(BPF_REG_7, BPF_REG_0),
		COPY(BPF_REG_1, BPF_REG_6),
		COPY(BPF_REG_2, BPF_REG_7),
		SET(BPF_REG_3, 0),
		CALL(BPF_FUNC_sk_assign),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0),
		CALL(BPF_FUNC_sk_release),
		SET(BPF_REG_0, SK_PASS),
		EXIT,
	};
	char log[LOG_BYTES] = "";
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
	attr.expected_attach_type = BPF_SK_LOOKUP;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	attr.log_buf = (uint64_t)(uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	fd = bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? err_set(err, errno, "cannot load the program for localhost (%.300s)", log)
		      : fd;
}

static int put_socket(int map_fd, uint32_t key, int socket_fd)
{
	uint64_t value = (uint64_t)socket_fd;
	union bpf_attr attr;

	if (socket_fd < 0)
		return 0;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map_fd;
	attr.key = (uint64_t)(uintptr_t)&key;
	attr.value = (uint64_t)(uintptr_t)&value;
	return bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int sk_lookup_attach(int netns_fd, int listener4, int listener6, int *ret_link_fd, struct err *err)
{
	_cleanup_fd_ int map_fd = -1, program_fd = -1;
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_SOCKMAP;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint64_t);
	attr.max_entries = 2;
	map_fd = bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (map_fd < 0)
		return err_set(err, errno, "cannot make the map for localhost");
	r = put_socket(map_fd, KEY_IPV4, listener4);
	if (r == 0)
		r = put_socket(map_fd, KEY_IPV6, listener6);
	if (r < 0)
		return err_set(err, -r, "cannot put the listener into the map");
	program_fd = load_program(map_fd, err);
	if (program_fd < 0)
		return program_fd;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program_fd;
	attr.link_create.target_fd = (uint32_t)netns_fd;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	*ret_link_fd = bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
	return *ret_link_fd < 0 ? err_set(err, errno, "cannot attach the program for localhost")
				: 0;
}

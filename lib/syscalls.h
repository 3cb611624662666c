/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls, declared beside the code that makes them. A jail's filter is made of the
 * declarations of what is linked into the program (vmm/jail/filter.h): a module brings its calls
 * along, and takes them away again when it goes.
 *
 *	SYSCALLS(SYSCALL(SYSCALLS_MAIN | SYSCALLS_IO, epoll_wait),
 *		 SYSCALL_IF(SYSCALLS_MAIN, fcntl, 1, SYSCALL_IS, F_SETFL));
 *
 * Only what is called once the jail is shut counts; a program's start is not declared. Several rows
 * for one call: each that matches allows it.
 */
#ifndef KATA_LIKE_LIB_SYSCALLS_H
#define KATA_LIKE_LIB_SYSCALLS_H

#include <stdint.h>
#include <sys/syscall.h>

/* Kinds of threads. */
#define SYSCALLS_MAIN 1u /* runs the event loop; there is one */
#define SYSCALLS_VCPU 2u /* runs guest code */
#define SYSCALLS_IO   4u /* serves one device and has no other duty */
#define SYSCALLS_ALL  7u

enum syscall_check {
	SYSCALL_ANY,	/* whatever the arguments are */
	SYSCALL_IS,	/* the lower 32 bits of an argument are the value */
	SYSCALL_LACKS,	/* the lower 32 bits of an argument have none of the value's bits */
	SYSCALL_IS_PID, /* the lower 32 bits of an argument are our own process id */
};

/*
 * 32 bits do: what is checked is an int in Linux as well. threads 0: nothing is here, the linker
 * left a gap between two arrays.
 */
struct syscall_rule {
	uint16_t number;
	uint8_t threads;
	uint8_t check;	  /* enum syscall_check */
	uint8_t argument; /* 0 to 5: which one is checked */
	uint32_t value;
} __attribute__((aligned(16)));

#define SYSCALL(kinds, name)                              \
	{                                                 \
		.number = SYS_##name, .threads = (kinds), \
	}
#define SYSCALL_IF(kinds, name, arg, how, val)                                               \
	{                                                                                    \
		.number = SYS_##name, .threads = (kinds), .check = (how), .argument = (arg), \
		.value = (uint32_t)(val),                                                    \
	}

#define SYSCALLS_SECTION "syscall_rules"

/* Once in a file. */
#define SYSCALLS(...)                               \
	static const struct syscall_rule syscalls[] \
		__attribute__((used, section(SYSCALLS_SECTION))) = { __VA_ARGS__ }

#endif

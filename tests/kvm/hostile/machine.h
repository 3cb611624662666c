/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile guest's view of its machine: ports, PCI configuration, a console, and some time. */
#ifndef KATA_LIKE_TESTS_KVM_HOSTILE_MACHINE_H
#define KATA_LIKE_TESTS_KVM_HOSTILE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_BYTES (64u << 20) /* what the test gives the machine */
#define SERIAL	     0x3f8
#define HOLE	     0xd0000000u /* no memory and no device */

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void barrier(void)
{
	__asm__ volatile("lock addl $0, (%%esp)" : : : "memory", "cc");
}

/* Any width and alignment: PCI configuration mechanism 1. */
uint32_t config_read32(unsigned slot, unsigned offset);
void config_write32(unsigned slot, unsigned offset, uint32_t value);

void print(const char *text);
void print_number(uint32_t value);
/* "FAILED: ATTACK: DEVICE: what"; the test looks for it. */
void failed(const char *what);
/* For failed(). */
void now_attacking(const char *attack, const char *device);

void *memset(void *dst, int value, size_t len);
void *memcpy(void *restrict dst, const void *restrict src, size_t len);

/* Lets the other side run: each step leaves the guest once. */
void pause_a_little(unsigned steps);

_Noreturn void end(void);

#endif

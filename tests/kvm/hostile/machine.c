/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile guest's view of its machine. */
#include "tests/kvm/hostile/machine.h"

#define RESET	    0x64
#define UNUSED_PORT 0x80

static const char *attack_name = "", *device_name = "";

uint32_t config_read32(unsigned slot, unsigned offset)
{
	out32(0xcf8, 0x80000000u | slot << 11 | (offset & 0xfc));
	return in32(0xcfc);
}

void config_write32(unsigned slot, unsigned offset, uint32_t value)
{
	out32(0xcf8, 0x80000000u | slot << 11 | (offset & 0xfc));
	out32(0xcfc, value);
}

void print(const char *text)
{
	while (*text)
		out8(SERIAL, (uint8_t)*text++);
}

void print_number(uint32_t value)
{
	char digits[11];
	unsigned i = sizeof(digits) - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	print(digits + i);
}

void now_attacking(const char *attack, const char *device)
{
	attack_name = attack;
	device_name = device;
}

void failed(const char *what)
{
	print("FAILED: ");
	print(attack_name);
	print(": ");
	print(device_name);
	print(": ");
	print(what);
	print("\n");
}

void pause_a_little(unsigned steps)
{
	while (steps--)
		(void)in8(UNUSED_PORT);
}

_Noreturn void end(void)
{
	for (;;)
		out8(RESET, 0xfe);
}

/* What the compiler calls by itself. */
void *memset(void *dst, int value, size_t len)
{
	void *at = dst;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(len) : "a"(value) : "memory");
	return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	void *at = dst;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

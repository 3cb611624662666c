/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a PC that this machine does not have. */
#include "vmm/legacy/absent.h"

#define KEYBOARD_STATUS 0x64u
#define CMOS_DATA	0x71u

uint8_t absent_read(uint16_t port)
{
	switch (port) {
	case KEYBOARD_STATUS:
		/*
		 * Bit 1 clear: a command may be sent, so that Linux pulses the reset line without
		 * first polling 65536 times. Bit 0 set for ever: a byte waits however many are
		 * read, which its keyboard driver takes as "no controller".
		 */
		return 0xfd;
	case CMOS_DATA:
		/*
		 * No update in progress, so that nobody waits for its end; and a clock in 12-hour
		 * mode, which Linux's driver refuses.
		 */
		return 0x00;
	default:
		return 0xff;
	}
}

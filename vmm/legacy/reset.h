/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two reset lines of a PC, which are how a guest of this machine says that it is done: a pulse
 * from the keyboard controller (0xfe to port 0x64; Linux: reboot=k) and the chipset's reset
 * register (port 0xcf9; reboot=p). There is no keyboard controller behind the first
 * (absent.h).
 */
#ifndef KATA_LIKE_VMM_LEGACY_RESET_H
#define KATA_LIKE_VMM_LEGACY_RESET_H

#include <stdbool.h>
#include <stdint.h>

#define RESET_PORT_KEYBOARD 0x64u
#define RESET_PORT_CHIPSET  0xcf9u

/* True if writing that byte to that port resets the machine. */
bool reset_requested(uint16_t port, uint8_t value);

#endif

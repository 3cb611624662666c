/* SPDX-License-Identifier: Apache-2.0 */
/* The two reset lines of a PC. */
#include "vmm/legacy/reset.h"

#define KEYBOARD_PULSE_RESET 0xfeu
#define CHIPSET_RESET	     0x04u

bool reset_requested(uint16_t port, uint8_t value)
{
	if (port == RESET_PORT_KEYBOARD)
		return value == KEYBOARD_PULSE_RESET;
	return port == RESET_PORT_CHIPSET && (value & CHIPSET_RESET);
}

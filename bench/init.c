/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest first program of a guest: it restarts the machine, which ends each of the monitors.
 */
#include <sys/reboot.h>

int main(void)
{
	return reboot(RB_AUTOBOOT);
}

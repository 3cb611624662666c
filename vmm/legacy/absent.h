/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a PC that this machine does not have, and for which kernels look nevertheless: how their
 * ports answer so that the search ends at once. (All ones, as from any port without a device, would
 * keep a stock kernel busy for seconds.)
 */
#ifndef KATA_LIKE_VMM_LEGACY_ABSENT_H
#define KATA_LIKE_VMM_LEGACY_ABSENT_H

#include <stdint.h>

/* What a byte read from port gives; 0xff where no such part is meant. */
uint8_t absent_read(uint16_t port);

#endif

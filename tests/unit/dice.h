/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers without a pattern, the same in every run of a test. */
#ifndef KATA_LIKE_TESTS_UNIT_DICE_H
#define KATA_LIKE_TESTS_UNIT_DICE_H

#include <stdint.h>

/* The next one below n, which is not 0. *dice is any number but 0 at first (Marsaglia's xorshift).
 */
static inline uint32_t dice_roll(uint32_t *dice, uint32_t n)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 17;
	*dice ^= *dice << 5;
	return *dice % n;
}

#endif

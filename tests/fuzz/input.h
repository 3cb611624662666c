/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a fuzzer's input, taken from the front; what is missing at the end is zeros. */
#ifndef KATA_LIKE_TESTS_FUZZ_INPUT_H
#define KATA_LIKE_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
};

/* The entry point of each target, as libFuzzer and replay.c call it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline size_t fuzz_take(struct fuzz_input *input, void *dst, size_t len)
{
	size_t n = len < input->left ? len : input->left;

	memset(dst, 0, len);
	if (n > 0)
		memcpy(dst, input->bytes, n);
	input->bytes += n;
	input->left -= n;
	return n;
}

static inline uint8_t fuzz_take8(struct fuzz_input *input)
{
	uint8_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

static inline uint16_t fuzz_take16(struct fuzz_input *input)
{
	uint16_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

static inline uint64_t fuzz_take64(struct fuzz_input *input)
{
	uint64_t value;

	fuzz_take(input, &value, sizeof(value));
	return value;
}

/* What must hold whatever the input says. */
#define FUZZ_CHECK(condition)             \
	do {                              \
		if (!(condition))         \
			__builtin_trap(); \
	} while (0)

#endif

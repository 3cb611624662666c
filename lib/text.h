/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others wrote and people will read. */
#ifndef KATA_LIKE_LIB_TEXT_H
#define KATA_LIKE_LIB_TEXT_H

#include <stddef.h>

/* What one byte becomes at most, with the NUL. */
#define TEXT_CLEAN_MAX 5

/*
 * Writes what stands for a byte in a log, with a NUL behind it, and returns its length: itself
 * where it is ASCII text, a newline or a tab; nothing for a carriage return; else \x and two
 * digits. So nothing that a guest wrote can command the terminal on which it is read.
 */
size_t text_clean(char byte, char ret_text[TEXT_CLEAN_MAX]);

#endif

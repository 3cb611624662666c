/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others wrote and people will read. */
#include "lib/text.h"

#include <stdio.h>

size_t text_clean(char byte, char ret_text[TEXT_CLEAN_MAX])
{
	unsigned char value = (unsigned char)byte;

	ret_text[0] = byte;
	ret_text[1] = '\0';
	if ((value >= 0x20 && value < 0x7f) || value == '\n' || value == '\t')
		return 1;
	if (value == '\r') {
		ret_text[0] = '\0';
		return 0;
	}
	return (size_t)snprintf(ret_text, TEXT_CLEAN_MAX, "\\x%02x", value);
}

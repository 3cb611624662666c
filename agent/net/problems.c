/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be done of a request of many parts. */
#include "agent/net/problems.h"

#include <stdarg.h>
#include <string.h>

void problems_add(struct problems *problems, int errnum, const char *fmt, ...)
{
	char *text;
	size_t used;
	va_list va;

	if (problems->n >= PROBLEMS_MAX)
		return;
	text = problems->texts[problems->n++];
	va_start(va, fmt);
	(void)vsnprintf(text, PROBLEM_TEXT_MAX, fmt, va);
	va_end(va);
	used = strlen(text);
	(void)snprintf(text + used, PROBLEM_TEXT_MAX - used, ": %s", strerror(errnum));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Errors that gain context on their way up. */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void err_vset(struct err *err, int errnum, const char *fmt, va_list va)
{
	err->code = -errnum;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, va);
}

static void err_append(struct err *err, const char *separator, const char *text)
{
	size_t used = strlen(err->text);

	(void)snprintf(err->text + used, sizeof(err->text) - used, "%s%s", separator, text);
}

int err_set(struct err *err, int errnum, const char *fmt, ...)
{
	va_list va;

	if (!err)
		return -errnum;
	va_start(va, fmt);
	err_vset(err, errnum, fmt, va);
	va_end(va);
	err_append(err, ": ", strerror(errnum));
	return -errnum;
}

int err_say(struct err *err, int errnum, const char *fmt, ...)
{
	va_list va;

	if (!err)
		return -errnum;
	va_start(va, fmt);
	err_vset(err, errnum, fmt, va);
	va_end(va);
	return -errnum;
}

int err_push(struct err *err, const char *fmt, ...)
{
	char cause[ERR_TEXT_MAX];
	va_list va;

	if (!err)
		return -EIO;
	if (!err->code)
		err->code = -EIO;
	(void)snprintf(cause, sizeof(cause), "%s", err->text);
	va_start(va, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, va);
	va_end(va);
	if (cause[0])
		err_append(err, ": ", cause);
	return err->code;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	char hint[ERR_TEXT_MAX];
	va_list va;

	if (!err)
		return -EIO;
	va_start(va, fmt);
	(void)vsnprintf(hint, sizeof(hint), fmt, va);
	va_end(va);
	err_append(err, "; ", hint);
	return err->code ? err->code : -EIO;
}

const char *err_text(const struct err *err)
{
	return err && err->text[0] ? err->text : "unknown error";
}

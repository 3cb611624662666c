/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that gains context on its way up: the caller owns a `struct err`, the place that fails
 * writes the cause, each level above puts what it was doing in front.
 *
 *	if (fd < 0)
 *		return err_set(err, errno, "cannot open kernel %s", path);
 *	...
 *	if (r < 0)
 *		return err_push(err, "cannot boot sandbox %s", id);	// "cannot boot sandbox x:
 *cannot open…"
 *
 * A message names the object, the cause and, where there is one, the remedy.
 */
#ifndef KATA_LIKE_LIB_ERR_H
#define KATA_LIKE_LIB_ERR_H

#include "lib/cleanup.h"

#define ERR_TEXT_MAX 1024

struct err {
	int code; /* -errno, 0 while nothing failed */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT ((struct err){ 0 })

/*
 * Records a failure and returns -errnum, so that it can stand behind `return`. The text gets
 * ": strerror(errnum)" behind it. err may be NULL. Text beyond ERR_TEXT_MAX is cut off.
 */
int err_set(struct err *err, int errnum, const char *fmt, ...) _printf_(3, 4);

/* The same without strerror: for causes that the text already tells. */
int err_say(struct err *err, int errnum, const char *fmt, ...) _printf_(3, 4);

/* Puts "…: " in front of the text and returns err's code (-EIO where err is NULL or empty). */
int err_push(struct err *err, const char *fmt, ...) _printf_(2, 3);

/* Adds a sentence behind the text ("; try …") and returns err's code. */
int err_hint(struct err *err, const char *fmt, ...) _printf_(2, 3);

/* The text, "unknown error" when there is none. Never NULL. */
const char *err_text(const struct err *err);

#endif

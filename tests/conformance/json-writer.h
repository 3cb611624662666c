/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one JSON value to a stdio stream, with commas where they belong; nothing is allocated. */
#ifndef KATA_LIKE_TESTS_CONFORMANCE_JSON_WRITER_H
#define KATA_LIKE_TESTS_CONFORMANCE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json_writer {
	FILE *stream;
	bool first; /* nothing written yet in the innermost array or object */
};

/* Each value is a member of the innermost object under key, or with key NULL an element of an
 * array. */
void json_open(struct json_writer *out, const char *key, char bracket);
void json_close(struct json_writer *out, char bracket);
void json_int(struct json_writer *out, const char *key, long long value);
/* text may be NULL, which becomes null. */
void json_string(struct json_writer *out, const char *key, const char *text);
/* Bytes that are not UTF-8 come out as if they were Latin-1. */
void json_bytes(struct json_writer *out, const char *key, const char *bytes, size_t len);

/* {"error": "EACCES"}: how the witness says that it could not see something. */
void json_error(struct json_writer *out, const char *key, int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one JSON value to a stdio stream. */
#include "tests/conformance/json-writer.h"

#include <string.h>

static void write_text(struct json_writer *out, const char *bytes, size_t len)
{
	fputc('"', out->stream);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			fprintf(out->stream, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out->stream, "\\u%04x", c);
		else
			fputc(c, out->stream);
	}
	fputc('"', out->stream);
}

static void begin_value(struct json_writer *out, const char *key)
{
	if (!out->first)
		fputc(',', out->stream);
	out->first = false;
	if (key) {
		write_text(out, key, strlen(key));
		fputc(':', out->stream);
	}
}

void json_open(struct json_writer *out, const char *key, char bracket)
{
	begin_value(out, key);
	fputc(bracket, out->stream);
	out->first = true;
}

void json_close(struct json_writer *out, char bracket)
{
	fputc(bracket, out->stream);
	out->first = false;
}

void json_int(struct json_writer *out, const char *key, long long value)
{
	begin_value(out, key);
	fprintf(out->stream, "%lld", value);
}

void json_bytes(struct json_writer *out, const char *key, const char *bytes, size_t len)
{
	begin_value(out, key);
	write_text(out, bytes, len);
}

void json_string(struct json_writer *out, const char *key, const char *text)
{
	if (text) {
		json_bytes(out, key, text, strlen(text));
		return;
	}
	begin_value(out, key);
	fputs("null", out->stream);
}

void json_error(struct json_writer *out, const char *key, int error)
{
	const char *name = strerrorname_np(error);

	json_open(out, key, '{');
	json_string(out, "error", name ? name : "unknown");
	json_close(out, '}');
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line a message, one write a line. */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define LOG_MESSAGE_MAX 1536
#define LOG_LINE_MAX	4096

static struct {
	const char *program;
	const char *sandbox_id;
	enum log_level level;
	enum log_format format;
	int fd;
} settings = { "kata-like", NULL, LOG_LEVEL_WARN, LOG_FORMAT_TEXT, STDERR_FILENO };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

struct line {
	size_t len;
	char text[LOG_LINE_MAX];
};

void log_init(const char *program, enum log_level level, enum log_format format, int fd)
{
	settings.program = program;
	settings.level = level;
	settings.format = format;
	settings.fd = fd;
}

void log_set_sandbox(const char *sandbox_id)
{
	settings.sandbox_id = sandbox_id;
}

bool log_enabled(enum log_level level)
{
	return settings.fd >= 0 && level <= settings.level;
}

static void line_put(struct line *line, const char *text)
{
	size_t len = strlen(text);
	size_t room = sizeof(line->text) - line->len - 2; /* keeps room for the newline */

	if (len > room)
		len = room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

/* Writes text so that it can neither end the line nor, where quoted, the string that it stands in.
 */
static void line_put_escaped(struct line *line, const char *text, bool quoted)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		char escaped[8];

		/* Terminals obey U+0080 to U+009F as well; that is how UTF-8 writes them. */
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x", *++p);
			line_put(line, escaped);
			continue;
		}
		if (quoted && (*p == '"' || *p == '\\'))
			(void)snprintf(escaped, sizeof(escaped), "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x", *p);
		else
			(void)snprintf(escaped, sizeof(escaped), "%c", *p);
		line_put(line, escaped);
	}
}

static void format_time(char *buffer, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	used = strftime(buffer, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buffer + used, size - used, ".%09ldZ", now.tv_nsec);
}

static void format_line(struct line *line, enum log_level level, const char *message)
{
	const char *name = level_names[level];
	char when[48];

	format_time(when, sizeof(when));
	switch (settings.format) {
	case LOG_FORMAT_TEXT:
		line_put(line, settings.program);
		line_put(line, ": ");
		if (level != LOG_LEVEL_ERROR) {
			line_put(line, name);
			line_put(line, ": ");
		}
		line_put_escaped(line, message, false);
		break;
	case LOG_FORMAT_LOGFMT:
		line_put(line, "time=\"");
		line_put(line, when);
		line_put(line, "\" level=");
		line_put(line, name);
		line_put(line, " msg=\"");
		line_put_escaped(line, message, true);
		line_put(line, "\" program=");
		line_put(line, settings.program);
		if (settings.sandbox_id) {
			line_put(line, " sandbox=");
			line_put_escaped(line, settings.sandbox_id, true);
		}
		break;
	case LOG_FORMAT_JSON:
		line_put(line, "{\"level\":\"");
		line_put(line, name);
		line_put(line, "\",\"msg\":\"");
		line_put_escaped(line, message, true);
		line_put(line, "\",\"time\":\"");
		line_put(line, when);
		line_put(line, "\"}");
		break;
	}
	line->text[line->len++] = '\n';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	int saved_errno = errno;
	char message[LOG_MESSAGE_MAX];
	struct line line = { 0 };
	va_list va;

	if (!log_enabled(level))
		return;
	va_start(va, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, va);
	va_end(va);
	format_line(&line, level, message);
	/* A log that cannot be written has nowhere to complain. */
	if (write(settings.fd, line.text, line.len) < 0)
		(void)0;
	errno = saved_errno;
}

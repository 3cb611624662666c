/* SPDX-License-Identifier: Apache-2.0 */
/* A log line is one line, whatever the message holds. */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static const char *line_of(enum log_format format, const char *message)
{
	static char line[8192];
	int pipes[2];
	ssize_t n;

	assert_int_equal(pipe(pipes), 0);
	log_init("test", LOG_LEVEL_INFO, format, pipes[1]);
	log_info("%s", message);
	close(pipes[1]);
	n = read(pipes[0], line, sizeof(line) - 1);
	close(pipes[0]);
	assert_true(n > 0);
	line[n] = '\0';
	return line;
}

static void control_characters_cannot_forge_a_line(void **state)
{
	(void)state;
	assert_string_equal(line_of(LOG_FORMAT_TEXT, "a\nb\x1b[31m"),
			    "test: info: a\\u000ab\\u001b[31m\n");
	/* The terminal's other way to write an escape, in UTF-8, and a letter that is none. */
	assert_string_equal(line_of(LOG_FORMAT_TEXT, "\xc2\x9b"
						     "31m \xc2\xa7"),
			    "test: info: \\u009b31m \xc2\xa7\n");
}

static void json_lines_escape_quotes_and_backslashes(void **state)
{
	(void)state;
	assert_non_null(
		strstr(line_of(LOG_FORMAT_JSON, "say \"x\\y\""), "\"msg\":\"say \\\"x\\\\y\\\"\""));
}

static void logfmt_lines_name_the_sandbox(void **state)
{
	const char *line;

	(void)state;
	log_set_sandbox("pod7");
	line = line_of(LOG_FORMAT_LOGFMT, "hello");
	log_set_sandbox(NULL);
	assert_non_null(strstr(line, "level=info msg=\"hello\" program=test sandbox=pod7\n"));
}

static void a_message_that_is_too_long_still_ends_its_line(void **state)
{
	char huge[6000];
	const char *line;

	(void)state;
	memset(huge, '\n', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	line = line_of(LOG_FORMAT_JSON, huge);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void messages_below_the_level_are_not_written(void **state)
{
	int pipes[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	log_init("test", LOG_LEVEL_WARN, LOG_FORMAT_TEXT, pipes[1]);
	log_info("quiet");
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_cannot_forge_a_line),
		cmocka_unit_test(json_lines_escape_quotes_and_backslashes),
		cmocka_unit_test(logfmt_lines_name_the_sandbox),
		cmocka_unit_test(a_message_that_is_too_long_still_ends_its_line),
		cmocka_unit_test(messages_below_the_level_are_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

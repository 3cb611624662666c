/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness's main.
 *
 *   witness [WORD…]                        writes what it finds, then what each word asks for
 *   witness hook STAGE FILE [fail|hang]    is a hook that leaves a line in FILE
 *   witness whoami                         exits with 17 if its effective user is not its real one
 *
 * Words: a probe of witness-probes.c, `exit:STATUS`, `kill:SIGNAL` (itself, at the end), `quiet`
 * (writes nothing), `stdin` (writes how much there was), `stderr` (writes a line there), `sleep`
 * (for ever).
 */
#include "tests/conformance/witness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ending {
	int status;
	int crashes, sleeps;
};

static void show_stdin(struct json_writer *out)
{
	char bytes[4096];
	long long total = 0;
	ssize_t n;

	while ((n = read(0, bytes, sizeof(bytes))) > 0)
		total += n;
	json_int(out, "stdin", total);
}

static void obey(struct json_writer *out, char **words, struct ending *ending)
{
	json_open(out, "probes", '{');
	for (; *words; words++) {
		const char *word = *words;

		if (strncmp(word, "exit:", 5) == 0)
			ending->status = atoi(word + 5);
		else if (strcmp(word, "crash") == 0)
			ending->crashes = 1;
		else if (strcmp(word, "sleep") == 0)
			ending->sleeps = 1;
		else if (strcmp(word, "stdin") == 0)
			show_stdin(out);
		else if (strcmp(word, "stderr") == 0)
			fputs("the witness speaks\n", stderr);
		else
			(void)witness_probe(out, word);
	}
	json_close(out, '}');
}

int main(int argc, char **argv)
{
	struct json_writer out = { .stream = stdout, .first = true };
	struct ending ending = { 0 };

	if (argc >= 4 && strcmp(argv[1], "hook") == 0)
		return witness_hook(argv[2], argv[3], argc > 4 ? argv[4] : "");
	if (argc == 2 && strcmp(argv[1], "whoami") == 0)
		return geteuid() == getuid() ? 0 : 17;
	json_open(&out, NULL, '{');
	if (argc < 2 || strcmp(argv[1], "quiet") != 0) {
		witness_show_process(&out, argv);
		witness_show_files(&out);
	}
	obey(&out, argv + (argc > 0), &ending);
	json_close(&out, '}');
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	while (ending.sleeps)
		(void)pause();
	if (ending.crashes)
		__builtin_trap();
	return ending.status;
}

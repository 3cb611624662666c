/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over every file of a corpus folder: `replay FOLDER`. So what fuzzing once
 * found is tried again in each test run, under any compiler. A folder without files is a failure.
 */
#include <dirent.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/fd.h"
#include "tests/fuzz/input.h"

#define FILE_BYTES_MAX (1u << 20)

static int replay_file(int dir_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ uint8_t *exact = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	if (file_read(dir_fd, name, FILE_BYTES_MAX, &text, &len, &err) < 0) {
		(void)fprintf(stderr, "replay: %s\n", err_text(&err));
		return -1;
	}
	/* A copy without anything behind it, so that reading past the end is seen. */
	exact = malloc(len ? len : 1);
	if (!exact)
		return -1;
	memcpy(exact, text, len);
	printf("%s\n", name);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(exact, len);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_dir_ DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	unsigned n = 0;

	if (!dir) {
		(void)fprintf(stderr, "usage: replay FOLDER (a readable one)\n");
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_file(dirfd(dir), entry->d_name) < 0)
			return 1;
		n++;
	}
	printf("%u files of %s replayed\n", n, argv[1]);
	return n > 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The witness as a hook (runtime-spec 1.2, "POSIX-platform Hooks"). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/witness.h"

#define STATE_MAX_BYTES 16384

static void show_state(struct json_writer *out)
{
	static char state[STATE_MAX_BYTES];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(state) && (n = read(0, state + len, sizeof(state) - len)) > 0)
		len += (size_t)n;
	json_bytes(out, "state", state, len);
}

static void show_surroundings(struct json_writer *out)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "uts" };
	char path[64], target[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		json_string(out, kinds[i], target);
	}
	/* The witness lies at /witness in every image: who sees it has the container's root. */
	json_int(out, "in_root", access("/witness", F_OK) == 0);
	json_string(out, "env", getenv("HOOK"));
}

int witness_hook(const char *stage, const char *path, const char *behaviour)
{
	char *line = NULL;
	size_t len = 0;
	struct json_writer out = { .stream = open_memstream(&line, &len), .first = true };
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (!out.stream || fd < 0) {
		fprintf(stderr, "witness: %s: %s\n", path, strerror(errno));
		return 1;
	}
	json_open(&out, NULL, '{');
	json_string(&out, "stage", stage);
	show_state(&out);
	show_surroundings(&out);
	json_close(&out, '}');
	(void)fputc('\n', out.stream);
	(void)fclose(out.stream);
	if (write(fd, line, len) != (ssize_t)len)
		return 1;
	free(line);
	(void)close(fd);
	if (strcmp(behaviour, "hang") == 0)
		(void)pause();
	if (strcmp(behaviour, "fail") == 0)
		fprintf(stderr, "the hook of %s fails on purpose\n", stage);
	return strcmp(behaviour, "fail") == 0 ? 3 : 0;
}

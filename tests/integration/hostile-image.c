/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of a hostile image: tries what its first argument names and prints what came of it.
 * Linked statically, as it runs in containers.
 *
 *	identity		who it is, which a set-user-id bit may have changed, and its
 *capabilities read FILE...		opens each, as a device that the image brought along
 *	overwrite FILE...	opens each for writing, and cuts it, as /proc/1/exe
 *	crowd N			N processes that live at once; they end with it
 *	hog			takes memory without an end
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)

static int identity(char **args)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");

	(void)args;
	if (!status)
		return 1;
	(void)printf("uid %u, capabilities", (unsigned int)geteuid());
	while (fgets(line, sizeof(line), status)) {
		if (strncmp(line, "CapEff:", 7) == 0)
			(void)printf(" %s", line + strspn(line + 7, "\t ") + 7);
	}
	(void)fclose(status);
	return 0;
}

static void try_open(const char *file, int flags)
{
	int fd = open(file, flags | O_CLOEXEC | O_NONBLOCK);

	(void)printf("%s: %s\n", file, fd < 0 ? strerror(errno) : "opened");
	if (fd >= 0)
		(void)close(fd);
}

static int read_each(char **files)
{
	for (; *files; files++)
		try_open(*files, O_RDONLY);
	return 0;
}

static int overwrite_each(char **files)
{
	for (; *files; files++) {
		try_open(*files, O_WRONLY);
		(void)printf("%s: %s\n", *files, truncate(*files, 0) < 0 ? strerror(errno) : "cut");
	}
	return 0;
}

/* All share the memory and even the stack, of which they need nothing. */
static int live(void *ctx)
{
	(void)ctx;
	while (syscall(SYS_pause) < 0 && errno == EINTR)
		;
	return 1;
}

static int crowd(char **args)
{
	static char stack[16384] __attribute__((aligned(16)));
	long wanted = *args ? strtol(*args, NULL, 10) : 0, n = 0;

	while (n < wanted && clone(live, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0)
		n++;
	(void)printf("%ld of %ld live: %s\n", n, wanted, n < wanted ? strerror(errno) : "all");
	(void)fflush(stdout);
	return live(NULL);
}

static int hog(char **args)
{
	(void)args;
	while (mmap(NULL, MEBIBYTE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != MAP_FAILED)
		;
	return 1;
}

static const struct {
	const char *name;
	int (*run)(char **args);
} tricks[] = {
	{ "identity", identity }, { "read", read_each }, { "overwrite", overwrite_each },
	{ "crowd", crowd },	  { "hog", hog },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(tricks) / sizeof(tricks[0]); i++) {
		if (strcmp(tricks[i].name, argv[1]) == 0)
			return tricks[i].run(argv + 2);
	}
	(void)fprintf(stderr, "usage: hostile-image TRICK [ARGUMENT...]\n");
	return 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which template goes with a guest, and where it is. */
#include "shim/sandbox/template.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "lib/fd.h"

/* The first processor's part of it; the kernel makes no more than is read. */
#define CPUINFO_BYTES 16384u
#define KEY_BYTES     16u

static void add(struct sha256_ctx *hash, const char *text)
{
	/* With its zero: two texts are never one longer text. */
	sha256_update(hash, strlen(text) + 1, (const uint8_t *)text);
}

/* A file as it is now: another of the same name differs in one of these. */
static int add_file(struct sha256_ctx *hash, const char *path)
{
	struct stat st;
	char text[160];

	if (stat(path, &st) < 0)
		return -errno;
	(void)snprintf(text, sizeof(text), "%ju %ju %jd %jd.%09ld %jd.%09ld", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino, (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		       st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	add(hash, text);
	return 0;
}

/* What the processor is and can do; its frequency changes, and is left out. */
static int add_processor(struct sha256_ctx *hash)
{
	_cleanup_fd_ int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	char text[CPUINFO_BYTES], *rest = NULL;
	ssize_t n = fd < 0 ? -errno : fd_read_full(fd, text, sizeof(text) - 1);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		static const char *const names[] = { "vendor_id", "cpu family", "model",
						     "stepping",  "microcode",	"flags" };

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (strncmp(line, names[i], strlen(names[i])) == 0)
				add(hash, line);
		/* The first of them speaks for all. */
		if (strncmp(line, "flags", 5) == 0)
			break;
	}
	return 0;
}

static int add_host(struct sha256_ctx *hash)
{
	struct utsname host;
	char program[PATHS_MAX];
	int r = paths_program("kata-like-vmm", program, NULL);

	if (r == 0)
		r = add_file(hash, program);
	if (r == 0 && uname(&host) < 0)
		r = -errno;
	if (r < 0)
		return r;
	add(hash, host.release);
	add(hash, host.version);
	return add_processor(hash);
}

static int make_key(const struct guest *guest, char ret_key[2 * KEY_BYTES + 1])
{
	uint8_t digest[KEY_BYTES];
	struct sha256_ctx hash;
	char numbers[64];
	int r;

	sha256_init(&hash);
	r = add_host(&hash);
	if (r == 0)
		r = add_file(&hash, guest->kernel);
	if (r == 0)
		r = add_file(&hash, guest->initrd);
	if (r < 0)
		return r;
	add(&hash, guest->cmdline);
	add(&hash, guest->cpu_model);
	(void)snprintf(numbers, sizeof(numbers), "%" PRIu32 " %" PRIu64, guest->cpus,
		       guest->memory_bytes);
	add(&hash, numbers);
	sha256_digest(&hash, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(ret_key + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

void template_choose(struct guest *guest)
{
	char key[2 * KEY_BYTES + 1], name[sizeof(key) + sizeof("templates/")];

	guest->template_path[0] = '\0';
	/* Whatever is missing is missed by the boot, which says so. */
	if (!guest->template || guest->console || make_key(guest, key) < 0)
		return;
	(void)snprintf(name, sizeof(name), "templates/%s", key);
	if (paths_cache(name, guest->template_path, NULL) < 0)
		guest->template_path[0] = '\0';
}

int template_open(const struct guest *guest, int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (!*guest->template_path)
		return -ENOTSUP;
	fd = open(guest->template_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -ENOENT;
	/* An empty one: see template-make.c. */
	if (fstat(fd, &st) < 0 || st.st_size == 0)
		return -ENOTSUP;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

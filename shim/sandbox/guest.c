/* SPDX-License-Identifier: Apache-2.0 */
/* How the VM of a pod is made. */
#include "shim/sandbox/guest.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "proto/task-api.h"

#define DEFAULT_CPUS	     1u
#define DEFAULT_MEMORY_BYTES (128ull << 20)
#define MEMORY_MIN_BYTES     (32ull << 20)

/*
 * What boots fast and ends clearly, beside what the VMM puts in front for its own hardware: no
 * calibration, no probing for what is not there, and on
 * a panic an immediate reset, which ends the VM.
 */
#define BASE_CMDLINE                                                              \
	"quiet panic=-1 pci=lastbus=0 tsc=reliable no_timer_check noreplace-smp " \
	"rcupdate.rcu_expedited=1 swiotlb=noforce cryptomgr.notests random.trust_cpu=on"

typedef int guest_set_fn(struct guest *guest, const char *value, struct err *err);

int guest_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	uint64_t value;
	unsigned int shift = 0;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10u * (unsigned int)(unit - units + 1);
	}
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}

static int set_path(char *ret_path, const char *value, struct err *err)
{
	if (value[0] != '/')
		return err_say(err, EINVAL, "\"%.200s\" is not an absolute path", value);
	if (strlen(value) >= PATHS_MAX)
		return err_set(err, ENAMETOOLONG, "the path");
	(void)snprintf(ret_path, PATHS_MAX, "%s", value);
	return 0;
}

static int set_kernel(struct guest *guest, const char *value, struct err *err)
{
	return set_path(guest->kernel, value, err);
}

static int set_initrd(struct guest *guest, const char *value, struct err *err)
{
	return set_path(guest->initrd, value, err);
}

/* Only what is added, for now: guest_from_spec() puts it behind the rest, where it wins. */
static int set_cmdline(struct guest *guest, const char *value, struct err *err)
{
	for (const char *p = value; *p; p++)
		if (iscntrl((unsigned char)*p))
			return err_say(err, EINVAL, "there is a control character in it");
	if (strlen(value) > GUEST_CMDLINE_MAX / 2)
		return err_say(err, EINVAL, "it is longer than %d bytes", GUEST_CMDLINE_MAX / 2);
	(void)snprintf(guest->cmdline, sizeof(guest->cmdline), " %s", value);
	return 0;
}

static int set_cpus(struct guest *guest, const char *value, struct err *err)
{
	char *end;
	unsigned long cpus;

	errno = 0;
	cpus = isdigit((unsigned char)value[0]) ? strtoul(value, &end, 10) : 0;
	if (cpus < 1 || cpus > GUEST_CPUS_MAX || errno || *end)
		return err_say(err, EINVAL, "\"%.80s\" is not a number from 1 to %u", value,
			       GUEST_CPUS_MAX);
	guest->cpus = (uint32_t)cpus;
	return 0;
}

static int set_memory(struct guest *guest, const char *value, struct err *err)
{
	struct sysinfo host;
	uint64_t bytes, host_bytes;

	if (guest_parse_size(value, &bytes) < 0)
		return err_say(err, EINVAL, "\"%.80s\" is not a size such as 128M or 2G", value);
	if (bytes < MEMORY_MIN_BYTES)
		return err_say(err, EINVAL, "%s is too little: a guest needs %lluM or more", value,
			       MEMORY_MIN_BYTES >> 20);
	if (bytes % (1u << 20))
		return err_say(err, EINVAL, "%s is not a multiple of 1M", value);
	if (sysinfo(&host) < 0)
		return err_set(err, errno, "cannot tell how much memory the host has");
	host_bytes = (uint64_t)host.totalram * host.mem_unit;
	if (bytes > host_bytes)
		return err_say(err, EINVAL, "%s is more than the host has (%" PRIu64 "M)", value,
			       host_bytes >> 20);
	guest->memory_bytes = bytes;
	return 0;
}

static int set_console(struct guest *guest, const char *value, struct err *err)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return err_say(err, EINVAL, "\"%.80s\" is neither true nor false", value);
	guest->console = value[0] == 't';
	return 0;
}

static const struct guest_key {
	const char *name;
	guest_set_fn *set;
} keys[] = {
	{ ANNOTATION_KERNEL, set_kernel },   { ANNOTATION_INITRD, set_initrd },
	{ ANNOTATION_CMDLINE, set_cmdline }, { ANNOTATION_CPUS, set_cpus },
	{ ANNOTATION_MEMORY, set_memory },   { ANNOTATION_CONSOLE, set_console },
};

static int apply_annotation(struct guest *guest, const char *key, const char *value,
			    struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		return keys[i].set(guest, value, err) < 0 ? err_push(err, "annotation %s", key) : 0;
	}
	return err_say(err, EINVAL, "annotation %.200s is not known", key);
}

static void complete_cmdline(struct guest *guest)
{
	char added[GUEST_CMDLINE_MAX];

	memcpy(added, guest->cmdline, sizeof(added));
	/* The agent brings up the other CPUs: until then they cost the boot nothing. */
	(void)snprintf(guest->cmdline, sizeof(guest->cmdline), "%s%s%s%.*s", BASE_CMDLINE,
		       guest->cpus > 1 ? " maxcpus=1" : "",
		       guest->console ? " console=ttyS0 8250.nr_uarts=1" : "",
		       GUEST_CMDLINE_MAX / 2 + 1, added);
}

int guest_from_spec(const struct oci_spec *spec, struct guest *ret_guest, struct err *err)
{
	struct guest *guest = ret_guest;
	int r;

	*guest = (struct guest){ .cpus = DEFAULT_CPUS, .memory_bytes = DEFAULT_MEMORY_BYTES };
	for (size_t i = 0; i < spec->annotations.n; i++) {
		const struct json_pair *pair = &spec->annotations.list[i];

		if (strncmp(pair->key, ANNOTATION_PREFIX, strlen(ANNOTATION_PREFIX)) != 0)
			continue;
		r = apply_annotation(guest, pair->key, pair->value, err);
		if (r < 0)
			return r;
	}
	complete_cmdline(guest);
	if (!*guest->kernel) {
		r = paths_guest("vmlinux", guest->kernel, err);
		if (r < 0)
			return r;
	}
	return *guest->initrd ? 0 : paths_guest("initramfs.img", guest->initrd, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Mount options, sorted by a table. */
#include "agent/mount/options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include <linux/mount.h>

enum option_kind {
	OPTION_SET, /* value: attribute */
	OPTION_CLEAR,
	OPTION_ATIME, /* one of three values in one field */
	OPTION_PROPAGATION,
	OPTION_FLAG, /* of the superblock: passed to the file system by its name */
	OPTION_BIND,
	OPTION_REMOUNT,
	OPTION_COPY_UP,
	OPTION_NOTHING, /* the default, or for mount(8) alone */
};

static const struct option {
	const char *name;
	enum option_kind kind;
	bool recursive;
	uint64_t value;
} table[] = {
	{ "ro", OPTION_SET, false, MOUNT_ATTR_RDONLY },
	{ "rw", OPTION_CLEAR, false, MOUNT_ATTR_RDONLY },
	{ "nosuid", OPTION_SET, false, MOUNT_ATTR_NOSUID },
	{ "suid", OPTION_CLEAR, false, MOUNT_ATTR_NOSUID },
	{ "nodev", OPTION_SET, false, MOUNT_ATTR_NODEV },
	{ "dev", OPTION_CLEAR, false, MOUNT_ATTR_NODEV },
	{ "noexec", OPTION_SET, false, MOUNT_ATTR_NOEXEC },
	{ "exec", OPTION_CLEAR, false, MOUNT_ATTR_NOEXEC },
	{ "nodiratime", OPTION_SET, false, MOUNT_ATTR_NODIRATIME },
	{ "diratime", OPTION_CLEAR, false, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", OPTION_SET, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "symfollow", OPTION_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "noatime", OPTION_ATIME, false, MOUNT_ATTR_NOATIME },
	{ "atime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "relatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "norelatime", OPTION_ATIME, false,
	  MOUNT_ATTR_RELATIME }, /* what mount(2) makes of no flag */
	{ "strictatime", OPTION_ATIME, false, MOUNT_ATTR_STRICTATIME },
	{ "nostrictatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "rro", OPTION_SET, true, MOUNT_ATTR_RDONLY },
	{ "rrw", OPTION_CLEAR, true, MOUNT_ATTR_RDONLY },
	{ "rnosuid", OPTION_SET, true, MOUNT_ATTR_NOSUID },
	{ "rsuid", OPTION_CLEAR, true, MOUNT_ATTR_NOSUID },
	{ "rnodev", OPTION_SET, true, MOUNT_ATTR_NODEV },
	{ "rdev", OPTION_CLEAR, true, MOUNT_ATTR_NODEV },
	{ "rnoexec", OPTION_SET, true, MOUNT_ATTR_NOEXEC },
	{ "rexec", OPTION_CLEAR, true, MOUNT_ATTR_NOEXEC },
	{ "rnodiratime", OPTION_SET, true, MOUNT_ATTR_NODIRATIME },
	{ "rdiratime", OPTION_CLEAR, true, MOUNT_ATTR_NODIRATIME },
	{ "rnosymfollow", OPTION_SET, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rsymfollow", OPTION_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rnoatime", OPTION_ATIME, true, MOUNT_ATTR_NOATIME },
	{ "ratime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rrelatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnorelatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rstrictatime", OPTION_ATIME, true, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME },
	{ "shared", OPTION_PROPAGATION, false, MS_SHARED },
	{ "slave", OPTION_PROPAGATION, false, MS_SLAVE },
	{ "private", OPTION_PROPAGATION, false, MS_PRIVATE },
	{ "unbindable", OPTION_PROPAGATION, false, MS_UNBINDABLE },
	{ "rshared", OPTION_PROPAGATION, true, MS_SHARED },
	{ "rslave", OPTION_PROPAGATION, true, MS_SLAVE },
	{ "rprivate", OPTION_PROPAGATION, true, MS_PRIVATE },
	{ "runbindable", OPTION_PROPAGATION, true, MS_UNBINDABLE },
	{ "sync", OPTION_FLAG, false, 0 },
	{ "dirsync", OPTION_FLAG, false, 0 },
	{ "lazytime", OPTION_FLAG, false, 0 },
	{ "mand", OPTION_FLAG, false, 0 },
	{ "async", OPTION_NOTHING, false, 0 },
	{ "nolazytime", OPTION_NOTHING, false, 0 },
	{ "nomand", OPTION_NOTHING, false, 0 },
	{ "iversion", OPTION_NOTHING, false, 0 },
	{ "noiversion", OPTION_NOTHING, false, 0 },
	{ "silent", OPTION_NOTHING, false, 0 },
	{ "loud", OPTION_NOTHING, false, 0 },
	{ "defaults", OPTION_NOTHING, false, 0 },
	{ "acl", OPTION_NOTHING, false, 0 },
	{ "bind", OPTION_BIND, false, 0 },
	{ "rbind", OPTION_BIND, true, 0 },
	{ "remount", OPTION_REMOUNT, false, 0 },
	{ "tmpcopyup", OPTION_COPY_UP, false, 0 },
	{ "idmap", OPTION_NOTHING, false, 0 }, /* oci_mount_map() reads them */
	{ "ridmap", OPTION_NOTHING, false, 0 },
};

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

/* The last one of contradicting options holds. */
static void change_attr(struct mount_options *options, bool recursive, uint64_t set, uint64_t clear)
{
	uint64_t *sets = recursive ? &options->recursive_set : &options->attr_set;
	uint64_t *clears = recursive ? &options->recursive_clear : &options->attr_clear;

	*sets = (*sets & ~clear) | set;
	*clears = (*clears & ~set) | clear;
}

static void change_atime(struct mount_options *options, bool recursive, uint64_t value)
{
	change_attr(options, recursive, 0, MOUNT_ATTR__ATIME);
	/* mount_setattr(2) wants the whole field cleared with whatever is set in it. */
	*(recursive ? &options->recursive_set : &options->attr_set) |= value;
}

static void apply_option(struct mount_options *options, const struct option *option)
{
	switch (option->kind) {
	case OPTION_SET:
		change_attr(options, option->recursive, option->value, 0);
		break;
	case OPTION_CLEAR:
		change_attr(options, option->recursive, 0, option->value);
		break;
	case OPTION_ATIME:
		change_atime(options, option->recursive, option->value);
		break;
	case OPTION_PROPAGATION:
		options->propagation = option->value;
		options->recursive_propagation = option->recursive;
		break;
	case OPTION_BIND:
		options->bind = true;
		options->recursive_bind = option->recursive;
		break;
	case OPTION_REMOUNT:
		options->remount = true;
		break;
	case OPTION_COPY_UP:
		options->copy_up = true;
		break;
	case OPTION_FLAG:
	case OPTION_NOTHING:
		break;
	}
}

/* All options in one string of words, as "size=1m,mode=700" is one option, or two. */
static char *join_options(const struct oci_strings *options, size_t *ret_n_words)
{
	size_t len = 1, n = 0;
	char *words, *end;

	for (size_t i = 0; i < options->n; i++)
		len += strlen(options->list[i]) + 1;
	words = end = malloc(len);
	if (!words)
		return NULL;
	for (size_t i = 0; i < options->n; i++) {
		for (const char *c = options->list[i]; *c; c++) {
			/* A comma behind a backslash belongs to a path, which the file system
			 * reads. */
			bool splits = *c == ',' && (c == options->list[i] || c[-1] != '\\');

			*end++ = splits ? '\0' : *c;
			n += splits;
		}
		*end++ = '\0';
		n++;
	}
	*ret_n_words = n;
	return words;
}

static void sort_option(struct mount_options *options, const char *name)
{
	const struct option *option = find_option(name);

	if (option)
		apply_option(options, option);
	/* Those with a prefix are for the programs above: x-…, and mount(8)'s own. */
	if (!option ? strncmp(name, "x-", 2) != 0 && *name : option->kind == OPTION_FLAG)
		options->data[options->n_data++] = name;
}

int mount_options_parse(const struct oci_strings *options, struct mount_options *ret_options,
			struct err *err)
{
	struct mount_options sorted = { 0 };
	size_t n = 0;
	const char *word;

	*ret_options = sorted;
	sorted.words = join_options(options, &n);
	sorted.data = calloc(n + 1, sizeof(*sorted.data));
	if (!sorted.words || !sorted.data) {
		mount_options_fini(&sorted);
		return err_set(err, ENOMEM, "mount options");
	}
	word = sorted.words;
	for (size_t i = 0; i < n; i++, word += strlen(word) + 1)
		sort_option(&sorted, word);
	*ret_options = sorted;
	return 0;
}

void mount_options_fini(struct mount_options *options)
{
	free(TAKE_PTR(options->data));
	free(TAKE_PTR(options->words));
}

unsigned long mount_propagation_flags(const char *name)
{
	const struct option *option = name ? find_option(name) : NULL;

	if (!option || option->kind != OPTION_PROPAGATION)
		return 0;
	return (unsigned long)option->value | (option->recursive ? MS_REC : 0);
}

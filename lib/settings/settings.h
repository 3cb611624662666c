/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: one table of keys (keys.c), each with a default, a value in force, and where
 * that came from. Layers, each over the one before:
 *
 *	default -> /etc/kata-like/config.ini -> its drop-ins by name -> options of the runtime
 *	or the command line -> annotations of the pod, as far as [annotations] allow lets them
 *
 * docs/CONFIGURATION.md tells it to users. A key that is not in the table, and a value that does
 * not fit its key, is -EINVAL with a text that names file, line and key and says what would be
 * right.
 */
#ifndef KATA_LIKE_LIB_SETTINGS_SETTINGS_H
#define KATA_LIKE_LIB_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/paths.h"

#define SETTINGS_FILE "/etc/kata-like/config.ini"
#define SETTINGS_ENVIRONMENT                                                 \
	"KATA_LIKE_CONFIG" /* names another file; its drop-ins are beside it \
			    */
#define SETTINGS_TEXT_MAX  1024
#define SETTINGS_WHERE_MAX (PATHS_MAX + 128)

/* What stands behind it in an annotation's key is a key's annotation name. */
#define SETTINGS_ANNOTATION_PREFIX "io.kata-like."

enum setting_key {
	SETTING_KERNEL,	    /* [vm] kernel: path of a vmlinux or bzImage */
	SETTING_INITRD,	    /* [vm] initrd: path of an initramfs with the agent in it */
	SETTING_CMDLINE,    /* [vm] cmdline: added to the kernel's command line */
	SETTING_CPUS,	    /* [vm] cpus: a number */
	SETTING_MEMORY,	    /* [vm] memory: bytes */
	SETTING_CPU_MODEL,  /* [vm] cpu_model: host or baseline */
	SETTING_CONSOLE,    /* [vm] console: a flag; a serial console into console.log */
	SETTING_TEMPLATE,   /* [vm] template: a flag; VMs start from a saved one */
	SETTING_TIMEOUT,    /* [vm] timeout: seconds, for the guest to come up or start something */
	SETTING_JAIL_FIRST, /* [jail] first_user: of the user ids for VMs */
	SETTING_JAIL_COUNT, /* [jail] users: how many of them there are */
	SETTING_NETWORK,    /* [network] model: how interfaces of the pod reach the guest */
	SETTING_NETWORK_USER,	 /* [network] user: a network without privileges: false, true, a
				    program */
	SETTING_NETWORK_PUBLISH, /* [network] publish: ports for that one, "8080:80/tcp,…" */
	SETTING_FILE_SERVER,	 /* [storage] file_server: path of virtiofsd */
	SETTING_SHARED_MEMORY,	 /* [storage] shared_memory: a flag; files can be shared later */
	SETTING_DEBUG,		 /* [log] debug: a flag */
	SETTING_ANNOTATIONS,	 /* [annotations] allow: names that annotations may set */
	SETTING_N_KEYS,
};

enum setting_source {
	SETTING_SOURCE_DEFAULT,
	SETTING_SOURCE_FILE,
	SETTING_SOURCE_OPTION,
	SETTING_SOURCE_ANNOTATION,
};

struct setting_value {
	enum setting_source source;
	char where[SETTINGS_WHERE_MAX]; /* "FILE:LINE", the option, the annotation's key; "" */
	char text[SETTINGS_TEXT_MAX];
	uint64_t number; /* of numbers, sizes in bytes, and flags (0 or 1) */
};

/* Nothing in it needs to be freed; it is large (about 20 KiB). */
struct settings {
	char file[PATHS_MAX]; /* that was read, if it is there */
	bool file_named;      /* by the environment or a caller: then it must be there */
	struct setting_value values[SETTING_N_KEYS];
};

/*
 * Defaults, then the file and its drop-ins. named NULL takes what the environment names, or else
 * SETTINGS_FILE, which need not be there. -EINVAL for what is in it, -EPERM for a file that anybody
 * may write to, or -errno of reading it.
 */
int settings_load(const char *named, struct settings *ret_settings, struct err *err) _must_check_;

/* Puts the settings of a text (INI, as in a file) over what is there; name is for errors. */
int settings_apply_text(struct settings *settings, const char *name, const char *text,
			struct err *err) _must_check_;

/* Sets one key by "section.key"; where is the option's name for people. */
int settings_apply_option(struct settings *settings, const char *name, const char *where,
			  const char *value, struct err *err) _must_check_;

/*
 * Obeys an annotation if its key begins with the prefix, otherwise does nothing. -EINVAL for a key
 * or value that is not known, -EACCES for one that the configuration does not let annotations set.
 */
int settings_apply_annotation(struct settings *settings, const char *key, const char *value,
			      struct err *err) _must_check_;

/* The value in force. A path that was not set and has no default is "". */
const char *settings_text(const struct settings *settings, enum setting_key key);
uint64_t settings_number(const struct settings *settings, enum setting_key key);
bool settings_flag(const struct settings *settings, enum setting_key key);

/* "128M", "2G", "512" (powers of 1024) in bytes. 0, or -EINVAL, -ERANGE. */
int settings_parse_size(const char *text, uint64_t *ret_bytes) _must_check_;

#endif

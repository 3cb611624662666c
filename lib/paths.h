/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: the state of sandboxes, the cache, our own programs and the guest's files.
 *
 * State of a sandbox, one folder each (0700): STATE/<namespace>/<id>/
 *	address		the shim's ttrpc socket ("unix:///…"), written when it listens
 *	shim.pid	the shim's pid and start time ("PID STARTTIME\n"; proc(5) stat field 22)
 *	vmm.pid		the VMM's, the same way
 *	virtiofsd.pid	the file server's, while there is one
 *	shim.sock	the socket itself, unless containerd wants it elsewhere
 *	shim.log	the shim's log
 *	vmm.log		the VMM's log
 *	virtiofsd.log	what the file server said
 *	console.log	the guest's serial console, when it is on
 *	settings.json	what the VM was made from, for `kata-like config ID`
 *	failure		why the sandbox ended, when it did not end by itself: one line
 *	bundle/		of containers that our command line made: config.json
 *	output.log	what a detached one of those wrote
 *	exit.json	how it ended, when only this record is left of it
 */
#ifndef KATA_LIKE_LIB_PATHS_H
#define KATA_LIKE_LIB_PATHS_H

#include <stddef.h>

#include "lib/err.h"

#define PATHS_MAX 512

/*
 * The root of all state: $KATA_LIKE_STATE, or /run/kata-like for root, or
 * $XDG_RUNTIME_DIR/kata-like. Each function here fills a buffer of PATHS_MAX bytes; -ENAMETOOLONG,
 * or -ENOENT where named.
 */
int paths_state_root(char *ret_path, struct err *err) _must_check_;

/* The folder of one sandbox, and a file in it (NULL for the folder). */
int paths_sandbox(const char *namespace, const char *id, const char *file, char *ret_path,
		  struct err *err) _must_check_;

/*
 * 0 if what there is of a sandbox's folder and of those above it, up to the root of all state,
 * cannot be changed by any user but us and root. Who may, could have us kill processes, remove
 * control groups and write to files by what stands there. -EACCES names the folder.
 */
int paths_check_sandbox(const char *namespace, const char *id, struct err *err) _must_check_;

/* $KATA_LIKE_CACHE, or /var/cache/kata-like for root, or $XDG_CACHE_HOME or ~/.cache, /kata-like.
 */
int paths_cache(const char *file, char *ret_path, struct err *err) _must_check_;

/*
 * One of our programs ("kata-like-vmm"): beside the running one, or in PREFIX/libexec/kata-like
 * when that runs from PREFIX/bin. -ENOENT names both.
 */
int paths_program(const char *name, char *ret_path, struct err *err) _must_check_;

/*
 * A file for the guest ("vmlinux", "initramfs.img"): guest/ beside the running program, or
 * PREFIX/share/kata-like. -ENOENT names both and what makes it.
 */
int paths_guest(const char *name, char *ret_path, struct err *err) _must_check_;

/* 0 if id may name a sandbox, container or exec: 1 to 76 of [A-Za-z0-9_.-], the first alphanumeric.
 */
int paths_check_id(const char *what, const char *id, struct err *err) _must_check_;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PID 1 of a VM does before it serves. Split in two: only what serving needs comes before the
 * host is told; the rest happens while the host's first request is on its way.
 */
#ifndef KATA_LIKE_AGENT_BOOT_H
#define KATA_LIKE_AGENT_BOOT_H

#include <stdint.h>

#include "lib/err.h"

/*
 * The kernel gives its init no descriptors where it has no console, as in a VM without a serial
 * port. Then 0, 1 and 2 are kept free of everything else here, and get /dev/null from boot_mount().
 */
int boot_reserve_descriptors(struct err *err) _must_check_;

/* Loads the modules that /etc/kata-like/modules lists, if it is there: a stock kernel's drivers. */
int boot_load_modules(struct err *err) _must_check_;

/* Makes the initramfs read-only and a root that can be pivoted from, and mounts the file systems.
 */
int boot_mount(struct err *err) _must_check_;

/* Nanoseconds since the kernel was entered, as near as the guest can tell. */
uint64_t boot_clock_ns(void);

/* Tells the console and the host the error and ends the VM; words_fd as in vsock_last_words(). */
_noreturn_ void boot_fatal(const struct err *err, int words_fd);

#endif

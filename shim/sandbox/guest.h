/* SPDX-License-Identifier: Apache-2.0 */
/* How the VM of a pod is made: what the configuration says, as the VMM takes it. */
#ifndef KATA_LIKE_SHIM_SANDBOX_GUEST_H
#define KATA_LIKE_SHIM_SANDBOX_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/settings/settings.h"
#include "lib/err.h"
#include "lib/paths.h"
#include "proto/agent-log.h"
#include "shim/net/request.h"

#define GUEST_CMDLINE_MAX 2048
/* What a serial console takes on the command line. */
#define GUEST_CONSOLE_CMDLINE " console=ttyS0 8250.nr_uarts=1"
/* And what makes kernel and agent say more on it. */
#define GUEST_DEBUG_CMDLINE \
	GUEST_CONSOLE_CMDLINE " loglevel=7 " AGENT_LOG_VARIABLE "=" AGENT_LOG_DEBUG

struct guest {
	char kernel[PATHS_MAX];
	char initrd[PATHS_MAX];
	char cmdline[GUEST_CMDLINE_MAX]; /* complete */
	uint32_t cpus;
	uint64_t memory_bytes;
	int64_t timeout_ms; /* to come up, and then to make or to start something */
	bool console;
	bool template;		       /* it may start from one (template.h) */
	char template_path[PATHS_MAX]; /* of that one, by template_choose(); "" when there is none
					*/
	char cpu_model[16];
	uint32_t first_user, n_users; /* of which its VMM gets one */
	struct net_request network;   /* which namespace is its caller's to say */
};

/* -ENOENT when no kernel or initramfs is named and none is installed. */
int guest_from_settings(const struct settings *settings, struct guest *ret_guest, struct err *err)
	_must_check_;

/* What it boots, for the VMM to inherit; the descriptors are the caller's. */
int guest_open_images(const struct guest *guest, int *ret_kernel_fd, int *ret_initrd_fd,
		      struct err *err) _must_check_;
int guest_open_kvm(int *ret_fd, struct err *err) _must_check_;

#endif

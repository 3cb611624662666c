/* SPDX-License-Identifier: Apache-2.0 */
/* containerd-shim-kata-like-v2: the daemon that owns a pod's virtual machine, and its few actions.
 */
#include <stdio.h>

#include "shim/delete.h"
#include "shim/info.h"
#include "shim/options.h"
#include "shim/start.h"

static int run(int argc, char **argv, struct err *err)
{
	struct options options;
	int r = options_parse(argc, argv, &options, err);

	if (r < 0)
		return r;
	switch (options.action) {
	case OPTIONS_ACTION_START:
		return start_run(&options, err);
	case OPTIONS_ACTION_DELETE:
		return delete_run(&options, err);
	case OPTIONS_ACTION_INFO:
		return info_print(err);
	case OPTIONS_ACTION_VERSION:
		info_print_version();
		return 0;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (run(argc, argv, &err) < 0) {
		(void)fprintf(stderr, "containerd-shim-kata-like-v2: %s\n", err_text(&err));
		return 1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kata-like: the command line, a thin client of the shim. */
#include <fcntl.h>

#include "cli/cli.h"

/* A caller may have closed our standard streams; no file of ours may come to stand for one. */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	int status;

	fill_standard_streams();
	status = cli_main(argv + 1, argc > 0 ? (size_t)argc - 1 : 0);
	if (fflush(stdout) == EOF && status == 0) {
		log_error("cannot write standard output");
		status = CLI_EXIT_FAILURE;
	}
	return status;
}

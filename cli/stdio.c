/* SPDX-License-Identifier: Apache-2.0 */
/* FIFOs and relays for one process. */
#include "cli/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cli/relay.h"
#include "lib/paths.h"

/* Larger than the default 64 KiB, where the kernel allows it: fewer turns for the same bytes. */
#define FIFO_BYTES (256 * 1024)

struct output {
	struct stdio *stdio;
	char path[PATHS_MAX];
	int fd; /* our end of the FIFO */
	struct relay *relay;
	bool done;
	uint64_t written; /* by relays that are gone */
};

struct stdio {
	struct loop *loop;
	struct stdio_config config;
	char in_path[PATHS_MAX];
	int in_fd;
	struct relay *in_relay;
	struct output out, err;
	int null_fd; /* takes output that nobody reads any more */
};

static void discard_output(struct output *output);

static int make_fifo(const struct stdio *stdio, const char *name, int flags, char *ret_path,
		     int *ret_fd, struct err *err)
{
	const struct stdio_config *config = &stdio->config;

	if (snprintf(ret_path, PATHS_MAX, "%s/%s%s", config->folder, config->prefix, name) >=
	    PATHS_MAX) {
		ret_path[0] = '\0';
		return err_set(err, ENAMETOOLONG, "cannot make %s in %s", name, config->folder);
	}
	if (mkfifo(ret_path, 0600) < 0)
		return err_set(err, errno, "cannot make %s", ret_path);
	*ret_fd = open(ret_path, flags | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_set(err, errno, "cannot open %s", ret_path);
	(void)fcntl(*ret_fd, F_SETPIPE_SZ, FIFO_BYTES);
	return 0;
}

static void output_done(void *ctx, int result)
{
	struct output *output = ctx;
	struct stdio *stdio = output->stdio;

	output->written += relay_written(output->relay);
	relay_free(output->relay);
	output->relay = NULL;
	/* Without a reader here the container must still not block on a full FIFO. */
	if (result < 0)
		discard_output(output);
	else
		output->done = true;
	stdio->config.output_ended(stdio->config.ctx, output == &stdio->err, result);
}

static void discard_output(struct output *output)
{
	struct stdio *stdio = output->stdio;

	if (stdio->null_fd < 0)
		stdio->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (stdio->null_fd < 0 || relay_new(stdio->loop, output->fd, stdio->null_fd, output_done,
					    output, &output->relay, NULL) < 0)
		output->done = true;
}

static int open_output(struct stdio *stdio, struct output *output, const char *name, int sink_fd,
		       struct err *err)
{
	int r = make_fifo(stdio, name, O_RDONLY, output->path, &output->fd, err);

	if (r < 0)
		return r;
	output->done = false;
	return relay_new(stdio->loop, output->fd, sink_fd, output_done, output, &output->relay,
			 err);
}

int stdio_new(struct loop *loop, const struct stdio_config *config, struct stdio **ret_stdio,
	      struct err *err)
{
	struct stdio *stdio = calloc(1, sizeof(*stdio));
	int r = 0;

	if (!stdio)
		return err_set(err, ENOMEM, "standard streams");
	stdio->loop = loop;
	stdio->config = *config;
	stdio->in_fd = -1;
	stdio->null_fd = -1;
	stdio->out = (struct output){ .stdio = stdio, .fd = -1, .done = true };
	stdio->err = (struct output){ .stdio = stdio, .fd = -1, .done = true };
	/* Both directions, so that opening does not depend on who comes first. */
	if (config->with_stdin)
		r = make_fifo(stdio, "stdin", O_RDWR, stdio->in_path, &stdio->in_fd, err);
	if (r == 0)
		r = open_output(stdio, &stdio->out, "stdout", config->out_fd, err);
	if (r == 0 && !config->terminal)
		r = open_output(stdio, &stdio->err, "stderr", config->err_fd, err);
	stdio->config.folder = NULL;
	stdio->config.prefix = NULL;
	if (r < 0) {
		stdio_free(stdio);
		return r;
	}
	*ret_stdio = stdio;
	return 0;
}

static void input_done(void *ctx, int result)
{
	struct stdio *stdio = ctx;

	(void)result;
	stdio_stop_input(stdio);
	stdio->config.stdin_ended(stdio->config.ctx);
}

int stdio_connect(struct stdio *stdio, struct err *err)
{
	int write_fd;

	if (!stdio->config.with_stdin)
		return 0;
	/* Write-only now, so that we learn when the shim closes its end. */
	write_fd = open(stdio->in_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (write_fd < 0)
		return err_set(err, errno, "cannot open %s", stdio->in_path);
	close(stdio->in_fd);
	stdio->in_fd = write_fd;
	return relay_new(stdio->loop, stdio->config.in_fd, stdio->in_fd, input_done, stdio,
			 &stdio->in_relay, err);
}

void stdio_stop_input(struct stdio *stdio)
{
	relay_free(stdio->in_relay);
	stdio->in_relay = NULL;
	if (stdio->in_fd >= 0)
		close(stdio->in_fd);
	stdio->in_fd = -1;
}

static void output_fini(struct output *output)
{
	relay_free(output->relay);
	if (output->fd >= 0)
		close(output->fd);
	if (output->path[0])
		(void)unlink(output->path);
}

void stdio_free(struct stdio *stdio)
{
	if (!stdio)
		return;
	stdio_stop_input(stdio);
	output_fini(&stdio->out);
	output_fini(&stdio->err);
	if (stdio->in_path[0])
		(void)unlink(stdio->in_path);
	if (stdio->null_fd >= 0)
		close(stdio->null_fd);
	free(stdio);
}

const char *stdio_in_path(const struct stdio *stdio)
{
	return stdio->in_path;
}

const char *stdio_out_path(const struct stdio *stdio)
{
	return stdio->out.path;
}

const char *stdio_err_path(const struct stdio *stdio)
{
	return stdio->err.path;
}

bool stdio_output_done(const struct stdio *stdio)
{
	return stdio->out.done && stdio->err.done;
}

static bool output_blocked(const struct output *output)
{
	return output->relay && relay_is_blocked(output->relay);
}

bool stdio_output_blocked(const struct stdio *stdio)
{
	return output_blocked(&stdio->out) || output_blocked(&stdio->err);
}

static uint64_t output_written(const struct output *output)
{
	return output->written + (output->relay ? relay_written(output->relay) : 0);
}

uint64_t stdio_output_written(const struct stdio *stdio)
{
	return output_written(&stdio->out) + output_written(&stdio->err);
}

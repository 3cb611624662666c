/* SPDX-License-Identifier: Apache-2.0 */
/* A program that takes a process's output. */
#include "shim/sandbox/logger.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/log.h"

#define ARGS_MAX 64
#define FIRST_FD 3 /* the program's: standard output, standard error, ready */

/* What becomes the program: argv points into text. */
struct program {
	char *text;
	char *argv[ARGS_MAX + 2];
	char *env[3];
};

static void cleanup_program(struct program *program)
{
	free(program->text);
	free(program->env[0]);
	free(program->env[1]);
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* %41 and '+' in place (RFC 3986, 2.1, and forms' queries). */
static void decode(char *text, bool query)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		int high = from[0] == '%' ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		if (low >= 0) {
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = query && *from == '+' ? ' ' : *from;
		}
	}
	*to = '\0';
}

static int read_uri(const char *uri, struct program *program, struct err *err)
{
	char *query, *rest = NULL;
	size_t n = 1;

	program->text = strdup(uri + strlen(LOGGER_SCHEME));
	if (!program->text)
		return err_set(err, ENOMEM, "cannot start a logger");
	query = strchr(program->text, '?');
	if (query)
		*query++ = '\0';
	if (program->text[0] != '/')
		return err_say(err, EINVAL, "%.200s does not hold an absolute path", uri);
	decode(program->text, false);
	program->argv[0] = program->text;
	for (char *pair = query ? strtok_r(query, "&", &rest) : NULL; pair;
	     pair = strtok_r(NULL, "&", &rest)) {
		char *value = strchr(pair, '=');

		if (n + 2 > ARGS_MAX)
			return err_say(err, E2BIG, "%.200s has more than %d arguments", uri,
				       ARGS_MAX);
		if (value)
			*value++ = '\0';
		decode(pair, true);
		program->argv[n++] = pair;
		if (value) {
			decode(value, true);
			program->argv[n++] = value;
		}
	}
	return 0;
}

static int make_environment(const char *namespace, const char *id, struct program *program,
			    struct err *err)
{
	if (asprintf(&program->env[0], "CONTAINER_ID=%s", id) < 0)
		program->env[0] = NULL;
	if (asprintf(&program->env[1], "CONTAINER_NAMESPACE=%s", namespace) < 0)
		program->env[1] = NULL;
	return program->env[0] && program->env[1] ? 0
						  : err_set(err, ENOMEM, "cannot start a logger");
}

/* Read ends the program's, write ends ours; of `ready` and `failure` the other way round. */
struct pipes {
	int out[2], err[2], ready[2], failure[2];
};

#define PIPES_INIT ((struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } })

static void cleanup_pipes(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		cleanup_fd(&pipes->out[i]);
		cleanup_fd(&pipes->err[i]);
		cleanup_fd(&pipes->ready[i]);
		cleanup_fd(&pipes->failure[i]);
	}
}

_noreturn_ static void child_main(const struct program *program, const struct pipes *pipes)
{
	const int given[] = { pipes->out[0], pipes->err[0], pipes->ready[1] };
	int high[ARRAY_SIZE(given)], failure, error,
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	failure = fcntl(pipes->failure[1], F_DUPFD_CLOEXEC, 20);
	/* Away from the low numbers first: one could be where another is to go. */
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		high[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i <= STDERR_FILENO; i++)
		(void)dup2(null_fd, i);
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		(void)dup2(high[i], FIRST_FD + (int)i);
	(void)close_range(FIRST_FD + ARRAY_SIZE(given), ~0u, CLOSE_RANGE_CLOEXEC);
	execve(program->argv[0], program->argv, program->env);
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

static void ended(void *ctx, pid_t pid, int wait_status)
{
	(void)ctx;
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
		log_warn("the logger (pid %d) ended with wait status %#x", pid,
			 (unsigned int)wait_status);
}

static int make_pipes(struct pipes *pipes, struct err *err)
{
	if (pipe2(pipes->out, O_CLOEXEC) < 0 || pipe2(pipes->err, O_CLOEXEC) < 0 ||
	    pipe2(pipes->ready, O_CLOEXEC) < 0 || pipe2(pipes->failure, O_CLOEXEC) < 0 ||
	    fd_set_nonblock(pipes->out[1], 1) < 0 || fd_set_nonblock(pipes->err[1], 1) < 0)
		return err_set(err, errno, "cannot make a logger's pipes");
	return 0;
}

static int spawn(struct loop *loop, const struct program *program, struct pipes *pipes,
		 struct err *err)
{
	struct loop_source *source; /* the loop's: it ends with the program */
	pid_t pid = fork();
	int error, r;

	if (pid == 0)
		child_main(program, pipes);
	if (pid < 0)
		return err_set(err, errno, "cannot start the logger %s", program->argv[0]);
	close(TAKE_FD(pipes->failure[1]));
	r = loop_add_child(loop, pid, ended, NULL, &source);
	if (r < 0)
		return err_set(err, -r, "cannot watch a logger");
	if (fd_read_full(pipes->failure[0], &error, sizeof(error)) == (ssize_t)sizeof(error))
		return err_set(err, error, "cannot start the logger %s", program->argv[0]);
	return 0;
}

int logger_start(struct loop *loop, const char *uri, const char *namespace, const char *id,
		 struct logger_outputs *ret_outputs, struct err *err)
{
	_cleanup_(cleanup_program) struct program program = { .text = NULL };
	_cleanup_(cleanup_pipes) struct pipes pipes = PIPES_INIT;
	int r = read_uri(uri, &program, err);

	if (r == 0)
		r = make_environment(namespace, id, &program, err);
	if (r == 0)
		r = make_pipes(&pipes, err);
	if (r == 0)
		r = spawn(loop, &program, &pipes, err);
	if (r < 0)
		return r;
	/* Until it is ready, what it is to take waits in the pipes. */
	*ret_outputs = (struct logger_outputs){ TAKE_FD(pipes.out[1]), TAKE_FD(pipes.err[1]) };
	return 0;
}

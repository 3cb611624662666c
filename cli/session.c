/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has our attention. */
#include "cli/session.h"

#include <errno.h>
#include <string.h>

#include "cli/stdio.h"
#include "cli/terminal.h"
#include "lib/fd.h"
#include "lib/log.h"

/* How many interrupts, no further apart than that, it takes to kill a process that does not care.
 */
#define INTERRUPTS_TO_KILL     3
#define INTERRUPTS_TOGETHER_MS 10000
#define INTERRUPT_HINT_MS      2000
#define SIGPIPE_GRACE_MS       2000

/*
 * The shim ends the streams when the process has ended and its output is handed over. Should it
 * not, this long a silence ends the session.
 */
#define SILENCE_MS 10000

struct session {
	struct session_config config;
	struct task_client *client; /* NULL until session_watch() */
	struct task_wait *wait;	    /* while it is not answered */
	struct stdio *stdio;
	struct terminal terminal;
	int window_fd; /* the terminal whose size counts, -1 for none */

	bool waited, lost;
	bool refused; /* nobody reads our stdout: the rest of it need not be waited for */
	int wait_error;
	struct err wait_err;
	struct session_result result;

	unsigned int interrupts;
	int64_t last_interrupt_ms;
	struct loop_source *hint_timer, *kill_timer, *silence_timer;
	uint64_t written_at_silence;
};

static void post_kill(struct session *session, int signal_number)
{
	KataLike__Task__KillRequest request = KATA_LIKE__TASK__KILL_REQUEST__INIT;

	request.id = (char *)(uintptr_t)session->config.id;
	request.exec_id = (char *)(uintptr_t)session->config.exec_id;
	request.signal = (uint32_t)signal_number;
	task_post(session->client, TASK_METHOD_kill, &request.base);
}

static void post_size(struct session *session)
{
	KataLike__Task__ResizePtyRequest request = KATA_LIKE__TASK__RESIZE_PTY_REQUEST__INIT;

	terminal_size(session->window_fd, &request.width, &request.height);
	if (!request.width || !request.height)
		return;
	request.id = (char *)(uintptr_t)session->config.id;
	request.exec_id = (char *)(uintptr_t)session->config.exec_id;
	task_post(session->client, TASK_METHOD_resize_pty, &request.base);
}

static void on_hint(void *ctx)
{
	struct session *session = ctx;

	if (!session->waited)
		log_warn("%s got the interrupt and still runs; %u more kill it", session->config.id,
			 INTERRUPTS_TO_KILL - session->interrupts);
}

static void on_kill_timer(void *ctx)
{
	post_kill(ctx, SIGKILL);
}

static void interrupted(struct session *session)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms - session->last_interrupt_ms > INTERRUPTS_TOGETHER_MS)
		session->interrupts = 0;
	session->last_interrupt_ms = now_ms;
	if (++session->interrupts >= INTERRUPTS_TO_KILL) {
		log_warn("killing %s after %u interrupts", session->config.id, session->interrupts);
		loop_timer_arm(session->hint_timer, -1);
		post_kill(session, SIGKILL);
		return;
	}
	loop_timer_arm(session->hint_timer, INTERRUPT_HINT_MS);
	post_kill(session, SIGINT);
}

static void on_signal(void *ctx, int signal_number)
{
	struct session *session = ctx;

	switch (signal_number) {
	case SIGINT:
		interrupted(session);
		break;
	case SIGWINCH:
		post_size(session);
		break;
	case SIGCONT:
		/* The shell had the terminal meanwhile. */
		if (session->terminal.is_raw)
			(void)!terminal_set_raw(&session->terminal, session->terminal.fd, NULL);
		post_size(session);
		post_kill(session, signal_number);
		break;
	default:
		post_kill(session, signal_number);
		break;
	}
}

static void on_stdin_ended(void *ctx)
{
	struct session *session = ctx;
	KataLike__Task__CloseIORequest request = KATA_LIKE__TASK__CLOSE_IOREQUEST__INIT;

	request.id = (char *)(uintptr_t)session->config.id;
	request.exec_id = (char *)(uintptr_t)session->config.exec_id;
	request.stdin = true;
	task_post(session->client, TASK_METHOD_close_io, &request.base);
}

static void on_output_ended(void *ctx, bool is_stderr, int result)
{
	struct session *session = ctx;

	if (result == 0 || is_stderr || !session->client)
		return;
	session->refused = true;
	if (result != -EPIPE)
		log_error("cannot write standard output: %s", strerror(-result));
	post_kill(session, SIGPIPE);
	loop_timer_arm(session->kill_timer, SIGPIPE_GRACE_MS);
}

static void on_silence(void *ctx)
{
	struct session *session = ctx;
	uint64_t written = stdio_output_written(session->stdio);

	if (written == session->written_at_silence && !stdio_output_blocked(session->stdio)) {
		log_debug("%s: no end of its output came", session->config.id);
		session->lost = true;
		return;
	}
	session->written_at_silence = written;
	loop_timer_arm(session->silence_timer, SILENCE_MS);
}

static void on_waited(void *ctx, int result, const KataLike__Task__WaitResponse *response,
		      const struct err *err)
{
	struct session *session = ctx;

	session->wait = NULL;
	session->waited = true;
	session->wait_error = result;
	if (result < 0) {
		session->wait_err = *err;
		return;
	}
	session->result.status = response->exit_status;
	if (response->exited_at) {
		session->result.exited_at_s = response->exited_at->seconds;
		session->result.exited_at_ns = (uint32_t)response->exited_at->nanos;
	}
	stdio_stop_input(session->stdio);
	session->written_at_silence = stdio_output_written(session->stdio);
	loop_timer_arm(session->silence_timer, SILENCE_MS);
}

static void on_lost(void *ctx)
{
	struct session *session = ctx;

	session->lost = true;
}

static int add_timers(struct session *session)
{
	struct loop *loop = session->config.loop;
	int r = loop_add_timer(loop, on_hint, session, &session->hint_timer);

	if (r == 0)
		r = loop_add_timer(loop, on_kill_timer, session, &session->kill_timer);
	if (r == 0)
		r = loop_add_timer(loop, on_silence, session, &session->silence_timer);
	return r;
}

int session_new(const struct session_config *config, struct session **ret_session, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));
	char prefix[96] = "";
	struct stdio_config stdio = {
		.folder = config->folder,
		.prefix = prefix,
		.with_stdin = config->interactive,
		.terminal = config->terminal,
		.in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO,
		.err_fd = STDERR_FILENO,
		.stdin_ended = on_stdin_ended,
		.output_ended = on_output_ended,
		.ctx = session,
	};
	int r;

	if (!session)
		return err_set(err, ENOMEM, "cannot attend %s", config->id);
	session->config = *config;
	session->terminal = TERMINAL_INIT;
	session->window_fd = config->terminal ? terminal_find() : -1;
	if (config->exec_id[0])
		(void)snprintf(prefix, sizeof(prefix), "%s-", config->exec_id);
	r = add_timers(session);
	if (r < 0)
		(void)err_set(err, -r, "cannot make a timer");
	else
		r = stdio_new(config->loop, &stdio, &session->stdio, err);
	if (r < 0) {
		session_free(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	signals_set_handler(session->config.signals, NULL, NULL);
	terminal_restore(&session->terminal);
	task_wait_forget(session->wait);
	if (session->client)
		task_client_on_lost(session->client, NULL, NULL);
	loop_source_free(session->hint_timer);
	loop_source_free(session->kill_timer);
	loop_source_free(session->silence_timer);
	stdio_free(session->stdio);
	free(session);
}

const char *session_stdin(const struct session *session)
{
	return stdio_in_path(session->stdio);
}

const char *session_stdout(const struct session *session)
{
	return stdio_out_path(session->stdio);
}

const char *session_stderr(const struct session *session)
{
	return stdio_err_path(session->stdio);
}

int session_watch(struct session *session, struct task_client *client, struct err *err)
{
	int r = task_wait_async(client, session->config.id, session->config.exec_id, on_waited,
				session, &session->wait, err);

	if (r < 0)
		return r;
	session->client = client;
	task_client_on_lost(client, on_lost, session);
	return 0;
}

static bool is_over(const struct session *session)
{
	if (session->lost || session->wait_error)
		return true;
	return session->waited && (session->refused || stdio_output_done(session->stdio));
}

static int run_loop(struct session *session, struct err *err)
{
	while (!is_over(session)) {
		int r = loop_step(session->config.loop, -1);

		if (r < 0)
			return err_set(err, -r, "cannot wait for %s", session->config.id);
	}
	return 0;
}

int session_run(struct session *session, struct session_result *ret_result, struct err *err)
{
	int r = stdio_connect(session->stdio, err);

	if (r == 0 && session->config.terminal && session->config.interactive &&
	    isatty(STDIN_FILENO))
		r = terminal_set_raw(&session->terminal, STDIN_FILENO, err);
	if (r < 0)
		return r;
	signals_set_handler(session->config.signals, on_signal, session);
	if (*signals_noted(session->config.signals))
		on_signal(session, *signals_noted(session->config.signals));
	if (session->config.terminal)
		post_size(session);
	r = run_loop(session, err);
	signals_set_handler(session->config.signals, NULL, NULL);
	terminal_restore(&session->terminal);
	if (r < 0)
		return r;
	if (session->wait_error || !session->waited) {
		if (session->wait_err.text[0] && !session->lost)
			return err_say(err, -session->wait_error, "cannot wait for %s: %s",
				       session->config.id, err_text(&session->wait_err));
		return err_say(err, ECONNRESET,
			       "the daemon of container %s died while the container ran, and the "
			       "container with it",
			       session->config.id);
	}
	*ret_result = session->result;
	return 0;
}

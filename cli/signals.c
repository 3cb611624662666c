/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of a command that owns a container. */
#include "cli/signals.h"

#include <errno.h>

static const int taken[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH,
};

struct signals {
	int noted;
	signals_fn *fn;
	void *ctx;
	struct loop_source *sources[ARRAY_SIZE(taken)];
};

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct signals *signals = ctx;
	int number = (int)info->ssi_signo;

	if (signals->fn) {
		signals->fn(signals->ctx, number);
		return;
	}
	switch (number) {
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
	case SIGQUIT:
		if (!signals->noted)
			signals->noted = number;
		break;
	default:
		break;
	}
}

int signals_new(struct loop *loop, struct signals **ret_signals, struct err *err)
{
	struct signals *signals = calloc(1, sizeof(*signals));

	if (!signals)
		return err_set(err, ENOMEM, "signals");
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		int r = loop_add_signal(loop, taken[i], on_signal, signals, &signals->sources[i]);

		if (r < 0) {
			signals_free(signals);
			return err_set(err, -r, "cannot take signal %d", taken[i]);
		}
	}
	(void)signal(SIGPIPE, SIG_IGN);
	*ret_signals = signals;
	return 0;
}

void signals_free(struct signals *signals)
{
	if (!signals)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		loop_source_free(signals->sources[i]);
	free(signals);
}

void signals_set_handler(struct signals *signals, signals_fn *fn, void *ctx)
{
	signals->fn = fn;
	signals->ctx = ctx;
}

const int *signals_noted(const struct signals *signals)
{
	return &signals->noted;
}

void signals_reset_for_exec(void)
{
	sigset_t none;

	/* What the shell had ignored (SIGINT, for a background job) is none of the child's
	 * business. */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

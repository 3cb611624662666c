/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line between the agent and a process that it is setting up: a SOCK_SEQPACKET pair of which
 *the child's end is close-on-exec, so that its closing tells that execve(2) succeeded.
 *
 *	init of a container			exec
 *	child: [MAP_USERS]	agent: GO	child: [TERMINAL]
 *	child: [FORKED]		agent: GO	child: closes (execve) or FAILED
 *	child: [TERMINAL]
 *	child: READY
 *	agent: START
 *	child: closes (execve) or FAILED
 *
 * FAILED may come instead of any other.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_CHANNEL_H
#define KATA_LIKE_AGENT_CONTAINER_CHANNEL_H

#include <sys/types.h>

#include "lib/err.h"

enum channel_type {
	CHANNEL_CLOSED,	   /* the other end is gone */
	CHANNEL_FAILED,	   /* with code and text */
	CHANNEL_MAP_USERS, /* write my uid_map and gid_map */
	CHANNEL_FORKED,	   /* I go; pid carries on, and waits for GO */
	CHANNEL_TERMINAL,  /* with the master of the terminal */
	CHANNEL_READY,	   /* all is set up; waits for START */
	CHANNEL_GO,
	CHANNEL_START,
};

struct channel_message {
	enum channel_type type;
	pid_t pid;
	int code; /* -errno */
	char text[ERR_TEXT_MAX];
};

/* Both ends close-on-exec. 0 or -errno. */
int channel_new(int *ret_agent_fd, int *ret_child_fd) _must_check_;

/* Sends a message without a text. 0 or -errno. */
int channel_send(int fd, enum channel_type type, pid_t pid) _must_check_;
int channel_send_terminal(int fd, int master_fd) _must_check_;
/* Reports an error; there is nobody to tell where that fails. */
void channel_send_failed(int fd, const struct err *err);

/*
 * Takes one message; a descriptor with it is the caller's, else *ret_fd is -1. 0, -EAGAIN on a
 * non-blocking end, or another -errno.
 */
int channel_receive(int fd, struct channel_message *ret_message, int *ret_fd) _must_check_;

/* Waits for a message of this type; anything else is -EPIPE. */
int channel_wait(int fd, enum channel_type type) _must_check_;

#endif

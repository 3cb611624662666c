/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shim to test: started in a folder of its own, with fake-vmm.c in the VMM's place, and a client
 * of its socket. Helpers fail the test themselves when something is not as it should be.
 */
#ifndef KATA_LIKE_TESTS_UNIT_SHIM_DAEMON_H
#define KATA_LIKE_TESTS_UNIT_SHIM_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/loop.h"
#include "proto/ttrpc/client.h"
#include "task.pb-c.h"

struct daemon {
	char dir[64];		      /* of everything: the programs, state/, cache/, bundle/ */
	char bundle[128], state[128]; /* state: the sandbox's folder */
	char address[256];
	const char *containerd; /* "" where there is none to tell of events */
	struct loop *loop;
	struct ttrpc_client *client;
	pid_t pid;
};

/* argv[1] and argv[2] of the test: the shim and the fake VMM. Exits with 77 when /dev/kvm is
 * absent. */
void daemon_programs(int argc, char **argv);

/*
 * Makes the folder and a bundle whose container runs `sh -c script`; annotations: JSON members, or
 * "". Then starts the shim.
 */
void daemon_start(struct daemon *daemon, const char *script, const char *annotations);
/* The same as under containerd: events are published by a command, the log goes to a FIFO. */
void daemon_start_published(struct daemon *daemon, const char *script, const char *annotations);
/* Checks that nothing is left of it: no process, no socket, no folder. Removes the rest. */
void daemon_gone(struct daemon *daemon);
/* Runs the shim's delete action; returns what it printed, of which the length is *ret_len. */
char *daemon_delete(struct daemon *daemon, size_t *ret_len);

/* The topics of the events published so far, a line each. The caller frees. */
char *daemon_topics(const struct daemon *daemon);

/* Calls a method of the Task service: the code and, unless it is OK, the message. */
enum ttrpc_code daemon_call(struct daemon *daemon, const char *method,
			    const ProtobufCMessage *request,
			    const ProtobufCMessageDescriptor *response,
			    ProtobufCMessage **ret_response, char ret_message[1024]);

/* The calls of a life, for container "c", with "" or the exec's id. All expect success. */
void daemon_create(struct daemon *daemon, const char *in, const char *out, const char *err);
enum ttrpc_code daemon_try_create(struct daemon *daemon, char ret_message[1024]);
void daemon_start_task(struct daemon *daemon, const char *exec_id);
enum ttrpc_code daemon_try_start(struct daemon *daemon, const char *exec_id,
				 char ret_message[1024]);
uint32_t daemon_wait(struct daemon *daemon, const char *exec_id);
enum ttrpc_code daemon_kill(struct daemon *daemon, const char *exec_id, uint32_t signal);
enum ttrpc_code daemon_delete_task(struct daemon *daemon, const char *exec_id);
uint32_t daemon_status(struct daemon *daemon, const char *exec_id); /* of State */
void daemon_exec(struct daemon *daemon, const char *exec_id, const char *script, const char *out);
void daemon_close_stdin(struct daemon *daemon);
void daemon_shut_down(struct daemon *daemon);

/* The number in one of the folder's pid files; 0 without it. */
pid_t daemon_pid_file(const struct daemon *daemon, const char *name);
/* Waits until a process, not ours, has ended; fails the test after five seconds. */
void daemon_await_end(pid_t pid);
/* The path of a new FIFO in the folder. */
char *daemon_fifo(struct daemon *daemon, const char *name);
/* Reads a FIFO to its end, as a client that opens it now. The caller frees. */
int daemon_open_fifo(const char *path);
char *daemon_read_all(struct daemon *daemon, int fd, size_t *ret_len);

#endif

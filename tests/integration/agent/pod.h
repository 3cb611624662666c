/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent without a VM, for tests: the engine on this machine, its RPC service over a socket pair,
 * and the far ends of the standard streams in the test's hands. All on one loop.
 */
#ifndef KATA_LIKE_TESTS_INTEGRATION_AGENT_POD_H
#define KATA_LIKE_TESTS_INTEGRATION_AGENT_POD_H

#include "agent.pb-c.h"
#include "agent/agent.h"
#include "proto/ttrpc/client.h"
#include "proto/ttrpc/server.h"

#define POD_STREAMS    16
#define POD_PORT_FIRST 0x10000u

struct pod_stream {
	int fd;	    /* the far end; -1 before the agent connects */
	char *text; /* what has come, with a NUL behind it */
	size_t len;
	bool ended;
	bool stalled; /* the test does not read it for now */
};

/* A call's answer, once it has come. */
struct pod_answer {
	bool done;
	int code; /* enum ttrpc_code */
	char message[1024];
	int exit_status;       /* of WaitProcess */
	char container_id[64]; /* of NextEvent */
	uint32_t pid;
};

struct pod {
	struct agent agent;
	struct engine_config config;
	struct ttrpc_server *server;
	struct ttrpc_client *client;
	struct pod_stream streams[POD_STREAMS];
	char work_dir[64], cgroup_base[64], root[64];
	char cgroup_mount[256];
};

/* Exits with 77 where this machine cannot run the tests: no root, no cgroup v2, no static busybox.
 */
struct pod *pod_new(void);
void pod_free(struct pod *pod);

/* config.json for a shell command, with the usual mounts and namespaces; extra is put into the top
 * level and process_extra into the process, each beginning with a comma. Allocated. */
char *pod_config(const struct pod *pod, const char *command, const char *process_extra,
		 const char *extra);

/* Calls a method and waits for its answer. Returns the code. */
int pod_call(struct pod *pod, const char *method, const ProtobufCMessage *request,
	     struct pod_answer *ret_answer);
/* Calls it without waiting; answer must live until it is done. */
void pod_call_later(struct pod *pod, const char *method, const ProtobufCMessage *request,
		    struct pod_answer *answer);
/* Runs the loop, reading the streams, until *flag or the time is over. False: it is over. */
bool pod_run_until(struct pod *pod, const bool *flag, int timeout_ms);

/* Create and start; stdin is stream 0, stdout 1, stderr 2 (of base). Returns the code. */
int pod_create(struct pod *pod, const char *id, const char *config, int base, bool terminal,
	       struct pod_answer *ret_answer);
int pod_start(struct pod *pod, const char *id, struct pod_answer *ret_answer);
int pod_exec(struct pod *pod, const char *id, const char *exec_id, const char *process, int base,
	     bool terminal, struct pod_answer *ret_answer);
int pod_kill(struct pod *pod, const char *id, const char *exec_id, int signal, bool all);
/* Waits for the end; its exit status. */
int pod_wait(struct pod *pod, const char *id, const char *exec_id);
int pod_delete(struct pod *pod, const char *id, struct pod_answer *ret_answer);

/* All of it: the exit status, -code where it could not be created or started. */
int pod_run(struct pod *pod, const char *command, const char *process_extra, const char *extra);

/* What stream i has brought so far. */
const char *pod_text(const struct pod *pod, int i);

/* True if nothing of the engine's is left: cgroups, mounts, processes. */
bool pod_is_clean(const struct pod *pod);
/* Open descriptors, the test's own among them. */
size_t pod_count_descriptors(void);

#endif

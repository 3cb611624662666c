/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon of one pod: what it owns, and how it ends. */
#ifndef KATA_LIKE_SHIM_SHIM_H
#define KATA_LIKE_SHIM_SHIM_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/server.h"
#include "shim/events/publisher.h"
#include "shim/sandbox/container.h"
#include "shim/sandbox/place.h"
#include "shim/sandbox/sandbox.h"
#include "shim/sandbox/storage.h"
#include "shim/sandbox/streams.h"
#include "shim/state.h"

struct creation;
struct early_start;
struct sandbox_api;

struct shim {
	struct loop *loop;
	struct state state;
	struct ttrpc_server *server;
	struct streams *streams;
	struct publisher *events; /* NULL: nobody wants any */
	struct place place;
	struct sandbox *sandbox;
	struct sandbox_api *api; /* NULL unless containerd made the pod by that */
	struct storage *storage;
	struct container *containers;
	struct creation *creations;	 /* containers being made */
	struct early_start *early_start; /* of a VM without any, while its template is made */
	struct loop_source *idle_timer;
	struct loop_source *sigterm, *sigint;
	bool stopping;
	struct shim_shutdown *shutdowns; /* who waits for the end */
};

struct shim_config {
	const struct state *state;
	int listen_fd; /* the shim's from now on */
	bool debug;
	struct publisher_target events;
	void (*on_ready)(void); /* called once everything is set up */
};

/* Serves until it is shut down, and cleans up. 0, or negative with err set. */
int shim_serve(const struct shim_config *config, struct err *err) _must_check_;

/* A container that the agent has made or, with unready, is about to; NULL when there is none. */
struct container *shim_find(struct shim *shim, const char *id, bool unready);
void shim_add_container(struct shim *shim, struct container *container);
/* Forgets and frees a container. */
void shim_remove_container(struct shim *shim, struct container *container);

/* Whether nothing keeps the VM when this container goes. */
bool shim_ends_with(const struct shim *shim, const struct container *container);

/* Opens a process's streams, once the VM is there. */
int shim_open_stdio(struct shim *shim, struct process *process, struct err *err) _must_check_;
/* Makes the process on the host that stands for this one. */
int shim_hold_process(struct shim *shim, struct process *process, struct err *err) _must_check_;

/* For container_new(): ctx is the shim. Tells that a process has ended. */
void shim_note_exit(void *ctx, const struct process *process);

/*
 * Ends every container and the VM and removes what is on disk; then calls done, then lets
 * shim_serve() return. done may be NULL. 0, or -ENOMEM when done cannot be remembered (nothing is
 * done then).
 */
int shim_shut_down(struct shim *shim, loop_fn *done, void *ctx);

#endif

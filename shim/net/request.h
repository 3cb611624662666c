/* SPDX-License-Identifier: Apache-2.0 */
/* What network a pod asks for, by the configuration of its first container. */
#ifndef KATA_LIKE_SHIM_NET_REQUEST_H
#define KATA_LIKE_SHIM_NET_REQUEST_H

#include <stdbool.h>

#include "lib/paths.h"
#include "shim/net/model.h"

#define NET_PUBLISH_MAX 1024

struct net_request {
	int netns_fd;		    /* the pod's network namespace, borrowed; -1: there is none */
	char netns_path[PATHS_MAX]; /* its path; "" for one that only the pod has */
	/* How its interfaces are joined; NULL: not at all. */
	const struct net_model *model;
	const char *user; /* the program of one without privileges, beside all that; NULL: none */
	char publish[NET_PUBLISH_MAX]; /* ports for that one: "8080:80/tcp,5353:53/udp" */
	uint32_t queues;	       /* pairs an interface, at most JOINT_QUEUES_MAX */
};

/* The defaults: no namespace, tcfilter, one queue pair. */
void net_request_init(struct net_request *request);

/* Values of the configuration. -EINVAL says what is wrong with one. */
int net_request_set_model(struct net_request *request, const char *value, struct err *err)
	_must_check_;
/* A valid value, which outlives the request. */
void net_request_set_user(struct net_request *request, const char *value);
int net_request_set_publish(struct net_request *request, const char *value, struct err *err)
	_must_check_;

#endif

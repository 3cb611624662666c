/* SPDX-License-Identifier: Apache-2.0 */
/* The network of one pod's VM. */
#include "shim/net/network.h"

#include <errno.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <string.h>

#include "lib/log.h"
#include "shim/net/forward.h"
#include "shim/net/netns.h"
#include "shim/net/record.h"
#include "shim/net/sync.h"
#include "shim/net/user.h"
#include "shim/net/watch.h"

static int open_place(struct network *network, struct err *err)
{
	int r;

	if (network->request.netns_fd < 0)
		return 0;
	network->place.netns_fd = fcntl(network->request.netns_fd, F_DUPFD_CLOEXEC, 3);
	if (network->place.netns_fd < 0)
		return err_set(err, errno, "cannot use the pod's network namespace");
	r = netns_loopback_up(network->place.netns_fd, err);
	return r < 0 ? r : netns_rtnl(network->place.netns_fd, &network->place.sock, err);
}

static int join_present(struct network *network, struct err *err)
{
	int r;

	if (network->place.netns_fd < 0 || !network->request.model)
		return 0;
	r = scan_make(network->place.sock, &network->scan, err);
	return r < 0 ? r : sync_join_all(network, err);
}

static int start_user(struct network *network, struct err *err)
{
	struct user_request request = { .program = network->request.user,
					.dir = network->state->dir,
					.publish = network->request.publish };
	char log_path[PATHS_MAX];
	struct nic *nic;
	int fd = -1, r;

	if (!network->request.user)
		return 0;
	network->user_interface = calloc(1, sizeof(*network->user_interface));
	if (!network->user_interface)
		return err_set(err, ENOMEM, "cannot make a network without privileges");
	r = state_file(network->state, "user-network.log", log_path, err);
	if (r < 0)
		return r;
	request.log_path = log_path;
	r = user_start(network->loop, &request, &network->user, &fd, network->user_interface, err);
	if (r < 0)
		return r;
	nic = nic_new(network->user_interface, 1);
	if (!nic) {
		close(fd);
		return err_set(err, ENOMEM, "cannot make a network without privileges");
	}
	nic->joint.fds[0] = fd;
	nic->joint.n_fds = 1;
	nic->socket = nic->plugged = true;
	nic->next = network->nics;
	network->nics = nic;
	return 0;
}

int network_new(struct loop *loop, const struct state *state, const struct net_request *request,
		struct network **ret_network, struct err *err)
{
	struct network *network = calloc(1, sizeof(*network));
	int r;

	if (!network)
		return err_set(err, ENOMEM, "cannot make the network");
	*network = (struct network){
		.loop = loop,
		.state = state,
		.request = *request,
		.place = { .netns_fd = -1 },
	};
	r = open_place(network, err);
	if (r == 0)
		r = join_present(network, err);
	if (r == 0)
		r = start_user(network, err);
	if (r < 0) {
		network_free(network);
		return err_push(err, "cannot make the pod's network");
	}
	*ret_network = network;
	return 0;
}

void network_down(struct network *network)
{
	if (!network)
		return;
	network->vmm = NULL;
	network->agent = NULL;
	sync_end_turn(network);
	watch_free(TAKE_PTR(network->watch));
	forward_free(TAKE_PTR(network->forward));
}

void network_free(struct network *network)
{
	const struct err err = { -ECANCELED, "the sandbox is shutting down" };

	if (!network)
		return;
	network_down(network);
	sync_give_up(network, &err);
	while (network->nics) {
		struct nic *nic = network->nics;

		network->nics = nic->next;
		nic_part(nic, &network->place);
		nic_free(nic);
	}
	if (sync_record(network, NULL) < 0)
		log_warn("cannot remove the record of the network");
	helper_free(network->user);
	free(network->user_interface);
	free(network->scan);
	if (network->place.sock)
		nl_socket_free(network->place.sock);
	cleanup_fd(&network->place.netns_fd);
	network->freed = true;
	if (!network->vmm_called)
		free(network);
}

size_t network_nics(const struct network *network, struct vmm_nic *ret_nics)
{
	size_t n = 0;

	for (const struct nic *nic = network->nics; nic && n < NETWORK_NICS_MAX; nic = nic->next)
		ret_nics[n++] = nic_describe(nic);
	return n;
}

void network_handed_over(struct network *network)
{
	for (struct nic *nic = network->nics; nic; nic = nic->next)
		nic_release(nic);
}

static void changed(void *ctx)
{
	sync_start(ctx, NULL, NULL);
}

static int follow(struct network *network, struct vsock_link *link, struct err *err)
{
	struct err unheard = ERR_INIT;
	int r;

	if (network->user) {
		r = helper_check(network->user, err);
		if (r < 0)
			return r;
	}
	if (network->place.netns_fd < 0 || !network->request.model)
		return 0;
	r = watch_new(network->loop, network->place.netns_fd, changed, network, &network->watch,
		      err);
	if (r < 0)
		return r;
	/* A pod is of use without it. */
	if (forward_new(network->loop, network->place.netns_fd, link, &network->forward, &unheard) <
	    0)
		log_warn("no port-forward: %s", err_text(&unheard));
	return 0;
}

void network_up(struct network *network, struct agent_client *agent, struct vmm_process *vmm,
		struct vsock_link *link, network_done_fn *done, void *ctx)
{
	struct err err = ERR_INIT;

	network->agent = agent;
	network->vmm = vmm;
	if (follow(network, link, &err) < 0) {
		done(ctx, &err);
		return;
	}
	sync_start(network, done, ctx);
}

void network_take_turns(struct network *network, struct turns *turns)
{
	network->turns = turns;
}

void network_settle(struct network *network, network_done_fn *done, void *ctx)
{
	const struct err none = ERR_INIT;

	if (network->vmm && network->place.netns_fd >= 0 && network->request.model)
		sync_start(network, done, ctx);
	else
		done(ctx, &none);
}

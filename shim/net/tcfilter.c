/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model `tcfilter`: a tap beside the interface, and on the ingress of each a filter that
 * redirects every frame out of the other. The interface keeps its addresses, but nothing that
 * arrives reaches the host's network stack; whatever acts on the other end of a veth (shaping, a
 * packet filter) acts on the VM.
 */
#include <errno.h>
#include <netlink/errno.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/matchall.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/qdisc.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>

#include "shim/net/netns.h"
#include "shim/net/tap.h"

#define INGRESS_HANDLE TC_HANDLE(0xffff, 0)
#define MODULES_HINT   "it needs the kernel modules sch_ingress, cls_matchall and act_mirred"

static struct rtnl_qdisc *make_ingress(int index)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (!qdisc)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), index);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_INGRESS);
	rtnl_tc_set_handle(TC_CAST(qdisc), INGRESS_HANDLE);
	if (rtnl_tc_set_kind(TC_CAST(qdisc), "ingress") == 0)
		return qdisc;
	rtnl_qdisc_put(qdisc);
	return NULL;
}

static int add_ingress(const struct net_place *place, int index, const char *name, struct err *err)
{
	struct rtnl_qdisc *qdisc = make_ingress(index);
	int r;

	if (!qdisc)
		return err_set(err, ENOMEM, "cannot filter %s", name);
	r = rtnl_qdisc_add(place->sock, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(qdisc);
	if (r == 0)
		return 0;
	if (r == -NLE_EXIST)
		return err_say(err, EEXIST,
			       "interface %s has an ingress qdisc already: it is joined to another "
			       "VM, or `tc qdisc del dev %s ingress` in its namespace removes it",
			       name, name);
	(void)nl_err_set(err, r, "cannot add an ingress qdisc to %s", name);
	return err_hint(err, MODULES_HINT);
}

static struct rtnl_act *make_redirect(int to)
{
	struct rtnl_act *action = rtnl_act_alloc();

	if (!action)
		return NULL;
	if (rtnl_tc_set_kind(TC_CAST(action), "mirred") == 0 &&
	    rtnl_mirred_set_action(action, TCA_EGRESS_REDIR) == 0 &&
	    rtnl_mirred_set_policy(action, TC_ACT_STOLEN) == 0 &&
	    rtnl_mirred_set_ifindex(action, (uint32_t)to) == 0)
		return action;
	rtnl_act_put(action);
	return NULL;
}

/* A filter that takes every frame: matchall, or u32 with an empty mask, on kernels without that. */
static int set_filter(struct rtnl_cls *filter, bool by_u32, struct rtnl_act *action)
{
	int r = rtnl_tc_set_kind(TC_CAST(filter), by_u32 ? "u32" : "matchall");

	if (r < 0 || !by_u32)
		return r < 0 ? r : rtnl_mall_append_action(filter, action);
	r = rtnl_u32_add_key_uint32(filter, 0, 0, 0, 0);
	if (r == 0)
		r = rtnl_u32_set_cls_terminal(filter);
	return r < 0 ? r : rtnl_u32_add_action(filter, action);
}

/* A libnl error. */
static int try_redirect(const struct net_place *place, int from, int to, bool by_u32)
{
	struct rtnl_cls *filter = rtnl_cls_alloc();
	struct rtnl_act *action = make_redirect(to);
	int r = -NLE_NOMEM;

	if (filter && action) {
		rtnl_tc_set_ifindex(TC_CAST(filter), from);
		rtnl_tc_set_parent(TC_CAST(filter), INGRESS_HANDLE);
		rtnl_cls_set_protocol(filter, ETH_P_ALL);
		rtnl_cls_set_prio(filter, 1);
		r = set_filter(filter, by_u32, action);
		if (r == 0)
			r = rtnl_cls_add(place->sock, filter, NLM_F_CREATE | NLM_F_EXCL);
	}
	if (action)
		rtnl_act_put(action);
	if (filter)
		rtnl_cls_put(filter);
	return r;
}

static int add_redirect(const struct net_place *place, int from, int to, const char *name,
			struct err *err)
{
	int r = try_redirect(place, from, to, false);

	if (r == -NLE_OBJ_NOTFOUND)
		r = try_redirect(place, from, to, true);
	if (r == 0)
		return 0;
	(void)nl_err_set(err, r, "cannot redirect the frames of %s", name);
	return err_hint(err, MODULES_HINT);
}

static int remove_ingress(const struct net_place *place, int index, const char *name,
			  struct err *err)
{
	struct rtnl_qdisc *qdisc = make_ingress(index);
	int r;

	if (!qdisc)
		return err_set(err, ENOMEM, "cannot remove the filter of %s", name);
	r = rtnl_qdisc_delete(place->sock, qdisc);
	rtnl_qdisc_put(qdisc);
	/* With the interface, or by hand, it may have gone already. */
	if (r == 0 || r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV || r == -NLE_INVAL)
		return 0;
	return nl_err_set(err, r, "cannot remove the filter of %s", name);
}

static int tcfilter_join(const struct net_place *place, struct joint *joint, struct err *err)
{
	char tap[IFNAMSIZ];
	int tap_at, r;

	tap_name("tap", joint->index, tap);
	r = tap_open(place, tap, joint, err);
	if (r < 0)
		return r;
	tap_at = r = tap_set_up(place, tap, joint->mtu, err);
	if (r >= 0)
		r = add_ingress(place, joint->index, joint->name, err);
	if (r < 0) {
		tap_close(joint);
		return r;
	}
	r = add_ingress(place, tap_at, tap, err);
	if (r == 0)
		r = add_redirect(place, tap_at, joint->index, tap, err);
	if (r == 0)
		r = add_redirect(place, joint->index, tap_at, joint->name, err);
	if (r < 0) {
		(void)!remove_ingress(place, joint->index, joint->name, NULL);
		tap_close(joint);
	}
	return r;
}

static int tcfilter_part(const struct net_place *place, const struct joint *joint, struct err *err)
{
	/* The tap goes with its last descriptor, and its qdisc with it. */
	return remove_ingress(place, joint->index, joint->name, err);
}

const struct net_model net_model_tcfilter = {
	.name = "tcfilter",
	.join = tcfilter_join,
	.part = tcfilter_part,
};

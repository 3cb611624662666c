/* SPDX-License-Identifier: Apache-2.0 */
/* What containerd says on standard input at `start`. */
#include "shim/bootstrap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap.pb-c.h"
#include "lib/fd.h"

#define INPUT_MAX	  (1u << 20)
#define LOG_LEVEL_DEBUG_3 (-4) /* of BootstrapParams */
#define TYPE_RUNC_OPTIONS "containerd.runc.v1.Options"
#define ENV_TTRPC	  "TTRPC_ADDRESS"

static char *copy_or(const char *text, const char *otherwise)
{
	return strdup(text && *text ? text : otherwise ? otherwise : "");
}

static int take(struct bootstrap *bootstrap, const struct options *options,
		const KataLike__Bootstrap__BootstrapParams *params, const char *shim_cgroup,
		struct err *err)
{
	*bootstrap = (struct bootstrap){
		.has_params = params != NULL,
		.debug = options->debug || (params && params->log_level <= LOG_LEVEL_DEBUG_3),
		.ttrpc_address = copy_or(params ? params->containerd_ttrpc_address : NULL,
					 getenv(ENV_TTRPC)),
		.grpc_address =
			copy_or(params ? params->containerd_grpc_address : NULL, options->address),
		.binary =
			copy_or(params ? params->containerd_binary : NULL, options->publish_binary),
		.shim_cgroup = copy_or(shim_cgroup, NULL),
	};
	if (bootstrap->ttrpc_address && bootstrap->grpc_address && bootstrap->binary &&
	    bootstrap->shim_cgroup)
		return 0;
	bootstrap_fini(bootstrap);
	return err_set(err, ENOMEM, "cannot read the start parameters");
}

static bool is_meant(const struct options *options,
		     const KataLike__Bootstrap__BootstrapParams *params)
{
	return params && strcmp(params->instance_id, options->id) == 0 &&
	       strcmp(params->namespace_, options->namespace) == 0;
}

/* The cgroup that runc's options name for the shim; NULL for none. The caller's. */
static char *shim_cgroup_of(const KataLike__Any *any)
{
	KataLike__Bootstrap__RuncOptions *options;
	char *cgroup = NULL;

	if (!any || strcmp(any->type_url, TYPE_RUNC_OPTIONS) != 0)
		return NULL;
	options = kata_like__bootstrap__runc_options__unpack(NULL, any->value.len, any->value.data);
	if (!options)
		return NULL;
	if (*options->shim_cgroup)
		cgroup = strdup(options->shim_cgroup);
	kata_like__bootstrap__runc_options__free_unpacked(options, NULL);
	return cgroup;
}

int bootstrap_parse(const struct options *options, const uint8_t *data, size_t len_bytes,
		    struct bootstrap *ret_bootstrap, struct err *err)
{
	KataLike__Bootstrap__BootstrapParams *params =
		kata_like__bootstrap__bootstrap_params__unpack(NULL, len_bytes, data);
	_cleanup_free_ char *cgroup = NULL;
	KataLike__Any *any = NULL;
	int r;

	if (is_meant(options, params)) {
		for (size_t i = 0; i < params->n_extensions && !cgroup; i++)
			cgroup = shim_cgroup_of(params->extensions[i]->value);
		r = take(ret_bootstrap, options, params, cgroup, err);
	} else {
		/* Options of a kind that is not known here are none of ours. */
		any = kata_like__any__unpack(NULL, len_bytes, data);
		cgroup = shim_cgroup_of(any);
		r = take(ret_bootstrap, options, NULL, cgroup, err);
	}
	if (any)
		kata_like__any__free_unpacked(any, NULL);
	if (params)
		kata_like__bootstrap__bootstrap_params__free_unpacked(params, NULL);
	return r;
}

int bootstrap_read(const struct options *options, struct bootstrap *ret_bootstrap, struct err *err)
{
	_cleanup_free_ uint8_t *data = malloc(INPUT_MAX);
	ssize_t n = 0;

	if (!data)
		return err_set(err, ENOMEM, "cannot read the start parameters");
	/* The command line has an address only when containerd wrote it. */
	if (*options->address && !isatty(STDIN_FILENO))
		n = fd_read_full(STDIN_FILENO, data, INPUT_MAX);
	if (n < 0)
		return err_set(err, (int)-n, "cannot read the start parameters");
	return bootstrap_parse(options, data, (size_t)n, ret_bootstrap, err);
}

void bootstrap_fini(struct bootstrap *bootstrap)
{
	free(bootstrap->ttrpc_address);
	free(bootstrap->grpc_address);
	free(bootstrap->binary);
	free(bootstrap->shim_cgroup);
	*bootstrap = (struct bootstrap){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which pod a container belongs to. */
#include "shim/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/paths.h"
#include "oci/spec.h"

/* A member says what it is and whose; what says it is the sandbox itself has its own id. */
static const struct {
	const char *type, *sandbox_id;
} groups[] = {
	{ "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id" },
	{ "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID" },
	{ "io.kubernetes.docker.type", "io.kubernetes.sandbox.id" },
};

#define GROUP_KEY "io.containerd.runc.v2.group"

static const char *find_sandbox(const struct oci_spec *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		const char *type = oci_spec_annotation(spec, groups[i].type);

		if (type && strcmp(type, "container") == 0)
			return oci_spec_annotation(spec, groups[i].sandbox_id);
	}
	return oci_spec_annotation(spec, GROUP_KEY);
}

int pod_find(const char *bundle, const char *id, char *ret_sandbox_id, size_t size, struct err *err)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	const char *sandbox_id;
	size_t len;

	(void)snprintf(ret_sandbox_id, size, "%s", id);
	if (asprintf(&path, "%s/config.json", bundle) < 0) {
		path = NULL;
		return err_set(err, ENOMEM, "cannot read config.json");
	}
	/* What is wrong with config.json is Create's to tell. */
	if (file_read_regular(path, JSON_MAX_BYTES, &text, &len, NULL) < 0 ||
	    oci_spec_parse(text, len, &spec, NULL) < 0)
		return 0;
	sandbox_id = find_sandbox(spec);
	if (!sandbox_id)
		return 0;
	(void)snprintf(ret_sandbox_id, size, "%s", sandbox_id);
	return paths_check_id("sandbox", sandbox_id, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp of config.json (runtime-spec 1.2, "Seccomp"). */
#include <errno.h>
#include <string.h>

#include "oci/parts.h"

static const struct json_name action_names[] = {
	{ "SCMP_ACT_KILL", OCI_SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", OCI_SECCOMP_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", OCI_SECCOMP_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", OCI_SECCOMP_TRAP },
	{ "SCMP_ACT_ERRNO", OCI_SECCOMP_ERRNO },
	{ "SCMP_ACT_TRACE", OCI_SECCOMP_TRACE },
	{ "SCMP_ACT_ALLOW", OCI_SECCOMP_ALLOW },
	{ "SCMP_ACT_LOG", OCI_SECCOMP_LOG },
	{ "SCMP_ACT_NOTIFY", OCI_SECCOMP_NOTIFY },
};

static const struct json_name op_names[] = {
	{ "SCMP_CMP_NE", OCI_SECCOMP_NE },
	{ "SCMP_CMP_LT", OCI_SECCOMP_LT },
	{ "SCMP_CMP_LE", OCI_SECCOMP_LE },
	{ "SCMP_CMP_EQ", OCI_SECCOMP_EQ },
	{ "SCMP_CMP_GE", OCI_SECCOMP_GE },
	{ "SCMP_CMP_GT", OCI_SECCOMP_GT },
	{ "SCMP_CMP_MASKED_EQ", OCI_SECCOMP_MASKED_EQ },
};

enum seccomp_flag {
	FLAG_TSYNC,
	FLAG_LOG,
	FLAG_SPEC_ALLOW,
	FLAG_WAIT_KILLABLE,
};

static const struct json_name flag_names[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", FLAG_WAIT_KILLABLE },
};

static int read_arg(const struct json_node *node, void *element)
{
	struct oci_seccomp_arg *arg = element;
	uint64_t index = 0;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_uint(node, "index", JSON_REQUIRED, 5, &index);
	arg->index = (uint32_t)index;
	if (r >= 0)
		r = json_get_uint(node, "value", JSON_REQUIRED, UINT64_MAX, &arg->value);
	if (r >= 0)
		r = json_get_uint(node, "valueTwo", JSON_OPTIONAL, UINT64_MAX, &arg->value_two);
	if (r >= 0)
		r = json_get_enum(node, "op", JSON_REQUIRED, op_names, ARRAY_SIZE(op_names),
				  &arg->op);
	return r;
}

static int read_rule(const struct json_node *node, void *element)
{
	struct oci_seccomp_rule *rule = element;
	void *args = NULL;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_strings(node, "names", JSON_REQUIRED, &rule->names.list,
				     &rule->names.n);
	if (r >= 0)
		r = json_get_enum(node, "action", JSON_REQUIRED, action_names,
				  ARRAY_SIZE(action_names), &rule->action);
	if (r >= 0)
		r = oci_get_uint(node, "errnoRet", UINT16_MAX, &rule->errno_ret);
	if (r >= 0)
		r = json_get_array(node, "args", JSON_OPTIONAL, sizeof(struct oci_seccomp_arg),
				   read_arg, &args, &rule->n_args);
	rule->args = args;
	if (r >= 0 && rule->names.n == 0)
		return json_fail_member(node, "names", "must name a system call");
	return r;
}

static int read_flag(const struct json_node *node, void *element)
{
	return json_enum_value(node, flag_names, ARRAY_SIZE(flag_names), element);
}

static int read_flags(const struct json_node *node, struct oci_seccomp *seccomp)
{
	void *elements = NULL;
	size_t n = 0;
	int r = json_get_array(node, "flags", JSON_OPTIONAL, sizeof(int64_t), read_flag, &elements,
			       &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		switch (((int64_t *)elements)[i]) {
		case FLAG_TSYNC:
			seccomp->flag_tsync = true;
			break;
		case FLAG_LOG:
			seccomp->flag_log = true;
			break;
		case FLAG_SPEC_ALLOW:
			seccomp->flag_spec_allow = true;
			break;
		case FLAG_WAIT_KILLABLE:
			seccomp->flag_wait_killable = true;
			break;
		}
	}
	return r;
}

int oci_read_seccomp(const struct json_node *node, void *out)
{
	struct oci_seccomp *seccomp = out;
	void *rules = NULL;
	int r = json_get_enum(node, "defaultAction", JSON_REQUIRED, action_names,
			      ARRAY_SIZE(action_names), &seccomp->default_action);

	if (r >= 0)
		r = oci_get_uint(node, "defaultErrnoRet", UINT16_MAX, &seccomp->default_errno_ret);
	if (r >= 0)
		r = oci_get_strings(node, "architectures", &seccomp->architectures);
	if (r >= 0)
		r = read_flags(node, seccomp);
	if (r >= 0)
		r = json_get_string(node, "listenerPath", JSON_OPTIONAL, &seccomp->listener_path);
	if (r >= 0)
		r = json_get_string(node, "listenerMetadata", JSON_OPTIONAL,
				    &seccomp->listener_metadata);
	if (r >= 0)
		r = json_get_array(node, "syscalls", JSON_OPTIONAL, sizeof(struct oci_seccomp_rule),
				   read_rule, &rules, &seccomp->n_rules);
	seccomp->rules = rules;
	return r < 0 ? r : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The linux object of config.json (runtime-spec 1.2, "Linux Container Configuration"). */
#include <errno.h>
#include <string.h>
#include <sys/personality.h>

#include "oci/parts.h"

#define DEVICE_NUMBER_MAX 0xffffffffLL

static const struct json_name namespace_names[] = {
	{ "pid", OCI_NAMESPACE_PID },	    { "network", OCI_NAMESPACE_NETWORK },
	{ "mount", OCI_NAMESPACE_MOUNT },   { "ipc", OCI_NAMESPACE_IPC },
	{ "uts", OCI_NAMESPACE_UTS },	    { "user", OCI_NAMESPACE_USER },
	{ "cgroup", OCI_NAMESPACE_CGROUP }, { "time", OCI_NAMESPACE_TIME },
};

static const struct json_name propagation_names[] = {
	{ "shared", 0 },     { "slave", 0 },	   { "private", 0 },
	{ "unbindable", 0 }, { "rshared", 0 },	   { "rslave", 0 },
	{ "rprivate", 0 },   { "runbindable", 0 }, { "", 0 },
};

static const struct json_name personality_names[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
};

static const struct json_name device_names[] = {
	{ "c", 'c' },
	{ "u", 'c' },
	{ "b", 'b' },
	{ "p", 'p' },
};

const char *oci_namespace_name(enum oci_namespace_kind kind)
{
	return namespace_names[kind].name;
}

struct listed_namespace {
	int64_t kind;
	char *path;
};

static int read_namespace(const struct json_node *node, void *element)
{
	struct listed_namespace *listed = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_enum(node, "type", JSON_REQUIRED, namespace_names,
				  ARRAY_SIZE(namespace_names), &listed->kind);
	if (r >= 0)
		r = json_get_string(node, "path", JSON_OPTIONAL, &listed->path);
	if (r < 0)
		return r;
	if (listed->path && listed->path[0] == '\0')
		listed->path = NULL;
	if (listed->path && listed->path[0] != '/')
		return json_fail_member(node, "path", "must be an absolute path, is \"%.64s\"",
					listed->path);
	return 0;
}

/* Namespaces are a list in the JSON and an array by kind in the spec. */
static int read_namespaces(const struct json_node *node, struct oci_linux *linux_)
{
	void *elements = NULL;
	size_t n = 0;
	int r = json_get_array(node, "namespaces", JSON_OPTIONAL, sizeof(struct listed_namespace),
			       read_namespace, &elements, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct listed_namespace *listed = (struct listed_namespace *)elements + i;
		struct oci_namespace *namespace = &linux_->namespaces[listed->kind];

		if (namespace->listed)
			return json_fail_member(
				node, "namespaces", "lists \"%s\" twice",
				oci_namespace_name((enum oci_namespace_kind)listed->kind));
		namespace->listed = true;
		namespace->path = listed->path;
	}
	return r;
}

static int read_device(const struct json_node *node, void *element)
{
	struct oci_device *device = element;
	int64_t type = 0;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_string(node, "path", JSON_REQUIRED, &device->path);
	if (r >= 0)
		r = json_get_enum(node, "type", JSON_REQUIRED, device_names,
				  ARRAY_SIZE(device_names), &type);
	device->type = (char)type;
	if (r >= 0)
		r = json_get_int(node, "major", JSON_OPTIONAL, 0, DEVICE_NUMBER_MAX,
				 &device->major);
	if (r >= 0)
		r = json_get_int(node, "minor", JSON_OPTIONAL, 0, DEVICE_NUMBER_MAX,
				 &device->minor);
	if (r >= 0)
		r = oci_get_uint(node, "fileMode", UINT32_MAX, &device->mode);
	if (r >= 0)
		r = oci_get_uint(node, "uid", UINT32_MAX, &device->uid);
	if (r >= 0)
		r = oci_get_uint(node, "gid", UINT32_MAX, &device->gid);
	if (r >= 0 && device->path[0] != '/')
		return json_fail_member(node, "path", "must be an absolute path, is \"%.64s\"",
					device->path);
	return r;
}

static int read_devices(const struct json_node *node, struct oci_linux *linux_)
{
	void *devices = NULL;
	int r = json_get_array(node, "devices", JSON_OPTIONAL, sizeof(struct oci_device),
			       read_device, &devices, &linux_->n_devices);

	linux_->devices = devices;
	return r;
}

static int read_offset(const struct json_node *node, void *out)
{
	struct oci_time_offset *offset = out;
	uint64_t nanosecs = 0;
	int r = json_get_int(node, "secs", JSON_OPTIONAL, INT64_MIN, INT64_MAX, &offset->secs);

	if (r >= 0)
		r = json_get_uint(node, "nanosecs", JSON_OPTIONAL, 999999999, &nanosecs);
	offset->nanosecs = (uint32_t)nanosecs;
	offset->set = true;
	return r;
}

static int read_offsets(const struct json_node *node, void *out)
{
	struct oci_linux *linux_ = out;
	int r = json_get_object(node, "monotonic", JSON_OPTIONAL, read_offset, &linux_->monotonic);

	if (r >= 0)
		r = json_get_object(node, "boottime", JSON_OPTIONAL, read_offset,
				    &linux_->boottime);
	return r;
}

static int read_personality(const struct json_node *node, void *out)
{
	struct oci_linux *linux_ = out;
	struct oci_strings flags = { 0 };
	int64_t domain = PER_LINUX;
	int r = json_get_enum(node, "domain", JSON_REQUIRED, personality_names,
			      ARRAY_SIZE(personality_names), &domain);

	if (r >= 0)
		r = oci_get_strings(node, "flags", &flags);
	if (r >= 0 && flags.n > 0)
		return json_fail_member(node, "flags", "has no defined values, so must be empty");
	linux_->personality = (struct oci_uint){ .set = true, .value = (uint64_t)domain };
	return r;
}

static int read_propagation(const struct json_node *node, struct oci_linux *linux_)
{
	int64_t known = 0;
	int r = json_get_enum(node, "rootfsPropagation", JSON_OPTIONAL, propagation_names,
			      ARRAY_SIZE(propagation_names), &known);

	if (r > 0)
		r = json_get_string(node, "rootfsPropagation", JSON_OPTIONAL,
				    &linux_->rootfs_propagation);
	return r;
}

static int read_isolation(const struct json_node *node, struct oci_linux *linux_)
{
	int r = read_namespaces(node, linux_);

	if (r >= 0)
		r = oci_get_id_mappings(node, "uidMappings", &linux_->uid_mappings,
					&linux_->n_uid_mappings);
	if (r >= 0)
		r = oci_get_id_mappings(node, "gidMappings", &linux_->gid_mappings,
					&linux_->n_gid_mappings);
	if (r >= 0)
		r = json_get_object(node, "timeOffsets", JSON_OPTIONAL, read_offsets, linux_);
	if (r >= 0)
		r = oci_get_part(node, "seccomp", sizeof(*linux_->seccomp), oci_read_seccomp,
				 &linux_->seccomp);
	if (r >= 0)
		r = oci_get_pairs(node, "sysctl", &linux_->sysctl);
	if (r >= 0)
		r = json_get_object(node, "personality", JSON_OPTIONAL, read_personality, linux_);
	return r;
}

static int read_files(const struct json_node *node, struct oci_linux *linux_)
{
	int r = read_devices(node, linux_);

	if (r >= 0)
		r = read_propagation(node, linux_);
	if (r >= 0)
		r = oci_get_strings(node, "maskedPaths", &linux_->masked_paths);
	if (r >= 0)
		r = oci_get_strings(node, "readonlyPaths", &linux_->readonly_paths);
	if (r >= 0)
		r = json_get_string(node, "mountLabel", JSON_OPTIONAL, &linux_->mount_label);
	return r;
}

static int note_presence(const struct json_node *node, void *out)
{
	(void)node;
	*(bool *)out = true;
	return 0;
}

int oci_read_linux(const struct json_node *node, void *out)
{
	struct oci_linux *linux_ = out;
	int r = read_isolation(node, linux_);

	if (r >= 0)
		r = read_files(node, linux_);
	if (r >= 0)
		r = json_get_string(node, "cgroupsPath", JSON_OPTIONAL, &linux_->cgroups_path);
	if (r >= 0)
		r = oci_get_part(node, "resources", sizeof(*linux_->resources), oci_read_resources,
				 &linux_->resources);
	if (r >= 0)
		r = json_get_object(node, "intelRdt", JSON_OPTIONAL, note_presence,
				    &linux_->has_intel_rdt);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources of config.json (runtime-spec 1.2, "Control groups"). */
#include <errno.h>
#include <string.h>

#include "oci/parts.h"

#define DEVICE_NUMBER_MAX 0xffffffffLL

static const struct json_name rule_types[] = {
	{ "a", 'a' },
	{ "b", 'b' },
	{ "c", 'c' },
	{ "", 'a' },
};

static int read_access(const struct json_node *node, struct oci_device_rule *rule)
{
	char *access = NULL;
	int r = json_get_string(node, "access", JSON_OPTIONAL, &access);

	if (r < 0)
		return r;
	if (!access || !*access) {
		rule->read = rule->write = rule->mknod = true;
		return 0;
	}
	for (const char *p = access; *p; p++) {
		switch (*p) {
		case 'r':
			rule->read = true;
			break;
		case 'w':
			rule->write = true;
			break;
		case 'm':
			rule->mknod = true;
			break;
		default:
			return json_fail_member(node, "access",
						"is \"%.32s\", must be made of r, w and m", access);
		}
	}
	return 0;
}

static int read_device_rule(const struct json_node *node, void *element)
{
	struct oci_device_rule *rule = element;
	int64_t type = 'a';
	int r = json_expect(node, json_type_object);

	rule->major = rule->minor = -1;
	if (r >= 0)
		r = json_get_bool(node, "allow", JSON_REQUIRED, &rule->allow);
	if (r >= 0)
		r = json_get_enum(node, "type", JSON_OPTIONAL, rule_types, ARRAY_SIZE(rule_types),
				  &type);
	rule->type = (char)type;
	if (r >= 0)
		r = json_get_int(node, "major", JSON_OPTIONAL, -1, DEVICE_NUMBER_MAX, &rule->major);
	if (r >= 0)
		r = json_get_int(node, "minor", JSON_OPTIONAL, -1, DEVICE_NUMBER_MAX, &rule->minor);
	if (r >= 0)
		r = read_access(node, rule);
	return r;
}

static int read_memory(const struct json_node *node, void *out)
{
	struct oci_memory *memory = out;
	int r = oci_get_int(node, "limit", -1, INT64_MAX, &memory->limit);

	if (r >= 0)
		r = oci_get_int(node, "reservation", -1, INT64_MAX, &memory->reservation);
	if (r >= 0)
		r = oci_get_int(node, "swap", -1, INT64_MAX, &memory->swap);
	if (r >= 0)
		r = oci_get_int(node, "kernel", -1, INT64_MAX, &memory->kernel);
	if (r >= 0)
		r = oci_get_int(node, "kernelTCP", -1, INT64_MAX, &memory->kernel_tcp);
	if (r >= 0)
		r = oci_get_uint(node, "swappiness", UINT64_MAX, &memory->swappiness);
	if (r >= 0)
		r = json_get_bool(node, "disableOOMKiller", JSON_OPTIONAL,
				  &memory->disable_oom_killer);
	if (r >= 0)
		r = json_get_bool(node, "useHierarchy", JSON_OPTIONAL, &memory->use_hierarchy);
	if (r >= 0)
		r = json_get_bool(node, "checkBeforeUpdate", JSON_OPTIONAL,
				  &memory->check_before_update);
	return r;
}

static int read_cpu(const struct json_node *node, void *out)
{
	struct oci_cpu *cpu = out;
	int r = oci_get_uint(node, "shares", UINT64_MAX, &cpu->shares);

	if (r >= 0)
		r = oci_get_int(node, "quota", INT64_MIN, INT64_MAX, &cpu->quota);
	if (r >= 0)
		r = oci_get_uint(node, "burst", UINT64_MAX, &cpu->burst);
	if (r >= 0)
		r = oci_get_uint(node, "period", UINT64_MAX, &cpu->period);
	if (r >= 0)
		r = oci_get_int(node, "realtimeRuntime", INT64_MIN, INT64_MAX,
				&cpu->realtime_runtime);
	if (r >= 0)
		r = oci_get_uint(node, "realtimePeriod", UINT64_MAX, &cpu->realtime_period);
	if (r >= 0)
		r = oci_get_int(node, "idle", INT64_MIN, INT64_MAX, &cpu->idle);
	if (r >= 0)
		r = json_get_string(node, "cpus", JSON_OPTIONAL, &cpu->cpus);
	if (r >= 0)
		r = json_get_string(node, "mems", JSON_OPTIONAL, &cpu->mems);
	return r;
}

static int read_pids(const struct json_node *node, void *out)
{
	struct oci_int *limit = out;
	int r = json_get_int(node, "limit", JSON_REQUIRED, INT64_MIN, INT64_MAX, &limit->value);

	limit->set = r > 0;
	return r;
}

static int get_device_number(const struct json_node *node, int64_t *major, int64_t *minor)
{
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_int(node, "major", JSON_REQUIRED, 0, DEVICE_NUMBER_MAX, major);
	if (r >= 0)
		r = json_get_int(node, "minor", JSON_REQUIRED, 0, DEVICE_NUMBER_MAX, minor);
	return r;
}

static int read_weight_device(const struct json_node *node, void *element)
{
	struct oci_weight_device *device = element;
	int r = get_device_number(node, &device->major, &device->minor);

	if (r >= 0)
		r = oci_get_uint(node, "weight", UINT16_MAX, &device->weight);
	if (r >= 0)
		r = oci_get_uint(node, "leafWeight", UINT16_MAX, &device->leaf_weight);
	return r;
}

static int read_throttle_device(const struct json_node *node, void *element)
{
	struct oci_throttle_device *device = element;
	int r = get_device_number(node, &device->major, &device->minor);

	if (r >= 0)
		r = json_get_uint(node, "rate", JSON_REQUIRED, UINT64_MAX, &device->rate);
	return r;
}

static int get_throttles(const struct json_node *node, const char *key,
			 struct oci_throttle_list *ret)
{
	void *devices = NULL;
	int r = json_get_array(node, key, JSON_OPTIONAL, sizeof(struct oci_throttle_device),
			       read_throttle_device, &devices, &ret->n);

	ret->list = devices;
	return r;
}

static int read_block_io(const struct json_node *node, void *out)
{
	struct oci_block_io *io = out;
	void *weights = NULL;
	int r = oci_get_uint(node, "weight", UINT16_MAX, &io->weight);

	if (r >= 0)
		r = oci_get_uint(node, "leafWeight", UINT16_MAX, &io->leaf_weight);
	if (r >= 0)
		r = json_get_array(node, "weightDevice", JSON_OPTIONAL,
				   sizeof(struct oci_weight_device), read_weight_device, &weights,
				   &io->n_weight_devices);
	io->weight_devices = weights;
	if (r >= 0)
		r = get_throttles(node, "throttleReadBpsDevice", &io->read_bps);
	if (r >= 0)
		r = get_throttles(node, "throttleWriteBpsDevice", &io->write_bps);
	if (r >= 0)
		r = get_throttles(node, "throttleReadIOPSDevice", &io->read_iops);
	if (r >= 0)
		r = get_throttles(node, "throttleWriteIOPSDevice", &io->write_iops);
	return r;
}

static int read_hugepage_limit(const struct json_node *node, void *element)
{
	struct oci_hugepage_limit *limit = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_string(node, "pageSize", JSON_REQUIRED, &limit->page_size);
	if (r >= 0)
		r = json_get_uint(node, "limit", JSON_REQUIRED, UINT64_MAX, &limit->limit);
	/* The size becomes part of a file name. */
	if (r >= 0 && strspn(limit->page_size, "0123456789KMGB") != strlen(limit->page_size))
		return json_fail_member(node, "pageSize",
					"is \"%.32s\", must be a size such as 2MB",
					limit->page_size);
	return r;
}

static int read_network(const struct json_node *node, void *out)
{
	struct oci_resources *resources = out;
	struct json_object *priorities = NULL;
	int r = oci_get_uint(node, "classID", UINT32_MAX, &resources->network_class_id);

	if (json_object_object_get_ex(node->value, "priorities", &priorities) &&
	    json_object_is_type(priorities, json_type_array))
		resources->has_network_priorities = json_object_array_length(priorities) > 0;
	return r;
}

static int read_rdma_device(const struct json_node *node, struct oci_rdma *rdma)
{
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = oci_get_uint(node, "hcaHandles", UINT32_MAX, &rdma->hca_handles);
	if (r >= 0)
		r = oci_get_uint(node, "hcaObjects", UINT32_MAX, &rdma->hca_objects);
	return r;
}

static int read_rdma(const struct json_node *node, void *out)
{
	struct oci_resources *resources = out;
	struct arena *arena = node->reader->arena;

	resources->rdma = arena_alloc(arena, (size_t)json_object_object_length(node->value) + 1,
				      sizeof(*resources->rdma));
	if (!resources->rdma)
		return err_set(node->reader->err, ENOMEM, "%s", node->reader->file);
	json_object_object_foreach (node->value, name, value) {
		struct oci_rdma *rdma = &resources->rdma[resources->n_rdma];
		const struct json_node device = {
			.reader = node->reader, .parent = node, .key = name, .value = value
		};
		int r = read_rdma_device(&device, rdma);

		if (r < 0)
			return r;
		rdma->device = arena_strndup(arena, name, strlen(name));
		if (!rdma->device)
			return err_set(node->reader->err, ENOMEM, "%s", node->reader->file);
		resources->n_rdma++;
	}
	return 0;
}

/* A key of "unified" is a file of the container's cgroup, and nothing else. */
static int check_unified(const struct json_node *node, const struct oci_resources *resources)
{
	for (size_t i = 0; i < resources->unified.n; i++) {
		const char *file = resources->unified.list[i].key;

		if (!*file || strchr(file, '/') || file[0] == '.')
			return json_fail_member(node, "unified",
						"has \"%.64s\", which is no file of a cgroup",
						file);
	}
	return 0;
}

static int read_lists(const struct json_node *node, struct oci_resources *resources)
{
	void *elements = NULL;
	int r = json_get_array(node, "devices", JSON_OPTIONAL, sizeof(struct oci_device_rule),
			       read_device_rule, &elements, &resources->n_devices);

	resources->devices = elements;
	elements = NULL;
	if (r >= 0)
		r = json_get_array(node, "hugepageLimits", JSON_OPTIONAL,
				   sizeof(struct oci_hugepage_limit), read_hugepage_limit,
				   &elements, &resources->n_hugepage_limits);
	resources->hugepage_limits = elements;
	return r;
}

int oci_read_resources(const struct json_node *node, void *out)
{
	struct oci_resources *resources = out;
	int r = read_lists(node, resources);

	if (r >= 0)
		r = oci_get_part(node, "memory", sizeof(*resources->memory), read_memory,
				 &resources->memory);
	if (r >= 0)
		r = oci_get_part(node, "cpu", sizeof(*resources->cpu), read_cpu, &resources->cpu);
	if (r >= 0)
		r = json_get_object(node, "pids", JSON_OPTIONAL, read_pids, &resources->pids_limit);
	if (r >= 0)
		r = oci_get_part(node, "blockIO", sizeof(*resources->block_io), read_block_io,
				 &resources->block_io);
	if (r >= 0)
		r = json_get_object(node, "network", JSON_OPTIONAL, read_network, resources);
	if (r >= 0)
		r = json_get_object(node, "rdma", JSON_OPTIONAL, read_rdma, resources);
	if (r >= 0)
		r = oci_get_pairs(node, "unified", &resources->unified);
	if (r >= 0)
		r = check_unified(node, resources);
	return r;
}

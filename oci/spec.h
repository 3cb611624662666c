/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the OCI runtime specification 1.2 for Linux, as plain C. Strings, arrays and
 * nested objects live as long as the spec; an absent string or object is NULL, an absent array has
 * n == 0, an absent number has set == false. Names follow the specification.
 */
#ifndef KATA_LIKE_OCI_SPEC_H
#define KATA_LIKE_OCI_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "oci/arena.h"
#include "oci/json.h"

struct oci_int {
	bool set;
	int64_t value;
};

struct oci_uint {
	bool set;
	uint64_t value;
};

struct oci_strings {
	char **list; /* NULL behind the last */
	size_t n;
};

struct oci_pairs {
	struct json_pair *list;
	size_t n;
};

/* 5.1 process */

struct oci_user {
	uint32_t uid, gid;
	struct oci_uint umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
};

struct oci_rlimit {
	int64_t resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

struct oci_capabilities {
	struct oci_strings bounding, effective, inheritable, permitted, ambient;
};

struct oci_scheduler {
	int64_t policy; /* SCHED_* */
	int64_t nice, priority;
	uint64_t flags;			    /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* nanoseconds */
};

struct oci_io_priority {
	int64_t class; /* IOPRIO_CLASS_* */
	int64_t priority;
};

struct oci_process {
	bool terminal;
	uint32_t console_height, console_width; /* 0 for not given */
	struct oci_user user;
	struct oci_strings args, env;
	char *cwd;
	struct oci_capabilities *capabilities;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	struct oci_int oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	char *cpu_affinity_initial, *cpu_affinity_final;
};

/* Mounts, hooks */

struct oci_id_mapping {
	uint32_t container_id, host_id, size;
};

struct oci_mount {
	char *destination, *type, *source;
	struct oci_strings options;
	struct oci_id_mapping *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
};

struct oci_hook {
	char *path;
	struct oci_strings args, env;
	struct oci_int timeout; /* seconds */
};

struct oci_hook_list {
	struct oci_hook *list;
	size_t n;
};

struct oci_hooks {
	struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart,
		poststop;
};

/* linux.resources */

struct oci_device_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1 for any */
	bool read, write, mknod;
};

struct oci_memory {
	struct oci_int limit, reservation, swap, kernel, kernel_tcp; /* bytes, -1 for none */
	struct oci_uint swappiness;
	bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
	struct oci_uint shares, burst, period, realtime_period;
	struct oci_int quota, realtime_runtime, idle;
	char *cpus, *mems;
};

struct oci_weight_device {
	int64_t major, minor;
	struct oci_uint weight, leaf_weight;
};

struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};

struct oci_throttle_list {
	struct oci_throttle_device *list;
	size_t n;
};

struct oci_block_io {
	struct oci_uint weight, leaf_weight;
	struct oci_weight_device *weight_devices;
	size_t n_weight_devices;
	struct oci_throttle_list read_bps, write_bps, read_iops, write_iops;
};

struct oci_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;
};

struct oci_rdma {
	char *device;
	struct oci_uint hca_handles, hca_objects;
};

struct oci_resources {
	struct oci_device_rule *devices;
	size_t n_devices;
	struct oci_memory *memory;
	struct oci_cpu *cpu;
	struct oci_int pids_limit;
	struct oci_block_io *block_io;
	struct oci_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	struct oci_rdma *rdma;
	size_t n_rdma;
	struct oci_uint network_class_id;
	bool has_network_priorities;
	struct oci_pairs unified;
};

/* linux.seccomp; numbers are the kernel's and libseccomp's, see oci/seccomp.c */

enum oci_seccomp_action {
	OCI_SECCOMP_KILL_THREAD,
	OCI_SECCOMP_KILL_PROCESS,
	OCI_SECCOMP_TRAP,
	OCI_SECCOMP_ERRNO,
	OCI_SECCOMP_TRACE,
	OCI_SECCOMP_ALLOW,
	OCI_SECCOMP_LOG,
	OCI_SECCOMP_NOTIFY,
};

enum oci_seccomp_op {
	OCI_SECCOMP_NE,
	OCI_SECCOMP_LT,
	OCI_SECCOMP_LE,
	OCI_SECCOMP_EQ,
	OCI_SECCOMP_GE,
	OCI_SECCOMP_GT,
	OCI_SECCOMP_MASKED_EQ,
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	int64_t op; /* enum oci_seccomp_op */
};

struct oci_seccomp_rule {
	struct oci_strings names;
	int64_t action; /* enum oci_seccomp_action */
	struct oci_uint errno_ret;
	struct oci_seccomp_arg *args;
	size_t n_args;
};

struct oci_seccomp {
	int64_t default_action; /* enum oci_seccomp_action */
	struct oci_uint default_errno_ret;
	struct oci_strings architectures; /* "SCMP_ARCH_X86_64" */
	bool flag_tsync, flag_log, flag_spec_allow, flag_wait_killable;
	char *listener_path, *listener_metadata;
	struct oci_seccomp_rule *rules;
	size_t n_rules;
};

/* linux */

enum oci_namespace_kind {
	OCI_NAMESPACE_PID,
	OCI_NAMESPACE_NETWORK,
	OCI_NAMESPACE_MOUNT,
	OCI_NAMESPACE_IPC,
	OCI_NAMESPACE_UTS,
	OCI_NAMESPACE_USER,
	OCI_NAMESPACE_CGROUP,
	OCI_NAMESPACE_TIME,
	OCI_NAMESPACE_N,
};

struct oci_namespace {
	bool listed;
	char *path; /* to join; NULL makes a new one */
};

struct oci_device {
	char *path;
	char type; /* 'c', 'b', 'p'; 'u' is 'c' */
	int64_t major, minor;
	struct oci_uint mode;
	struct oci_uint uid, gid;
};

struct oci_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct oci_linux {
	struct oci_namespace namespaces[OCI_NAMESPACE_N]; /* by enum oci_namespace_kind */
	struct oci_id_mapping *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
	struct oci_time_offset monotonic, boottime;
	struct oci_device *devices;
	size_t n_devices;
	char *cgroups_path;
	struct oci_resources *resources;
	struct oci_seccomp *seccomp;
	char *rootfs_propagation;
	struct oci_strings masked_paths, readonly_paths;
	char *mount_label;
	struct oci_pairs sysctl;
	struct oci_uint personality; /* PER_* */
	bool has_intel_rdt;
};

struct oci_spec {
	char *version;
	char *root_path;
	bool root_readonly;
	struct oci_process *process; /* NULL where config.json has none */
	char *hostname, *domainname;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hooks hooks;
	struct oci_pairs annotations;
	struct oci_linux linux_; /* "linux" is a macro of the compiler */
	struct arena arena;
};

/* A process object or a resources object that stands alone: of an exec, of an update. */
struct oci_process_doc {
	struct oci_process process;
	struct arena arena;
};

struct oci_resources_doc {
	struct oci_resources resources;
	struct arena arena;
};

/*
 * Parses a config.json of len bytes. Errors (-EINVAL, -EFBIG, -ENOMEM) name the place in it.
 * Properties that the specification does not know are ignored, as it demands.
 */
int oci_spec_parse(const char *text, size_t len, struct oci_spec **ret_spec, struct err *err)
	_must_check_;
void oci_spec_free(struct oci_spec *spec);

int oci_process_parse(const char *text, size_t len, struct oci_process_doc **ret_process,
		      struct err *err) _must_check_;
void oci_process_free(struct oci_process_doc *process);

int oci_resources_parse(const char *text, size_t len, struct oci_resources_doc **ret_resources,
			struct err *err) _must_check_;
void oci_resources_free(struct oci_resources_doc *resources);

/* The value of an annotation, or NULL. */
const char *oci_spec_annotation(const struct oci_spec *spec, const char *key);

/* The namespace's name in config.json: "network". */
const char *oci_namespace_name(enum oci_namespace_kind kind);

/* "RLIMIT_NOFILE" for RLIMIT_NOFILE. */
const char *oci_rlimit_name(int64_t resource);

static inline void cleanup_oci_spec(struct oci_spec **spec)
{
	oci_spec_free(*spec);
}
#define _cleanup_oci_spec_ _cleanup_(cleanup_oci_spec)

#endif

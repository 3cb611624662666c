/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the shim and its clients agree on beside the messages of task.proto. */
#ifndef KATA_LIKE_PROTO_TASK_API_H
#define KATA_LIKE_PROTO_TASK_API_H

#define TASK_SERVICE_V2 "containerd.task.v2.Task"
#define TASK_SERVICE_V3 "containerd.task.v3.Task"

/*
 * What our own command line asks beside that: ListProcesses (agent.proto's ContainerRequest and
 * ListProcessesResponse), since containerd's Pids has no room for more than numbers.
 */
#define SHIM_SERVICE		   "kata_like.shim.v1.Shim"
#define SHIM_METHOD_LIST_PROCESSES "ListProcesses"

#define TASK_METADATA_NAMESPACE "containerd-namespace-ttrpc"

#define TASK_TYPE_PROCESS   "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define TASK_TYPE_METRICS   "io.containerd.cgroups.v2.Metrics" /* metrics.proto */
#define TASK_TYPE_RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/*
 * Annotations of config.json that set how the VM of the pod's first container is made. Values are
 * text; a key under the prefix that is not listed here is an error.
 */
#define ANNOTATION_PREFIX  "io.kata-like."
#define ANNOTATION_KERNEL  "io.kata-like.kernel"  /* path of a vmlinux or bzImage */
#define ANNOTATION_INITRD  "io.kata-like.initrd"  /* path of an initramfs with the agent in it */
#define ANNOTATION_CMDLINE "io.kata-like.cmdline" /* added to the kernel's command line */
#define ANNOTATION_CPUS	   "io.kata-like.cpus"	  /* "1" and up */
#define ANNOTATION_MEMORY  "io.kata-like.memory"  /* "128M", "2G" */
#define ANNOTATION_CONSOLE "io.kata-like.console" /* "true": a serial console into console.log */

/* Which sandbox a container belongs to (containerd's CRI). */
#define ANNOTATION_CRI_TYPE	  "io.kubernetes.cri.container-type" /* "sandbox", "container" */
#define ANNOTATION_CRI_SANDBOX_ID "io.kubernetes.cri.sandbox-id"

#endif

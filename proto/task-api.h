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

/* The options of CreateTaskRequest (runtime.proto). Those of other types are ignored. */
#define TASK_TYPE_OPTIONS	  "kata-like.runtime.v1.Options"
#define TASK_TYPE_RUNTIME_OPTIONS "runtimeoptions.v1.Options"

/* Which sandbox a container belongs to (containerd's CRI). */
#define ANNOTATION_CRI_TYPE	  "io.kubernetes.cri.container-type" /* "sandbox", "container" */
#define ANNOTATION_CRI_SANDBOX_ID "io.kubernetes.cri.sandbox-id"

#endif

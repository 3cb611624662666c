/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a task's life. */
#include "shim/events/task-events.h"

#include <stdlib.h>
#include <string.h>

#include "events.pb-c.h"
#include "lib/log.h"

/* A message's fields may be appended to it: the pid is, when it is known. */
#define PID_FIELD_MAX 6u

struct task_event {
	size_t len;
	uint8_t packed[];
};

static void send(struct publisher *publisher, const char *topic, const char *type,
		 const ProtobufCMessage *message)
{
	_cleanup_free_ uint8_t *packed = NULL;

	if (!publisher)
		return;
	packed = malloc(protobuf_c_message_get_packed_size(message) + 1);
	if (packed)
		publisher_send(publisher, topic, type, packed,
			       protobuf_c_message_pack(message, packed));
	else
		log_error("out of memory: the event %s is lost", topic);
}

struct task_event *task_event_prepare(const KataLike__Task__CreateTaskRequest *request)
{
	KataLike__Events__TaskCreate message = KATA_LIKE__EVENTS__TASK_CREATE__INIT;
	KataLike__Events__TaskIO io = KATA_LIKE__EVENTS__TASK_IO__INIT;
	struct task_event *event;

	io.stdin = request->stdin;
	io.stdout = request->stdout;
	io.stderr = request->stderr;
	io.terminal = request->terminal;
	message.container_id = request->id;
	message.bundle = request->bundle;
	message.rootfs = request->rootfs;
	message.n_rootfs = request->n_rootfs;
	message.io = &io;
	event = malloc(sizeof(*event) + kata_like__events__task_create__get_packed_size(&message) +
		       PID_FIELD_MAX);
	if (event)
		event->len = kata_like__events__task_create__pack(&message, event->packed);
	return event;
}

void task_event_created(struct publisher *publisher, const struct task_event *event, pid_t pid)
{
	KataLike__Events__TaskCreate with_pid = KATA_LIKE__EVENTS__TASK_CREATE__INIT;
	_cleanup_free_ uint8_t *packed = event ? malloc(event->len + PID_FIELD_MAX) : NULL;
	size_t len;

	if (!packed)
		return;
	memcpy(packed, event->packed, event->len);
	with_pid.pid = (uint32_t)pid;
	len = event->len + kata_like__events__task_create__pack(&with_pid, packed + event->len);
	publisher_send(publisher, "/tasks/create", "containerd.events.TaskCreate", packed, len);
}

void task_event_free(struct task_event *event)
{
	free(event);
}

void task_event_started(struct publisher *publisher, const struct process *process)
{
	KataLike__Events__TaskStart start = KATA_LIKE__EVENTS__TASK_START__INIT;
	KataLike__Events__TaskExecStarted exec = KATA_LIKE__EVENTS__TASK_EXEC_STARTED__INIT;

	if (process == process->container->init) {
		start.container_id = process->container->id;
		start.pid = (uint32_t)process_pid(process);
		send(publisher, "/tasks/start", "containerd.events.TaskStart", &start.base);
		return;
	}
	exec.container_id = process->container->id;
	exec.exec_id = process->exec_id;
	exec.pid = (uint32_t)process_pid(process);
	send(publisher, "/tasks/exec-started", "containerd.events.TaskExecStarted", &exec.base);
}

void task_event_exec_added(struct publisher *publisher, const struct process *process)
{
	KataLike__Events__TaskExecAdded added = KATA_LIKE__EVENTS__TASK_EXEC_ADDED__INIT;

	added.container_id = process->container->id;
	added.exec_id = process->exec_id;
	send(publisher, "/tasks/exec-added", "containerd.events.TaskExecAdded", &added.base);
}

/* Of the moment that the process ended. */
static KataLike__Timestamp end_of(const struct process *process)
{
	KataLike__Timestamp timestamp = KATA_LIKE__TIMESTAMP__INIT;

	timestamp.seconds = process->exited_at.tv_sec;
	timestamp.nanos = (int32_t)process->exited_at.tv_nsec;
	return timestamp;
}

void task_event_exited(struct publisher *publisher, const struct process *process)
{
	KataLike__Events__TaskExit exit = KATA_LIKE__EVENTS__TASK_EXIT__INIT;
	KataLike__Timestamp exited_at = end_of(process);

	exit.container_id = process->container->id;
	exit.id = *process->exec_id ? process->exec_id : process->container->id;
	exit.pid = (uint32_t)process_pid(process);
	exit.exit_status = process->exit_status;
	exit.exited_at = &exited_at;
	send(publisher, "/tasks/exit", "containerd.events.TaskExit", &exit.base);
}

void task_event_deleted(struct publisher *publisher, const struct process *process)
{
	KataLike__Events__TaskDelete deleted = KATA_LIKE__EVENTS__TASK_DELETE__INIT;
	KataLike__Timestamp exited_at = end_of(process);

	deleted.container_id = process->container->id;
	deleted.id = process->container->id;
	deleted.pid = (uint32_t)process_pid(process);
	deleted.exit_status = process->exit_status;
	deleted.exited_at = &exited_at;
	send(publisher, "/tasks/delete", "containerd.events.TaskDelete", &deleted.base);
}

static void send_notice(struct publisher *publisher, const char *topic, const char *type,
			const char *container_id)
{
	KataLike__Events__TaskNotice notice = KATA_LIKE__EVENTS__TASK_NOTICE__INIT;

	notice.container_id = (char *)container_id;
	send(publisher, topic, type, &notice.base);
}

void task_event_oom(struct publisher *publisher, const char *container_id)
{
	send_notice(publisher, "/tasks/oom", "containerd.events.TaskOOM", container_id);
}

void task_event_paused(struct publisher *publisher, const char *container_id, bool paused)
{
	if (paused)
		send_notice(publisher, "/tasks/paused", "containerd.events.TaskPaused",
			    container_id);
	else
		send_notice(publisher, "/tasks/resumed", "containerd.events.TaskResumed",
			    container_id);
}

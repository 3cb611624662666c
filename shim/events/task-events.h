/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a task's life, as containerd's clients expect them: which, and in which order. */
#ifndef KATA_LIKE_SHIM_EVENTS_TASK_EVENTS_H
#define KATA_LIKE_SHIM_EVENTS_TASK_EVENTS_H

#include "shim/events/publisher.h"
#include "shim/sandbox/container.h"
#include "task.pb-c.h"

/*
 * The event of a Create that has not been carried out: to be sent once it has, without its pid.
 * NULL when out of memory. The caller's.
 */
struct task_event *task_event_prepare(const KataLike__Task__CreateTaskRequest *request)
	_must_check_;
/* Sends it with the pid. event may be NULL. */
void task_event_created(struct publisher *publisher, const struct task_event *event, pid_t pid);
void task_event_free(struct task_event *event);

/* An init, or an exec, has started. */
void task_event_started(struct publisher *publisher, const struct process *process);
void task_event_exec_added(struct publisher *publisher, const struct process *process);
void task_event_exited(struct publisher *publisher, const struct process *process);
/* An init was deleted. */
void task_event_deleted(struct publisher *publisher, const struct process *process);

void task_event_oom(struct publisher *publisher, const char *container_id);
void task_event_paused(struct publisher *publisher, const char *container_id, bool paused);

#endif

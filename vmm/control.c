/* SPDX-License-Identifier: Apache-2.0 */
/* Control of the VM from outside. */
#include "vmm/control.h"

#include <errno.h>

#include "vmm/control-net.h"
#include "vmm/hotplug.h"
#include "vmm.pb-c.h"

static void handle_pause(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct control *control = ctx;

	(void)request;
	vm_pause(control->vm);
	ttrpc_call_reply_empty(call);
}

static void handle_resume(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct control *control = ctx;

	(void)request;
	vm_resume(control->vm);
	ttrpc_call_reply_empty(call);
}

static void handle_state(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct control *control = ctx;
	struct vm *vm = control->vm;
	KataLike__Vmm__V1__StateResponse response = KATA_LIKE__VMM__V1__STATE_RESPONSE__INIT;
	KataLike__Vmm__V1__ExitCount counts[VCPU_EXITS], *list[VCPU_EXITS];

	(void)request;
	for (enum vcpu_exit exit = 0; exit < VCPU_EXITS; exit++) {
		kata_like__vmm__v1__exit_count__init(&counts[exit]);
		counts[exit].reason = (char *)vcpu_exit_name(exit);
		counts[exit].count = vcpus_exits(&vm->vcpus, exit);
		list[exit] = &counts[exit];
	}
	response.paused = vcpus_paused(&vm->vcpus);
	response.cpus = vm->vcpus.n;
	response.memory_bytes = guestmem_size(&vm->mem);
	response.exits = list;
	response.n_exits = VCPU_EXITS;
	ttrpc_call_reply(call, &response.base);
}

static void stop_now(void *ctx)
{
	struct control *control = ctx;

	vm_stop(control->vm, "asked to by the controlling process");
}

static void handle_stop(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct control *control = ctx;

	(void)request;
	ttrpc_call_reply_empty(call);
	/* The answer leaves first. */
	if (loop_add_deferred(control->vm->loop, stop_now, control, NULL) < 0)
		stop_now(control);
}

/* The descriptor that the shim handed over for the call, or -ENOENT. */
static int claim(struct control *control, uint64_t token, struct err *err)
{
	int fd = descriptors_claim(control->descriptors, token);

	return fd < 0 ? err_say(err, ENOENT, "no descriptor waits under token %llu",
				(unsigned long long)token)
		      : fd;
}

static void reply_empty(struct ttrpc_call *call, int r, const struct err *err)
{
	if (r == -EBUSY)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "%s", err_text(err));
	else if (r < 0)
		ttrpc_call_fail_err(call, err);
	else
		ttrpc_call_reply_empty(call);
}

static void reply_device(struct ttrpc_call *call, int r, char *address, const struct err *err)
{
	KataLike__Vmm__V1__AddDeviceResponse response =
		KATA_LIKE__VMM__V1__ADD_DEVICE_RESPONSE__INIT;

	response.address = address;
	if (r < 0)
		ttrpc_call_fail_err(call, err);
	else
		ttrpc_call_reply(call, &response.base);
}

static void handle_add_disk(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__AddDiskRequest *request = (const void *)message;
	struct control *control = ctx;
	char address[HOTPLUG_ADDRESS_BYTES] = "";
	struct err err = ERR_INIT;
	struct vm_disk disk = { .fd = claim(control, request->token, &err),
				.read_only = request->read_only,
				.id = request->serial };
	int r = disk.fd < 0 ? disk.fd : hotplug_add_disk(control->vm, &disk, address, &err);

	reply_device(call, r, address, &err);
}

static void handle_add_fs(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__AddFsRequest *request = (const void *)message;
	struct control *control = ctx;
	char address[HOTPLUG_ADDRESS_BYTES] = "";
	struct err err = ERR_INIT;
	struct vm_fs fs = { .fd = claim(control, request->token, &err), .tag = request->tag };
	int r = fs.fd < 0 ? fs.fd : hotplug_add_fs(control->vm, &fs, address, &err);

	reply_device(call, r, address, &err);
}

static void handle_save_template(void *ctx, struct ttrpc_call *call,
				 const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__SaveTemplateRequest *request = (const void *)message;
	struct control *control = ctx;
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = claim(control, request->token, &err);
	int r = fd < 0 ? fd : vm_save_template(control->vm, fd, &err);

	reply_empty(call, r, &err);
}

static void handle_remove_device(void *ctx, struct ttrpc_call *call,
				 const ProtobufCMessage *message)
{
	const KataLike__Vmm__V1__RemoveDeviceRequest *request = (const void *)message;
	struct control *control = ctx;
	struct err err = ERR_INIT;
	int r = hotplug_remove(control->vm, request->address, request->force, &err);

	reply_empty(call, r, &err);
}

static const struct ttrpc_method methods[] = {
	{ "Pause", handle_pause, &kata_like__empty__descriptor, &kata_like__empty__descriptor },
	{ "Resume", handle_resume, &kata_like__empty__descriptor, &kata_like__empty__descriptor },
	{ "State", handle_state, &kata_like__empty__descriptor,
	  &kata_like__vmm__v1__state_response__descriptor },
	{ "SaveTemplate", handle_save_template,
	  &kata_like__vmm__v1__save_template_request__descriptor, &kata_like__empty__descriptor },
	{ "AddDisk", handle_add_disk, &kata_like__vmm__v1__add_disk_request__descriptor,
	  &kata_like__vmm__v1__add_device_response__descriptor },
	{ "AddFs", handle_add_fs, &kata_like__vmm__v1__add_fs_request__descriptor,
	  &kata_like__vmm__v1__add_device_response__descriptor },
	{ "AddNet", control_add_net, &kata_like__vmm__v1__add_net_request__descriptor,
	  &kata_like__vmm__v1__add_device_response__descriptor },
	{ "NetStats", control_net_stats, &kata_like__empty__descriptor,
	  &kata_like__vmm__v1__net_stats_response__descriptor },
	{ "SetNetLink", control_set_net_link, &kata_like__vmm__v1__set_net_link_request__descriptor,
	  &kata_like__empty__descriptor },
	{ "RemoveDevice", handle_remove_device,
	  &kata_like__vmm__v1__remove_device_request__descriptor, &kata_like__empty__descriptor },
	{ "Stop", handle_stop, &kata_like__empty__descriptor, &kata_like__empty__descriptor },
};

static const struct ttrpc_service service = {
	.name = "kata_like.vmm.v1.Vmm",
	.methods = methods,
	.n_methods = ARRAY_SIZE(methods),
};

static void on_closed(void *ctx)
{
	struct control *control = ctx;

	vm_stop(control->vm, "the controlling process is gone");
}

int control_init(struct control *control, struct vm *vm, struct descriptors *descriptors, int fd,
		 struct err *err)
{
	_cleanup_fd_ int owned = fd;
	int r;

	*control = (struct control){ .vm = vm, .descriptors = descriptors };
	r = ttrpc_server_new(vm->loop, &control->server, err);
	if (r < 0)
		return r;
	r = ttrpc_server_add_service(control->server, &service, control);
	if (r == 0)
		r = ttrpc_server_add_connection(control->server, TAKE_FD(owned), on_closed,
						control);
	if (r < 0) {
		control_fini(control);
		return err_set(err, -r, "cannot serve the control socket");
	}
	return 0;
}

void control_fini(struct control *control)
{
	ttrpc_server_free(control->server);
	control->server = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to a created container. */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "cli/ending.h"
#include "cli/shim-process.h"
#include "cli/values.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/task-api.h"
#include "runtime.pb-c.h"

#define ID_BYTES      6
#define CPUS_MAX      254
#define SETTINGS_MAX  12
#define CHECK_HINT    "`kata-like check` says what this machine lacks and what to do"
#define KVM_DEVICE    "/dev/kvm"
#define CONFIG_FORMAT (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE)

static bool shapes_machine(const struct launch_options *options)
{
	return options->kernel || options->initrd || options->cmdline || options->cpus ||
	       options->memory || options->console;
}

/* What the shim cannot say in the words of an option. */
static int check_machine(const struct launch_options *options, struct err *err)
{
	uint64_t value;
	int r = 0;

	if (options->cpus)
		r = value_count("--cpus", options->cpus, 1, CPUS_MAX, &value, err);
	if (r == 0 && options->memory)
		r = value_size("--memory", options->memory, &value, err);
	return r;
}

int launch_annotate(const struct launch_options *options, struct json_object *config,
		    struct err *err)
{
	int r = check_machine(options, err);

	if (r < 0 || !options->pod)
		return r;
	if (shapes_machine(options))
		return err_say(err, EINVAL,
			       "--pod %s: its machine runs already; --cpus, --memory, --kernel, "
			       "--initrd, --cmdline and --console belong to its first container",
			       options->pod);
	r = paths_check_id("--pod", options->pod, err);
	if (r == 0)
		r = config_set_annotation(config, ANNOTATION_CRI_TYPE, "container", err);
	if (r == 0)
		r = config_set_annotation(config, ANNOTATION_CRI_SANDBOX_ID, options->pod, err);
	return r;
}

int launch_check_kvm(struct err *err)
{
	_cleanup_fd_ int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	(void)err_set(err, errno, "cannot make a virtual machine: " KVM_DEVICE);
	return err_hint(err, CHECK_HINT);
}

static int make_up_id(char *ret_id)
{
	unsigned char bytes[ID_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int launch_begin(struct launch *launch, const struct cli *cli, const char *name,
		 const struct launch_options *options, struct err *err)
{
	char id[2 * ID_BYTES + 1];
	int r = loop_new(&launch->loop, err);

	launch->cli = cli;
	launch->options = options;
	if (r == 0)
		r = signals_new(launch->loop, &launch->signals, err);
	if (r == 0 && !name) {
		r = make_up_id(id);
		if (r < 0)
			return err_set(err, -r, "cannot make up an id");
		name = id;
	}
	return r < 0 ? r : record_create(cli->namespace, name, &launch->record, err);
}

int launch_write_config(const struct launch *launch, struct json_object *config, struct err *err)
{
	char path[PATHS_MAX];
	const char *text = json_object_to_json_string_ext(config, CONFIG_FORMAT);
	int r = record_path(&launch->record, "bundle/config.json", path, err);

	if (r < 0)
		return r;
	if (!text)
		return err_set(err, ENOMEM, "cannot write %s", path);
	return file_write_atomic(path, text, strlen(text), 0600, err);
}

/* A signal that came during a step without waiting in it is noticed here. */
static int check_interrupt(const struct launch *launch, struct err *err)
{
	int r = loop_step(launch->loop, 0);

	if (r < 0)
		return err_set(err, -r, "cannot look for signals");
	if (*signals_noted(launch->signals))
		return err_say(err, EINTR, "interrupted");
	return 0;
}

static int connect_shim(struct launch *launch, struct err *err)
{
	char address[PATHS_MAX];
	int r = check_interrupt(launch, err);

	if (r == 0)
		r = shim_process_start(launch->cli, launch->loop, &launch->record, address, err);
	if (r < 0)
		return r;
	r = record_set_address(&launch->record, address, err);
	if (r == 0)
		r = task_client_new(launch->loop, launch->record.namespace, address,
				    signals_noted(launch->signals), &launch->client, err);
	return r < 0 ? r : check_interrupt(launch, err);
}

/* The options as the shim takes them. Texts point into the options, and into files. */
struct machine_settings {
	KataLike__Runtime__Options options;
	KataLike__Runtime__Setting settings[SETTINGS_MAX], *list[SETTINGS_MAX];
	char *files[2]; /* of kernel and initramfs, as absolute paths */
	char memory[32];
	KataLike__Any any;
};

static void add_setting(struct machine_settings *machine, const char *name, const char *where,
			const char *value)
{
	size_t n = machine->options.n_settings;
	KataLike__Runtime__Setting *setting = &machine->settings[n];

	if (!value)
		return;
	kata_like__runtime__setting__init(setting);
	setting->name = (char *)(uintptr_t)name;
	setting->where = (char *)(uintptr_t)where;
	setting->value = (char *)(uintptr_t)value;
	machine->list[n] = setting;
	machine->options.n_settings = n + 1;
}

/* The shim runs elsewhere, so the path is made absolute. */
static int find_file(const char *option, const char *path, char **ret_path, struct err *err)
{
	if (!path)
		return 0;
	*ret_path = realpath(path, NULL);
	if (!*ret_path || access(*ret_path, R_OK) < 0)
		return err_set(err, errno, "%s %s", option, path);
	return 0;
}

static int describe_machine(const struct launch *launch, struct machine_settings *machine,
			    struct err *err)
{
	const struct launch_options *options = launch->options;
	const struct launch_network *network = &launch->network;
	uint64_t bytes = 0;
	int r = find_file("--kernel", options->kernel, &machine->files[0], err);

	kata_like__runtime__options__init(&machine->options);
	machine->options.settings = machine->list;
	if (r == 0)
		r = find_file("--initrd", options->initrd, &machine->files[1], err);
	if (r == 0 && options->memory)
		r = value_size("--memory", options->memory, &bytes, err);
	if (r < 0)
		return r;
	(void)snprintf(machine->memory, sizeof(machine->memory), "%llu", (unsigned long long)bytes);
	add_setting(machine, "vm.kernel", "--kernel", machine->files[0]);
	add_setting(machine, "vm.initrd", "--initrd", machine->files[1]);
	add_setting(machine, "vm.memory", "--memory", options->memory ? machine->memory : NULL);
	add_setting(machine, "vm.cpus", "--cpus", options->cpus);
	add_setting(machine, "vm.cmdline", "--cmdline", options->cmdline);
	add_setting(machine, "network.model", "--net-model", network->model);
	add_setting(machine, "network.user", "--net", network->user);
	add_setting(machine, "network.publish", "-p", *network->publish ? network->publish : NULL);
	add_setting(machine, "vm.console", "--console", options->console ? "true" : NULL);
	return 0;
}

static int pack_machine(struct machine_settings *machine, struct err *err)
{
	size_t len = kata_like__runtime__options__get_packed_size(&machine->options);

	kata_like__any__init(&machine->any);
	machine->any.type_url = (char *)(uintptr_t)TASK_TYPE_OPTIONS;
	machine->any.value.data = malloc(len + 1);
	if (!machine->any.value.data)
		return err_set(err, ENOMEM, "cannot describe the machine");
	machine->any.value.len =
		kata_like__runtime__options__pack(&machine->options, machine->any.value.data);
	return 0;
}

static void machine_settings_fini(struct machine_settings *machine)
{
	free(machine->any.value.data);
	free(machine->files[0]);
	free(machine->files[1]);
}

int launch_create(struct launch *launch, const struct launch_streams *streams, struct err *err)
{
	KataLike__Task__CreateTaskRequest request = KATA_LIKE__TASK__CREATE_TASK_REQUEST__INIT;
	_cleanup_(machine_settings_fini) struct machine_settings machine = { 0 };
	char bundle[PATHS_MAX];
	int r = record_path(&launch->record, "bundle", bundle, err);

	if (r == 0)
		r = describe_machine(launch, &machine, err);
	if (r == 0)
		r = pack_machine(&machine, err);
	if (r == 0)
		r = connect_shim(launch, err);
	if (r < 0)
		return r;
	request.options = &machine.any;
	request.id = launch->record.id;
	request.bundle = bundle;
	request.terminal = streams->terminal;
	request.stdin = (char *)(uintptr_t)streams->in;
	request.stdout = (char *)(uintptr_t)streams->out;
	request.stderr = (char *)(uintptr_t)streams->err;
	r = task_create(launch->client, &request, NULL, err);
	if (r < 0 && (strstr(err_text(err), "KVM") || strstr(err_text(err), KVM_DEVICE)) &&
	    !strstr(err_text(err), "kata-like check"))
		return err_hint(err, CHECK_HINT);
	return r;
}

int launch_start(struct launch *launch, struct err *err)
{
	KataLike__Task__StartRequest request = KATA_LIKE__TASK__START_REQUEST__INIT;

	request.id = launch->record.id;
	return task_start(launch->client, &request, NULL, err);
}

void launch_undo(struct launch *launch, const char *told)
{
	struct ending ending = { launch->cli, launch->loop, &launch->record, launch->client };
	struct err err = ERR_INIT;

	if (!launch->record.folder[0] || launch->record.folder_fd < 0)
		return;
	ending_report_failure(&launch->record, told);
	if (ending_force(&ending, &err) < 0)
		log_error("cannot remove all of container %s: %s; `kata-like delete --force %s` "
			  "tries again",
			  launch->record.id, err_text(&err), launch->record.id);
}

void launch_fini(struct launch *launch)
{
	task_client_free(launch->client);
	record_fini(&launch->record);
	signals_free(launch->signals);
	loop_free(launch->loop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How the VM of a pod is made. */
#include "shim/sandbox/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * What boots fast and ends clearly, beside what the VMM puts in front for its own hardware: no
 * calibration, no probing for what is not there, and on
 * a panic an immediate reset, which ends the VM.
 */
#define BASE_CMDLINE \
	"quiet panic=-1 pci=lastbus=0 tsc=reliable rcupdate.rcu_expedited=1 cryptomgr.notests"

/* What the user adds stands behind the rest, where it wins. */
static void make_cmdline(const char *added, struct guest *guest)
{
	_Static_assert(sizeof(BASE_CMDLINE) + 64 + SETTINGS_TEXT_MAX < GUEST_CMDLINE_MAX,
		       "there is room for all of it");
	/* The agent brings up the other CPUs: until then they cost the boot nothing. */
	(void)snprintf(guest->cmdline, sizeof(guest->cmdline), "%s%s%s%s%s", BASE_CMDLINE,
		       guest->cpus > 1 ? " maxcpus=1" : "",
		       guest->console ? GUEST_CONSOLE_CMDLINE : "", *added ? " " : "", added);
}

static int choose_network(const struct settings *settings, struct guest *guest, struct err *err)
{
	struct net_request *network = &guest->network;
	int r;

	net_request_init(network);
	network->queues = MIN(guest->cpus, JOINT_QUEUES_MAX);
	net_request_set_user(network, settings_text(settings, SETTING_NETWORK_USER));
	r = net_request_set_model(network, settings_text(settings, SETTING_NETWORK), err);
	if (r == 0)
		r = net_request_set_publish(network,
					    settings_text(settings, SETTING_NETWORK_PUBLISH), err);
	return r;
}

/* The configuration's file, or where one is installed, which is looked for again for the error. */
static int choose_file(const struct settings *settings, enum setting_key key, const char *name,
		       char *ret_path, struct err *err)
{
	const char *path = settings_text(settings, key);

	if (!*path)
		return paths_guest(name, ret_path, err);
	(void)snprintf(ret_path, PATHS_MAX, "%s", path);
	return 0;
}

int guest_from_settings(const struct settings *settings, struct guest *ret_guest, struct err *err)
{
	struct guest *guest = ret_guest;
	int r;

	*guest = (struct guest){
		.cpus = (uint32_t)settings_number(settings, SETTING_CPUS),
		.memory_bytes = settings_number(settings, SETTING_MEMORY),
		.timeout_ms = (int64_t)settings_number(settings, SETTING_TIMEOUT) * 1000,
		.console = settings_flag(settings, SETTING_CONSOLE),
		.template = settings_flag(settings, SETTING_TEMPLATE),
		.first_user = (uint32_t)settings_number(settings, SETTING_JAIL_FIRST),
		.n_users = (uint32_t)settings_number(settings, SETTING_JAIL_COUNT)
	};
	(void)snprintf(guest->cpu_model, sizeof(guest->cpu_model), "%.15s",
		       settings_text(settings, SETTING_CPU_MODEL));
	make_cmdline(settings_text(settings, SETTING_CMDLINE), guest);
	r = choose_file(settings, SETTING_KERNEL, "vmlinux", guest->kernel, err);
	if (r == 0)
		r = choose_file(settings, SETTING_INITRD, "initramfs.img", guest->initrd, err);
	if (r == 0)
		r = choose_network(settings, guest, err);
	return r;
}

static int open_image(const char *what, const char *path, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return *ret_fd < 0 ? err_set(err, errno, "cannot open %s %s", what, path) : 0;
}

int guest_open_images(const struct guest *guest, int *ret_kernel_fd, int *ret_initrd_fd,
		      struct err *err)
{
	int r = open_image("kernel", guest->kernel, ret_kernel_fd, err);

	return r == 0 ? open_image("initramfs", guest->initrd, ret_initrd_fd, err) : r;
}

int guest_open_kvm(int *ret_fd, struct err *err)
{
	*ret_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	(void)err_set(err, errno, "cannot open /dev/kvm");
	return err_hint(err, "`kata-like check` says what is missing");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The VMM's command line. */
#include "vmm/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "vmm/boot/cmdline.h"
#include "vmm/file-argument.h"
#include "vmm/kvm/kvm.h"

#define MEMORY_DEFAULT (256ull << 20)

static const char help[] =
	"usage: kata-like-vmm --kernel FILE [OPTION]...    run a virtual machine\n"
	"       kata-like-vmm --template FILE [OPTION]...  go on from where another one was\n"
	"       kata-like-vmm --check [--json]             say whether this host can run one\n"
	"\n"
	"A FILE is a path or fd:N, an inherited descriptor.\n"
	"\n"
	"  --kernel FILE          an ELF vmlinux with a PVH entry, or a bzImage\n"
	"  --initrd FILE          initial RAM disk\n"
	"  --template FILE        a VM that was saved (SaveTemplate of proto/vmm.proto), on this "
	"host,\n"
	"                         with the same memory, CPUs and devices. No kernel, and no "
	"console.\n"
	"  --cmdline TEXT         for the kernel; \"" CMDLINE_MACHINE "\" is put in front\n"
	"  --cpus N               virtual CPUs (1)\n"
	"  --memory SIZE          in MiB, or with a suffix K, M or G (256)\n"
	"  --disk FILE[,ro][,id=TEXT]\n"
	"                         a raw disk image or block device; again for more\n"
	"  --fs fd:N,tag=TEXT     a file system that the guest mounts by its tag (type virtiofs):\n"
	"                         the socket is connected to a vhost-user file server\n"
	"                         (virtiofsd); again for more. Implies --shared-memory.\n"
	"  --net fd:N[,fd:N...][,mac=ADDRESS][,mtu=BYTES]\n"
	"                         a network interface on a tap or macvtap (made with "
	"IFF_VNET_HDR),\n"
	"                         with a descriptor for each queue pair; again for more "
	"interfaces\n"
	"  --net socket:N[,...]   the same on a socket: a stream with 4 bytes of length before\n"
	"                         each frame (passt), or one of packets, a frame each "
	"(slirp4netns)\n"
	"  --shared-memory        guest memory that file servers added later can be given\n"
	"  --descriptors fd:N     descriptors for devices added later come over this socket\n"
	"                         (proto/descriptor-lane.h)\n"
	"  --rng                  a source of random numbers\n"
	"  --cpu-model MODEL      host: what this processor can do; baseline: x86-64-v2 on every\n"
	"                         host (host)\n"
	"  --pvpanic              a device by which the guest says that it panicked\n"
	"  --vsock fd:N           vsock, its connections over this socket (proto/vsock-link.h)\n"
	"  --vsock-uds PATH       vsock, its ports by CONNECT on a Unix socket made here\n"
	"  --console FILE|-       serial console to FILE (the last MiB is kept), or to stdout\n"
	"                         and from stdin; Ctrl-A x ends the VM. Off by default.\n"
	"  --control fd:N         serve proto/vmm.proto here; the VM ends when it closes\n"
	"  --kvm FILE             (" KVM_DEVICE_PATH ")\n"
	"  --log FILE             where messages go (stderr)\n"
	"  --log-level LEVEL      error, warning, info or debug (warning)\n"
	"  --jail-user N          as root: the user that the VM's process becomes (a number above\n"
	"                         1879048191, by process id)\n"
	"  --no-jail              no namespaces, no other user, no filter of system calls: for\n"
	"                         debuggers\n"
	"  --check                test /dev/kvm with a small guest; --json: for programs\n"
	"  --version, --help\n"
	"\n"
	"Exit status: 0 the guest shut down, or the VM was stopped; 1 it could not start; 2 wrong\n"
	"usage; 3 the guest's kernel panicked; 4 triple fault; 5 KVM internal error; 6 the CPU\n"
	"refused to enter the guest; 7 a system call failed. --check: 0 usable, 1 not.\n";

enum option_id {
	OPTION_KERNEL = 256,
	OPTION_INITRD,
	OPTION_TEMPLATE,
	OPTION_CMDLINE,
	OPTION_CPUS,
	OPTION_MEMORY,
	OPTION_DISK,
	OPTION_FS,
	OPTION_NET,
	OPTION_SHARED_MEMORY,
	OPTION_DESCRIPTORS,
	OPTION_RNG,
	OPTION_PVPANIC,
	OPTION_CPU_MODEL,
	OPTION_VSOCK,
	OPTION_VSOCK_UDS,
	OPTION_CONSOLE,
	OPTION_CONTROL,
	OPTION_KVM,
	OPTION_LOG,
	OPTION_LOG_LEVEL,
	OPTION_JAIL_USER,
	OPTION_NO_JAIL,
	OPTION_CHECK,
	OPTION_JSON,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPTION_KERNEL },
	{ "initrd", required_argument, NULL, OPTION_INITRD },
	{ "template", required_argument, NULL, OPTION_TEMPLATE },
	{ "cmdline", required_argument, NULL, OPTION_CMDLINE },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "memory", required_argument, NULL, OPTION_MEMORY },
	{ "disk", required_argument, NULL, OPTION_DISK },
	{ "fs", required_argument, NULL, OPTION_FS },
	{ "net", required_argument, NULL, OPTION_NET },
	{ "shared-memory", no_argument, NULL, OPTION_SHARED_MEMORY },
	{ "descriptors", required_argument, NULL, OPTION_DESCRIPTORS },
	{ "rng", no_argument, NULL, OPTION_RNG },
	{ "pvpanic", no_argument, NULL, OPTION_PVPANIC },
	{ "cpu-model", required_argument, NULL, OPTION_CPU_MODEL },
	{ "vsock", required_argument, NULL, OPTION_VSOCK },
	{ "vsock-uds", required_argument, NULL, OPTION_VSOCK_UDS },
	{ "console", required_argument, NULL, OPTION_CONSOLE },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "kvm", required_argument, NULL, OPTION_KVM },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "jail-user", required_argument, NULL, OPTION_JAIL_USER },
	{ "no-jail", no_argument, NULL, OPTION_NO_JAIL },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* A decimal number at the start of text; *ret_rest is what follows. False if there is none. */
static bool parse_number(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	char *rest;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_value = strtoull(text, &rest, 10);
	*ret_rest = rest;
	return errno == 0;
}

static int parse_cpus(const char *text, unsigned *ret_cpus, struct err *err)
{
	const char *rest;
	uint64_t value;

	if (!parse_number(text, &value, &rest) || *rest || value == 0 || value > UINT_MAX)
		return err_say(err, EINVAL, "--cpus %s: give a number of at least 1", text);
	*ret_cpus = (unsigned)value;
	return 0;
}

static int parse_memory(const char *text, uint64_t *ret_bytes, struct err *err)
{
	unsigned shift = 20;
	const char *rest;
	uint64_t value;

	if (!parse_number(text, &value, &rest))
		return err_say(err, EINVAL,
			       "--memory %s: give a size such as 256 (MiB), 512M or 2G", text);
	if (*rest == 'K' || *rest == 'k')
		shift = 10;
	else if (*rest == 'G' || *rest == 'g')
		shift = 30;
	if (*rest && strchr("KkMmGg", *rest))
		rest++;
	if (*rest || value > UINT64_MAX >> shift)
		return err_say(err, EINVAL,
			       "--memory %s: give a size such as 256 (MiB), 512M or 2G", text);
	value <<= shift;
	if (value == 0)
		return err_say(err, EINVAL, "--memory %s: a VM cannot run without memory", text);
	if (value % GUESTMEM_PAGE_SIZE != 0)
		return err_say(err, EINVAL, "--memory %s: give a multiple of 4K", text);
	*ret_bytes = value;
	return 0;
}

static int parse_disk(const char *text, struct options *options, struct err *err)
{
	struct options_disk *disk = &options->disks[options->n_disks];
	char *rest;

	if (options->n_disks == VM_DISKS_MAX)
		return err_say(err, EINVAL, "--disk %s: more than %u disks", text, VM_DISKS_MAX);
	*disk = (struct options_disk){ .file = strdup(text), .id = "" };
	if (!disk->file)
		return err_set(err, ENOMEM, "--disk %s", text);
	options->n_disks++;
	rest = disk->file;
	(void)strsep(&rest, ",");
	for (char *word; (word = strsep(&rest, ","));) {
		if (strcmp(word, "ro") == 0)
			disk->read_only = true;
		else if (strncmp(word, "id=", 3) == 0)
			disk->id = word + 3;
		else
			return err_say(err, EINVAL, "--disk %s: \"%s\" is neither ro nor id=TEXT",
				       text, word);
	}
	if (!disk->file[0])
		return err_say(err, EINVAL, "--disk %s: no file is named", text);
	return 0;
}

static int parse_fs(const char *text, struct options *options, struct err *err)
{
	struct options_fs *fs = &options->fs[options->n_fs];
	char *rest;

	if (options->n_fs == VM_FS_MAX)
		return err_say(err, EINVAL, "--fs %s: more than %u file systems", text, VM_FS_MAX);
	*fs = (struct options_fs){ .file = strdup(text) };
	if (!fs->file)
		return err_set(err, ENOMEM, "--fs %s", text);
	options->n_fs++;
	rest = fs->file;
	(void)strsep(&rest, ",");
	/* The tag is the rest of the text: it may have commas. */
	if (!file_argument_is_inherited(fs->file) || !rest || strncmp(rest, "tag=", 4) != 0)
		return err_say(err, EINVAL, "--fs %s: give fd:N,tag=TEXT", text);
	fs->tag = rest + 4;
	return 0;
}

#define SOCKET "socket:"

static bool parse_mac(const char *text, uint8_t ret_mac[NET_MAC_BYTES])
{
	for (unsigned i = 0; i < NET_MAC_BYTES; i++) {
		static const char digits[] = "0123456789abcdefABCDEF";

		if (strspn(text, digits) != 2)
			return false;
		ret_mac[i] = (uint8_t)strtoul(text, NULL, 16);
		text += 2;
		if (*text++ != (i + 1 < NET_MAC_BYTES ? ':' : '\0'))
			return false;
	}
	return true;
}

static bool parse_mtu(const char *text, uint16_t *ret_mtu)
{
	const char *rest;
	uint64_t value;

	if (!parse_number(text, &value, &rest) || *rest || value < NET_MTU_MIN ||
	    value > NET_MTU_MAX)
		return false;
	*ret_mtu = (uint16_t)value;
	return true;
}

/* One of the words between the commas. */
static int parse_net_word(const char *text, char *word, struct options_net *net, struct err *err)
{
	struct net_config *config = &net->config;
	bool socket = strncmp(word, SOCKET, strlen(SOCKET)) == 0;

	if (strncmp(word, "mac=", 4) == 0) {
		config->has_mac = true;
		return parse_mac(word + 4, config->mac)
			       ? 0
			       : err_say(err, EINVAL, "--net %s: give mac=XX:XX:XX:XX:XX:XX", text);
	}
	if (strncmp(word, "mtu=", 4) == 0)
		return parse_mtu(word + 4, &config->mtu)
			       ? 0
			       : err_say(err, EINVAL, "--net %s: give mtu=%u to %u", text,
					 NET_MTU_MIN, NET_MTU_MAX);
	if (!socket && !file_argument_is_inherited(word))
		return err_say(err, EINVAL,
			       "--net %s: \"%s\" is none of fd:N, socket:N, mac=ADDRESS and "
			       "mtu=BYTES",
			       text, word);
	if (config->n_fds == NET_PAIRS_MAX || config->socket || (socket && config->n_fds > 0))
		return err_say(err, EINVAL, "--net %s: give at most %d times fd:N, or one socket:N",
			       text, NET_PAIRS_MAX);
	if (socket) {
		/* Its end is an inherited descriptor like any other. */
		word += strlen(SOCKET) - strlen("fd:");
		memcpy(word, "fd:", strlen("fd:"));
	}
	config->socket = socket;
	net->files[config->n_fds++] = word;
	return 0;
}

static int parse_net(const char *text, struct options *options, struct err *err)
{
	struct options_net *net = &options->nets[options->n_nets];
	char *rest;
	int r = 0;

	if (options->n_nets == VM_NETS_MAX)
		return err_say(err, EINVAL, "--net %s: more than %u interfaces", text, VM_NETS_MAX);
	*net = (struct options_net){ .text = strdup(text) };
	if (!net->text)
		return err_set(err, ENOMEM, "--net %s", text);
	options->n_nets++;
	rest = net->text;
	for (char *word; r == 0 && (word = strsep(&rest, ","));)
		r = parse_net_word(text, word, net, err);
	if (r == 0 && net->config.n_fds == 0)
		r = err_say(err, EINVAL, "--net %s: no descriptor is named", text);
	return r;
}

static int parse_log_level(const char *text, enum log_level *ret_level, struct err *err)
{
	static const char *const names[] = { [LOG_LEVEL_ERROR] = "error",
					     [LOG_LEVEL_WARN] = "warning",
					     [LOG_LEVEL_INFO] = "info",
					     [LOG_LEVEL_DEBUG] = "debug" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return err_say(err, EINVAL, "--log-level %s: give error, warning, info or debug", text);
}

static int parse_cpu_model(const char *text, enum cpu_model *ret_model, struct err *err)
{
	if (strcmp(text, "host") == 0)
		*ret_model = CPU_MODEL_HOST;
	else if (strcmp(text, "baseline") == 0)
		*ret_model = CPU_MODEL_BASELINE;
	else
		return err_say(err, EINVAL, "--cpu-model %s: give host or baseline", text);
	return 0;
}

static int parse_jail_user(const char *text, uid_t *ret_user, struct err *err)
{
	const char *rest;
	uint64_t value;

	/* Root is none, and the highest number means "no change" to Linux. */
	if (!parse_number(text, &value, &rest) || *rest || value == 0 || value >= UINT32_MAX)
		return err_say(err, EINVAL, "--jail-user %s: give a user id other than 0", text);
	*ret_user = (uid_t)value;
	return 0;
}

/* Where an option's argument goes that is taken as it is; NULL: it is not that simple. */
static const char **plain_target(struct options *options, int option)
{
	switch (option) {
	case OPTION_KERNEL:
		return &options->kernel;
	case OPTION_INITRD:
		return &options->initrd;
	case OPTION_TEMPLATE:
		return &options->template;
	case OPTION_CMDLINE:
		return &options->cmdline;
	case OPTION_KVM:
		return &options->kvm;
	case OPTION_CONTROL:
		return &options->control;
	case OPTION_CONSOLE:
		return &options->console;
	case OPTION_VSOCK:
		return &options->vsock;
	case OPTION_VSOCK_UDS:
		return &options->vsock_uds;
	case OPTION_DESCRIPTORS:
		return &options->descriptors;
	case OPTION_LOG:
		return &options->log;
	default:
		return NULL;
	}
}

static int parse_one(struct options *options, int option, const char *argument, struct err *err)
{
	const char **target = plain_target(options, option);

	if (target) {
		*target = argument;
		return 0;
	}
	switch (option) {
	case OPTION_CPUS:
		return parse_cpus(argument, &options->cpus, err);
	case OPTION_MEMORY:
		return parse_memory(argument, &options->memory_bytes, err);
	case OPTION_DISK:
		return parse_disk(argument, options, err);
	case OPTION_FS:
		return parse_fs(argument, options, err);
	case OPTION_NET:
		return parse_net(argument, options, err);
	case OPTION_LOG_LEVEL:
		return parse_log_level(argument, &options->log_level, err);
	case OPTION_CPU_MODEL:
		return parse_cpu_model(argument, &options->cpu_model, err);
	case OPTION_JAIL_USER:
		return parse_jail_user(argument, &options->jail_user, err);
	case OPTION_NO_JAIL:
		options->no_jail = true;
		return 0;
	case OPTION_SHARED_MEMORY:
		options->shared_memory = true;
		return 0;
	case OPTION_RNG:
		options->rng = true;
		return 0;
	case OPTION_PVPANIC:
		options->pvpanic = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_CHECK:
		options->action = OPTIONS_CHECK;
		return 0;
	case OPTION_VERSION:
		options->action = OPTIONS_VERSION;
		return 0;
	default:
		options->action = OPTIONS_HELP;
		return 0;
	}
}

static int check_together(const struct options *options, struct err *err)
{
	if (options->template && (options->kernel || options->initrd || options->console))
		return err_say(err, EINVAL,
			       "--template goes without --kernel, --initrd and --console: the VM "
			       "has booted already, without a console");
	if (options->action == OPTIONS_RUN && !options->kernel && !options->template)
		return err_say(err, EINVAL, "no kernel is named; give one with --kernel FILE");
	if (options->json && options->action != OPTIONS_CHECK)
		return err_say(err, EINVAL, "--json goes with --check only");
	if (options->vsock && !file_argument_is_inherited(options->vsock))
		return err_say(err, EINVAL, "--vsock %s: give an inherited socket, fd:N",
			       options->vsock);
	if (options->control && !file_argument_is_inherited(options->control))
		return err_say(err, EINVAL, "--control %s: give an inherited socket, fd:N",
			       options->control);
	if (options->descriptors && !file_argument_is_inherited(options->descriptors))
		return err_say(err, EINVAL, "--descriptors %s: give an inherited socket, fd:N",
			       options->descriptors);
	return 0;
}

int options_parse(int argc, char *const argv[], struct options *ret_options, struct err *err)
{
	int option, r = 0;

	*ret_options = (struct options){ .cmdline = "",
					 .kvm = KVM_DEVICE_PATH,
					 .log_level = LOG_LEVEL_WARN,
					 .cpus = 1,
					 .memory_bytes = MEMORY_DEFAULT };
	optind = 0;
	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == ':')
			return err_say(err, EINVAL, "%s needs an argument", argv[optind - 1]);
		if (option == '?')
			return err_say(err, EINVAL, "there is no option %s", argv[optind - 1]);
		r = parse_one(ret_options, option, optarg, err);
	}
	if (r < 0)
		return r;
	if (optind < argc)
		return err_say(err, EINVAL, "\"%s\" is no option", argv[optind]);
	return check_together(ret_options, err);
}

void options_fini(struct options *options)
{
	for (size_t i = 0; i < options->n_disks; i++)
		free(options->disks[i].file);
	options->n_disks = 0;
	for (size_t i = 0; i < options->n_fs; i++)
		free(options->fs[i].file);
	options->n_fs = 0;
	for (size_t i = 0; i < options->n_nets; i++)
		free(options->nets[i].text);
	options->n_nets = 0;
}

void options_help(FILE *out)
{
	(void)fputs(help, out);
}

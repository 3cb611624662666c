/* SPDX-License-Identifier: Apache-2.0 */
/* One virtual machine. */
#include "vmm/vm.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/sysinfo.h>

#include "lib/log.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/pci/pvpanic.h"
#include "vmm/template/template.h"
#include "vmm/virtio/block.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/rng.h"
#include "vmm/virtio/vsock-table.h"
#include "vmm/virtio/vsock.h"
#include "vmm/vm-io.h"
#include "proto/vsock-link.h"

static int check_limits(const struct vm *vm, const struct vm_config *config, struct err *err)
{
	unsigned max_cpus = MIN(vm->kvm.max_cpus, LAYOUT_CPUS_MAX);
	struct sysinfo info;
	uint64_t host_bytes;

	if (config->cpus == 0 || config->cpus > max_cpus)
		return err_say(err, EINVAL, "%u CPUs asked for; this host can give a VM 1 to %u",
			       config->cpus, max_cpus);
	if (config->memory_bytes == 0)
		return err_say(err, EINVAL, "a VM with 0 MiB of memory cannot run; give it more");
	if (sysinfo(&info) < 0)
		return err_set(err, errno, "cannot learn the host's memory");
	host_bytes = (uint64_t)info.totalram * info.mem_unit;
	if (config->memory_bytes > host_bytes)
		return err_say(err, EINVAL,
			       "%llu MiB of memory asked for, and this host has %llu MiB; ask for "
			       "less",
			       (unsigned long long)config->memory_bytes >> 20,
			       (unsigned long long)host_bytes >> 20);
	return 0;
}

static void on_panic(void *ctx)
{
	struct vm *vm = ctx;

	vm_over(vm, VM_END_PANIC, (int)vm->accessing_cpu, "the guest's kernel panicked on vCPU %u",
		vm->accessing_cpu);
}

int vm_new_disk(struct vm *vm, struct vm_disk *disk, struct virtio_device **ret_dev,
		struct err *err)
{
	struct block_config block = { .fd = TAKE_FD(disk->fd),
				      .read_only = disk->read_only,
				      .rings = &vm->rings };

	memcpy(block.id, disk->id, strnlen(disk->id, sizeof(block.id)));
	return block_new(&block, ret_dev, err);
}

static int add_disks(struct vm *vm, struct vm_config *config, const struct virtio_host *host,
		     struct err *err)
{
	for (size_t i = 0; i < config->n_disks; i++) {
		struct virtio_device *dev;
		int r = vm_new_disk(vm, &config->disks[i], &dev, err);

		if (r == 0)
			r = virtio_pci_add(host, dev, NULL, err);
		if (r < 0)
			return err_push(err, "disk %zu", i);
	}
	return 0;
}

int vm_new_fs(struct vm_fs *fs, struct virtio_device **ret_dev, struct err *err)
{
	struct fs_config config = { .fd = TAKE_FD(fs->fd), .tag = fs->tag };

	return fs_new(&config, ret_dev, err);
}

static int add_file_systems(struct vm_config *config, const struct virtio_host *host,
			    struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < config->n_fs && r == 0; i++) {
		struct virtio_device *dev;

		r = vm_new_fs(&config->fs[i], &dev, err);
		if (r == 0)
			r = virtio_pci_add(host, dev, NULL, err);
	}
	return r;
}

int vm_new_net(struct vm *vm, struct net_config *net, struct virtio_device **ret_dev,
	       struct err *err)
{
	struct net_config config = *net;

	net->n_fds = 0;
	config.threads = &vm->threads;
	return net_new(&config, ret_dev, err);
}

static int add_nets(struct vm *vm, struct vm_config *config, const struct virtio_host *host,
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < config->n_nets && r == 0; i++) {
		struct virtio_device *dev;
		struct pci_function *fn = NULL;

		r = vm_new_net(vm, &config->nets[i], &dev, err);
		if (r == 0)
			r = virtio_pci_add(host, dev, &fn, err);
		/* The interface that it belongs to may go while the VM runs. */
		if (r == 0)
			vm->plugged_slots |= 1u << fn->slot;
		if (r < 0)
			return err_push(err, "network interface %zu", i);
	}
	return r;
}

static int add_vsock(struct vm_config *config, const struct virtio_host *host, struct err *err)
{
	struct vsock_config vsock = { .guest_cid = VSOCK_GUEST_CID,
				      .link_fd = TAKE_FD(config->vsock_link_fd),
				      .uds_listen_fd = TAKE_FD(config->vsock_uds_fd) };
	struct virtio_device *dev;
	uint32_t chance;
	int r;

	/* The guest may not be done yet with a connection of before: its port is not ours again. */
	if (config->template_fd >= 0 && getrandom(&chance, sizeof(chance), 0) == sizeof(chance))
		vsock.first_host_port = VSOCK_HOST_PORT_FIRST +
					chance % (VSOCK_HOST_PORT_LAST - VSOCK_HOST_PORT_FIRST);
	r = vsock_new(&vsock, &dev, err);
	return r == 0 ? virtio_pci_add(host, dev, NULL, err) : r;
}

static int add_rng(const struct virtio_host *host, struct err *err)
{
	struct virtio_device *dev;
	int r = rng_new(&dev, err);

	return r == 0 ? virtio_pci_add(host, dev, NULL, err) : r;
}

struct virtio_host vm_virtio_host(struct vm *vm)
{
	return (struct virtio_host){ .mem = &vm->mem,
				     .bus = &vm->bus,
				     .interrupts = &vm->interrupts.base,
				     .loop = vm->loop,
				     .lock = &vm->lock };
}

/*
 * What every VM has comes first: it is where a template has it, whatever else there is. Disks come
 * in order, so that their names in the guest follow the command line.
 */
static int add_devices(struct vm *vm, struct vm_config *config, struct err *err)
{
	struct virtio_host host = vm_virtio_host(vm);
	int r = config->vsock ? add_vsock(config, &host, err) : 0;

	if (r == 0 && config->rng)
		r = add_rng(&host, err);
	if (r == 0 && config->pvpanic)
		r = pvpanic_add(&vm->bus, on_panic, vm, err);
	if (r == 0)
		r = add_disks(vm, config, &host, err);
	/* No ring is made once the guest runs. */
	if (r == 0)
		r = block_rings_init(&vm->rings,
				     config->hotplug ? VM_DISKS_MAX - config->n_disks : 0, err);

	if (r == 0)
		r = add_file_systems(config, &host, err);
	if (r == 0)
		r = add_nets(vm, config, &host, err);
	if (r == 0)
		r = io_threads_init(&vm->threads, config->hotplug ? VM_NETS_MAX : 0, err);
	return r;
}

static void on_escape(void *ctx)
{
	vm_stop(ctx, "asked to at the console");
}

static int add_console(struct vm *vm, const struct vm_config *config, struct err *err)
{
	struct console_config console = { .out_fd = config->console_out_fd,
					  .in_fd = config->console_in_fd,
					  .bounded = config->console_bounded,
					  .loop = vm->loop,
					  .lock = &vm->lock,
					  .quit = config->console_escape ? on_escape : NULL,
					  .quit_ctx = vm };
	int r = console_init(&vm->console, &console, err);

	return r == 0 ? kvm_interrupts_add_isa(&vm->interrupts, SERIAL_IRQ,
					       vm->console.interrupt_fd, err)
		      : r;
}

static void on_end(void *ctx, int fd, uint32_t events)
{
	struct vm *vm = ctx;

	(void)fd;
	(void)events;
	loop_quit(vm->loop, 0);
}

static int add_end(struct vm *vm, struct err *err)
{
	int r;

	vm->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->end_fd < 0)
		return err_set(err, errno, "cannot make an event for the VM's end");
	r = loop_add_fd(vm->loop, vm->end_fd, EPOLLIN, on_end, vm, &vm->end_source);
	return r < 0 ? err_set(err, -r, "cannot wait for the VM's end") : 0;
}

static int init_memory(struct vm *vm, const struct vm_config *config, struct err *err)
{
	/* Private memory where it does: the host can give that in huge pages. */
	if (config->shared_memory || config->n_fs > 0)
		return guestmem_init_shared(&vm->mem, config->memory_bytes, LAYOUT_HOLE_START,
					    LAYOUT_HOLE_END, err);
	return guestmem_init(&vm->mem, config->memory_bytes, LAYOUT_HOLE_START, LAYOUT_HOLE_END,
			     err);
}

static int open_template(const struct vm_config *config, struct template **ret_template,
			 struct err *err)
{
	struct template *template;
	int r;

	if (config->template_fd < 0)
		return 0;
	r = template_open(config->template_fd, config->template_name, &template, err);
	if (r < 0)
		return r;
	*ret_template = template;
	if (template_memory_bytes(template) == config->memory_bytes &&
	    template_cpus(template) == config->cpus)
		return 0;
	return err_say(err, EINVAL,
		       "template %s is of %llu MiB and %u vCPUs, and %llu MiB and %u vCPUs are "
		       "asked for",
		       config->template_name,
		       (unsigned long long)template_memory_bytes(template) >> 20,
		       template_cpus(template), (unsigned long long)config->memory_bytes >> 20,
		       config->cpus);
}

static struct template_vm template_parts(struct vm *vm)
{
	return (struct template_vm){
		.mem = &vm->mem, .machine = &vm->machine, .bus = &vm->bus, .vcpus = &vm->vcpus
	};
}

static int load_state(struct vm *vm, const struct template *template, struct err *err)
{
	const struct template_vm parts = template_parts(vm);
	int r;

	pthread_mutex_lock(&vm->lock);
	r = template_load_state(template, &parts, err);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_save_template(struct vm *vm, int fd, struct err *err)
{
	const struct template_vm parts = template_parts(vm);
	int r;

	vm_pause(vm);
	pthread_mutex_lock(&vm->lock);
	r = template_save(&parts, fd, err);
	pthread_mutex_unlock(&vm->lock);
	vm_resume(vm);
	return r;
}

static void cleanup_template(struct template **template)
{
	template_free(*template);
}

static int build(struct vm *vm, struct vm_config *config, struct err *err)
{
	_cleanup_(cleanup_template) struct template *template = NULL;
	struct boot_entry entry;
	int r = kvm_init(&vm->kvm, TAKE_FD(config->kvm_fd), err);

	if (r == 0)
		r = check_limits(vm, config, err);
	if (r == 0)
		r = init_memory(vm, config, err);
	/* The kernel comes before the VM: most of what can go wrong goes wrong here. */
	if (r == 0)
		r = open_template(config, &template, err);
	if (r == 0)
		r = template ? template_load_memory(template, &vm->mem, err)
			     : boot_load(&vm->mem, &config->boot, &entry, err);
	if (r == 0)
		r = machine_init(&vm->machine, &vm->kvm, config->cpu_model, err);
	if (r == 0)
		r = machine_map(&vm->machine, &vm->mem, err);
	if (r == 0)
		r = machine_coalesce_port(&vm->machine, PCI_PORT_FIRST, sizeof(uint32_t), err);
	if (r == 0)
		r = kvm_interrupts_init(&vm->interrupts, &vm->machine, err);
	if (r == 0)
		r = add_end(vm, err);
	if (r == 0)
		r = add_devices(vm, config, err);
	if (r == 0 && config->console)
		r = add_console(vm, config, err);
	if (r == 0)
		r = vcpus_init(&vm->vcpus, &vm->machine, config->cpus, &vm->handlers,
			       template ? NULL : &entry, err);
	if (r == 0 && template)
		r = load_state(vm, template, err);
	return r;
}

int vm_init(struct vm *vm, struct loop *loop, struct vm_config *config, struct err *err)
{
	int r;

	*vm = (struct vm){
		.loop = loop,
		.jail = config->jail,
		.kvm.fd = -1,
		.machine.fd = -1,
		.end_fd = -1,
		.end_cpu = -1,
	};
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->end_lock, NULL);
	pci_bus_init(&vm->bus, LAYOUT_PCI_WINDOW_START, LAYOUT_PCI_WINDOW_END);
	vm_io_init(vm);
	vm->threads = (struct io_threads){ .confine = vm_io_confine, .confine_ctx = vm };
	r = build(vm, config, err);
	cleanup_fd(&config->vsock_link_fd);
	cleanup_fd(&config->vsock_uds_fd);
	for (size_t i = 0; i < config->n_disks; i++)
		cleanup_fd(&config->disks[i].fd);
	for (size_t i = 0; i < config->n_fs; i++)
		cleanup_fd(&config->fs[i].fd);
	for (size_t i = 0; i < config->n_nets; i++)
		for (unsigned j = 0; j < config->nets[i].n_fds; j++)
			cleanup_fd(&config->nets[i].fds[j]);
	if (r < 0)
		vm_fini(vm);
	return r;
}

void vm_fini(struct vm *vm)
{
	vcpus_fini(&vm->vcpus);
	pthread_mutex_lock(&vm->lock);
	pci_bus_fini(&vm->bus);
	pthread_mutex_unlock(&vm->lock);
	block_rings_fini(&vm->rings);
	io_threads_fini(&vm->threads);
	console_fini(&vm->console);
	kvm_interrupts_fini(&vm->interrupts);
	machine_fini(&vm->machine);
	guestmem_fini(&vm->mem);
	kvm_fini(&vm->kvm);
	loop_source_free(vm->end_source);
	cleanup_fd(&vm->end_fd);
	pthread_mutex_destroy(&vm->end_lock);
	pthread_mutex_destroy(&vm->lock);
}

void vm_over(struct vm *vm, enum vm_end end, int cpu, const char *fmt, ...)
{
	va_list va;

	pthread_mutex_lock(&vm->end_lock);
	if (!vm->ended) {
		vm->ended = true;
		vm->end = end;
		vm->end_cpu = cpu;
		va_start(va, fmt);
		(void)vsnprintf(vm->end_text, sizeof(vm->end_text), fmt, va);
		va_end(va);
		(void)eventfd_write(vm->end_fd, 1);
	}
	pthread_mutex_unlock(&vm->end_lock);
	/* Not one instruction more: the registers shall tell about this moment. */
	if (vm->vcpus.list)
		vcpus_halt(&vm->vcpus);
}

void vm_stop(struct vm *vm, const char *why)
{
	vm_over(vm, VM_END_STOPPED, -1, "stopped: %s", why);
}

void vm_pause(struct vm *vm)
{
	vcpus_pause(&vm->vcpus);
}

void vm_resume(struct vm *vm)
{
	vcpus_resume(&vm->vcpus);
}

int vm_end_status(enum vm_end end)
{
	return end == VM_END_STOPPED ? 0 : (int)end;
}

/* The bytes that the vCPU was about to execute, where they lie in memory. */
static void log_code(const struct vm *vm, const struct vcpu *vcpu)
{
	char text[3 * 16 + 1] = "";
	uint8_t code[16];
	gpa_t gpa;

	if (!vcpu_instruction(vcpu, &gpa) || !guestmem_read(&vm->mem, gpa, code, sizeof(code)))
		return;
	for (size_t i = 0; i < sizeof(code); i++)
		(void)snprintf(text + 3 * i, 4, " %02x", code[i]);
	log_error("  code at rip (physical 0x%llx):%s", (unsigned long long)gpa, text);
}

static void log_end(const struct vm *vm)
{
	if (vm->end == VM_END_SHUTDOWN || vm->end == VM_END_STOPPED) {
		log_info("%s", vm->end_text);
		return;
	}
	log_error("%s", vm->end_text);
	if (vm->end_cpu >= 0) {
		vcpu_log_registers(&vm->vcpus.list[vm->end_cpu]);
		log_code(vm, &vm->vcpus.list[vm->end_cpu]);
	}
}

static void log_exits(const struct vm *vm)
{
	for (enum vcpu_exit exit = 0; exit < VCPU_EXITS; exit++)
		log_debug("exits to user space: %s %llu", vcpu_exit_name(exit),
			  (unsigned long long)vcpus_exits(&vm->vcpus, exit));
}

int vm_run(struct vm *vm, enum vm_end *ret_end, struct err *err)
{
	int r = vcpus_start(&vm->vcpus, err);

	if (r < 0)
		return r;
	if (vm->jail)
		r = jail_shut(vm->jail, SYSCALLS_MAIN);
	if (r < 0) {
		vcpus_stop(&vm->vcpus);
		return err_set(err, -r, "cannot filter system calls");
	}
	r = loop_run(vm->loop);
	if (r < 0)
		vm_over(vm, VM_END_HOST_ERROR, -1, "the event loop failed: %s", strerror(-r));
	vcpus_stop(&vm->vcpus);
	log_end(vm);
	log_exits(vm);
	*ret_end = vm->end;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs: one thread each, from creation to its last exit. */
#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/log.h"
#include "lib/syscalls.h"
#include "vmm/kvm/exit.h"
#include "vmm/kvm/x86/cpu.h"

SYSCALLS(SYSCALL_IF(SYSCALLS_VCPU, ioctl, 1, SYSCALL_IS, KVM_RUN),
	 SYSCALL_IF(SYSCALLS_VCPU, ioctl, 1, SYSCALL_IS, KVM_KVMCLOCK_CTRL),
	 /* pthread_kill() */
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, getpid),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, gettid),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, tgkill, 0, SYSCALL_IS_PID, 0));

/* Enough for a device's register access and a line of log, and 16 of them still weigh little. */
#define STACK_BYTES (64u << 10)

#define KICK_SIGNAL SIGUSR1

static void on_kick(int signal_number)
{
	(void)signal_number;
}

/* The signal must interrupt KVM_RUN, so it needs a handler, and no SA_RESTART. */
static int install_kick(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	return sigaction(KICK_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

static int vcpu_create(struct vcpu *vcpu, const struct machine *machine, struct err *err)
{
	void *area;

	vcpu->fd = ioctl(machine->fd, KVM_CREATE_VCPU, (long)vcpu->id);
	if (vcpu->fd < 0)
		return err_set(err, errno, "cannot create vCPU %u", vcpu->id);
	vcpu->run_bytes = machine->kvm->run_bytes;
	area = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (area == MAP_FAILED)
		return err_set(err, errno, "cannot map the shared area of vCPU %u", vcpu->id);
	vcpu->run = area;
	if (machine->kvm->coalesced_pio) {
		int page = kvm_capability(machine->kvm->fd, KVM_CAP_COALESCED_MMIO);

		vcpu->ring = (void *)((uint8_t *)area + (size_t)page * GUESTMEM_PAGE_SIZE);
	}
	return 0;
}

int vcpus_init(struct vcpus *vcpus, const struct machine *machine, unsigned n,
	       const struct vcpu_handlers *handlers, const struct boot_entry *entry,
	       struct err *err)
{
	int r = install_kick();

	if (r < 0)
		return err_set(err, -r, "cannot set up signals for vCPUs");
	*vcpus = (struct vcpus){ .list = calloc(n, sizeof(struct vcpu)) };
	if (!vcpus->list)
		return err_set(err, ENOMEM, "cannot create %u vCPUs", n);
	pthread_mutex_init(&vcpus->gate.mutex, NULL);
	pthread_cond_init(&vcpus->gate.changed, NULL);
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct vcpu *vcpu = &vcpus->list[vcpus->n++];

		vcpu->id = i;
		vcpu->gate = &vcpus->gate;
		vcpu->handlers = handlers;
		r = vcpu_create(vcpu, machine, err);
		if (r == 0)
			r = cpu_init(machine->kvm->fd, vcpu->fd, machine->cpu_model, i, n,
				     i == 0 ? entry : NULL, err);
	}
	if (r < 0)
		vcpus_fini(vcpus);
	return r;
}

void vcpus_fini(struct vcpus *vcpus)
{
	if (!vcpus->list)
		return;
	vcpus_stop(vcpus);
	for (unsigned i = 0; i < vcpus->n; i++) {
		struct vcpu *vcpu = &vcpus->list[i];

		if (vcpu->run)
			munmap(vcpu->run, vcpu->run_bytes);
		if (vcpu->fd >= 0)
			close(vcpu->fd);
	}
	free(vcpus->list);
	vcpus->list = NULL;
	pthread_cond_destroy(&vcpus->gate.changed);
	pthread_mutex_destroy(&vcpus->gate.mutex);
}

/* Waits at the gate while it is shut. False: stop. */
static bool pass_gate(struct vcpu *vcpu)
{
	struct vcpu_gate *gate = vcpu->gate;
	bool go_on;

	pthread_mutex_lock(&gate->mutex);
	if (gate->state == GATE_PAUSED) {
		gate->n_running--;
		pthread_cond_broadcast(&gate->changed);
		while (gate->state == GATE_PAUSED)
			pthread_cond_wait(&gate->changed, &gate->mutex);
		gate->n_running++;
		/* Lets the guest's watchdogs forgive the gap; it fails harmlessly without a
		 * kvm-clock. */
		(void)ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0L);
	}
	go_on = gate->state != GATE_STOPPED;
	vcpu->run->immediate_exit = 0;
	pthread_mutex_unlock(&gate->mutex);
	return go_on;
}

static void count(struct vcpu *vcpu, enum vcpu_exit exit)
{
	atomic_fetch_add_explicit(&vcpu->exits[exit], 1, memory_order_relaxed);
}

/* True to go on. */
static bool handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct vcpu_handlers *to = vcpu->handlers;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		count(vcpu, VCPU_EXIT_IO);
		exit_io(vcpu);
		return true;
	case KVM_EXIT_MMIO:
		count(vcpu, VCPU_EXIT_MMIO);
		exit_mmio(vcpu);
		return true;
	case KVM_EXIT_INTR:
		count(vcpu, VCPU_EXIT_SIGNAL);
		return true;
	default:
		count(vcpu, VCPU_EXIT_OTHER);
		break;
	}
	exit_drain(vcpu);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		to->ended(to->ctx, vcpu->id, VCPU_END_TRIPLE_FAULT, 0);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		to->ended(to->ctx, vcpu->id, VCPU_END_INTERNAL_ERROR, run->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		to->ended(to->ctx, vcpu->id, VCPU_END_ENTRY_FAILED,
			  run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		to->ended(to->ctx, vcpu->id, VCPU_END_UNKNOWN_EXIT, run->exit_reason);
		break;
	}
	return false;
}

static void run_guest(struct vcpu *vcpu)
{
	const struct vcpu_handlers *to = vcpu->handlers;

	while (pass_gate(vcpu)) {
		bool go_on = true;

		/* Back to the gate only when the owner asked for it. */
		while (go_on) {
			if (ioctl(vcpu->fd, KVM_RUN, 0L) == 0) {
				go_on = handle_exit(vcpu);
			} else if (errno == EINTR) {
				count(vcpu, VCPU_EXIT_SIGNAL);
				break;
			} else if (errno != EAGAIN) {
				to->ended(to->ctx, vcpu->id, VCPU_END_RUN_FAILED, (uint64_t)errno);
				go_on = false;
			}
		}
		if (!go_on)
			return;
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vcpu_gate *gate = vcpu->gate;
	const struct vcpu_handlers *to = vcpu->handlers;
	char name[16];
	int r = 0;

	(void)snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	(void)pthread_setname_np(pthread_self(), name);
	if (to->confine)
		r = to->confine(to->ctx);
	if (r == 0)
		run_guest(vcpu);
	else
		to->ended(to->ctx, vcpu->id, VCPU_END_RUN_FAILED, (uint64_t)-r);
	pthread_mutex_lock(&gate->mutex);
	gate->n_running--;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	return NULL;
}

/* vCPU threads take no signal but the kick: SIGTERM and the like are the main thread's. */
static void signals_for_vcpus(sigset_t *ret_before)
{
	sigset_t all_but_kick;

	sigfillset(&all_but_kick);
	sigdelset(&all_but_kick, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all_but_kick, ret_before);
}

int vcpus_start(struct vcpus *vcpus, struct err *err)
{
	pthread_attr_t attr;
	sigset_t before;
	int r = 0;

	signals_for_vcpus(&before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (unsigned i = 0; i < vcpus->n && r == 0; i++) {
		struct vcpu *vcpu = &vcpus->list[i];

		pthread_mutex_lock(&vcpus->gate.mutex);
		vcpus->gate.n_running++;
		r = -pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
		vcpu->started = r == 0;
		if (r < 0)
			vcpus->gate.n_running--;
		pthread_mutex_unlock(&vcpus->gate.mutex);
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? err_set(err, -r, "cannot start a vCPU's thread") : 0;
}

/* Gets every vCPU to the gate. With the gate's mutex held. */
static void kick_all(struct vcpus *vcpus)
{
	for (unsigned i = 0; i < vcpus->n; i++) {
		struct vcpu *vcpu = &vcpus->list[i];

		if (!vcpu->started)
			continue;
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		(void)pthread_kill(vcpu->thread, KICK_SIGNAL);
	}
}

void vcpus_pause(struct vcpus *vcpus)
{
	struct vcpu_gate *gate = &vcpus->gate;

	pthread_mutex_lock(&gate->mutex);
	if (gate->state == GATE_OPEN) {
		gate->state = GATE_PAUSED;
		kick_all(vcpus);
	}
	while (gate->state == GATE_PAUSED && gate->n_running > 0)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

void vcpus_resume(struct vcpus *vcpus)
{
	struct vcpu_gate *gate = &vcpus->gate;

	pthread_mutex_lock(&gate->mutex);
	if (gate->state == GATE_PAUSED) {
		gate->state = GATE_OPEN;
		pthread_cond_broadcast(&gate->changed);
	}
	pthread_mutex_unlock(&gate->mutex);
}

void vcpus_halt(struct vcpus *vcpus)
{
	struct vcpu_gate *gate = &vcpus->gate;

	pthread_mutex_lock(&gate->mutex);
	gate->state = GATE_STOPPED;
	pthread_cond_broadcast(&gate->changed);
	kick_all(vcpus);
	pthread_mutex_unlock(&gate->mutex);
}

void vcpus_stop(struct vcpus *vcpus)
{
	vcpus_halt(vcpus);
	for (unsigned i = 0; i < vcpus->n; i++) {
		if (vcpus->list[i].started)
			pthread_join(vcpus->list[i].thread, NULL);
		vcpus->list[i].started = false;
	}
}

bool vcpus_paused(struct vcpus *vcpus)
{
	bool paused;

	pthread_mutex_lock(&vcpus->gate.mutex);
	paused = vcpus->gate.state == GATE_PAUSED;
	pthread_mutex_unlock(&vcpus->gate.mutex);
	return paused;
}

uint64_t vcpus_exits(const struct vcpus *vcpus, enum vcpu_exit exit)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < vcpus->n; i++)
		sum += atomic_load_explicit(&vcpus->list[i].exits[exit], memory_order_relaxed);
	return sum;
}

const char *vcpu_exit_name(enum vcpu_exit exit)
{
	static const char *const names[VCPU_EXITS] = {
		[VCPU_EXIT_IO] = "io",
		[VCPU_EXIT_MMIO] = "mmio",
		[VCPU_EXIT_SIGNAL] = "signal",
		[VCPU_EXIT_OTHER] = "other",
	};

	return names[exit];
}

void vcpu_log_registers(const struct vcpu *vcpu)
{
	log_error("vCPU %u:", vcpu->id);
	cpu_log_registers(vcpu->fd);
}

bool vcpu_instruction(const struct vcpu *vcpu, gpa_t *ret_gpa)
{
	return cpu_instruction(vcpu->fd, ret_gpa);
}

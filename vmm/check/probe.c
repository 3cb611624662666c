/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's host: a child process with one VM and one vCPU, which reports over a pipe. */
#include "vmm/check/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/paging.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/machine.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/x86/cpuid.h"

#define MEMORY_BYTES (1ull << 20)

extern const uint8_t probe_guest_start[], probe_guest_end[];

enum event_kind {
	EVENT_HAVE,   /* value: PROBE_HAVE_* */
	EVENT_STEP,   /* value: the step that begins */
	EVENT_WRONG,  /* value: what the guest saw instead of what it should */
	EVENT_FAILED, /* text: the host's side failed, or KVM gave up */
};

/* What the child says to the parent; one write each. */
struct event {
	enum event_kind kind;
	uint32_t value;
	char text[240];
};

static const struct {
	const char *name;
	uint32_t needs;
} steps[] = {
	[PROBE_STEP_START] = { "entering 64-bit mode", 0 },
	[PROBE_STEP_SEGMENTS] = { "segment and interrupt tables (LGDT, LIDT, LTR)", 0 },
	[PROBE_STEP_CONTROL] = { "control registers and MSRs (CR3, CR4, EFER, SWAPGS)", 0 },
	[PROBE_STEP_POPCNT] = { "POPCNT", PROBE_HAVE_POPCNT },
	[PROBE_STEP_CMPXCHG16B] = { "LOCK CMPXCHG16B", PROBE_HAVE_CMPXCHG16B },
	[PROBE_STEP_INT3] = { "breakpoint (INT3)", 0 },
	[PROBE_STEP_EXCEPTION] = { "exceptions in the kernel (#UD, #PF)", 0 },
	[PROBE_STEP_SMAP] = { "STAC and CLAC", PROBE_HAVE_SMAP },
	[PROBE_STEP_XSAVE] = { "XSETBV, XSAVE and XRSTOR", PROBE_HAVE_XSAVE },
	[PROBE_STEP_CPUID] = { "CPUID as the host sets it", 0 },
	[PROBE_STEP_TIMER] = { "timer interrupt that ends HLT (TSC deadline)", 0 },
	[PROBE_STEP_DONE] = { "end", 0 },
};

const char *probe_step_name(unsigned step)
{
	return steps[step].name;
}

uint32_t probe_step_needs(unsigned step)
{
	return steps[step].needs;
}

/* The child's state. */
struct child {
	int pipe_fd;
	struct kvm kvm;
	struct machine machine;
	struct guestmem mem;
	struct vcpus vcpus;
	struct vcpu_handlers handlers;
	pthread_mutex_t lock;
};

static void report(const struct child *child, enum event_kind kind, uint32_t value,
		   const char *text)
{
	struct event event = { .kind = kind, .value = value };

	(void)snprintf(event.text, sizeof(event.text), "%s", text);
	/* Should the parent be gone, nobody is left to tell. */
	if (fd_write_full(child->pipe_fd, &event, sizeof(event)) < 0)
		_exit(1);
}

static void on_port_write(void *ctx, unsigned cpu, uint16_t port, const void *src, unsigned len)
{
	struct child *child = ctx;
	uint32_t value = 0;

	(void)cpu;
	memcpy(&value, src, len);
	if (port == PROBE_PORT_STEP)
		report(child, EVENT_STEP, value, "");
	else if (port == PROBE_PORT_VALUE)
		report(child, EVENT_WRONG, value, "");
}

static void on_mmio_write(void *ctx, unsigned cpu, gpa_t gpa, const void *src, unsigned len)
{
	(void)cpu;
	(void)gpa;
	(void)src;
	(void)len;
	report(ctx, EVENT_FAILED, 0, "it wrote to an address that it does not use");
}

static void on_port_read(void *ctx, unsigned cpu, uint16_t port, void *dst, unsigned len)
{
	(void)cpu;
	(void)port;
	(void)dst;
	(void)len;
	report(ctx, EVENT_FAILED, 0, "it read a port that it does not use");
}

static void on_mmio_read(void *ctx, unsigned cpu, gpa_t gpa, void *dst, unsigned len)
{
	(void)cpu;
	(void)gpa;
	(void)dst;
	(void)len;
	report(ctx, EVENT_FAILED, 0, "it read an address that it does not use");
}

static void on_ended(void *ctx, unsigned cpu, enum vcpu_end why, uint64_t detail)
{
	static const char *const reasons[] = {
		[VCPU_END_TRIPLE_FAULT] = "triple fault",
		[VCPU_END_INTERNAL_ERROR] =
			"KVM_EXIT_INTERNAL_ERROR: KVM cannot execute it, suberror",
		[VCPU_END_ENTRY_FAILED] = "KVM_EXIT_FAIL_ENTRY, reason",
		[VCPU_END_RUN_FAILED] = "KVM_RUN failed, errno",
		[VCPU_END_UNKNOWN_EXIT] = "KVM stopped it with exit reason",
	};
	char text[128];

	(void)cpu;
	(void)snprintf(text, sizeof(text), "%s %llu", reasons[why], (unsigned long long)detail);
	report(ctx, EVENT_FAILED, 0, text);
}

static uint32_t offered(struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_find(cpuid, 0x1, 0);
	const struct kvm_cpuid_entry2 *extended = cpuid_find(cpuid, 0x7, 0);
	uint32_t have = 0;

	if (basic && (basic->ecx & 1u << 23))
		have |= PROBE_HAVE_POPCNT;
	if (basic && (basic->ecx & 1u << 13))
		have |= PROBE_HAVE_CMPXCHG16B;
	if (basic && (basic->ecx & 1u << 26))
		have |= PROBE_HAVE_XSAVE;
	if (extended && (extended->ebx & 1u << 20))
		have |= PROBE_HAVE_SMAP;
	return have;
}

/* CPUID as every guest of ours gets it, with one leaf more that the guest reads back. */
static int set_cpuid(const struct child *child, uint32_t *ret_have, struct err *err)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid = NULL;
	struct kvm_cpuid_entry2 *highest;
	int r = cpuid_get_supported(child->kvm.fd, &cpuid, err);

	if (r < 0)
		return r;
	cpuid_adjust(cpuid, CPU_MODEL_HOST, 0, 1);
	highest = cpuid_find(cpuid, 0x40000000, 0);
	if (highest)
		highest->eax = PROBE_CPUID_LEAF;
	cpuid->entries[cpuid->nent++] =
		(struct kvm_cpuid_entry2){ .function = PROBE_CPUID_LEAF, .eax = PROBE_CPUID_VALUE };
	if (ioctl(child->vcpus.list[0].fd, KVM_SET_CPUID2, cpuid) < 0)
		return err_set(err, errno, "cannot set CPUID");
	*ret_have = offered(cpuid);
	return 0;
}

static int load_guest(struct child *child, struct err *err)
{
	size_t bytes = (size_t)(probe_guest_end - probe_guest_start);

	if (paging_write_tables(&child->mem, LAYOUT_PAGE_TABLES) < 0 ||
	    paging_write_gdt(&child->mem, LAYOUT_GDT) < 0 ||
	    !guestmem_write(&child->mem, PROBE_GUEST_ADDRESS, probe_guest_start, bytes))
		return err_say(err, EINVAL, "the probe does not fit its memory");
	return 0;
}

static int start_guest(struct child *child, struct err *err)
{
	struct boot_entry entry = { .mode = BOOT_MODE_LONG_64,
				    .instruction = PROBE_GUEST_ADDRESS,
				    .page_tables = LAYOUT_PAGE_TABLES,
				    .gdt = LAYOUT_GDT,
				    .gdt_bytes = PAGING_GDT_BYTES };
	struct kvm_regs regs;
	uint32_t have = 0;
	int r = vcpus_init(&child->vcpus, &child->machine, 1, &child->handlers, &entry, err);

	if (r == 0)
		r = set_cpuid(child, &have, err);
	if (r < 0)
		return r;
	if (ioctl(child->vcpus.list[0].fd, KVM_GET_REGS, &regs) < 0)
		return err_set(err, errno, "KVM_GET_REGS");
	regs.rsi = have;
	if (ioctl(child->vcpus.list[0].fd, KVM_SET_REGS, &regs) < 0)
		return err_set(err, errno, "KVM_SET_REGS");
	report(child, EVENT_HAVE, have, "");
	return vcpus_start(&child->vcpus, err);
}

static _noreturn_ void child_main(int kvm_fd, int pipe_fd)
{
	struct child child = { .pipe_fd = pipe_fd, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct err err = ERR_INIT;
	int r;

	child.handlers = (struct vcpu_handlers){ .ctx = &child,
						 .lock = &child.lock,
						 .port_read = on_port_read,
						 .port_write = on_port_write,
						 .mmio_read = on_mmio_read,
						 .mmio_write = on_mmio_write,
						 .ended = on_ended };
	r = kvm_init(&child.kvm, kvm_fd, &err);
	if (r == 0)
		r = guestmem_init(&child.mem, MEMORY_BYTES, LAYOUT_HOLE_START, LAYOUT_HOLE_END,
				  &err);
	if (r == 0)
		r = load_guest(&child, &err);
	if (r == 0)
		r = machine_init(&child.machine, &child.kvm, CPU_MODEL_HOST, &err);
	if (r == 0)
		r = machine_map(&child.machine, &child.mem, &err);
	if (r == 0)
		r = start_guest(&child, &err);
	if (r < 0) {
		report(&child, EVENT_FAILED, 0, err_text(&err));
		_exit(1);
	}
	/* The parent ends us once it has heard enough. */
	for (;;)
		pause();
}

/* True when the child has nothing more to say that matters. */
static bool take_event(struct probe_result *result, const struct event *event)
{
	switch (event->kind) {
	case EVENT_HAVE:
		result->have = event->value;
		return false;
	case EVENT_STEP:
		result->step = MIN(event->value, (uint32_t)PROBE_STEP_DONE);
		result->ok = event->value == PROBE_STEP_DONE;
		return result->ok;
	case EVENT_WRONG:
		(void)snprintf(result->detail, sizeof(result->detail),
			       "the guest saw 0x%x, which is not what hardware answers",
			       event->value);
		return true;
	case EVENT_FAILED:
		(void)snprintf(result->detail, sizeof(result->detail), "%.*s",
			       (int)sizeof(event->text), event->text);
		return true;
	}
	return true;
}

static void listen_to_child(int pipe_fd, struct probe_result *result)
{
	int64_t deadline_ms = clock_monotonic_ms() + PROBE_LIMIT_MS;
	struct event event;

	for (;;) {
		struct pollfd poll_fd = { .fd = pipe_fd, .events = POLLIN };
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		int n = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			(void)snprintf(result->detail, sizeof(result->detail),
				       "nothing came of it within %d ms", PROBE_LIMIT_MS);
			return;
		}
		if (fd_read_full(pipe_fd, &event, sizeof(event)) != (ssize_t)sizeof(event)) {
			(void)snprintf(result->detail, sizeof(result->detail),
				       "the probe's process died");
			return;
		}
		if (take_event(result, &event))
			return;
	}
}

/* A process stuck in KVM may not even die; it is not worth waiting for longer than that. */
static void end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	for (unsigned i = 0; i < 100 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		(void)poll(NULL, 0, 10);
}

void probe_run(int kvm_fd, struct probe_result *ret_result)
{
	int fds[2];
	pid_t pid;

	*ret_result = (struct probe_result){ 0 };
	if (pipe2(fds, O_CLOEXEC) < 0) {
		(void)snprintf(ret_result->detail, sizeof(ret_result->detail),
			       "cannot make a pipe: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		child_main(kvm_fd, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		(void)snprintf(ret_result->detail, sizeof(ret_result->detail),
			       "cannot start a process: %s", strerror(errno));
	} else {
		listen_to_child(fds[0], ret_result);
		end_child(pid);
	}
	close(fds[0]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe guest: executes in 64-bit ring 0 what a Linux kernel executes there, step by step.
 *
 * Before each step it writes the step's number (enum probe_step) to PROBE_PORT_STEP: where the VM ends
 * instead, that step is the one that this KVM cannot do. A step whose outcome is wrong writes what it saw
 * to PROBE_PORT_VALUE and stops. Code and data are position-independent; the host puts them at
 * PROBE_GUEST_ADDRESS, entered with the low 4 GiB mapped one to one and RSI telling by bits
 * (PROBE_HAVE_*) which optional instructions CPUID offers.
 */
#include "vmm/check/probe-guest.h"

#define STEP(number) mov $number, %al; mov $PROBE_PORT_STEP, %dx; outb %al, %dx
#define WRONG(value) mov value, %eax; mov $PROBE_PORT_VALUE, %dx; outl %eax, %dx; jmp halt

	.section .rodata
	.balign 16
	.globl probe_guest_start, probe_guest_end
	.code64
probe_guest_start:
	lea	stack_end(%rip), %rsp
	mov	%rsi, %r15

	STEP(PROBE_STEP_SEGMENTS)
	call	set_up_tables
	lgdt	gdt_pointer(%rip)
	lidt	idt_pointer(%rip)
	mov	$PROBE_GUEST_DATA, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$PROBE_GUEST_TSS, %ax
	ltr	%ax
	pushq	$PROBE_GUEST_CODE
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:
	STEP(PROBE_STEP_CONTROL)
	/* Page attributes, global pages, SSE: CR4 and EFER as a kernel sets them. */
	mov	%cr4, %rax
	or	$0x680, %rax
	mov	%rax, %cr4
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$1, %eax
	wrmsr
	invlpg	(%rsp)
	mov	$0xc0000101, %ecx
	mov	$0x12345678, %eax
	xor	%edx, %edx
	wrmsr
	swapgs
	swapgs
	rdmsr
	cmp	$0x12345678, %eax
	je	1f
	WRONG(%eax)
1:
	STEP(PROBE_STEP_POPCNT)
	test	$PROBE_HAVE_POPCNT, %r15d
	jz	1f
	mov	$0xff00ff, %eax
	popcnt	%rax, %rax
	cmp	$16, %eax
	je	1f
	WRONG(%eax)
1:
	STEP(PROBE_STEP_CMPXCHG16B)
	test	$PROBE_HAVE_CMPXCHG16B, %r15d
	jz	1f
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$1, %ebx
	xor	%ecx, %ecx
	lock cmpxchg16b pair(%rip)
	mov	pair(%rip), %eax
	cmp	$1, %eax
	je	1f
	WRONG(%eax)
1:
	STEP(PROBE_STEP_INT3)
	movl	$0, caught(%rip)
	int3
	cmpl	$3, caught(%rip)
	je	1f
	WRONG(caught(%rip))
1:
	STEP(PROBE_STEP_EXCEPTION)
	/* An invalid opcode, then a page that is not mapped: each handler steps over the instruction. */
	movl	$0, caught(%rip)
	ud2
	cmpl	$6, caught(%rip)
	jne	2f
	movl	$0, caught(%rip)
	mov	$0x200000000, %rbx
	mov	(%rbx), %ax
	cmpl	$14, caught(%rip)
	je	1f
2:	WRONG(caught(%rip))
1:
	STEP(PROBE_STEP_SMAP)
	test	$PROBE_HAVE_SMAP, %r15d
	jz	1f
	mov	%cr4, %rax
	or	$0x200000, %rax
	mov	%rax, %cr4
	stac
	clac
1:
	STEP(PROBE_STEP_XSAVE)
	test	$PROBE_HAVE_XSAVE, %r15d
	jz	1f
	mov	%cr4, %rax
	or	$0x40000, %rax
	mov	%rax, %cr4
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$3, %eax
	xsetbv
	fninit
	mov	$3, %eax
	xor	%edx, %edx
	lea	xsave_area(%rip), %rdi
	xsave64	(%rdi)
	xrstor64 (%rdi)
	xgetbv
	and	$3, %eax
	cmp	$3, %eax
	je	1f
	WRONG(%eax)
1:
	STEP(PROBE_STEP_CPUID)
	mov	$PROBE_CPUID_LEAF, %eax
	xor	%ecx, %ecx
	cpuid
	cmp	$PROBE_CPUID_VALUE, %eax
	je	1f
	WRONG(%eax)
1:
	STEP(PROBE_STEP_TIMER)
	/* The local APIC on, its timer by TSC deadline, and asleep until it fires. */
	mov	$0x1b, %ecx
	rdmsr
	or	$0xc00, %eax
	wrmsr
	mov	$0x80f, %ecx
	mov	$0x1ff, %eax
	xor	%edx, %edx
	wrmsr
	mov	$0x832, %ecx
	mov	$0x40000 + PROBE_GUEST_VECTOR, %eax
	wrmsr
	movl	$0, caught(%rip)
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	$1000000, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$0x6e0, %ecx
	wrmsr
	sti
	hlt
	cli
	cmpl	$PROBE_GUEST_VECTOR, caught(%rip)
	je	1f
	WRONG(caught(%rip))
1:
	STEP(PROBE_STEP_DONE)
halt:
	cli
	hlt
	jmp	halt

/* Fills in what depends on where we run: the tables' addresses and the descriptors of handlers. */
set_up_tables:
	lea	gdt(%rip), %rax
	mov	%rax, gdt_pointer+2(%rip)
	lea	idt(%rip), %rax
	mov	%rax, idt_pointer+2(%rip)
	lea	tss(%rip), %rax
	mov	%ax, gdt+PROBE_GUEST_TSS+2(%rip)
	shr	$16, %rax
	mov	%al, gdt+PROBE_GUEST_TSS+4(%rip)
	mov	%ah, gdt+PROBE_GUEST_TSS+7(%rip)
	mov	$3, %edi
	lea	on_int3(%rip), %rax
	call	set_gate
	mov	$6, %edi
	lea	on_undefined(%rip), %rax
	call	set_gate
	mov	$14, %edi
	lea	on_page_fault(%rip), %rax
	call	set_gate
	mov	$PROBE_GUEST_VECTOR, %edi
	lea	on_timer(%rip), %rax
	jmp	set_gate

/* edi: the vector, rax: the handler. */
set_gate:
	lea	idt(%rip), %rbx
	shl	$4, %edi
	add	%rdi, %rbx
	mov	%ax, (%rbx)
	movw	$PROBE_GUEST_CODE, 2(%rbx)
	movw	$0x8e00, 4(%rbx)
	shr	$16, %rax
	mov	%ax, 6(%rbx)
	ret

on_int3:
	movl	$3, caught(%rip)
	iretq

on_undefined:
	movl	$6, caught(%rip)
	addq	$2, (%rsp)
	iretq

on_page_fault:
	movl	$14, caught(%rip)
	add	$8, %rsp
	addq	$3, (%rsp)
	iretq

on_timer:
	movl	$PROBE_GUEST_VECTOR, caught(%rip)
	push	%rax
	push	%rcx
	push	%rdx
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	.balign 16
pair:	.quad	0, 0
caught:	.long	0
	.balign 8
	.word	0, 0, 0
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	0
	.balign 8
	.word	0, 0, 0
idt_pointer:
	.word	idt_end - idt - 1
	.quad	0
	.balign 16
gdt:	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code, flat */
	.quad	0x00cf93000000ffff	/* data, flat */
	.quad	0x0000890000000067	/* TSS, two entries; the address is filled in */
	.quad	0
gdt_end:
	.balign 16
tss:	.zero	104
	.balign 64
xsave_area:
	.zero	1024
	.balign 16
idt:	.zero	64 * 16
idt_end:
	.zero	1024
stack_end:
probe_guest_end:

	.section .note.GNU-stack, "", @progbits

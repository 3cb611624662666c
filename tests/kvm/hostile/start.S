/* SPDX-License-Identifier: Apache-2.0 */
/* The first instructions of the hostile guest: entered by PVH, 32 bits, flat, paging off. */
	.section .note, "a", @note
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.globl start
start:
	cli
	mov $stack_end, %esp
	push %ebx /* the start info */
	call hostile_main
	hlt

	.bss
	.balign 16
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits

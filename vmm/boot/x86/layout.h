/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie in the guest's physical address space (x86). */
#ifndef KATA_LIKE_VMM_BOOT_X86_LAYOUT_H
#define KATA_LIKE_VMM_BOOT_X86_LAYOUT_H

/* What the kernel finds below 1 MiB; a kernel image may use memory from LAYOUT_KERNEL_MIN on. */
#define LAYOUT_GDT	   0x500ull
#define LAYOUT_PVH_INFO	   0x6000ull
#define LAYOUT_BOOT_PARAMS 0x7000ull
#define LAYOUT_PAGE_TABLES 0x9000ull /* six pages */
#define LAYOUT_CMDLINE	   0x20000ull
#define LAYOUT_BASE_END	   0x9fc00ull /* from here to 1 MiB is reserved in the memory map */
/* In the BIOS area, which kernels search for the table, and where there is room for 254 CPUs. */
#define LAYOUT_MPTABLE	   0xf0000ull
#define LAYOUT_MPTABLE_MAX 0x10000ull
#define LAYOUT_KERNEL_MIN  0x100000ull

/* The command line with its NUL; COMMAND_LINE_SIZE of x86 kernels. */
#define LAYOUT_CMDLINE_MAX 2048u

/* No memory here: PCI BARs, interrupt controllers, KVM's own pages. */
#define LAYOUT_HOLE_START	0xc0000000ull
#define LAYOUT_HOLE_END		0x100000000ull
#define LAYOUT_PCI_WINDOW_START 0xc0000000ull
#define LAYOUT_PCI_WINDOW_END	0xe0000000ull
#define LAYOUT_IOAPIC		0xfec00000ull
#define LAYOUT_LAPIC		0xfee00000ull

/* xAPIC ids have 8 bits, 255 means all, and one goes to the IOAPIC. */
#define LAYOUT_CPUS_MAX 254u

#endif

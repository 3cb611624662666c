#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Edits an unpacked kernel source where no option reaches: takes out what a small VM has no use for, and
# gives FUSE what its file server lacks. Each place is a line or an expression; a source in which it is
# not found is refused. The figures are instructions of a boot with 128 MiB.
# Usage: edit-source.sh SOURCE
set -euo pipefail

source=$1
here=$(cd "$(dirname "$0")" && pwd)

# change FILE COUNT FROM TO: FROM, a fixed string that stands on COUNT lines, becomes TO on each.
change() {
	local file=$source/$1 found

	found=$(grep -cF -- "$3" "$file") || true
	[ "$found" = "$2" ] || {
		echo "edit-source.sh: '$3' stands on $found lines of $1, not $2; this kernel needs other edits" >&2
		exit 1
	}
	FROM=$3 TO=$4 perl -pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
}

# /sys/module/*/parameters and /sys/kernel/slab: 5,000 files nobody in a container reads, 5 million. (The
# option initcall_blacklist= would look up the name of every initcall, another million.)
change kernel/params.c 1 'late_initcall(param_sysfs_builtin_init);' ''
change mm/slub.c 1 'late_initcall(slab_late_init);' ''

# A search of 64 KiB for the BIOS's table of legacy PCI interrupts: 0.35 million.
change arch/x86/kernel/x86_init.c 1 x86_default_pci_init_irq x86_init_noop

# Xen's signature is looked for at 256 CPUID leaves, each of them an exit.
change arch/x86/platform/pvh/enlighten.c 1 'u32 msr = xen_cpuid_base();' 'u32 msr = 0;'

# The first per-CPU area is cut from 2 MiB of zeroed memory for each CPU, of which it takes a tenth; they
# would also stay touched, hence resident on the host: 0.4 million.
change arch/x86/kernel/setup_percpu.c 1 'atom_size = PMD_SIZE;' 'atom_size = PAGE_SIZE;'

# Freed initialisation code and initramfs are filled with a pattern, so that wrong use of them shows. They
# need not be touched once more: 0.3 million.
change arch/x86/mm/init.c 1 'POISON_FREE_INITMEM, what);' '-1, what);'

# New page tables of the direct map are zeroed entry by entry, after a look into the memory map for each.
# They are zero already: 0.8 million.
change arch/x86/mm/init_64.c 4 'if (!after_bootmem &&' 'if (0 &&'

# There is no CMOS clock to register.
change arch/x86/kernel/rtc.c 1 'device_initcall(add_rtc_cmos);' ''

# O_TMPFILE in a shared folder whose file server has no FUSE_TMPFILE, as the virtiofsd of QEMU 7.2.
cp "$here"/fuse/unnamed.[ch] "$source/fs/fuse/"
change fs/fuse/Makefile 1 'fuse-y += iomode.o' 'fuse-y += iomode.o unnamed.o'
change fs/fuse/fuse_i.h 1 '/** Miscellaneous bits describing inode state */' '/** See unnamed.c; not counted */
	struct dentry *unnamed;
	/** Miscellaneous bits describing inode state */'
for file in dir inode; do
	change "fs/fuse/$file.c" 1 '#include "fuse_i.h"' '#include "fuse_i.h"
#include "unnamed.h"'
done
for name in create_open tmpfile link; do
	change fs/fuse/dir.c 1 "static int fuse_$name(struct" "int fuse_$name(struct"
done
change fs/fuse/dir.c 1 '.tmpfile	= fuse_tmpfile,' '.tmpfile = fuse_unnamed_tmpfile,'
change fs/fuse/dir.c 1 '.link		= fuse_link,' '.link = fuse_unnamed_link,'
change fs/fuse/dir.c 1 '.d_automount	= fuse_dentry_automount,' '.d_automount = fuse_dentry_automount,
	.d_iput = fuse_unnamed_iput,'
change fs/fuse/dir.c 1 'stat->nlink = attr->nlink;' 'stat->nlink = fuse_nlink(inode, attr->nlink);'
change fs/fuse/inode.c 1 'set_nlink(inode, attr->nlink);' 'set_nlink(inode, fuse_nlink(inode, attr->nlink));'

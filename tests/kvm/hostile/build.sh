#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the hostile guest: 32 bits of bare metal, in an ELF file as 64-bit kernels have it.
# Usage: build.sh OUTPUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${CC:-gcc}" -m32 -march=i686 -O2 -std=gnu11 -Wall -Wextra -Werror -ffreestanding -fno-pie -no-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -nostdlib -static -I"$here/../../.." \
	-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,"$here/guest.ld" -o "$1.32" \
	"$here/start.S" "$here/main.c" "$here/machine.c" "$here/virtio.c" "$here/attacks-ring.c" \
	"$here/attacks-registers.c" "$here/attacks-device.c" \
	"$here/attacks-net.c"
objcopy -O elf64-x86-64 "$1.32" "$1"
rm "$1.32"

#!/bin/bash
# What a guest is shown of the processor, and what it may touch of it.
# shellcheck disable=SC2317 # functions are called through prove
here=$(dirname "$0")
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

registers()
{
	"$KATA_LIKE_BUILD/tests/kvm/msr-guest"
}

prove 'a guest has the model-specific registers that it needs and no others' registers
prove 'a guest boots on the baseline processor' \
	status 0 vm 60 --kernel "$KATA_LIKE_KERNEL" --cpu-model baseline --cmdline "${serial/quiet/}"
prove 'which has a name of its own' console 'kata-like baseline processor'
prove 'and no registers for AVX' sh -c "! grep -q 'x86/fpu: Supporting XSAVE feature 0x004' '$work/console'"

finish

/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of processor a guest is shown. */
#ifndef KATA_LIKE_VMM_KVM_X86_MODEL_H
#define KATA_LIKE_VMM_KVM_X86_MODEL_H

enum cpu_model {
	/* What KVM supports on this host, without what guests of ours have no use for. */
	CPU_MODEL_HOST,
	/*
	 * The same on every host: x86-64-v2 and what a kernel needs to run and to keep its
	 * processes apart (mitigations). No AVX, no other host's name or newest instruction.
	 */
	CPU_MODEL_BASELINE,
};

#endif

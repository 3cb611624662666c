/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe guest and its host agree on. Read by the assembler too: constants only. */
#ifndef KATA_LIKE_VMM_CHECK_PROBE_GUEST_H
#define KATA_LIKE_VMM_CHECK_PROBE_GUEST_H

#define PROBE_GUEST_ADDRESS 0x10000
#define PROBE_PORT_STEP	    0x500
#define PROBE_PORT_VALUE    0x504

#define PROBE_STEP_START      0
#define PROBE_STEP_SEGMENTS   1
#define PROBE_STEP_CONTROL    2
#define PROBE_STEP_POPCNT     3
#define PROBE_STEP_CMPXCHG16B 4
#define PROBE_STEP_INT3	      5
#define PROBE_STEP_EXCEPTION  6
#define PROBE_STEP_SMAP	      7
#define PROBE_STEP_XSAVE      8
#define PROBE_STEP_CPUID      9
#define PROBE_STEP_TIMER      10
#define PROBE_STEP_DONE	      11

#define PROBE_HAVE_POPCNT     1
#define PROBE_HAVE_CMPXCHG16B 2
#define PROBE_HAVE_SMAP	      4
#define PROBE_HAVE_XSAVE      8

/* A CPUID leaf that no hardware has, and what the host lets it say. */
#define PROBE_CPUID_LEAF  0x40000010
#define PROBE_CPUID_VALUE 0x6b6c696b

/* Segment selectors, and the interrupt vector of the timer. */
#define PROBE_GUEST_CODE   0x10
#define PROBE_GUEST_DATA   0x18
#define PROBE_GUEST_TSS	   0x20
#define PROBE_GUEST_VECTOR 0x30

#endif

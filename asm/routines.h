/* SPDX-License-Identifier: BSD-3-Clause */
/* routines.h - the routines of asm/x86_64, as C sees them */
#ifndef MCSAFE_ASM_ROUTINES_H
#define MCSAFE_ASM_ROUTINES_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/fault.h>

struct mcsafe_comparison; /* mcsafe/scan.h */

#pragma GCC visibility push(hidden)

/*
 * A copy, fill or write-back returns the number of bytes that it did not do. If that is not 0,
 * *fault is the whole record of why, as mcsafe/fault.h describes it. Otherwise it is as before.
 * fault may be NULL if the caller does not want to know. Until there is a fault, a record costs
 * nothing. A scan has the contract of mcsafe_memchr() (mcsafe/scan.h). The contract of each routine
 * stands at the head of asm/x86_64/NAME.S.
 */
typedef size_t mcsafe__copy_fn(void *dst, const void *src, size_t n, struct mcsafe_fault *fault);
typedef size_t mcsafe__set_fn(void *dst, int c, size_t n, struct mcsafe_fault *fault);
typedef enum mcsafe_cause mcsafe__scan_fn(const void *s, int c, size_t n, size_t *at,
					  struct mcsafe_fault *fault);
typedef size_t mcsafe__flush_fn(const void *addr, size_t n, struct mcsafe_fault *fault);

/* Does what mcsafe_memcmp() promises (mcsafe/scan.h), and returns an enum mcsafe_cause. */
typedef unsigned mcsafe__compare_fn(const void *a, const void *b, size_t n,
				    struct mcsafe_comparison *result, struct mcsafe_fault *fault);

/* mcsafe__copy_word(), mcsafe__set_avx2(), mcsafe__flush_clwb() ... */
#define COPY(name, ...)    mcsafe__copy_fn mcsafe__copy_##name;
#define LINES(name, ...)   mcsafe__copy_fn mcsafe__lines_##name;
#define SET(name, ...)     mcsafe__set_fn mcsafe__set_##name;
#define SCAN(name, ...)    mcsafe__scan_fn mcsafe__scan_##name;
#define COMPARE(name, ...) mcsafe__compare_fn mcsafe__compare_##name;
#define FLUSH(name, ...)   mcsafe__flush_fn mcsafe__flush_##name;
#include "asm/engines.def"

/*
 * What engines.def says about a routine. The library uses .needs only. Tests check the rest. Where
 * the first bad byte is not at a multiple of .grain, the result may fall short of it, by fewer
 * bytes than .grain.
 */
struct mcsafe__routine {
	unsigned needs;     /* MCSAFE__CPU_*: what the processor must have to run the routine */
	bool rep_movsb;     /* loads and stores by REP MOVSB or STOSB, as the processor pleases */
	bool whole_lines;   /* dst and n are multiples of 64, and the caller has to fence */
	bool touches_again; /* some accesses touch what was touched just before, and seldom fail */
	unsigned grain;     /* the result is exact if the first bad byte is at a multiple of this */
	/* A copy reads up to a multiple of this, at or past its end. A scan loads so many bytes at
	 * once. */
	unsigned chunk;
};

/*
 * C5: if the first load of a poisoned line raises a machine check, a copy that stops there has left
 * out fewer than this many good bytes. The exception is REP MOVSB, which may leave out more.
 */
#define MCSAFE__SHORT_BY 8

#pragma GCC visibility pop

#endif /* MCSAFE_ASM_ROUTINES_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy.c - the public copies: argument rules, choice of the routine, and the fault record
 *
 * Which routine copies n bytes depends on whether the engine in use has .rep_movsb:
 *
 *	n				with it				without it
 *	below route.long_from		.copy				.copy
 *	below the last-level cache	REP MOVSB, the ends by .copy	.copy
 *	from its size on		.copy_nt			.copy_nt (.copy if NULL)
 *
 * route.long_from is about half of the first-level data cache with it (route.c), and 4 MiB
 * (MCSAFE__NT_NEVER_BELOW) without it. .copy_nt is never used for fewer than 4 MiB. If CPUID does
 * not report the size of the last-level cache, .copy_nt is used from 4 MiB on.
 *
 * memcpy_mcsafe() and mcsafe_memcpy() are entries of asm/x86_64/copy_avx512.S. They come to the
 * routine by up to three steps, each for what the one before it leaves:
 *
 *	in copy_avx512.S	n < route.long_from, and route.avx512: that routine
 *	mcsafe__copy_otherwise	in entry.S: the same for route.avx2 and route.avx512bw
 *	mcsafe__copy_any()	checks the arguments; then copy_by() has the whole table
 */
#include <mcsafe/copy.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"
#include "base/cpu.h"
#include "base/msan.h"
#include "base/page.h"
#include "landing/fault.h"
#include "route.h"

/*
 * Refuse a range that wraps around the end of the address space. It cannot be memory. A copy that
 * went on to the first fault would overwrite all that is mapped after dst, so nothing is touched.
 */
static size_t refuse(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start, size_t n)
{
	mcsafe__count(&mcsafe__counters.refused);
	if (fault != NULL)
		mcsafe__fault_refused(fault, side, start);
	return n;
}

#define RELAXED(object) atomic_load_explicit(&(object), memory_order_relaxed)

/* A routine has left `left` bytes. Tell MemorySanitizer about those that it copied. */
static inline size_t copied(void *dst, const void *src, size_t n, size_t left)
{
	mcsafe__msan_copied(dst, src, n - left);
	return left;
}

/*
 * A copy by REP MOVSB, with its two ends by vectors. The processor loads for REP MOVSB as it
 * pleases and may read ahead. So REP MOVSB gets only whole lines of the source, and not the last of
 * them: if it reads in the line after its operand, that line still belongs to the caller's source.
 * The kernel uses the same instruction to copy from memory that may be poisoned, on the processors
 * on which route.c chooses it (arch/x86, copy_mc_enhanced_fast_string).
 */
static size_t copy_by_rep_movsb(mcsafe__copy_fn *ends, char *dst, const char *src, size_t n,
				struct mcsafe_fault *fault)
{
	size_t head = -(uintptr_t)src % MCSAFE__LINE;
	size_t tail = MCSAFE__LINE + ((uintptr_t)src + n) % MCSAFE__LINE;
	size_t middle = n - head - tail;
	size_t left = ends(dst, src, head, fault);

	if (left != 0)
		return left + middle + tail;
	left = mcsafe__copy_erms(dst + head, src + head, middle, fault);
	if (left != 0)
		return left + tail;
	return ends(dst + head + middle, src + head + middle, tail, fault);
}

/* Four lines suffice for copy_by_rep_movsb(). */
static bool strings_pay(const void *dst, const void *src, size_t n)
{
	bool aligned = ((uintptr_t)dst | (uintptr_t)src) % 32 == 0;

	return n >= RELAXED(mcsafe__route.long_from) &&
	       n >= (aligned ? MCSAFE__STRINGS_FROM_ALIGNED : 4 * MCSAFE__LINE);
}

/*
 * A copy whose stores bypass the caches. *stopped is written if the routine has stopped, even if
 * that was at a store whose cause is gone, so that everything is copied after all.
 */
static size_t copy_past_caches(const struct mcsafe__engine *engine, char *dst, const char *src,
			       size_t n, struct mcsafe_fault *stopped)
{
	size_t left = engine->copy_nt(dst, src, n, stopped);

	if (left != 0 && stopped->side == MCSAFE_SIDE_NONE)
		left = engine->copy(dst + n - left, src + n - left, left, stopped);
	return left;
}

/*
 * A copy of any length. Stores that bypass the caches are faster if the destination would not stay
 * in the caches anyway, that is from the size of the last-level cache on. Below that size, the next
 * reader of the copy would lose more time than the copy gains (bench/).
 */
static size_t copy_by(const struct mcsafe__engine *engine, void *dst, const void *src, size_t n,
		      struct mcsafe_fault *fault)
{
	struct mcsafe_fault stopped;
	size_t left;

	if (engine->copy_nt != NULL && n >= MCSAFE__NT_NEVER_BELOW &&
	    n >= mcsafe__cpu_cache_size()) {
		left = copy_past_caches(engine, dst, src, n, &stopped);
		if (left != 0 && fault != NULL)
			*fault = stopped;
		return left;
	}
	if (engine->rep_movsb && strings_pay(dst, src, n))
		return copy_by_rep_movsb(engine->copy, dst, src, n, fault);
	return engine->copy(dst, src, n, fault);
}

size_t mcsafe__copy_any(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	if (mcsafe__wraps((uintptr_t)src, n))
		return refuse(fault, MCSAFE_SIDE_SOURCE, src, n);
	if (mcsafe__wraps((uintptr_t)dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);
	return copied(dst, src, n, copy_by(mcsafe__engine(), dst, src, n, fault));
}

#ifdef MCSAFE__MSAN
size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	return copied(dst, src, n, mcsafe__memcpy(dst, src, n, fault));
}

size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
{
	return mcsafe_memcpy(dst, src, n, NULL);
}
#endif

/*
 * Any fill: what the entries in assembly (asm/x86_64/set_avx512.S) leave, which are long fills,
 * ranges that wrap, and other engines than theirs.
 */
size_t mcsafe__memset(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	if (mcsafe__wraps((uintptr_t)dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);
	if (n >= RELAXED(mcsafe__route.strings_from))
		return mcsafe__set_erms(dst, c, n, fault);
	return RELAXED(mcsafe__route.set)(dst, c, n, fault);
}

#ifdef MCSAFE__MSAN
/* Without entries in assembly: MemorySanitizer must be told what assembly writes. */
size_t mcsafe_memset(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	size_t left = mcsafe__memset(dst, c, n, fault);

	mcsafe__msan_written(dst, n - left);
	return left;
}
#endif

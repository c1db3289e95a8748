/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - the public copies: argument rules, and the fault record of one that stopped */
#include <mcsafe/copy.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/msan.h"
#include "engine.h"
#include "landing/fault.h"

static bool wraps(const void *start, size_t n)
{
	return n > UINTPTR_MAX - (uintptr_t)start;
}

/*
 * Below a limit if n is, and both operands are in the lower half of the address space, where nothing
 * so short can wrap: one comparison for both. (The top bit becomes that of MCSAFE_LONG. The others
 * stand below 64 in an address space of 47 bits, and so do not count beside a limit that is a
 * multiple of that; in a larger one they may send a short copy the longer way.)
 */
static inline size_t weight(const void *dst, const void *src, size_t n)
{
	_Static_assert(MCSAFE_LONG == UINT64_C(1) << (63 - 41), "see above");
	return ((uintptr_t)dst | (uintptr_t)src) >> 41 | n;
}

/* Such a range cannot be memory. Going on to the first fault would overwrite all that is mapped
 * behind dst, so nothing is touched. */
static size_t refuse(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start, size_t n)
{
	if (fault != NULL)
		mcsafe__fault_refused(fault, side, start);
	return n;
}

/* An operation on [dst, dst + n) from src stopped with left bytes to go. */
static void stopped(struct mcsafe_fault *fault, const struct mcsafe__landing *landing,
		    const void *dst, const void *src, size_t done)
{
	bool is_load;

	if (fault == NULL)
		return;
	mcsafe__msan_written(landing, sizeof(*landing));
	is_load = mcsafe__facts_kind(landing->facts) == MCSAFE_ROW_LOAD;
	mcsafe__fault_from_landing(fault, landing, (const char *)(is_load ? src : dst) + done);
}

static inline size_t short_below(void)
{
	return atomic_load_explicit(&mcsafe__short_below, memory_order_relaxed);
}

/* An engine has left so many bytes to go. */
static inline size_t copied(void *dst, const void *src, size_t n, size_t left)
{
	mcsafe__msan_copied(dst, src, n - left);
	return left;
}

#define LINE ((size_t)64)

/*
 * REP MOVSB between two copies by vectors. The processor loads as it pleases, and may read ahead; so
 * it is given whole lines of the source, and all but the last: what it touches in the line behind
 * its operand, if it does, is still the caller's. The kernel copies from memory that may be poisoned
 * by the same instruction, on the processors where engine.c chooses it (arch/x86,
 * copy_mc_enhanced_fast_string).
 */
static size_t copy_by_strings(mcsafe__copy_fn *ends, char *dst, const char *src, size_t n,
			      struct mcsafe__landing *landing)
{
	size_t head = -(uintptr_t)src % LINE;
	size_t tail = LINE + ((uintptr_t)src + n) % LINE;
	size_t middle = n - head - tail;
	size_t left = ends(dst, src, head, landing);

	if (left != 0)
		return left + middle + tail;
	left = mcsafe__copy_erms(dst + head, src + head, middle, landing);
	if (left != 0)
		return left + tail;
	return ends(dst + head + middle, src + head + middle, tail, landing);
}

/*
 * A copy of any length. Stores that bypass the caches pay when the destination would not stay in
 * them anyway: from the size of the largest cache on. Below, whoever reads the copy next would pay
 * more (bench/).
 */
static size_t copy_by(const struct mcsafe__engine *engine, void *dst, const void *src, size_t n,
		      struct mcsafe__landing *landing)
{
	if (engine->copy_nt != NULL && n >= MCSAFE_LONG && n >= mcsafe__cpu_cache_size())
		return engine->copy_nt(dst, src, n, landing);
	if (engine->rep_movsb && n >= short_below() && n >= 4 * LINE)
		return copy_by_strings(engine->copy, dst, src, n, landing);
	return engine->copy(dst, src, n, landing);
}

/*
 * A copy that is to be reported on. All of it lies behind the pointer that the engine gets: so the
 * compiler keeps it in memory and has no registers to save, which would show in a short copy.
 */
struct call {
	struct mcsafe__landing landing;
	void *dst;
	const void *src;
	size_t n;
	struct mcsafe_fault *fault;
};

static __attribute__((noinline)) size_t report(const struct call *call, size_t left)
{
	stopped(call->fault, &call->landing, call->dst, call->src, call->n - left);
	return left;
}

/* Any copy, the ordinary ones too. */
static __attribute__((noinline)) size_t copy_any(void *dst, const void *src, size_t n,
						 struct mcsafe_fault *fault)
{
	struct call call = {.dst = dst, .src = src, .n = n, .fault = fault};
	size_t left;

	if (wraps(src, n))
		return refuse(fault, MCSAFE_SIDE_SOURCE, src, n);
	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);
	left = copied(dst, src, n, copy_by(mcsafe__engine(), dst, src, n, &call.landing));
	return left == 0 ? 0 : report(&call, left);
}

/* What another engine is to do, or what is not ordinary. */
static __attribute__((noinline)) size_t copy_otherwise(void *dst, const void *src, size_t n)
{
	if (weight(dst, src, n) >= short_below())
		return copy_any(dst, src, n, NULL);
	return copied(dst, src, n, mcsafe__copy(dst, src, n, NULL));
}

/* The two below are for copies which are so short that every instruction shows, branches most. */

__attribute__((aligned(64))) size_t mcsafe_memcpy(void *dst, const void *src, size_t n,
						  struct mcsafe_fault *fault)
{
	struct call call;
	size_t left;

	if (__builtin_expect(weight(dst, src, n) >= short_below(), 0))
		return copy_any(dst, src, n, fault);
	call.dst = dst;
	call.src = src;
	call.n = n;
	call.fault = fault;
	left = copied(dst, src, n, mcsafe__copy(dst, src, n, &call.landing));
	return __builtin_expect(left == 0, 1) ? 0 : report(&call, left);
}

__attribute__((aligned(64))) size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
{
	size_t below = atomic_load_explicit(&mcsafe__avx512_below, memory_order_relaxed);

	if (__builtin_expect(weight(dst, src, n) < below, 1))
		return copied(dst, src, n, mcsafe__copy_avx512(dst, src, n, NULL));
	below = atomic_load_explicit(&mcsafe__avx2_below, memory_order_relaxed);
	if (__builtin_expect(weight(dst, src, n) < below, 1))
		return copied(dst, src, n, mcsafe__copy_avx2(dst, src, n, NULL));
	return copy_otherwise(dst, src, n);
}

static inline size_t filled(void *dst, size_t n, size_t left)
{
	mcsafe__msan_written(dst, n - left);
	return left;
}

static __attribute__((noinline)) size_t set_with_record(void *dst, int c, size_t n,
							struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left;

	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);
	left = filled(dst, n, mcsafe__set()(dst, c, n, &landing));
	if (left != 0)
		stopped(fault, &landing, dst, NULL, n - left);
	return left;
}

/* Jumps to either, for in a short fill every instruction shows. */
size_t mcsafe_memset(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	if (fault == NULL && !wraps(dst, n))
		return filled(dst, n, mcsafe__set()(dst, c, n, NULL));
	return set_with_record(dst, c, n, fault);
}

size_t mcsafe__flush(const void *addr, size_t n, struct mcsafe__landing *landing)
{
	unsigned features = mcsafe__cpu_features();

#define FLUSH(name, ...)                                               \
 if ((((struct mcsafe__routine){__VA_ARGS__}).needs & ~features) == 0) \
  return mcsafe__flush_##name(addr, n, landing);
#include "asm/engines.def"
	__builtin_unreachable(); /* the last one needs nothing */
}

/* What a copy past the caches has left in them. */
static size_t flush_ends(char *dst, size_t n, struct mcsafe__landing *landing)
{
	size_t unflushed = mcsafe__flush(dst, MCSAFE__NT_EDGE, landing);

	if (unflushed != 0)
		return unflushed + n - MCSAFE__NT_EDGE;
	return mcsafe__flush(dst + n - MCSAFE__NT_EDGE, MCSAFE__NT_EDGE, landing);
}

size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	const struct mcsafe__engine *engine = mcsafe__engine();
	bool streams = engine->copy_nt != NULL && n >= MCSAFE__NT_LEAST;
	struct mcsafe__landing landing, flushing;
	size_t left, unflushed;

	if (wraps(src, n))
		return refuse(fault, MCSAFE_SIDE_SOURCE, src, n);
	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);

	landing.facts = 0;
	left = (streams ? engine->copy_nt : engine->copy)(dst, src, n, &landing);
	left = copied(dst, src, n, left);
	/* A fixup may have gone through the caches anywhere. */
	if (streams && landing.facts == 0)
		unflushed = flush_ends(dst, n, &flushing);
	else
		unflushed = mcsafe__flush(dst, n - left, &flushing);
	if (left + unflushed == 0)
		return 0;
	/* If the destination went away behind the copy, that is nearer than what stopped it. */
	stopped(fault, unflushed != 0 ? &flushing : &landing, dst, src, n - left - unflushed);
	return left + unflushed;
}

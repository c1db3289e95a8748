/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - the public copies: argument rules, and the fault record of one that stopped */
#include <mcsafe/copy.h>

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"
#include "engine.h"
#include "fault.h"
#include "msan.h"

/* No cache is smaller, and a copy that is shorter need not ask. */
#define LONG ((size_t)4 << 20)

static bool wraps(const void *start, size_t n)
{
	return n > UINTPTR_MAX - (uintptr_t)start;
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

/*
 * Stores that bypass the caches pay when the destination would not stay in them anyway: from the
 * size of the largest cache on. Below, whoever reads the copy next would pay more (bench/).
 */
static __attribute__((noinline)) mcsafe__copy_fn *routine_for_long(size_t n)
{
	const struct mcsafe__engine *engine = mcsafe__engine();

	if (engine->copy_nt != NULL && n >= mcsafe__cpu_cache_size())
		return engine->copy_nt;
	return engine->copy;
}

static inline mcsafe__copy_fn *routine_for(size_t n)
{
	return n < LONG ? mcsafe__engine()->copy : routine_for_long(n);
}

/* An engine has left so many bytes to go. */
static inline size_t copied(void *dst, const void *src, size_t n, size_t left)
{
	mcsafe__msan_copied(dst, src, n - left);
	return left;
}

static __attribute__((noinline)) size_t copy_with_record(mcsafe__copy_fn *copy, void *dst,
							 const void *src, size_t n,
							 struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left = copied(dst, src, n, copy(dst, src, n, &landing));

	if (left != 0)
		stopped(fault, &landing, dst, src, n - left);
	return left;
}

size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;

	if (wraps(src, n))
		return refuse(fault, MCSAFE_SIDE_SOURCE, src, n);
	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);
	/* Without a record nothing has to be kept over the call, which shows in short copies. */
	if (fault == NULL)
		return copied(dst, src, n, routine_for(n)(dst, src, n, &landing));
	return copy_with_record(routine_for(n), dst, src, n, fault);
}

size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
{
	return mcsafe_memcpy(dst, src, n, NULL);
}

size_t mcsafe_memset(void *dst, int c, size_t n, struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left;

	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);

	left = mcsafe__set_word(dst, c, n, &landing);
	mcsafe__msan_written(dst, n - left);
	if (left != 0)
		stopped(fault, &landing, dst, NULL, n - left);
	return left;
}

static size_t flush(const void *addr, size_t n, struct mcsafe__landing *landing)
{
	unsigned features = mcsafe__cpu_features();

	if (features & MCSAFE__CPU_CLWB)
		return mcsafe__flush_clwb(addr, n, landing);
	if (features & MCSAFE__CPU_CLFLUSHOPT)
		return mcsafe__flush_clflushopt(addr, n, landing);
	return mcsafe__flush_clflush(addr, n, landing);
}

/* What a copy past the caches has left in them. */
static size_t flush_ends(char *dst, size_t n, struct mcsafe__landing *landing)
{
	size_t unflushed = flush(dst, MCSAFE_NT_EDGE, landing);

	if (unflushed != 0)
		return unflushed + n - MCSAFE_NT_EDGE;
	return flush(dst + n - MCSAFE_NT_EDGE, MCSAFE_NT_EDGE, landing);
}

size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	const struct mcsafe__engine *engine = mcsafe__engine();
	bool streams = engine->copy_nt != NULL && n >= MCSAFE_NT_LEAST;
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
		unflushed = flush(dst, n - left, &flushing);
	if (left + unflushed == 0)
		return 0;
	/* If the destination went away behind the copy, that is nearer than what stopped it. */
	stopped(fault, unflushed != 0 ? &flushing : &landing, dst, src, n - left - unflushed);
	return left + unflushed;
}

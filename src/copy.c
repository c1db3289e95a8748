/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - the public copies: argument rules, and the fault record of one that stopped */
#include <mcsafe/copy.h>

#include <stdint.h>

#include "cpu.h"
#include "engine.h"
#include "fault.h"

static int wraps(const void *start, size_t n)
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
	int is_load = mcsafe__facts_kind(landing->facts) == MCSAFE_ROW_LOAD;

	if (fault != NULL)
		mcsafe__fault_from_landing(fault, landing,
					   (const char *)(is_load ? src : dst) + done);
}

size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left;

	if (wraps(src, n))
		return refuse(fault, MCSAFE_SIDE_SOURCE, src, n);
	if (wraps(dst, n))
		return refuse(fault, MCSAFE_SIDE_DESTINATION, dst, n);

	left = mcsafe__copy_word(dst, src, n, &landing);
	if (left != 0)
		stopped(fault, &landing, dst, src, n - left);
	return left;
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

size_t mcsafe_memcpy_flushcache(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault), done = n - left, unflushed;
	struct mcsafe__landing landing;

	unflushed = flush(dst, done, &landing);
	if (unflushed == 0)
		return left;
	/* The destination went away behind the copy; that is nearer than what stopped the copy. */
	stopped(fault, &landing, dst, src, done - unflushed);
	return left + unflushed;
}

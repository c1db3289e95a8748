/* SPDX-License-Identifier: BSD-3-Clause */
/* copy.c - the public copies: argument rules, and the fault record of a copy that stopped */
#include <mcsafe/copy.h>

#include <stdint.h>

#include "engine.h"
#include "fault.h"

static int wraps(const void *start, size_t n)
{
	return n > UINTPTR_MAX - (uintptr_t)start;
}

/* Such a range cannot be memory. Copying up to the first fault would overwrite all that is mapped
 * behind dst, so nothing is touched. */
static size_t refuse(struct mcsafe_fault *fault, enum mcsafe_side side, const void *start, size_t n)
{
	if (fault != NULL)
		mcsafe__fault_refused(fault, side, start);
	return n;
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
	if (left != 0 && fault != NULL) {
		const void *side = mcsafe__facts_kind(landing.facts) == MCSAFE_ROW_LOAD ? src : dst;

		mcsafe__fault_from_landing(fault, &landing, (const char *)side + (n - left));
	}
	return left;
}

size_t memcpy_mcsafe(void *dst, const void *src, size_t n)
{
	return mcsafe_memcpy(dst, src, n, NULL);
}

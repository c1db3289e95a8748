/* SPDX-License-Identifier: BSD-3-Clause */
/* note.c - add the memory that a fault has shown to be lost to the registry of a mapping */
#include "pmem.h"

#include <errno.h>
#include <signal.h>

#include "badblocks/within.h"
#include "base/counters.h"
#include "base/errno_kept.h"
#include "base/no_cancel.h"
#include "base/probe.h"
#include "landing/loss.h"
#include "medium.h"

static size_t granule_of(const struct mcsafe_pmem *pmem, const struct mcsafe_fault *fault)
{
	/* With DAX the kernel reports the size of the mapping as the extent, but it takes away one
	 * page. The rest can be mapped again. */
	if (pmem->dax)
		return MCSAFE__PAGE;
	return mcsafe__granule(fault, pmem->page_size);
}

/* Whether reading one byte raises SIGBUS: the cause is then the medium. */
static bool is_bad(const struct mcsafe__access *access, size_t at)
{
	struct mcsafe_fault fault;
	unsigned char byte;

	return mcsafe_memcpy(&byte, access->base + at, 1, &fault) != 0 && fault.signo == SIGBUS;
}

/*
 * The granule that is lost, as a range of the mapping. Where it is not known which of two is lost,
 * one byte of the first is read.
 */
static struct mcsafe_range lost_range(const struct mcsafe__access *access,
				      const struct mcsafe_fault *fault, size_t at)
{
	size_t end = access->offset + access->n;
	struct mcsafe__loss loss = mcsafe__loss_at(fault, (uintptr_t)access->base + at, end - at,
						   granule_of(access->pmem, fault));

	if (loss.may_be_next && !is_bad(access, at))
		mcsafe__loss_is_next(&loss);
	return mcsafe__range_within(access->base, access->mapped, loss.start, loss.len);
}

/*
 * Whether the access has shown that the medium has lost the byte at an offset. Then it is lost for
 * good, until it is repaired. Anything else may pass, and must not be remembered: the next access
 * tries again.
 */
static bool is_lost(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
		    size_t at)
{
	switch (fault->cause) {
	case MCSAFE_CAUSE_POISON:
		return mcsafe__medium_has_page(access->pmem, at);
	case MCSAFE_CAUSE_UNKNOWN:
		/* A machine check whose address the kernel does not know, is a SIGBUS. */
		return fault->signo == SIGBUS && fault->code != BUS_ADRALN &&
		       mcsafe__medium_has_page(access->pmem, at);
	case MCSAFE_CAUSE_IO:
		return mcsafe__medium_has_lost(access->pmem, at);
	default:
		return false;
	}
}

/* Whether it is lost still. If there was a repair since the access began, it may have repaired
 * this. Then read the byte again: the kernel has unmapped a lost page, so that this is a page fault
 * at worst. */
static bool is_lost_still(const struct mcsafe__access *access, size_t at)
{
	return access->repairs == atomic_load(&access->pmem->repairs) || is_bad(access, at);
}

size_t mcsafe__pmem_note(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
			 size_t at)
{
	struct mcsafe_pmem *pmem = access->pmem;
	struct mcsafe_range lost = lost_range(access, fault, at);
	size_t first = at < lost.start ? lost.start : at;
	MCSAFE__KEEP_ERRNO();
	MCSAFE__NO_CANCEL();

	if (!is_lost(access, fault, first))
		return lost.start + lost.len - at;
	pthread_mutex_lock(&pmem->noting);
	/* If there is no memory to add the range, the next access meets the fault again. */
	if (is_lost_still(access, first)) {
		(void)mcsafe_badblocks_add(pmem->bad, lost.start, lost.len);
		mcsafe__count(&mcsafe__counters.ranges_noted);
		MCSAFE__PROBE_2(range_noted, lost.start, lost.len);
	}
	pthread_mutex_unlock(&pmem->noting);
	return lost.start + lost.len - at;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* note.c - add the memory that a fault has shown to be lost to the registry of a mapping */
#include "pmem.h"

#include <errno.h>
#include <signal.h>

#include "badblocks/within.h"
#include "base/errno_kept.h"
#include "landing/loss.h"

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

bool mcsafe__pmem_is_in_file(const struct mcsafe_pmem *pmem, size_t at)
{
	size_t size;

	if (pmem->fd < 0 || pmem->kind == MCSAFE_PMEM_DEVICE ||
	    mcsafe__pmem_file_size(pmem->fd, &size) != 0)
		return true;
	/* If the file of memory that the caller has mapped is a device, its size is 0. */
	if (size == 0 && pmem->kind == MCSAFE_PMEM_MEMORY)
		return true;
	return at + pmem->fd_offset < mcsafe__up(size, pmem->page_size);
}

static bool must_note(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
		      size_t at)
{
	const struct mcsafe_pmem *pmem = access->pmem;

	switch (fault->cause) {
	case MCSAFE_CAUSE_POISON:
	case MCSAFE_CAUSE_UNKNOWN:
		/* If there was a repair since the access began, it may have repaired this. Then
		 * read the byte again: the kernel has unmapped a lost page, so that this is a page
		 * fault at worst. */
		return access->repairs == atomic_load(&pmem->repairs) || is_bad(access, at);
	case MCSAFE_CAUSE_IO:
		return mcsafe__pmem_is_in_file(pmem, at) && is_bad(access, at);
	default:
		return false;
	}
}

size_t mcsafe__pmem_note(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
			 size_t at)
{
	struct mcsafe_pmem *pmem = access->pmem;
	struct mcsafe_range lost = lost_range(access, fault, at);
	MCSAFE__KEEP_ERRNO();

	pthread_mutex_lock(&pmem->noting);
	/* If there is no memory to add the range, the next access meets the fault again. */
	if (must_note(access, fault, at < lost.start ? lost.start : at))
		(void)mcsafe_badblocks_add(pmem->bad, lost.start, lost.len);
	pthread_mutex_unlock(&pmem->noting);
	return lost.start + lost.len - at;
}

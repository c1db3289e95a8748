/* SPDX-License-Identifier: BSD-3-Clause */
/* note.c - what a fault says about the medium, for the registry of what is bad */
#include "copy/engine.h"
#include "base/errno_kept.h"
#include "pmem.h"

#include <errno.h>
#include <signal.h>

/* A copy by vectors or words stops less than this before the line that is bad. */
#define SHORT_BY 8

static size_t granule_of(const struct mcsafe_pmem *pmem, const struct mcsafe_fault *fault)
{
	/* The kernel names the size of the mapping, but what it takes away is a page: with DAX the
	 * rest can be mapped again. */
	if (pmem->dax)
		return MCSAFE__PAGE;
	return fault->extent > pmem->page_size ? fault->extent : pmem->page_size;
}

/* Whether one byte cannot be read for a reason that has to do with the medium. */
static bool is_bad(const struct mcsafe__access *access, size_t at)
{
	struct mcsafe_fault fault;
	unsigned char byte;

	return mcsafe_memcpy(&byte, access->base + at, 1, &fault) != 0 && fault.signo == SIGBUS;
}

/*
 * The block of that size which is lost. The address is that of the page, or of all that was mapped
 * as one, or in another mapping of the same memory: it counts if its block meets the access from
 * where it stopped on. If not, the block is where the access stopped, or just behind that; REP MOVSB
 * may stop farther before it, and then the block before is good, which is tried: the kernel knows
 * the page by now, so that to read it is a page fault at worst.
 */
static struct mcsafe_range lost_block(const struct mcsafe__access *access,
				      const struct mcsafe_fault *fault, size_t at)
{
	size_t granule = granule_of(access->pmem, fault), end = access->offset + access->n;
	size_t offset = (uintptr_t)fault->addr - (uintptr_t)access->base, first, last;

	if (offset < access->mapped) {
		first = mcsafe__down(offset, granule);
		if (first < end && first + granule > at)
			return (struct mcsafe_range){first, granule};
	}
	first = mcsafe__down(at, granule);
	last = at + SHORT_BY - 1;
	last = mcsafe__down(last < end ? last : end - 1, granule);
	if (mcsafe__is_string_copy((uintptr_t)fault->ip) && first + granule < end &&
	    !is_bad(access, at))
		first = last = first + granule;
	return (struct mcsafe_range){first, last + granule - first};
}

bool mcsafe__pmem_is_in_file(const struct mcsafe_pmem *pmem, size_t at)
{
	size_t size;

	if (pmem->fd < 0 || pmem->kind == MCSAFE_PMEM_DEVICE ||
	    mcsafe__pmem_file_size(pmem->fd, &size) != 0)
		return true;
	/* A descriptor of a device, behind memory of the caller, has no size. */
	if (size == 0 && pmem->kind == MCSAFE_PMEM_MEMORY)
		return true;
	return at + pmem->fd_offset < mcsafe__up(size, pmem->page_size);
}

static bool is_to_be_noted(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
			   size_t at)
{
	const struct mcsafe_pmem *pmem = access->pmem;

	switch (fault->cause) {
	case MCSAFE_CAUSE_POISON:
	case MCSAFE_CAUSE_UNKNOWN:
		/* It may have been repaired since: the kernel knows the page by now, and to read
		 * it again is a page fault at worst. */
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
	struct mcsafe_range lost = lost_block(access, fault, at);
	MCSAFE__KEEP_ERRNO();

	if (lost.len > access->mapped - lost.start)
		lost.len = access->mapped - lost.start;
	pthread_mutex_lock(&pmem->noting);
	/* Without memory for it the next access meets it again. */
	if (is_to_be_noted(access, fault, at < lost.start ? lost.start : at))
		(void)mcsafe_badblocks_add(pmem->bad, lost.start, lost.len);
	pthread_mutex_unlock(&pmem->noting);
	return lost.start + lost.len - at;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in.c - put a stand-in where memory has failed
 *
 * Runs in the signal handler, in a section, under the lock of the shield. Of libc it calls memset,
 * mmap, mremap, mprotect, munmap, fstat and pread, and what base/vma.c calls.
 *
 * A stand-in is complete before a thread can see it: zeros are mapped at once, other bytes are
 * filled in at another address and moved. A move and a mapping replace what was there in one step.
 */
#include "shield.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/probe.h"

/* Filled stand-ins past the end of a file: so much at once. Zeros take no memory until they are
 * read, so there all is replaced at once. */
#define FILLED_AT_ONCE ((size_t)1 << 20)
/* The same if the size of the file is not known, so that each page must be tried. */
#define TRIED_AT_ONCE  (512 * MCSAFE__PAGE)

struct mcsafe__origin mcsafe__shield_origin(const struct mcsafe__vma *vma)
{
	return (struct mcsafe__origin){
		.inode = vma->inode,
		.device = vma->device,
		.shift = vma->inode != 0 ? vma->offset - vma->start : 0,
		.is_shared = vma->is_shared,
	};
}

static bool is_origin(const struct mcsafe__vma *vma, const struct mcsafe__origin *origin)
{
	const struct mcsafe__origin now = mcsafe__shield_origin(vma);

	return now.inode == origin->inode && now.device == origin->device &&
	       now.shift == origin->shift && now.is_shared == origin->is_shared;
}

off_t mcsafe__shield_file_size(const struct mcsafe_shield *shield)
{
	struct stat st;

	if (shield->file.fd < 0 || fstat(shield->file.fd, &st) != 0 ||
	    !mcsafe__stat_is_same(&st, &shield->file.id) || !S_ISREG(st.st_mode))
		return -1;
	return st.st_size;
}

/* ---- what to replace ------------------------------------------------------------------------- */

/* What is replaced, in one mapping. [start, needed) must be replaced, the rest can be left. */
struct plan {
	struct mcsafe__vma vma;
	uintptr_t start, needed, end;
};

/* Whether the shield may replace what the mapping has at an address. */
static bool is_ours(const struct mcsafe_shield *shield, const struct mcsafe__vma *vma,
		    uintptr_t addr)
{
	/* A stand-in can be poisoned too. */
	bool is_stand_in =
		vma->inode == 0 && !vma->is_shared && mcsafe__shield_is_marked(shield, addr);

	return is_origin(vma, &shield->origin) || is_stand_in;
}

/* 1: the mapping is ours, and must be replaced. 0: the access fails with SIGSEGV. -errno. */
static int look(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		struct mcsafe__vma *vma)
{
	enum mcsafe__mapped found = mcsafe__vma_at(failed->addr, vma);

	if (found != MCSAFE__MAPPED)
		return found == MCSAFE__NOT_MAPPED ? 0 : -ENODATA;
	if (!is_ours(shield, vma, failed->addr) || (vma->prot & PROT_EXEC))
		return -EFAULT;
	/* On x86, memory that can be written can be read. */
	if (vma->prot == PROT_NONE || (failed->was_store && !(vma->prot & PROT_WRITE)))
		return 0;
	return 1;
}

static uintptr_t least(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* All that lies past the end of the file, if the failed page does. */
static void add_past_end(const struct mcsafe_shield *shield, struct plan *plan, off_t size,
			 size_t granule)
{
	const struct mcsafe__vma *vma = &plan->vma;
	uint64_t past = mcsafe__up((size_t)size, granule);
	uint64_t at = vma->offset + (plan->start - vma->start);
	uintptr_t end = least(vma->end, shield->end), first = vma->start;

	if (at < past)
		return;
	if (shield->fill != MCSAFE_SHIELD_ZERO) {
		end = least(end, plan->start + FILLED_AT_ONCE);
	} else {
		if (past > vma->offset)
			first += past - vma->offset;
		plan->start = first > shield->start ? first : shield->start;
	}
	if (end > plan->needed)
		plan->end = end;
}

/* The same if the size of the file is not known: as many failed pages in all as there are stand-ins
 * right before. */
static void add_failed(const struct mcsafe_shield *shield, struct plan *plan, bool for_store)
{
	uintptr_t limit = least(plan->vma.end, shield->end), before = plan->start;

	while (before > shield->start && plan->start - before < TRIED_AT_ONCE &&
	       mcsafe__shield_is_marked(shield, before - MCSAFE__PAGE))
		before -= MCSAFE__PAGE;
	limit = least(limit, plan->start + (plan->start - before));
	while (plan->end < limit) {
		int err = mcsafe__shield_try(plan->end, plan->end + MCSAFE__PAGE, for_store);

		if (err == 0 || err == -EOPNOTSUPP)
			break;
		plan->end += MCSAFE__PAGE;
	}
}

/* Decide what is replaced together with the failed page. */
static int make_plan(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		     size_t granule, struct plan *plan)
{
	off_t size;

	plan->start = mcsafe__down(failed->addr, granule);
	plan->needed = plan->end = plan->start + granule;
	if (plan->start < shield->start || plan->needed > shield->end ||
	    plan->start < plan->vma.start || plan->needed > plan->vma.end)
		return -EFAULT;
	if (failed->is_poison || !is_origin(&plan->vma, &shield->origin) ||
	    shield->origin.inode == 0)
		return 0;
	size = mcsafe__shield_file_size(shield);
	if (size >= 0)
		add_past_end(shield, plan, size, granule);
	else if (granule == MCSAFE__PAGE)
		add_failed(shield, plan, failed->was_store);
	return 0;
}

/* ---- replace it ------------------------------------------------------------------------------ */

static int map_zeros(const struct plan *plan)
{
	int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *at = mmap((void *)plan->start, plan->end - plan->start, plan->vma.prot, flags, -1, 0);

	return at != MAP_FAILED ? 1 : -errno;
}

/* Read n bytes from the mirror. Returns what it gives: whole pages. Its end ends a page too. */
static size_t read_mirror(const struct mcsafe_shield *shield, char *to, uintptr_t start, size_t n)
{
	off_t at = shield->mirror_offset + (off_t)(start - shield->start);
	size_t done = 0;

	if (!mcsafe__fd_is_same(shield->mirror.fd, &shield->mirror.id))
		return 0;
	while (done < n) {
		ssize_t got = pread(shield->mirror.fd, to + done, n - done, at + (off_t)done);

		if (got == 0)
			return mcsafe__up(done, MCSAFE__PAGE);
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			break;
	}
	return mcsafe__down(done, MCSAFE__PAGE);
}

/* Fill memory for the plan, which gets shorter if the mirror does not have all. */
static int fill(const struct mcsafe_shield *shield, struct plan *plan, char *memory)
{
	size_t n = plan->end - plan->start;

	if (shield->fill == MCSAFE_SHIELD_BYTE)
		memset(memory, shield->byte, n);
	else if (shield->fill == MCSAFE_SHIELD_MIRROR)
		n = read_mirror(shield, memory, plan->start, n);
	plan->end = plan->start + n;
	return plan->end >= plan->needed ? 0 : -EIO;
}

/* Move filled memory to its place, if that is still what it was. 1, 0 or -errno as look(). */
static int move(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		struct plan *plan, char *memory)
{
	struct mcsafe__vma vma;
	size_t n = plan->end - plan->start;
	int todo = look(shield, failed, &vma);

	if (todo <= 0)
		return todo;
	if (vma.start > plan->start || vma.end < plan->end)
		return -EFAULT;
	plan->vma = vma;
	if (mprotect(memory, n, vma.prot) != 0 ||
	    mremap(memory, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, plan->start) == MAP_FAILED)
		return -errno;
	return 1;
}

static int map_filled(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		      struct plan *plan)
{
	size_t n = plan->end - plan->start, moved = 0;
	int prot = PROT_READ | PROT_WRITE, done;
	char *memory = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	done = fill(shield, plan, memory);
	if (done >= 0)
		done = move(shield, failed, plan, memory);
	if (done == 1)
		moved = plan->end - plan->start;
	if (moved < n)
		munmap(memory + moved, n - moved);
	return done;
}

/* Replace what is planned. It is counted and marked before a thread can see it. 1, 0 or -errno. */
static int carry_out(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		     struct plan *plan)
{
	const uintptr_t start = plan->start, end = plan->end;
	/* Where the program has mapped the file again over a stand-in, the mark means nothing. */
	bool had_stand_in = plan->vma.inode == 0 && mcsafe__shield_is_marked(shield, start);
	int done;

	atomic_fetch_add(&shield->lost, end - start);
	mcsafe__shield_mark(shield, start, end);
	done = shield->fill == MCSAFE_SHIELD_ZERO ? map_zeros(plan) : -ENOMEM;
	/* If the place is a part of a huge page, mmap(2) of Linux 6.1 says ENOMEM. mremap(2) says
	 * EINVAL, which tells it from a lack of memory. Later kernels tell the size of the page. */
	if (shield->fill != MCSAFE_SHIELD_ZERO || (done == -ENOMEM && plan->vma.page == 0))
		done = map_filled(shield, failed, plan);
	if (done != 1)
		plan->end = start;
	/* What was not replaced after all. */
	atomic_fetch_sub(&shield->lost, end - plan->end);
	if (!had_stand_in)
		mcsafe__shield_unmark(shield, plan->end, end);
	return done;
}

/* Whether a stand-in is there already. */
static bool is_replaced(const struct mcsafe_shield *shield, uintptr_t page)
{
	struct mcsafe__vma vma;

	return mcsafe__shield_is_marked(shield, page) &&
	       mcsafe__vma_at(page, &vma) == MCSAFE__MAPPED && vma.inode == 0 && !vma.is_shared;
}

int mcsafe__shield_replace(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
			   struct mcsafe_range *range)
{
	/* If the size of a huge page is not known, as with memory of devices: the kernel replaces
	 * no part of it (-EINVAL). So try the sizes of x86. */
	static const size_t granules[] = {MCSAFE__PAGE, (size_t)2 << 20, (size_t)1 << 30};
	uintptr_t page = mcsafe__down(failed->addr, MCSAFE__PAGE);
	int done = -EINVAL;
	struct plan plan;

	/* If the processor has just met poison, the kernel may have failed to unmap the page. Then
	 * it can be populated, and an access meets the poison again, for ever. But if two threads
	 * have met the same poison, the first answer is the stand-in for both. */
	if ((!failed->is_new || is_replaced(shield, page)) &&
	    mcsafe__shield_try(page, page + MCSAFE__PAGE, failed->was_store) == 0)
		return 0;
	for (size_t i = 0; done == -EINVAL && i < sizeof(granules) / sizeof(granules[0]); i++) {
		int todo = look(shield, failed, &plan.vma);

		if (todo <= 0)
			return todo;
		if (granules[i] < plan.vma.page)
			continue;
		done = make_plan(shield, failed, granules[i], &plan);
		if (done == 0)
			done = carry_out(shield, failed, &plan);
	}
	if (done == 1)
		*range = (struct mcsafe_range){plan.start - shield->start, plan.end - plan.start};
	return done;
}

void mcsafe__shield_tell(const void *start, const struct mcsafe_range *range, mcsafe_shield_fn fn,
			 void *arg)
{
	atomic_fetch_add_explicit(&mcsafe__counters.shields, range->len / MCSAFE__PAGE,
				  memory_order_relaxed);
	MCSAFE__PROBE_2(shield_replaced, (const char *)start + range->start, range->len);
	if (fn != NULL)
		fn(range, arg);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in.c - put a stand-in where memory has failed
 *
 * Runs in the signal handler, in a section, under the lock of the shield. Of libc it calls madvise,
 * mmap and fstat, and what fill.c and mapped.c call.
 *
 * A stand-in is complete before a thread can see it: zeros are mapped at once, other bytes are
 * filled in at another address and moved (fill.c). A move and a mapping replace what was there in
 * one step.
 *
 * The kernel has no call that maps a page only if a certain mapping is there. So the handler asks
 * what is there immediately before it maps, and once more after that.
 */
#include "shield.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/counters.h"
#include "base/probe.h"

/* Filled stand-ins past the end of a file: so much at once. Zeros take no memory until they are
 * read, so there all is replaced at once. More zeros than that are never locked: see
 * mcsafe__shield_take_room(). */
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
	off_t size;      /* of the file; -1: not known */
	bool look_again; /* what took long comes between the look and the mapping */
	bool carry;      /* take what the file still has */
	size_t carried;  /* so many bytes */
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
	enum mcsafe__mapped found = mcsafe__shield_ask(&failed->maps, failed->addr, vma);

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
static void add_past_end(const struct mcsafe_shield *shield, struct plan *plan, size_t granule)
{
	const struct mcsafe__vma *vma = &plan->vma;
	uint64_t past = mcsafe__up((size_t)plan->size, granule);
	uint64_t at = vma->offset + (plan->start - vma->start);
	uintptr_t end = least(vma->end, shield->end), first = vma->start;

	if (at < past)
		return;
	plan->carry = false;
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
	plan->look_again = plan->end < limit;
	while (plan->end < limit) {
		int err = mcsafe__shield_try(plan->end, plan->end + MCSAFE__PAGE, for_store);

		if (!mcsafe__shield_is_failure(err))
			break;
		plan->end += MCSAFE__PAGE;
	}
}

/* Decide what is replaced together with the failed page. */
static int make_plan(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		     size_t granule, struct plan *plan)
{
	plan->start = mcsafe__down(failed->addr, granule);
	plan->needed = plan->end = plan->start + granule;
	plan->look_again = plan->carry = false;
	plan->carried = 0;
	if (plan->start < shield->start || plan->needed > shield->end ||
	    plan->start < plan->vma.start || plan->needed > plan->vma.end)
		return -EFAULT;
	if (!is_origin(&plan->vma, &shield->origin) || shield->origin.inode == 0)
		return 0;
	/* Of a private mapping, the page may be a copy that differs from the file. */
	plan->carry = granule > MCSAFE__PAGE && shield->origin.is_shared;
	if (failed->is_poison)
		return 0;
	if (plan->size >= 0)
		add_past_end(shield, plan, granule);
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

/* Whether what will be replaced is still what the plan was made for. 1, 0 or -errno as look(). */
static int look_again(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		      struct plan *plan)
{
	struct mcsafe__vma vma;
	int todo = look(shield, failed, &vma);

	if (todo <= 0)
		return todo;
	if (vma.start > plan->start || vma.end < plan->end)
		return -EFAULT;
	plan->vma = vma;
	return 1;
}

/* Look what is there now. Another thread may have mapped something else over a stand-in, or
 * unmapped it: that is no longer listed. It remains counted, because a thread may have seen it. */
static void look_after(struct mcsafe_shield *shield, const struct mcsafe__maps *maps,
		       const struct plan *plan)
{
	struct mcsafe__vma after = {.start = 0};

	for (uintptr_t at = plan->start, next; at < plan->end; at = next) {
		struct mcsafe__vma vma = {.start = 0};
		enum mcsafe__mapped found = mcsafe__shield_ask_next(maps, at, &vma);
		bool is_mapped = found == MCSAFE__MAPPED && vma.start <= at;

		next = plan->end;
		if (found == MCSAFE__MAPPED)
			next = least(next, is_mapped ? vma.end : vma.start);
		if (!is_mapped || vma.inode != 0 || vma.is_shared)
			mcsafe__shield_unmark(shield, at, next);
		if (at == plan->start)
			after.start = vma.start;
		after.end = vma.end;
	}
	mcsafe__shield_note_stand_in(&plan->vma, &after, plan->start, plan->end);
}

/* Move filled memory to its place. 1, or -errno. */
static int move(struct mcsafe_shield *shield, const struct plan *plan,
		struct mcsafe__filling *filling)
{
	int err = mcsafe__shield_move(shield, filling, plan->vma.prot);

	return err == 0 ? 1 : err;
}

/* Map what was planned and, unless it is zeros, filled. Everything is counted and marked before a
 * thread can see it. 1, 0 or -errno. */
static int put(struct mcsafe_shield *shield, const struct mcsafe__failed *failed, struct plan *plan,
	       struct mcsafe__filling *filling)
{
	const uintptr_t start = plan->start, end = plan->end;
	/* Where the program has mapped the file again over a stand-in, the mark means nothing. */
	bool had_stand_in = plan->vma.inode == 0 && mcsafe__shield_is_marked(shield, start);
	int done = 1;

	if (plan->look_again || filling->memory != NULL)
		done = look_again(shield, failed, plan);
	if (done <= 0)
		return done;
	plan->carried = filling->carried;
	atomic_fetch_add(&shield->carried, plan->carried);
	atomic_fetch_add(&shield->lost, end - start - plan->carried);
	mcsafe__shield_mark(shield, start, end);
	if (filling->memory == NULL)
		done = map_zeros(plan);
	else
		done = move(shield, plan, filling);
	if (done == 1) {
		look_after(shield, &failed->maps, plan);
		return done;
	}
	atomic_fetch_sub(&shield->carried, plan->carried);
	atomic_fetch_sub(&shield->lost, end - start - plan->carried);
	if (!had_stand_in)
		mcsafe__shield_unmark(shield, start, end);
	return done;
}

/* Replace what is planned. 1, 0 or -errno. */
static int carry_out(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		     struct plan *plan)
{
	struct mcsafe__filling filling = {
		.start = plan->start,
		.needed = plan->needed,
		.end = plan->end,
		.carry = plan->carry,
	};
	int done = 0;

	mcsafe__shield_set_carried(shield, plan->start, plan->end, false);
	if (shield->fill != MCSAFE_SHIELD_ZERO || plan->carry)
		done = mcsafe__shield_fill(shield, &filling);
	else if (plan->end - plan->start > FILLED_AT_ONCE)
		mcsafe__shield_take_room(&filling);
	if (done != 0)
		return done;
	plan->end = filling.end;
	done = put(shield, failed, plan, &filling);
	/* To map takes fewer mappings and other system calls than to move. */
	if (done < 0 && filling.is_empty) {
		mcsafe__shield_drop(&filling);
		filling.memory = NULL;
		filling.is_empty = false;
		done = put(shield, failed, plan, &filling);
	}
	/* If the place is a part of a huge page, mmap(2) of Linux 6.1 says ENOMEM. mremap(2) says
	 * EINVAL, which tells it from a lack of memory. Later kernels tell the size of the page. */
	if (done == -ENOMEM && filling.memory == NULL && plan->vma.page == 0) {
		done = mcsafe__shield_fill(shield, &filling);
		if (done == 0)
			done = put(shield, failed, plan, &filling);
	}
	if (filling.memory != NULL)
		mcsafe__shield_drop(&filling);
	return done;
}

/* If there is not enough memory for what lies past the end too (limits of setrlimit(2), or
 * overcommit), the failed page alone may fit, and without staging memory. 1, 0 or -errno. */
static int carry_out_all_or_least(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
				  size_t granule, struct plan *plan)
{
	const uintptr_t start = plan->needed - granule;
	int done;

	shield->cannot_stage = false;
	done = carry_out(shield, failed, plan);
	if (done != -ENOMEM && done != -EAGAIN)
		return done;
	if (plan->end - plan->start <= granule && !shield->cannot_stage)
		return done;
	plan->start = start;
	plan->end = plan->needed;
	plan->look_again = true;
	return carry_out(shield, failed, plan);
}

/* What was replaced. Within a huge page, some pages may not be lost. */
static void take_down(const struct mcsafe_shield *shield, const struct plan *plan,
		      struct mcsafe__replaced *replaced)
{
	struct mcsafe_range range;

	replaced->start = plan->start - shield->start;
	replaced->end = plan->end - shield->start;
	replaced->carried = plan->carried;
	replaced->lost = plan->end - plan->start - plan->carried;
	replaced->n = 0;
	for (size_t at = replaced->start;
	     at < replaced->end && mcsafe_shield_next(shield, at, &range) &&
	     range.start < replaced->end;
	     at = range.start + range.len) {
		/* A stand-in after the end may be there already. */
		if (range.len > replaced->end - range.start)
			range.len = replaced->end - range.start;
		if (replaced->n < MCSAFE__RANGES_TOLD) {
			replaced->ranges[replaced->n++] = range;
		} else {
			struct mcsafe_range *last = &replaced->ranges[replaced->n - 1];

			last->len = range.start + range.len - last->start;
		}
	}
}

static void finish(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		   const struct plan *plan, struct mcsafe__replaced *replaced)
{
	take_down(shield, plan, replaced);
	for (unsigned i = 0; shield->note != NULL && !failed->is_known && i < replaced->n; i++)
		shield->note(&replaced->ranges[i], failed->is_poison, shield->note_arg);
}

/* Whether a stand-in is there already. */
static bool is_replaced(const struct mcsafe_shield *shield, const struct mcsafe__maps *maps,
			uintptr_t page)
{
	struct mcsafe__vma vma;

	return mcsafe__shield_is_marked(shield, page) &&
	       mcsafe__shield_ask(maps, page, &vma) == MCSAFE__MAPPED && vma.inode == 0 &&
	       !vma.is_shared;
}

/* If the processor has just met poison, the kernel may have failed to unmap the page. Then it can
 * be populated, and an access meets the poison again, for ever. But if two threads have met the
 * same poison, the first answer is the stand-in for both. */
static bool may_try(const struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		    uintptr_t page)
{
	return !failed->is_known && (!failed->is_new || is_replaced(shield, &failed->maps, page));
}

/* 1, 0 or -errno. */
static int replace(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
		   struct plan *plan)
{
	/* If the size of a huge page is not known, as with memory of devices: the kernel replaces
	 * no part of it (-EINVAL). So try the sizes of x86. */
	static const size_t granules[] = {MCSAFE__PAGE, (size_t)2 << 20, (size_t)1 << 30};
	int done = -EINVAL;

	plan->size = mcsafe__shield_file_size(shield);
	for (size_t i = 0; done == -EINVAL && i < sizeof(granules) / sizeof(granules[0]); i++) {
		done = look(shield, failed, &plan->vma);
		if (done <= 0)
			break;
		done = -EINVAL;
		if (granules[i] < plan->vma.page)
			continue;
		done = make_plan(shield, failed, granules[i], plan);
		if (done == 0)
			done = carry_out_all_or_least(shield, failed, granules[i], plan);
	}
	return done;
}

/* The same, if the page still fails. */
static int try_and_replace(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
			   struct plan *plan)
{
	uintptr_t page = mcsafe__down(failed->addr, MCSAFE__PAGE), end = page + MCSAFE__PAGE;
	int done;

	if (may_try(shield, failed, page)) {
		int tried = mcsafe__shield_try(page, end, failed->was_store);

		if (tried == 0 || (failed->is_asked && !mcsafe__shield_is_failure(tried)))
			return tried == 0 ? 0 : -EFAULT;
	}
	done = replace(shield, failed, plan);
	/* Something else is there by now, and can be accessed. */
	if (done == -EFAULT && !failed->is_new && !failed->is_known &&
	    mcsafe__shield_try(page, end, failed->was_store) == 0)
		done = 0;
	return done;
}

/*
 * The kernel may say that some page of an extent has failed, by the address of the first one: Linux
 * 7.2 does so for DAX in pages of 2 MiB. Then find the page that fails. It is unmapped by now.
 */
static void find_page(const struct mcsafe_shield *shield, struct mcsafe__failed *failed)
{
	uintptr_t first = failed->addr, end = shield->end;

	if (!failed->is_new || failed->extent <= MCSAFE__PAGE ||
	    (failed->addr & (failed->extent - 1)) != 0)
		return;
	if (end - first > failed->extent)
		end = first + failed->extent;
	if (!mcsafe__shield_has_failure(first, end))
		return;
	/* No page before `first` fails, and a page of [first, end) does. */
	while (end - first > MCSAFE__PAGE) {
		uintptr_t half = first + mcsafe__down((end - first) / 2, MCSAFE__PAGE);

		if (mcsafe__shield_has_failure(first, half))
			end = half;
		else
			first = half;
	}
	failed->addr = first;
}

int mcsafe__shield_replace(struct mcsafe_shield *shield, struct mcsafe__failed *failed,
			   struct mcsafe__replaced *replaced)
{
	struct plan plan;
	int done;

	find_page(shield, failed);
	mcsafe__shield_open_maps(&failed->maps);
	done = try_and_replace(shield, failed, &plan);
	mcsafe__shield_close_maps(&failed->maps);
	if (done == 1)
		finish(shield, failed, &plan, replaced);
	else if (done == -ENOMEM || done == -EAGAIN)
		mcsafe__count(&mcsafe__counters.no_stand_in);
	return done;
}

void mcsafe__shield_tell(const void *start, const struct mcsafe__replaced *replaced,
			 mcsafe_shield_fn fn, void *arg)
{
	atomic_fetch_add_explicit(&mcsafe__counters.shields, replaced->lost / MCSAFE__PAGE,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&mcsafe__counters.carried, replaced->carried / MCSAFE__PAGE,
				  memory_order_relaxed);
	for (unsigned i = 0; i < replaced->n; i++) {
		const struct mcsafe_range *range = &replaced->ranges[i];

		MCSAFE__PROBE_2(shield_replaced, (const char *)start + range->start, range->len);
		if (fn != NULL)
			fn(range, arg);
	}
}

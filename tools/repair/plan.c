/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.c - what a repair writes where, and what came of it */
#include "repair/plan.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "common/progress.h"
#include "common/ranges.h"
#include "common/tool.h"

static void refuse(struct plan *plan, const struct mcsafe_range *range, const char *reason)
{
	struct refusal *last = plan->nrefused > 0 ? &plan->refused[plan->nrefused - 1] : NULL;

	if (last != NULL && last->range.start + last->range.len == range->start &&
	    strcmp(last->reason, reason) == 0) {
		last->range.len += range->len;
		return;
	}
	plan->refused = reallocarray(plan->refused, plan->nrefused + 1, sizeof(*plan->refused));
	if (plan->refused == NULL)
		tool_fail("no memory");
	plan->refused[plan->nrefused++] = (struct refusal){.range = *range, .reason = reason};
}

/* Why the library refuses a page: errors of mcsafe_pmem_repair(). */
static const char *why(ssize_t error)
{
	const char *text;

	switch (-error) {
	case EOPNOTSUPP:
		return "such memory cannot be repaired: libndctl is missing, or no firmware can "
		       "clear the poison";
	case EINVAL:
		return "the size of the file has changed, or the end of the file is inside a page "
		       "of persistent memory: --punch";
	case EBADF:
		return "the file is no longer the one that was opened";
	case EIO:
		return "the medium does not take new data, or they cannot be read back";
	default:
		text = strerrordesc_np((int)-error);
		return text != NULL ? text : "an unknown error";
	}
}

/* More holes are in no page that can be repaired with sense. */
#define HOLES 512

/* Whether all of a range is to be repaired. */
static bool is_planned(const struct plan *plan, const struct mcsafe_range *range)
{
	struct mcsafe_range planned;

	return mcsafe_badblocks_next(plan->bad, range->start, range->start + range->len,
				     &planned) &&
	       planned.start == range->start && planned.len == range->len;
}

/*
 * Read the good bytes of a page. All bytes that are lost must be in the plan: new data would hide
 * the loss of others. Returns NULL, or why that is not possible.
 */
static const char *get_good_bytes(struct plan *plan, char *page, size_t at, size_t len)
{
	struct mcsafe_range holes[HOLES];
	size_t n = HOLES;

	if (mcsafe_pmem_salvage(plan->target->pmem, page, len, (off_t)at, 0, holes, &n) !=
	    (ssize_t)len)
		return "the file has become shorter";
	for (size_t i = 0; i < n; i++)
		if (n > HOLES || !is_planned(plan, &holes[i]))
			return "other bytes of this page cannot be read, and are not in the list";
	return NULL;
}

/* Get the bytes of the plan in a page: those of the mirror, or zeros. */
static const char *get_new_bytes(struct plan *plan, char *page, size_t at, size_t len)
{
	struct mcsafe_range range;

	for (size_t next = at; mcsafe_badblocks_next(plan->bad, next, at + len, &range);
	     next = range.start + range.len) {
		char *to = page + (range.start - at);

		if (plan->mirror == NULL)
			memset(to, 0, range.len);
		else if (mcsafe_pmem_pread(plan->mirror->pmem, to, range.len, (off_t)range.start,
					   NULL) != (ssize_t)range.len)
			return "the mirror cannot be read there, or is shorter";
	}
	return NULL;
}

static const char *write_page(struct plan *plan, char *page, size_t at, size_t len)
{
	const char *reason = get_good_bytes(plan, page, at, len);
	ssize_t done;

	if (reason == NULL)
		reason = get_new_bytes(plan, page, at, len);
	if (reason != NULL)
		return reason;
	done = mcsafe_pmem_repair(plan->target->pmem, page, len, (off_t)at);
	if (done == (ssize_t)len)
		return NULL;
	return why(done < 0 ? done : -EIO);
}

static void repair_page(struct plan *plan, char *page, size_t at, size_t len)
{
	const char *reason = write_page(plan, page, at, len);
	struct mcsafe_range range;

	for (size_t next = at; mcsafe_badblocks_next(plan->bad, next, at + len, &range);
	     next = range.start + range.len) {
		if (reason == NULL)
			ranges_add(plan->repaired, range.start, range.len);
		else
			refuse(plan, &range, reason);
	}
}

void plan_run(struct plan *plan)
{
	const struct target *target = plan->target;
	char *page = tool_alloc(target->align, 1);
	struct mcsafe_range range;
	size_t done = 0;

	for (size_t at = 0; mcsafe_badblocks_next(plan->bad, at, target->size, &range);) {
		size_t start = range.start - range.start % target->align;
		size_t len =
			target->size - start < target->align ? target->size - start : target->align;

		repair_page(plan, page, start, len);
		at = start + len;
		done += len;
		progress_show(done, 0);
	}
	free(page);
}

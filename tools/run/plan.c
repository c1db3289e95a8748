/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.c - what of a mapping is replaced, and why it was lost */
#include "run/plan.h"

#include <errno.h>
#include <unistd.h>

#include "base/page.h"

/* Pages that are filled from a mirror: so much at once. Zeros take no memory until they are used,
 * so there all that is lost is replaced at once. */
#define FILLED_AT_ONCE ((size_t)16 << 20)

void plan_one_page(struct plan *plan, const struct mcsafe__vma *vma, uintptr_t page)
{
	plan->start = mcsafe__down(page, vma->page);
	plan->end = plan->start + vma->page;
}

struct plan plan_poison(const struct mcsafe__vma *vma, uintptr_t page, unsigned shift)
{
	struct plan plan = {.reason = MCSAFE_REASON_POISON};
	uintptr_t start, end;

	plan_one_page(&plan, vma, page);
	if (shift <= MCSAFE__PAGE_SHIFT || shift >= 40)
		return plan;
	start = mcsafe__down(page, (size_t)1 << shift);
	end = start + ((size_t)1 << shift);
	plan.start = start > vma->start ? start : vma->start;
	plan.end = end < vma->end ? end : vma->end;
	return plan;
}

static void plan_past_end(struct plan *plan, const struct mcsafe__vma *vma, uint64_t past,
			  bool has_mirror)
{
	plan->reason = MCSAFE_REASON_PAST_END;
	plan->end = vma->end;
	if (has_mirror) {
		if (plan->end - plan->start > FILLED_AT_ONCE)
			plan->end = plan->start + FILLED_AT_ONCE;
		return;
	}
	plan->start = vma->start;
	if (past > vma->offset)
		plan->start += past - vma->offset;
}

struct plan plan_file(const struct mcsafe__vma *vma, uintptr_t page, const struct mapped_file *file,
		      bool has_mirror)
{
	struct plan plan;
	uint64_t at, past = mcsafe__up((uint64_t)file->size, vma->page);

	plan_one_page(&plan, vma, page);
	at = vma->offset + (plan.start - vma->start);
	if (file->size >= 0 && at >= past)
		plan_past_end(&plan, vma, past, has_mirror);
	else if (file->is_huge)
		plan.reason = MCSAFE_REASON_NO_HUGE_PAGE;
	else if (file->is_full)
		plan.reason = MCSAFE_REASON_NO_SPACE;
	else
		plan.reason = MCSAFE_REASON_UNKNOWN;
	return plan;
}

/* Returns how many bytes the mirror has. */
static size_t read_mirror(int mirror, char *to, size_t n, uint64_t at, struct mirror_error *error)
{
	size_t done = 0;
	ssize_t got;

	while (done < n) {
		got = pread(mirror, to + done, n - done, (off_t)(at + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			*error = (struct mirror_error){.error = errno, .at = at + done};
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

bool plan_fill(struct plan *plan, const struct mcsafe__vma *vma, uintptr_t page, int mirror,
	       char *bytes, struct mirror_error *error)
{
	const size_t n = plan->end - plan->start;
	uint64_t at = vma->offset + (plan->start - vma->start);
	uintptr_t filled;

	error->error = 0;
	filled = plan->start + mcsafe__up(read_mirror(mirror, bytes, n, at, error), vma->page);
	if (filled > page) {
		if (filled < plan->end)
			plan->end = filled;
		return true;
	}
	plan->start = filled;
	/* It may be readable farther on. */
	if (error->error != 0)
		plan_one_page(plan, vma, page);
	return false;
}

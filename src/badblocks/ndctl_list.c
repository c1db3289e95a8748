/* SPDX-License-Identifier: BSD-3-Clause */
/* ndctl_list.c - the bad blocks of a region, by libndctl */
#include "ask.h"

#include <errno.h>
#include <stdio.h>

#include "base/kept_fd.h"
#include "base/msan.h"
#include "ndctl.h"
#include "registry.h"

/* libndctl reads the kernel's text, and does not say how long the text was. */
static int read_badblocks(const struct mcsafe__ndctl *ndctl, struct ndctl_region *region,
			  struct mcsafe__list *list)
{
	size_t text = 0;
	int err = 0;

	for (const struct badblock *bad = ndctl->first_badblock(region); err == 0 && bad != NULL;
	     bad = ndctl->next_badblock(region)) {
		struct mcsafe_range range;

		mcsafe__msan_written(bad, sizeof(*bad));
		text += (size_t)snprintf(NULL, 0, "%llu %u\n", bad->offset, bad->len);
		range.len = bad->len * MCSAFE__SECTOR; /* of 32 bits */
		if (__builtin_mul_overflow(bad->offset, MCSAFE__SECTOR, &range.start) ||
		    !mcsafe__range_is_valid(range.start, range.len))
			err = -EBADMSG;
		else
			err = mcsafe__ranges_append(&list->ranges, range);
	}
	/* One more line of this length would not have fitted in. */
	list->cut = mcsafe__list_is_cut(text + text / (list->ranges.n + 1) + 1, list->ranges.n);
	return err != 0 ? err : list->ranges.n != 0 ? 0 : -ENODEV;
}

static int ask(const struct mcsafe__ndctl *ndctl, const char *name, struct mcsafe__list *list)
{
	struct mcsafe__low_fds held;
	struct ndctl_ctx *context;
	struct ndctl_region *region;
	int err;

	mcsafe__low_fds_hold(&held);
	mcsafe__msan_foreign_begin();
	err = mcsafe__ndctl_new_context(ndctl, &context);
	if (err == 0) {
		region = mcsafe__ndctl_find_region(ndctl, context, name);
		err = region != NULL ? read_badblocks(ndctl, region, list) : -ENODEV;
		ndctl->unref(context);
	}
	mcsafe__msan_foreign_end();
	mcsafe__low_fds_release(&held);
	return err;
}

int mcsafe__ndctl_region(const char *name, struct mcsafe__list *list)
{
	const struct mcsafe__ndctl *ndctl = mcsafe__ndctl();

	return ndctl != NULL ? ask(ndctl, name, list) : -ENOSYS;
}

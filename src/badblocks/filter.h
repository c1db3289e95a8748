/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.h - answers most lookups in a registry at once: nothing is bad there */
#ifndef MCSAFE_SRC_BADBLOCKS_FILTER_H
#define MCSAFE_SRC_BADBLOCKS_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/badblocks.h>

#include "base/page.h"
#include "base/stripe.h"

/*
 * Each page has a bit; many pages share a bit. If the bit is 0, no byte of the page is bad. That is
 * the case for most memory. If the bit is 1, the page may be bad or not.
 *
 * The bits of a range are set before the range can be found. The bit of a bad page is never 0 after
 * that, not even while all bits are worked out anew in place. Therefore readers need no lock. They
 * need not be counted either: a filter that was replaced by a larger one is kept until the registry
 * is destroyed. Each filter is at least twice as large as the one before.
 */
#define MCSAFE__FILTER_SPAN 4 /* pages; a lookup of more does not use the filter */

struct mcsafe__filter {
	struct mcsafe__filter *older;
	unsigned log2_bits;
	size_t pages; /* whose bits were set, at most as many as there are bits; for the writer */
	_Atomic uint64_t words[];
};

static inline size_t mcsafe__filter_bit(const struct mcsafe__filter *filter, size_t page)
{
	/* Neighbouring pages have neighbouring bits. Pages that are far apart are spread. */
	size_t spread = page + (page >> filter->log2_bits) * MCSAFE__SPREAD;

	return spread & (((size_t)1 << filter->log2_bits) - 1);
}

/* Whether a byte of [start, end), which must not be empty, may be bad. AS-Safe. */
static inline bool mcsafe__filter_may_have(const struct mcsafe__filter *filter, size_t start,
					   size_t end)
{
	size_t first = start >> MCSAFE__PAGE_SHIFT, last = (end - 1) >> MCSAFE__PAGE_SHIFT;

	if (last - first >= MCSAFE__FILTER_SPAN)
		return true;
	for (size_t page = first; page <= last; page++) {
		size_t bit = mcsafe__filter_bit(filter, page);

		if ((atomic_load_explicit(&filter->words[bit / 64], memory_order_relaxed) >>
			     (bit % 64) &
		     1) != 0)
			return true;
	}
	return false;
}

/*
 * Call both, in this order and under the registry's lock, before ranges are added to the registry.
 * The first makes the filter large enough. If there is no memory for that, the filter stays small,
 * and answers fewer lookups.
 */
void mcsafe__filter_expect(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			   size_t n);
void mcsafe__filter_add(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			size_t n);

/* Free all filters of a registry that is being destroyed. */
void mcsafe__filter_end(struct mcsafe_badblocks *badblocks);

#endif /* MCSAFE_SRC_BADBLOCKS_FILTER_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.h - a quick "nothing is bad there" for most lookups in a registry */
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
 * A bit for each page that has a bad byte; many pages share a bit. A bit that is 0 says that
 * nothing there is bad, and most memory is like that; a bit that is 1 says nothing.
 *
 * Bits are set before a range can be found, and readers need no more than that. A bit of a bad page
 * is never 0 meanwhile, not even when all bits are worked out anew in place. A filter that was
 * replaced by a larger one is kept as long as the registry is, so that readers do not have to be
 * counted; each has twice the size of the one before at least.
 */
#define MCSAFE__FILTER_SPAN 4 /* pages of a lookup that is worth the bits */

struct mcsafe__filter {
	struct mcsafe__filter *older;
	unsigned log2_bits;
	_Atomic uint64_t words[];
};

static inline size_t mcsafe__filter_bit(const struct mcsafe__filter *filter, size_t page)
{
	/* Neighbours stay neighbours; what is far apart is spread. */
	size_t spread = page + (page >> filter->log2_bits) * MCSAFE__SPREAD;

	return spread & (((size_t)1 << filter->log2_bits) - 1);
}

/* Whether something in [start, end), which is not empty, may be bad. AS-Safe. */
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
 * For who holds the registry's lock: before ranges become bad, in this order. The first sees to it
 * that there are bits enough; without memory there are fewer, and the filter says less.
 */
void mcsafe__filter_expect(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			   size_t n);
void mcsafe__filter_add(struct mcsafe_badblocks *badblocks, const struct mcsafe_range *ranges,
			size_t n);

/* With the registry. */
void mcsafe__filter_end(struct mcsafe_badblocks *badblocks);

#endif /* MCSAFE_SRC_BADBLOCKS_FILTER_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lost.c - which pages of a shield are stand-ins
 *
 * A bit for each page. The holder of the shield's lock changes bits, and anybody reads them. Parts
 * run in the signal handler, and call nothing.
 */
#include "shield.h"

#define BITS 64

static size_t page_of(const struct mcsafe_shield *shield, uintptr_t addr)
{
	return (addr - shield->start) / MCSAFE__PAGE;
}

/* The bits from `first` on, up to `end`, of the word that has `first`. */
static uint64_t mask_of(size_t first, size_t end)
{
	uint64_t mask = UINT64_MAX << first % BITS;
	size_t last = first | (BITS - 1);

	return end > last ? mask : mask & ~(UINT64_MAX << end % BITS);
}

static size_t next_word(size_t page)
{
	return (page | (BITS - 1)) + 1;
}

void mcsafe__shield_mark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end)
{
	size_t last = page_of(shield, end);

	for (size_t page = page_of(shield, start); page < last; page = next_word(page))
		atomic_fetch_or(&shield->pages[page / BITS], mask_of(page, last));
}

void mcsafe__shield_unmark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end)
{
	size_t last = page_of(shield, end);

	for (size_t page = page_of(shield, start); page < last; page = next_word(page))
		atomic_fetch_and(&shield->pages[page / BITS], ~mask_of(page, last));
}

bool mcsafe__shield_is_marked(const struct mcsafe_shield *shield, uintptr_t addr)
{
	size_t page = page_of(shield, addr);

	return (atomic_load(&shield->pages[page / BITS]) >> page % BITS & 1) != 0;
}

size_t mcsafe_shield_lost(const struct mcsafe_shield *shield)
{
	return atomic_load_explicit(&shield->lost, memory_order_acquire);
}

/* The first page from `page` on whose bit, exclusive-or `flip`, is 1; n if there is none. */
static size_t find(const struct mcsafe_shield *shield, size_t page, size_t n, uint64_t flip)
{
	while (page < n) {
		uint64_t bits =
			atomic_load_explicit(&shield->pages[page / BITS], memory_order_acquire);

		bits = (bits ^ flip) & mask_of(page, n);
		if (bits != 0)
			return page / BITS * BITS + (size_t)__builtin_ctzll(bits);
		page = next_word(page);
	}
	return n;
}

bool mcsafe_shield_next(const struct mcsafe_shield *shield, size_t start,
			struct mcsafe_range *range)
{
	size_t n = (shield->end - shield->start) / MCSAFE__PAGE;
	size_t first = find(shield, start / MCSAFE__PAGE, n, 0), end;

	if (first >= n)
		return false;
	/* A page that another thread restores meanwhile must not make the range empty. */
	end = find(shield, first + 1, n, UINT64_MAX);
	if (range != NULL)
		*range = (struct mcsafe_range){first * MCSAFE__PAGE, (end - first) * MCSAFE__PAGE};
	return true;
}

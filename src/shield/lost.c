/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lost.c - which pages of a shield are stand-ins
 *
 * A bit for each page, and another one that says whether the stand-in has the bytes of the file.
 * The holder of the shield's lock changes bits, and anybody reads them. The second bit is changed
 * only before the first is set. So a reader who reads the first bit first never takes a page for
 * lost that was not. Parts run in the signal handler, and call nothing.
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

void mcsafe__shield_set_carried(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end,
				bool carried)
{
	size_t last = page_of(shield, end);

	if (shield->carried_pages == NULL)
		return;
	for (size_t page = page_of(shield, start); page < last; page = next_word(page)) {
		_Atomic uint64_t *word = &shield->carried_pages[page / BITS];

		if (carried)
			atomic_fetch_or(word, mask_of(page, last));
		else
			atomic_fetch_and(word, ~mask_of(page, last));
	}
}

bool mcsafe__shield_is_marked(const struct mcsafe_shield *shield, uintptr_t addr)
{
	size_t page = page_of(shield, addr);

	return (atomic_load(&shield->pages[page / BITS]) >> page % BITS & 1) != 0;
}

bool mcsafe__shield_is_carried(const struct mcsafe_shield *shield, uintptr_t addr)
{
	size_t page = page_of(shield, addr);

	return shield->carried_pages != NULL &&
	       (atomic_load(&shield->carried_pages[page / BITS]) >> page % BITS & 1) != 0;
}

size_t mcsafe_shield_lost(const struct mcsafe_shield *shield)
{
	return atomic_load_explicit(&shield->lost, memory_order_acquire);
}

size_t mcsafe_shield_carried(const struct mcsafe_shield *shield)
{
	return atomic_load_explicit(&shield->carried, memory_order_acquire);
}

/* Which pages to find. */
enum kind { STAND_INS, LOST };

static uint64_t bits_of(const struct mcsafe_shield *shield, size_t word, enum kind kind)
{
	uint64_t bits = atomic_load_explicit(&shield->pages[word], memory_order_acquire);

	if (bits != 0 && kind == LOST && shield->carried_pages != NULL)
		bits &= ~atomic_load_explicit(&shield->carried_pages[word], memory_order_acquire);
	return bits;
}

/* The first page from `page` on whose bit, exclusive-or `flip`, is 1; n if there is none. */
static size_t find(const struct mcsafe_shield *shield, enum kind kind, size_t page, size_t n,
		   uint64_t flip)
{
	while (page < n) {
		uint64_t bits = bits_of(shield, page / BITS, kind);

		bits = (bits ^ flip) & mask_of(page, n);
		if (bits != 0)
			return page / BITS * BITS + (size_t)__builtin_ctzll(bits);
		page = next_word(page);
	}
	return n;
}

static bool next(const struct mcsafe_shield *shield, enum kind kind, size_t start,
		 struct mcsafe_range *range)
{
	size_t n = (shield->end - shield->start) / MCSAFE__PAGE;
	size_t first = find(shield, kind, start / MCSAFE__PAGE, n, 0), end;

	if (first >= n)
		return false;
	/* A page that another thread restores meanwhile must not make the range empty. */
	end = find(shield, kind, first + 1, n, UINT64_MAX);
	if (range != NULL)
		*range = (struct mcsafe_range){first * MCSAFE__PAGE, (end - first) * MCSAFE__PAGE};
	return true;
}

bool mcsafe_shield_next(const struct mcsafe_shield *shield, size_t start,
			struct mcsafe_range *range)
{
	return next(shield, LOST, start, range);
}

bool mcsafe__shield_next_stand_in(const struct mcsafe_shield *shield, size_t start,
				  struct mcsafe_range *range)
{
	return next(shield, STAND_INS, start, range);
}

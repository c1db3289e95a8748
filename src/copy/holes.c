/* SPDX-License-Identifier: BSD-3-Clause */
/* holes.c - the copy that goes on past bad memory, and says what it left out */
#include <mcsafe/copy.h>

#include <stdint.h>

#include "hole_list.h"

/* An access fails for the sake of the page that it touches, if nothing larger is known. */
#define PAGE_SIZE ((size_t)4096)

/* How many of the n bytes at addr are lost with the first of them. */
static size_t lost_at(uintptr_t addr, size_t n, const struct mcsafe_fault *fault)
{
	size_t block = fault->extent > PAGE_SIZE ? fault->extent : PAGE_SIZE;
	size_t rest = block - (addr & (block - 1));

	/* Behind an address that is not canonical no user memory follows. */
	if (fault->cause == MCSAFE_CAUSE_ADDRESS)
		return n;
	return rest < n ? rest : n;
}

/*
 * How many good bytes follow where a copy of n more has stopped: up to the page that the kernel
 * names. REP MOVSB may fall short of that; not by a whole page, so an address that is farther away is
 * that of another mapping.
 */
static size_t fallen_short(uintptr_t addr, size_t n, const struct mcsafe_fault *fault)
{
	uintptr_t page = (uintptr_t)fault->addr & ~(PAGE_SIZE - 1);

	if (fault->cause != MCSAFE_CAUSE_POISON || fault->side != MCSAFE_SIDE_SOURCE ||
	    page <= addr || page - addr > PAGE_SIZE || page - addr >= n)
		return 0;
	return page - addr;
}

/* As much of it as can be written. */
static void fill_with(char *dst, int fill, size_t n)
{
	struct mcsafe_fault fault;
	size_t left;

	while ((left = mcsafe_memset(dst, fill, n, &fault)) != 0) {
		size_t bad;

		dst += n - left;
		bad = lost_at((uintptr_t)dst, left, &fault);
		dst += bad;
		n = left - bad;
	}
}

size_t mcsafe_memcpy_holes(void *dst, const void *src, size_t n, int fill,
			   struct mcsafe_range *holes, size_t *nholes)
{
	struct mcsafe__hole_list list = {.holes = holes, .room = nholes != NULL ? *nholes : 0};
	struct mcsafe_fault fault;
	size_t at = 0, lost = 0, left, more;

	while (at < n && (left = mcsafe_memcpy((char *)dst + at, (const char *)src + at, n - at,
					       &fault)) != 0) {
		uintptr_t bad;
		size_t len;

		at = n - left;
		more = fallen_short((uintptr_t)src + at, left, &fault);
		if (more != 0) {
			left = mcsafe_memcpy((char *)dst + at, (const char *)src + at, more, NULL);
			at += more - left;
			if (left != 0) /* something else is bad there */
				continue;
			left = n - at;
		}
		bad = (uintptr_t)(fault.side == MCSAFE_SIDE_SOURCE ? src : dst) + at;
		len = lost_at(bad, left, &fault);
		if (fault.side == MCSAFE_SIDE_SOURCE && fault.signo != 0)
			fill_with((char *)dst + at, fill, len);
		mcsafe__hole_list_add(&list, at, len);
		lost += len;
		at += len;
	}
	if (nholes != NULL)
		*nholes = list.found;
	return lost;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_note.c
 *
 * function: mcsafe__pmem_note (note.c), with mcsafe__loss_at and mcsafe__range_within
 * property: what is noted is lost memory of the mapping, from where the access stopped on
 * loops: none; mappings of up to 16 MiB; extents of 64, 4096 and 2 MiB
 * break: src/pmem/note.c s/return lost.start + lost.len - at;/return lost.len;/
 * break: src/pmem/note.c s/at < lost.start ? lost.start : at/at/
 * break: src/pmem/note.c s/loss.may_be_next \&\& !is_bad/loss.may_be_next \&\& is_bad/
 * break: src/pmem/note.c s/if (!is_lost(access, fault, first))/if (false)/
 * break: src/pmem/note.c s/if (is_lost_still(access, first))/if (true)/
 * break: src/pmem/note.c s/access->base, access->mapped, loss/access->base, SIZE_MAX, loss/
 * break: src/pmem/note.c s/base + at, end - at,/base + at, access->mapped - at,/
 */
#include "proof.h"

#include <stdlib.h>

#include "../src/landing/loss.c"
#include "../src/pmem/note.c"

static struct mcsafe_pmem pmem;
static struct mcsafe__access of;
static struct mcsafe_fault fault;
static size_t at, asked_at, read_at;
static bool was_read, read_is_bad, medium_is_bad, noted;
static struct mcsafe_range range;

/* It may be good at first, and bad when it is read again; or the other way round. */
size_t mcsafe_memcpy(void *dst, const void *src, size_t n, struct mcsafe_fault *stopped)
{
	bool fails = nondet_bool();

	(void)dst;
	read_at = (size_t)((const unsigned char *)src - of.base);
	PROVE(n == 1 && read_at >= at && read_at < of.offset + of.n);
	stopped->signo = nondet_bool() ? SIGBUS : SIGSEGV;
	was_read = true;
	read_is_bad = fails && stopped->signo == SIGBUS;
	return fails;
}

static bool ask(const struct mcsafe_pmem *asked, size_t offset)
{
	PROVE(asked == &pmem && offset >= at && offset < of.offset + of.n);
	/* If a byte was read to find out which granule is lost, the answer counts. */
	PROVE(!was_read || (offset == at) == read_is_bad);
	was_read = false;
	asked_at = offset;
	medium_is_bad = nondet_bool();
	return medium_is_bad;
}

bool mcsafe__medium_has_page(const struct mcsafe_pmem *asked, size_t offset)
{
	PROVE(fault.cause == MCSAFE_CAUSE_POISON || fault.cause == MCSAFE_CAUSE_UNKNOWN);
	return ask(asked, offset);
}

bool mcsafe__medium_has_lost(const struct mcsafe_pmem *asked, size_t offset)
{
	PROVE(fault.cause == MCSAFE_CAUSE_IO);
	return ask(asked, offset);
}

int mcsafe_badblocks_add(struct mcsafe_badblocks *badblocks, size_t start, size_t len)
{
	PROVE(badblocks == pmem.bad && !noted);
	noted = true;
	range = (struct mcsafe_range){start, len};
	return nondet_int();
}

int pthread_setcancelstate(int state, int *old)
{
	*old = nondet_int();
	(void)state;
	return 0;
}

void proof(void)
{
	size_t room = nondet_size(), pages = nondet_size(), shift = nondet_size(), more;
	unsigned char *memory = malloc(room);
	struct mcsafe_fault any; /* values */

	fault = any;
	/* The mapping begins at any page, so that its granules may begin before it. */
	SUPPOSE(memory != NULL && room == (size_t)1 << 26 && pages < 4096);
	pmem.repairs = nondet_size();
	pmem.dax = nondet_bool();
	pmem.page_size = nondet_bool() ? 4096 : (size_t)2 << 20;
	of.pmem = &pmem;
	of.base = memory + pages * 4096;
	of.mapped = nondet_size();
	of.offset = nondet_size();
	of.n = nondet_size();
	of.repairs = nondet_size();
	at = nondet_size();
	SUPPOSE(of.mapped <= (size_t)1 << 24 && of.offset <= of.mapped);
	SUPPOSE(of.n <= of.mapped - of.offset && at >= of.offset && at < of.offset + of.n);
	SUPPOSE(shift == 6 || shift == 12 || shift == 21);
	fault.extent = nondet_bool() ? 0 : (size_t)1 << shift;

	more = mcsafe__pmem_note(&of, &fault, at);
	PROVE(more != 0 && more <= of.mapped - at);
	/* After a repair it counts whether the byte is bad now. */
	if (noted && of.repairs != pmem.repairs)
		PROVE(was_read && read_at == asked_at && read_is_bad);
	if (medium_is_bad && of.repairs == pmem.repairs)
		PROVE(noted || (fault.cause == MCSAFE_CAUSE_UNKNOWN && fault.signo != SIGBUS));
	if (noted) {
		PROVE(medium_is_bad);
		PROVE(range.start <= asked_at && asked_at - range.start < range.len);
		PROVE(range.start + range.len == at + more);
		PROVE(range.start <= at || range.start == asked_at);
		REACH();
	}
	if (noted && asked_at != at)
		REACH();
	END();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* region.h - some good pages followed by some bad ones, between guard pages */
#ifndef MCSAFE_TESTS_REGION_H
#define MCSAFE_TESTS_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "basics.h"
#include "fault_kind.h"
#include "report.h"

struct t_region {
	const struct t_fault_kind *kind;
	unsigned char *good; /* [good, bad): can be read and written */
	unsigned char *bad;  /* [bad, bad_end): what the kind does to it */
	unsigned char *bad_end;
	unsigned char *readable_end; /* bad, or bad_end for a kind that is bad for stores only */
	unsigned char *image;        /* what [good, readable_end) must hold */
	struct t_report load;        /* what the kernel says of a load from [bad, bad_end) */
	struct t_report store;
	int fd;    /* of the file that is mapped, or -1 */
	void *map; /* all of it with its guard pages; NULL: nothing is mapped */
	size_t map_size;
};

/*
 * Maps the pages, makes the bad ones bad, and asserts that a probe of them gives what the kind
 * promises. Returns NULL, or the reason why this kernel cannot do it. In that case there is nothing
 * to close.
 */
const char *t_region_open(struct t_region *region, const struct t_fault_kind *kind,
			  size_t good_pages, size_t bad_pages);

/* t_region_open(). Skips the running test if the kernel cannot do it. */
void t_region_need(struct t_region *region, const struct t_fault_kind *kind, size_t good_pages,
		   size_t bad_pages);

/* A region of size bad bytes, and no good ones, at an address that no program can map. */
void t_region_wild(struct t_region *region, uintptr_t addr, size_t size);

/* Sets byte i of the memory and of its image to content(i). Byte 0 is the first good one. */
void t_region_fill(struct t_region *region, unsigned char (*content)(size_t i));

/* Asserts that all of it holds what it must, and that the bad pages are still as bad. */
void t_region_verify(const struct t_region *region);

/* t_region_verify(), and unmaps everything. */
void t_region_close(struct t_region *region);

/* What the kernel says of such an access to [bad, bad_end). */
const struct t_report *t_region_report(const struct t_region *region, enum mcsafe_side side);

#endif /* MCSAFE_TESTS_REGION_H */

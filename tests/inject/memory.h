/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - every type of memory that an injection is tried on */
#ifndef MCSAFE_TESTS_INJECT_MEMORY_H
#define MCSAFE_TESTS_INJECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "basics.h"

#define UNITS 4 /* of a region; a unit is what is lost together */

enum memory_type {
	PRIVATE_ANON,
	SHARED_ANON,
	MEMFD,
	FILE_PRIVATE,
	FILE_PRIVATE_READONLY,
	FILE_SHARED,
	FILE_SHARED_READONLY,
	THP,
	HUGETLB_PRIVATE,
	HUGETLB_SHARED,
	MEMORY_TYPES
};

struct region {
	enum memory_type type;
	unsigned char *base; /* UNITS * unit bytes */
	size_t unit;
	size_t size;
	bool writable;
	bool shared;
	int fd; /* of the object behind it, or -1 */
};

const char *memory_name(enum memory_type type);

/* Byte i of every region; never 0, so that zeros mean a loss. */
unsigned char content_byte(size_t i);

/* Map a region of the type, hold content_byte() in all of it. Fails the test if it cannot. */
struct region region_open(enum memory_type type);
void region_close(struct region *region);

/* Whether huge pages can be had; root may have to reserve some first, for the life of this
 * process. */
bool reserve_huge_pages(void);

/* What leaks show in. */
size_t count_mappings(void);
size_t count_descriptors(void);

#endif /* MCSAFE_TESTS_INJECT_MEMORY_H */

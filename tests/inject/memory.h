/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - every type of memory that the injection tests try */
#ifndef MCSAFE_TESTS_INJECT_MEMORY_H
#define MCSAFE_TESTS_INJECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "basics.h"

#define UNITS 4 /* units of a region; all bytes of a unit are lost together */

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
	int fd; /* of the mapped object, or -1 */
};

const char *memory_name(enum memory_type type);

/* The value of byte i of every region. It is never 0, so that zeros mean a loss. */
unsigned char content_byte(size_t i);

/*
 * Maps a region of the type and fills it with content_byte(). Fails the test if that is impossible.
 */
struct region region_open(enum memory_type type);
void region_close(struct region *region);

/*
 * Whether huge pages are available. Root may have to reserve some first, until this process ends.
 */
bool reserve_huge_pages(void);

/* Counts in which a leak shows. */
size_t count_mappings(void);
size_t count_descriptors(void);

#endif /* MCSAFE_TESTS_INJECT_MEMORY_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.h - every type of memory that the injection tests try
 *
 * region.h maps memory of two types only, and makes it bad, for some kinds by injection. The tests
 * of injection map good memory of every type, and make it bad by the call that they test.
 */
#ifndef MCSAFE_TESTS_INJECT_MEMORY_H
#define MCSAFE_TESTS_INJECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "basics.h"

#define MAPPING_UNITS 4 /* units of a mapping; all bytes of a unit are lost together */

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

struct mapping {
	enum memory_type type;
	unsigned char *base; /* MAPPING_UNITS * unit bytes */
	size_t unit;
	size_t size;
	bool writable;
	bool shared;
	int fd; /* of the mapped object, or -1 */
};

const char *memory_type_name(enum memory_type type);

/* The value of byte i of every mapping. It is never 0, so that zeros mean a loss. */
unsigned char mapping_byte(size_t i);

/*
 * Maps memory of the type and fills it with mapping_byte(). Fails the test if that is impossible.
 */
struct mapping mapping_open(enum memory_type type);
void mapping_close(struct mapping *mapping);

#endif /* MCSAFE_TESTS_INJECT_MEMORY_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.h - a registry as a table of bytes: slow and obvious */
#ifndef MCSAFE_TESTS_BADBLOCKS_ORACLE_H
#define MCSAFE_TESTS_BADBLOCKS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/badblocks.h>

/* The registry's offset of unit u is base + u * unit. */
struct oracle {
	unsigned char *bad; /* a byte for each unit: 1 if it is bad */
	size_t units;
	size_t base;
	size_t unit;
};

/* Close with oracle_close(). */
struct oracle oracle_open(size_t units, size_t base, size_t unit);
void oracle_close(struct oracle *oracle);

void oracle_set(struct oracle *oracle, size_t from, size_t n, bool bad);

/* What mcsafe_badblocks_next() must answer for the units [from, to). */
bool oracle_next(const struct oracle *oracle, size_t from, size_t to, struct mcsafe_range *bad);

/* Asserts that a lookup of the units [from, to) answers the same. */
void oracle_check_next(const struct oracle *oracle, const struct mcsafe_badblocks *badblocks,
		       size_t from, size_t to);

/* Asserts that the registry holds the same ranges, and that its structure obeys registry.h. */
void oracle_check_all(const struct oracle *oracle, const struct mcsafe_badblocks *badblocks);

#endif /* MCSAFE_TESTS_BADBLOCKS_ORACLE_H */

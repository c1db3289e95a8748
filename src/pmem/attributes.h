/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attributes.h - what a program has asked of its memory, and what new pages must take over
 *
 * Protection and protection key, mlock(2), madvise(2), the name: /proc/self/smaps tells them.
 */
#ifndef MCSAFE_SRC_PMEM_ATTRIBUTES_H
#define MCSAFE_SRC_PMEM_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

struct mcsafe__attributes {
	int prot;
	int pkey; /* 0: none */
	bool locked, locked_on_fault;
	bool private_anonymous;
	bool complete; /* there are no others */
	unsigned n_advice;
	int advice[8];
	char name[84]; /* PR_SET_VMA_ANON_NAME takes 80 bytes; empty: none */
};

/* The attributes of [at, at + n), which must be one mapping; false if it is not, or if /proc cannot
 * be read. */
bool mcsafe__attributes_of(const void *at, size_t n, struct mcsafe__attributes *attributes);

/* Give them to another mapping. The bytes must have been stored. 0, or -errno. */
int mcsafe__attributes_give(void *at, size_t n, const struct mcsafe__attributes *attributes);

#endif /* MCSAFE_SRC_PMEM_ATTRIBUTES_H */

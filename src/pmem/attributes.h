/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * attributes.h - what a program has asked of its memory, and what new pages must take over
 *
 * Protection and protection key, mlock(2), madvise(2), the name: /proc/self/smaps tells them.
 * get_mempolicy(2) tells the policy of mbind(2): on which NUMA nodes new pages may be.
 */
#ifndef MCSAFE_SRC_PMEM_ATTRIBUTES_H
#define MCSAFE_SRC_PMEM_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>

/* As many as the kernel can be built for (CONFIG_NODES_SHIFT). */
#define MCSAFE__NODES_MAX 1024u

struct mcsafe__attributes {
	int prot;
	int pkey; /* 0: none */
	bool locked, locked_on_fault;
	bool private_anonymous;
	bool complete; /* there are no others */
	unsigned n_advice;
	int advice[8];
	int policy; /* mode and flags of mbind(2); 0 (MPOL_DEFAULT): none */
	unsigned long nodes[MCSAFE__NODES_MAX / (8 * sizeof(long))];
	char name[84]; /* PR_SET_VMA_ANON_NAME takes 80 bytes; empty: none */
};

/* The attributes of [at, at + n), which must be one mapping; false if it is not, or if /proc cannot
 * be read. */
bool mcsafe__attributes_of(const void *at, size_t n, struct mcsafe__attributes *attributes);

/* Give the policy to another mapping: before bytes are stored, because that allocates the pages. 0,
 * or -errno. */
int mcsafe__attributes_give_policy(void *at, size_t n, const struct mcsafe__attributes *attributes);

/* Give all others to another mapping. The bytes must have been stored. 0, or -errno. */
int mcsafe__attributes_give(void *at, size_t n, const struct mcsafe__attributes *attributes);

#endif /* MCSAFE_SRC_PMEM_ATTRIBUTES_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_pool.h - memory with faults planted once and for all, and a model of what it holds */
#ifndef MCSAFE_TESTS_ITER_POOL_H
#define MCSAFE_TESTS_ITER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

#define POOL_PAGE ((size_t)4096)

/*
 * One block for each kind of bad memory: good pages, then one bad page; a range across the border
 * fails at any byte one likes, and no system call is needed for that. Sources and destinations
 * have blocks of their own, so that they never overlap.
 */
enum pool_kind {
	POOL_GOOD, /* the page behind the border is good as well */
	POOL_NO_ACCESS,
	POOL_READ_ONLY,
	POOL_END_OF_FILE,
	POOL_NOT_MAPPED, /* no good page either */
	POOL_LARGE,      /* more good pages, then one that cannot be accessed */
	POOL_KINDS
};

#define POOL_LARGE_PAGES ((size_t)6)

/* Maps the pool. Ends the process with a message if that fails. */
void pool_open(void);

/* The border of a block: the first byte behind its (first) good page. */
uintptr_t pool_border(enum mcsafe_side side, enum pool_kind kind);

/* The mapping in which a block lies: a region for flavour BVEC. */
void *pool_base(enum mcsafe_side side, enum pool_kind kind);
size_t pool_size(enum pool_kind kind);

/* What an access to one byte does, anywhere in the address space. */
bool pool_readable(uintptr_t addr);
bool pool_writable(uintptr_t addr);
enum mcsafe_cause pool_cause(uintptr_t addr);

/* What the byte at addr, which is in a readable page of the pool, must hold. */
unsigned char *pool_model(uintptr_t addr);

/*
 * Does memory hold what the model says? All of it, or only the 512 bytes on either side of each
 * border. Gives the first byte that does not, or 0.
 */
uintptr_t pool_difference(bool all);

#endif /* MCSAFE_TESTS_ITER_POOL_H */

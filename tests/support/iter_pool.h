/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter_pool.h - memory whose faults are planted once, and a model of its content
 *
 * The fuzzer also uses this memory. It is linked without CMocka, which region.h needs.
 */
#ifndef MCSAFE_TESTS_ITER_POOL_H
#define MCSAFE_TESTS_ITER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

#include "basics.h"

/*
 * There is one block for each kind of bad memory: good pages, then one bad page. A range across the
 * border between the two fails at any byte that a test chooses, without a system call. Sources and
 * destinations have blocks of their own, so that they never overlap.
 */
enum pool_kind {
	POOL_GOOD, /* the page after the border is also good */
	POOL_NO_ACCESS,
	POOL_READ_ONLY,
	POOL_END_OF_FILE,
	POOL_NOT_MAPPED, /* there is no good page either */
	POOL_LARGE,      /* more good pages, then one that cannot be accessed */
	POOL_KINDS
};

#define POOL_LARGE_PAGES ((size_t)6)

/* Maps the pool. Ends the process with a message if that fails. */
void pool_open(void);

/* The border of a block: the first byte past the end of its (first) good page. */
uintptr_t pool_border(enum mcsafe_side side, enum pool_kind kind);

/* The mapping in which a block lies: a region for flavour BVEC. */
void *pool_base(enum mcsafe_side side, enum pool_kind kind);
size_t pool_size(enum pool_kind kind);

/* Whether a byte can be read or written, for any address in the address space. */
bool pool_readable(uintptr_t addr);
bool pool_writable(uintptr_t addr);
enum mcsafe_cause pool_cause(uintptr_t addr);

/* The value that the byte at addr must have. addr must be in a readable page of the pool. */
unsigned char *pool_model(uintptr_t addr);

/*
 * Compares memory with the model: all of it, or only the 512 bytes on either side of each border.
 * Returns the address of the first byte that differs, or 0.
 */
uintptr_t pool_difference(bool all);

#endif /* MCSAFE_TESTS_ITER_POOL_H */

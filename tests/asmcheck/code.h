/* SPDX-License-Identifier: BSD-3-Clause */
/* code.h - all instructions of one routine, its rows, and a copy of it that records its accesses */
#ifndef MCSAFE_TESTS_CODE_H
#define MCSAFE_TESTS_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "decode.h"

struct mcsafe_row;

struct code {
	struct decode_insn *insns; /* ascending; all that can be reached, also by faults */
	size_t n;
	uintptr_t entry;
};

/*
 * Reads the routine of this program that begins at entry. Returns NULL, or why its behaviour cannot
 * be determined.
 */
const char *code_read(struct code *code, uintptr_t entry);
void code_free(struct code *code);

/*
 * Finds the rows of the routine, from *first to before *end. Returns NULL, or that there are none.
 */
const char *code_rows(const struct code *code, const struct mcsafe_row **first,
		      const struct mcsafe_row **end);

/* The instruction at addr, or NULL. */
const struct decode_insn *code_at(const struct code *code, uintptr_t addr);

/* Whether the routine ends there: it returns, or goes to the common end after a fault. */
bool code_leaves(const struct decode_insn *insn);

/*
 * Only SFENCE orders non-temporal stores with later stores (Intel SDM volume 1, "Programming with
 * Intel SSE Instructions"). Returns NULL if all paths from such stores to the return of the routine
 * have an SFENCE, also those through a fault. Otherwise returns a store that has such a path.
 */
const struct decode_insn *code_not_fenced(const struct code *code);

/* The address of its operand, with these registers. For REP MOVSB it is that of the source. */
uintptr_t code_address(const struct decode_insn *insn, const ucontext_t *context);

/*
 * Whether the bytes from addr on are in the red zone: the 128 bytes below the stack pointer, which
 * are the function's own (x86-64 psABI, 3.2.2).
 */
static inline bool code_in_red_zone(uintptr_t addr, size_t size, uintptr_t stack)
{
	return addr >= stack - 128 && addr < stack && size <= stack - addr;
}

/* One access that the copy of a routine is about to make. */
struct code_record {
	uintptr_t addr;
	uint64_t insn;   /* its index in code->insns */
	uint64_t mask;   /* its mask, the lowest byte or element first; all ones: no mask */
	uintptr_t stack; /* the stack pointer */
};

#define CODE_RECORDS (1 << 17)

/*
 * Builds the routine anew with the same instructions. Before each access the new routine records
 * the address. Only jumps and operands at a distance from the code are adjusted to the new place.
 * The new routine has no rows, so it must run only in good memory. It replaces the one built
 * before. Returns NULL, or what cannot be built.
 */
const char *code_rewrite(const struct code *code, void (**fn)(void));

/* The accesses since the last call: *n records. */
const struct code_record *code_records(size_t *n);

#endif /* MCSAFE_TESTS_CODE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* code.h - all instructions of one routine, with its rows, and a copy of it that tells what it does */
#ifndef MCSAFE_TESTS_CODE_H
#define MCSAFE_TESTS_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "decode.h"

struct mcsafe_row;

struct code {
	struct decode_insn *insns; /* ascending; what can be reached, by faults as well */
	size_t n;
	uintptr_t entry;
};

/* The routine that begins at entry, of this program. NULL, or why it cannot be told what it does. */
const char *code_read(struct code *code, uintptr_t entry);
void code_free(struct code *code);

/* The instruction at addr, or NULL. */
const struct decode_insn *code_at(const struct code *code, uintptr_t addr);

/* The address of its operand; registers as numbered in the encoding. */
uintptr_t code_address(const struct decode_insn *insn, const uint64_t registers[16]);

/* One access that the copy of a routine is about to do. */
struct code_record {
	uintptr_t addr;
	uint64_t insn; /* its number in code->insns */
	uint64_t mask; /* of the bytes or elements, the lowest first; all ones if it has none */
};

#define CODE_RECORDS (1 << 17)

/*
 * The routine anew, with the same instructions, but that before each access its address goes into
 * the records; only jumps and operands at a distance from the code are made to fit the new place.
 * It has no rows: it may run in good memory only. Replaces the one before. NULL, or what it cannot
 * be made of.
 */
const char *code_rewrite(const struct code *code, void (**fn)(void));

/* What it did since the last call: *n records. */
const struct code_record *code_records(size_t *n);

#endif /* MCSAFE_TESTS_CODE_H */

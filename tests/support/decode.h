/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decode.h - one machine instruction: its effect on memory and on control flow, and its
 * requirements
 */
#ifndef MCSAFE_TESTS_DECODE_H
#define MCSAFE_TESTS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values of MCSAFE_ROW_*. A write-back of a cache line counts as a store. */
enum decode_access { DECODE_NONE, DECODE_LOAD, DECODE_STORE, DECODE_BOTH };

enum decode_flow {
	DECODE_GOES_ON,
	DECODE_JUMPS, /* to target */
	DECODE_BRANCHES,
	DECODE_CALLS, /* target */
	DECODE_RETURNS,
	DECODE_JUMPS_ANYWHERE, /* jumps or calls: target is not known before it runs */
};

#define DECODE_NO_REGISTER (-1)

struct decode_insn {
	uintptr_t addr;
	unsigned length;

	enum decode_access access;
	unsigned size; /* bytes of the memory operand, without the mask */
	bool write_back;
	bool is_string;           /* %rcx bytes at %rsi and %rdi */
	bool of_ip;               /* the operand is at a fixed distance from the code ... */
	unsigned displacement_at; /* ... which is stored in 4 bytes, this far after addr */
	int base, index;          /* the operand: numbers of registers as in the encoding */
	int scale;
	int32_t displacement;
	int mask;         /* number of the mask register, 1 to 7; 0: no mask */
	unsigned element; /* bytes that one bit of the mask selects */

	enum decode_flow flow;
	uintptr_t target;

	char text[208];
	char needs[64]; /* features of the instruction set, separated by blanks */
};

/*
 * Decodes the instruction that will run at addr. Returns NULL, or why its behaviour cannot be
 * determined: then somebody must write a rule for it.
 */
const char *decode(const unsigned char *code, size_t size, uintptr_t addr,
		   struct decode_insn *insn);

#endif /* MCSAFE_TESTS_DECODE_H */

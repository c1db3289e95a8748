/* SPDX-License-Identifier: BSD-3-Clause */
/* decode.h - one machine instruction: what it does to memory and to the flow, and what it needs */
#ifndef MCSAFE_TESTS_DECODE_H
#define MCSAFE_TESTS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As MCSAFE_ROW_*; a write-back of a cache line is a store. */
enum decode_access { DECODE_NONE, DECODE_LOAD, DECODE_STORE, DECODE_BOTH };

enum decode_flow {
	DECODE_GOES_ON,
	DECODE_JUMPS, /* to target */
	DECODE_BRANCHES,
	DECODE_CALLS, /* target */
	DECODE_RETURNS,
	DECODE_JUMPS_ANYWHERE, /* or calls: target is not known before it runs */
};

#define DECODE_NO_REGISTER (-1)

struct decode_insn {
	uintptr_t addr;
	unsigned length;

	enum decode_access access;
	unsigned size; /* bytes of the memory operand, without regard to the mask */
	bool write_back;
	bool is_string;           /* as many as %rcx says, at %rsi and %rdi */
	bool of_ip;               /* the operand is at a fixed distance from the code ... */
	unsigned displacement_at; /* ... which stands so many bytes behind addr, in 4 bytes */
	int base, index;          /* the operand: numbers of registers as in the encoding */
	int scale;
	int32_t displacement;
	int mask;         /* 1 to 7: of the mask register; 0: there is none */
	unsigned element; /* bytes that one bit of the mask stands for */

	enum decode_flow flow;
	uintptr_t target;

	char text[208];
	char needs[64]; /* parts of the instruction set, separated by blanks; none: every x86-64 */
};

/*
 * Decodes the instruction that will run at addr. NULL, or why it cannot be told what it does: then
 * a rule has to be written for it.
 */
const char *decode(const unsigned char *code, size_t size, uintptr_t addr,
		   struct decode_insn *insn);

#endif /* MCSAFE_TESTS_DECODE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.h - what a copy must do: one byte after the other, on images of the memory */
#ifndef MCSAFE_TESTS_ORACLE_H
#define MCSAFE_TESTS_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

struct t_operand {
	uintptr_t addr; /* of the first byte */
	uintptr_t bad;  /* [bad, bad_end) cannot be accessed */
	uintptr_t bad_end;
	unsigned char *image; /* of the bytes from addr on that can be */
};

struct t_outcome {
	size_t done;
	enum mcsafe_side side; /* NONE: all was copied */
	uintptr_t addr;        /* the first byte that cannot be accessed */
};

/*
 * Copies in the images, and returns where the copy ends. Each byte is read first and then written.
 * So if both sides are bad at the same byte, the fault is the source's.
 */
struct t_outcome t_oracle(const struct t_operand *dst, const struct t_operand *src, size_t n);

#endif /* MCSAFE_TESTS_ORACLE_H */

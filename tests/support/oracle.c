/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.c - what a copy must do: one byte after the other, on images of the memory */
#include "oracle.h"

#include <stdbool.h>

static bool is_bad(const struct t_operand *operand, size_t i)
{
	uintptr_t addr = operand->addr + i;

	return addr >= operand->bad && addr < operand->bad_end;
}

struct t_outcome t_oracle(const struct t_operand *dst, const struct t_operand *src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_bad(src, i))
			return (struct t_outcome){i, MCSAFE_SIDE_SOURCE, src->addr + i};
		if (is_bad(dst, i))
			return (struct t_outcome){i, MCSAFE_SIDE_DESTINATION, dst->addr + i};
		dst->image[i] = src->image[i];
	}
	return (struct t_outcome){n, MCSAFE_SIDE_NONE, 0};
}

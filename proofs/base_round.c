/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base_round.c
 *
 * function: mcsafe__up, mcsafe__down
 * property: the nearest multiple of any power of two, unless rounding up overflows
 * loops: none
 * break: src/base/page.h s/(n + (unit - 1))/(n + unit)/
 * break: src/base/page.h s/return n & ~(unit - 1)/return n \& ~unit/
 */
#include "proof.h"

#include "../src/base/page.h"

void proof(void)
{
	size_t n = nondet_size(), unit, down, up;
	unsigned shift = nondet_unsigned();

	SUPPOSE(shift < 64);
	unit = (size_t)1 << shift;
	down = mcsafe__down(n, unit);
	PROVE((down & (unit - 1)) == 0 && down <= n && n - down < unit);
	SUPPOSE(n <= SIZE_MAX - (unit - 1));
	up = mcsafe__up(n, unit);
	PROVE((up & (unit - 1)) == 0 && up >= n && up - n < unit);
	END();
}

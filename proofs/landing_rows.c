/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * landing_rows.c
 *
 * function: mcsafe__extable_search
 * property: finds the row of ip exactly if there is one
 * loops: bounded, up to 7 rows
 * unwind: 9
 * break: src/landing/extable.c s/while (first < end)/while (first + 1 < end)/
 * break: src/landing/extable.c s/first = mid + 1;/first = mid;/
 * break: src/landing/extable.c s/end = mid;/end = mid - 1;/
 * break: src/landing/extable.c s/insn < ip/insn > ip/
 */
#include "proof.h"

#include "../src/landing/extable.c"

#define ROWS 7

void proof(void)
{
	struct mcsafe_row rows[ROWS];
	const struct mcsafe_row *found;
	size_t n = nondet_size();
	uintptr_t ip = nondet_u64();
	bool is_there = false;

	SUPPOSE(n <= ROWS);
	for (size_t i = 0; i < n; i++) {
		rows[i].insn = nondet_int();
		SUPPOSE(i == 0 || mcsafe__row_insn(&rows[i - 1]) < mcsafe__row_insn(&rows[i]));
		is_there |= mcsafe__row_insn(&rows[i]) == ip;
	}
	found = mcsafe__extable_search(rows, rows + n, ip);
	PROVE((found != NULL) == is_there);
	if (found != NULL)
		PROVE(found >= rows && found < rows + n && mcsafe__row_insn(found) == ip);
	END();
}

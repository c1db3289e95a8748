/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * landing_search.c
 *
 * function: search (module_table.c)
 * property: finds the row of ip exactly if there is one
 * loops: bounded, up to 3 rows
 * unwind: 5
 * break: src/landing/module_table.c s/first = mid + 1/first = mid + 2/
 * break: src/landing/module_table.c s/end = mid;/end = mid - 1;/
 * break: src/landing/module_table.c s/insn < ip/insn > ip/
 */
#include "proof.h"

#include "../src/landing/module_table.c"

#define ROWS 3

void proof(void)
{
	struct mcsafe__module_row rows[ROWS];
	struct mcsafe__module_hit hit;
	size_t n = nondet_size(), there = ROWS;
	uintptr_t ip = nondet_size();

	SUPPOSE(n <= ROWS);
	for (size_t i = 0; i < ROWS; i++) {
		rows[i].insn = nondet_size();
		rows[i].fixup = nondet_size();
		rows[i].kind = nondet_size();
		if (i > 0)
			SUPPOSE(rows[i - 1].insn < rows[i].insn);
		if (i < n && rows[i].insn == ip)
			there = i;
	}
	PROVE(search(rows, n, ip, &hit) == (there != ROWS));
	if (there != ROWS)
		PROVE(hit.fixup == rows[there].fixup && hit.kind == (unsigned)rows[there].kind);
	END();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* lookup.c - a lookup in the table of rows */
#include <stdlib.h>

#include "bench.h"
#include "landing/extable.h"

struct table {
	struct mcsafe_row *rows;
	size_t count;
};

static double look_up(const void *work, size_t calls)
{
	const struct table *table = work;
	uintptr_t found = 0;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++)
		found += (uintptr_t)mcsafe__extable_search(table->rows, table->rows + table->count,
							   (uintptr_t)table->rows +
								   64 * (i * 40503 % table->count));
	start = now_ns() - start;
	sink += found;
	return start;
}

void bench_lookup(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "lookup", look_up);
	for (size_t n = 10; n <= 100000; n *= 10) {
		struct table table = {calloc(n, sizeof(struct mcsafe_row)), n};

		need(table.rows != NULL, "calloc");
		/* Row i names the address rows + 64 i. Nothing needs to be there. */
		for (size_t i = 0; i < n; i++)
			table.rows[i].insn = (int32_t)(64 * i - i * sizeof(*table.rows));
		contest_run(&contest, "lookup", "", n, &table, 0);
		free(table.rows);
	}
}

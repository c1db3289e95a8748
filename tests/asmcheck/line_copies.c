/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * line_copies.c - copies for test_lines.py to watch; it prints where their source lies
 *
 *	line_copies FIRST STEP		every STEP-th case of the grid, from the FIRST on
 *	line_copies broken		one load that crosses a line, to see that it is noticed
 *
 * The grid is n in 0..512, 64 offsets of the source and 64 of the destination. Before each copy,
 * one byte of "mark" is read for each of its three numbers, so that they stand in the trace.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define GRID ((size_t)513 * 64 * 64)

static unsigned char src[1024] __attribute__((aligned(4096)));
static unsigned char dst[1024] __attribute__((aligned(4096)));
static volatile unsigned char mark[513] __attribute__((aligned(4096)));

/* Valgrind leaves out a load of which nothing comes. */
static volatile uint64_t sink;

static void try_case(mcsafe__copy_fn *copy, size_t number)
{
	size_t n = number % 513, s = number / 513 % 64, d = number / 513 / 64;
	struct mcsafe__landing landing;

	sink = mark[n];
	sink = mark[s];
	if (copy(dst + d, src + 128 + s, n, &landing) != 0)
		exit(1);
}

static void cross_a_line(void)
{
	uint64_t word;

	sink = mark[8];
	sink = mark[60];
	__asm__ volatile("movq %1, %0" : "=r"(word) : "m"(*(const uint64_t *)(src + 128 + 60)));
	sink = word;
}

int main(int argc, char **argv)
{
	printf("source %#zx mark %#zx\n", (size_t)(uintptr_t)src, (size_t)(uintptr_t)mark);
	fflush(stdout);
	if (argc == 2 && strcmp(argv[1], "broken") == 0) {
		cross_a_line();
		return 0;
	}
	if (argc != 3)
		return 2;
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		/* REP MOVSB loads as the processor pleases. */
		if (!mcsafe__engine_is_possible(engine) || engine->copy == mcsafe__copy_erms)
			continue;
		printf("engine %s\n", engine->name);
		for (size_t k = strtoul(argv[1], NULL, 0); k < GRID;
		     k += strtoul(argv[2], NULL, 0)) {
			try_case(engine->copy, k);
			if (engine->copy_nt != NULL)
				try_case(engine->copy_nt, k);
		}
	}
	return 0;
}

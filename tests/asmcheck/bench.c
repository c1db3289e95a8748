/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.c - the cost of each routine compared with memcpy() or memset(), for whoever works on one
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mcsafe/fault.h>

#include "asmcheck.h"
#include "basics.h"
#include "copy/route.h"

#define REPEATS 7
#define LARGEST (64 << 10)

static unsigned char src[LARGEST + 128] __attribute__((aligned(64)));
static unsigned char dst[LARGEST + 128] __attribute__((aligned(64)));

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t call(const struct t_copy *copy, size_t at, size_t n)
{
	static void *(*volatile libc_memcpy)(void *, const void *, size_t) = memcpy;
	static void *(*volatile libc_memset)(void *, int, size_t) = memset;
	struct mcsafe_fault fault;
	uint64_t args[4];

	/* Also done for the C library's functions, because it is part of the measured time. */
	t_copy_arguments(copy, args, dst + at, src + at * 3 % 64, n, &fault);
	if (copy->fn == NULL && copy->work == T_COPIES)
		return (uintptr_t)libc_memcpy((void *)args[0], (void *)args[1], args[2]);
	if (copy->fn == NULL)
		return (uintptr_t)libc_memset((void *)args[0], (int)args[1], args[2]);
	return ((size_t(*)(uint64_t, uint64_t, uint64_t, uint64_t))copy->fn)(args[0], args[1],
									     args[2], args[3]);
}

/* Nanoseconds for one call. The offsets are 0 to 63 in turn, or always 0. */
static double measure(const struct t_copy *copy, size_t n, bool offsets)
{
	size_t sum = 0;
	size_t calls = 20000 / (1 + n / 64) + 64;
	double best = 1e30, start, time;

	for (unsigned i = 0; i < REPEATS; i++) {
		start = now();
		for (size_t k = 0; k < calls; k++)
			sum += call(copy, offsets ? k * 29 % 64 : 0, n);
		time = (now() - start) / (double)calls;
		best = time < best ? time : best;
	}
	return sum != 1 ? best : 0; /* so that the compiler can leave out no call */
}

static void measure_all(const struct t_copy *copy)
{
	static const size_t sizes[] = {1, 8, 16, 31, 64, 96, 200, 512, 1024, 4096, 16384, LARGEST};

	for (unsigned offsets = 0; offsets < 2; offsets++) {
		printf("%-24s %-7s", copy->name, offsets ? "offsets" : "aligned");
		for (size_t i = 0; i < T_LENGTH(sizes); i++)
			printf(" %zu:%.1f", sizes[i], measure(copy, sizes[i], offsets != 0));
		printf("\n");
	}
}

void bench(void)
{
	static const struct t_copy libc[] = {
		{"memcpy", NULL, T_COPIES, T_RECORD_NONE, 0, {0}},
		{"memset", NULL, T_SETS, T_RECORD_NONE, 0, {0}},
	};

	printf("bytes:ns for each call, the least of %d repeats\n", REPEATS);
	measure_all(&libc[0]);
	measure_all(&libc[1]);
	for (size_t i = 0; i < t_n_copies; i++)
		if (t_copy_is_possible(&t_copies[i]))
			measure_all(&t_copies[i]);
}

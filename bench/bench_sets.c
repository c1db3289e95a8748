/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_sets.c - fills of every length at any address, by every way to fill */
#include "bench.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "asm/routines.h"
#include "base/cpu.h"

/* The results are added up, so that the compiler cannot leave out a call. */
typedef uintptr_t set_fn(void *dst, int c, size_t n);

static uintptr_t by_libc(void *dst, int c, size_t n)
{
	return (uintptr_t)memset(dst, c, n);
}

static uintptr_t by_mcsafe(void *dst, int c, size_t n)
{
	return mcsafe_memset(dst, c, n, NULL);
}

#define SET(name, ...)                                  \
 static uintptr_t by_##name(void *dst, int c, size_t n) \
 {                                                      \
  return mcsafe__set_##name(dst, c, n, NULL);           \
 }
#include "asm/engines.def"

static const struct {
	const char *name;
	set_fn *set;
	struct mcsafe__routine is;
} contenders[] = {
	{"libc", by_libc, {0}},
	{"mcsafe_memset", by_mcsafe, {0}},
#define SET(name_, ...) {#name_, by_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};
#define N_CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

static volatile uintptr_t sink;

/* Whether this processor can run the contender. */
static bool is_possible(size_t i)
{
	return (contenders[i].is.needs & ~mcsafe__cpu_features()) == 0;
}

/* The offset and the value change with every call. Long fills use all of the memory in turn. */
static double measure(set_fn *volatile set, unsigned char *memory, size_t room, size_t n,
		      size_t calls)
{
	double start = now_ns();
	uintptr_t sum = 0;
	size_t at = 0;

	for (size_t i = 0; i < calls; i++) {
		sum += set(memory + at, (int)i, n);
		at = (at + n + 29) % (room - n);
	}
	sink += sum;
	return (now_ns() - start) / (double)calls;
}

static void bench_length(const struct effort *effort, unsigned char *memory, size_t n)
{
	/* Short fills stay in the first-level cache. */
	size_t room = n < 8192 ? 16384 : 2 * n + 64, calls = 1 + ((size_t)1 << 20) / (n + 64);
	double best[N_CONTENDERS] = {0};

	for (unsigned r = 0; r < effort->repeats; r++)
		for (size_t i = 0; i < N_CONTENDERS; i++) {
			double ns;

			if (!is_possible(i))
				continue;
			ns = measure(contenders[i].set, memory, room, n, calls);
			if (r == 0 || ns < best[i])
				best[i] = ns;
		}
	printf("{\"n\": %zu, \"ns\": {", n);
	for (size_t i = 0; i < N_CONTENDERS; i++)
		if (is_possible(i))
			printf("%s\"%s\": %.3f", i == 0 ? "" : ", ", contenders[i].name, best[i]);
	printf("}},\n");
}

void bench_sets(const struct effort *effort)
{
	static const size_t short_ones[] = {1, 3, 7, 8, 15, 24, 48, 96, 200, 400, 1000};
	size_t size = 2 * effort->longest + 16384;
	unsigned char *memory = get_memory(size, 0);

	printf("\"sets\": [\n");
	for (size_t i = 0; i < sizeof(short_ones) / sizeof(short_ones[0]); i++)
		bench_length(effort, memory, short_ones[i]);
	for (size_t n = 2048; n <= effort->longest; n *= 4)
		bench_length(effort, memory, n);
	printf("null],\n");
	munmap(memory, size);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_words.c - inline loads against plain loads, and scans against those of the C library */
#include "bench.h"

#include <stdint.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#define NODES 2048 /* 16 KiB, which fit into the first-level cache */

/* A ring through all nodes. Each load needs the result of the load before it. */
static void **make_ring(void)
{
	void **ring = (void **)get_memory(NODES * sizeof(void *), 0);

	for (size_t i = 0; i < NODES; i++)
		ring[i * 769 % NODES] = &ring[(i + 1) * 769 % NODES];
	return ring;
}

#define CHAIN(name, next)                                                    \
 static __attribute__((noinline)) const void *name(void *const *p, size_t n) \
 {                                                                           \
  while (n-- != 0)                                                           \
   p = (void *const *)(next);                                                \
  return p;                                                                  \
 }

static void *const *called(void *const *p)
{
	uint64_t value = 0;

	if (mcsafe_access_load(p, sizeof(*p), &value, NULL) != MCSAFE_CAUSE_NONE)
		exit(1);
	return (void *const *)(uintptr_t)value;
}

static inline void *const *checked(void *const *p)
{
	uint64_t value;

	if (mcsafe_load_u64((const volatile uint64_t *)(const void *)p, &value) !=
	    MCSAFE_CAUSE_NONE)
		exit(1);
	return (void *const *)(uintptr_t)value;
}

CHAIN(chain_plain, *(void *const volatile *)p)
CHAIN(chain_load_or, mcsafe_load_or(p, NULL))
CHAIN(chain_checked, checked(p))
CHAIN(chain_called, called(p))

static const struct chain {
	const char *name;
	const void *(*fn)(void *const *, size_t);
} chains[] = {
	{"plain", chain_plain},
	{"load_or", chain_load_or},
	{"load_u64", chain_checked},
	{"called", chain_called},
};

#define N_CHAINS (sizeof(chains) / sizeof(chains[0]))

static void bench_chains(const struct effort *effort)
{
	void **ring = make_ring();
	size_t n = effort->bytes / 8;
	double best[N_CHAINS];

	for (size_t i = 0; i < N_CHAINS; i++)
		best[i] = 1e30;
	for (unsigned r = 0; r < effort->repeats; r++)
		for (size_t i = 0; i < N_CHAINS; i++) {
			double start = now_ns(), t;

			if (chains[i].fn(ring, n) == NULL)
				exit(1);
			t = (now_ns() - start) / (double)n;
			best[i] = t < best[i] ? t : best[i];
		}
	printf("\"loads\": {");
	for (size_t i = 0; i < N_CHAINS; i++)
		printf("%s\"%s\": %.3f", i != 0 ? ", " : "", chains[i].name, best[i]);
	printf("},\n");
	munmap(ring, NODES * sizeof(void *));
}

/* Scans that find nothing and no difference, so that they read all n bytes. */
struct scan {
	const char *name;
	size_t (*fn)(const char *a, const char *b, size_t n); /* returns n if all is well */
};

static size_t libc_memchr(const char *a, const char *b, size_t n)
{
	(void)b;
	return memchr(a, 0x7f, n) == NULL ? n : 0;
}

static size_t our_memchr(const char *a, const char *b, size_t n)
{
	size_t at = 0;

	(void)b;
	return mcsafe_memchr(a, 0x7f, n, &at, NULL) == MCSAFE_CAUSE_NONE ? at : 0;
}

static size_t libc_strnlen(const char *a, const char *b, size_t n)
{
	(void)b;
	return strnlen(a, n);
}

static size_t our_strnlen(const char *a, const char *b, size_t n)
{
	size_t length = 0;

	(void)b;
	return mcsafe_strnlen(a, n, &length, NULL) == MCSAFE_CAUSE_NONE ? length : 0;
}

static size_t libc_memcmp(const char *a, const char *b, size_t n)
{
	return memcmp(a, b, n) == 0 ? n : 0;
}

static size_t our_memcmp(const char *a, const char *b, size_t n)
{
	struct mcsafe_comparison result;

	return mcsafe_memcmp(a, b, n, &result, NULL) == MCSAFE_CAUSE_NONE ? result.equal : 0;
}

static const struct scan scans[][2] = {
	{{"memchr", libc_memchr}, {"mcsafe_memchr", our_memchr}},
	{{"strnlen", libc_strnlen}, {"mcsafe_strnlen", our_strnlen}},
	{{"memcmp", libc_memcmp}, {"mcsafe_memcmp", our_memcmp}},
};

static double time_scan(const struct scan *scan, const char *a, const char *b, size_t n,
			size_t times)
{
	double start = now_ns();

	for (size_t i = 0; i < times; i++)
		if (scan->fn(a, b, n) != n)
			exit(1);
	return (now_ns() - start) / (double)times;
}

static void bench_scan(const struct effort *effort, const struct scan pair[2], const char *a,
		       const char *b, size_t n)
{
	size_t times = effort->bytes / n + 1;
	double best[2] = {1e30, 1e30};

	for (unsigned r = 0; r < effort->repeats; r++)
		for (size_t i = 0; i < 2; i++) {
			double t = time_scan(&pair[i], a, b, n, times);

			best[i] = t < best[i] ? t : best[i];
		}
	printf("{\"name\": \"%s\", \"n\": %zu, \"offset\": %zu, \"ns\": {\"libc\": %.2f, "
	       "\"mcsafe\": %.2f}},\n",
	       pair[0].name, n, (size_t)((uintptr_t)b % 64), best[0], best[1]);
}

void bench_words(const struct effort *effort)
{
	static const size_t lengths[] = {16, 64, 256, 4096, 65536};
	const size_t size = 65536 + 128;
	char *a = (char *)get_memory(size, 0), *b = (char *)get_memory(size, 0);

	bench_chains(effort);
	memset(a, 'x', size);
	memset(b, 'x', size);
	printf("\"scans\": [\n");
	for (size_t s = 0; s < sizeof(scans) / sizeof(scans[0]); s++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			for (size_t offset = 0; offset < 32; offset += 21)
				bench_scan(effort, scans[s], a + offset / 3, b + offset,
					   lengths[i]);
	printf("null],\n");
	munmap(a, size);
	munmap(b, size);
}

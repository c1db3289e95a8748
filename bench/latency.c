/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * latency.c - copy or fill, then load what was written
 *
 * The sum of two loads of 8 bytes, at the start and at the end, decides where the next copy writes.
 * So the next copy waits for the loads, and the loads wait for the stores of this copy.
 */
#include "memcpy_calls.h"

struct chain {
	unsigned char *dst, *src;
	size_t n;
};

typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned;

static inline uint64_t load(const unsigned char *p)
{
	return *(const volatile unaligned *)p;
}

ALWAYS_INLINE double time_chain(call_fn *call, const struct chain *chain, size_t calls)
{
	unsigned char *dst = chain->dst, *src = chain->src;
	size_t n = chain->n;
	double start = now_ns();
	uint64_t sum = 0;

	HIDE(n);
	for (size_t i = 0; i < calls; i++) {
		/* All bytes are 0 or 2, so this is dst + 72. */
		unsigned char *at = dst + 72 + (sum & 1);

		call(at, src, n);
		sum = load(at) + load(at + n - 8);
	}
	start = now_ns() - start;
	sink += sum;
	return start;
}

#define CHAIN_OF(name, call)                                  \
 static double name(const void *work, size_t calls)           \
 {                                                            \
  return time_chain(call, (const struct chain *)work, calls); \
 }

ALWAYS_INLINE uintptr_t by_memset(unsigned char *dst, const unsigned char *src, size_t n)
{
	(void)src;
	return (uintptr_t)memset(dst, 2, n);
}

ALWAYS_INLINE uintptr_t by_mcsafe_memset(unsigned char *dst, const unsigned char *src, size_t n)
{
	(void)src;
	return mcsafe_memset(dst, 2, n, NULL);
}

CHAIN_OF(libc, by_memcpy)
CHAIN_OF(plain, by_memcpy_mcsafe)
CHAIN_OF(libc_set, by_memset)
CHAIN_OF(our_set, by_mcsafe_memset)

void bench_latency(void)
{
	static const size_t copies[] = {8, 12, 16, 24, 32, 48, 64, 128, 256, 0};
	static const size_t fills[] = {8, 16, 24, 32, 64, 128, 0};
	struct contest copy = {.count = 0}, fill = {.count = 0};
	unsigned char *memory = get_memory(16384);
	struct chain chain = {memory, memory + 8192 + 40, 0};

	memset(memory, 0, 16384);
	contest_add(&copy, "libc", libc);
	contest_add(&copy, "memcpy_mcsafe", plain);
	contest_add_engines(&copy, plain);
	contest_add(&fill, "libc", libc_set);
	contest_add(&fill, "mcsafe_memset", our_set);
	contest_add_engines(&fill, our_set);
	for (const size_t *n = copies; *n != 0; n++) {
		chain.n = *n;
		contest_run(&copy, "latency", "copy", *n, &chain, 0);
	}
	for (const size_t *n = fills; *n != 0; n++) {
		chain.n = *n;
		contest_run(&fill, "latency", "fill", *n, &chain, 0);
	}
	put_memory(memory, 16384);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * constant.c - copies of constant lengths: inline, by a call, and as the compiler copies them
 *
 * "latency" is as in latency.c: the next copy waits for a load of what this copy has written. In
 * "fleet", copies are at places as a large fleet's programs have them, in the first cache. If n is
 * 0, four constant lengths follow each other in an order that no branch predictor learns. Otherwise
 * all copies have n bytes, as at one place of a program.
 */
#include <mcsafe/mcsafe.h>

#include "fleet.h"
#include "work.h"

typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned;

/* The peer: the other parts call memcpy(), but here the compiler knows the length. */
#define by_compiler(dst, src, n) ((uintptr_t)__builtin_memcpy(dst, src, n) & 0)

#define CHAIN(name, copy, n)                                                          \
 static double name(const void *work, size_t calls)                                   \
 {                                                                                    \
  const struct work *chain = (const struct work *)work;                               \
  unsigned char *dst = chain->dst, *src = chain->src;                                 \
  double start = now_ns();                                                            \
  uintptr_t failed = 0;                                                               \
  uint64_t sum = 0;                                                                   \
                                                                                      \
  for (size_t i = 0; i < calls; i++) {                                                \
   unsigned char *at = dst + 72 + (sum & 1); /* all bytes are 0: it is 72 */          \
                                                                                      \
   failed |= copy(at, src, n);                                                        \
   __asm__ volatile("" : : : "memory");                                               \
   sum = *(const volatile unaligned *)at + *(const volatile unaligned *)(at + (n)-8); \
  }                                                                                   \
  start = now_ns() - start;                                                           \
  sink += sum + failed;                                                               \
  return start;                                                                       \
 }

#define CHAINS(n)                    \
 CHAIN(compiler_##n, by_compiler, n) \
 CHAIN(called_##n, memcpy_mcsafe, n) \
 CHAIN(inline_##n, mcsafe_copy_const, n)

CHAINS(8)
CHAINS(12)
CHAINS(16)

/* clang-format off */
#define MIXED(name, copy)                                        \
 static double name(const void *work, size_t calls)              \
 {                                                               \
  const struct work *mix = (const struct work *)work;            \
  size_t mask = mix->count - 1;                                  \
  double start = now_ns();                                       \
  uintptr_t failed = 0;                                          \
                                                                 \
  for (size_t i = 0; i < calls; i++) {                           \
   const struct place *p = &mix->places[i & mask];               \
   unsigned char *dst = mix->dst + p->dst, *src = mix->src + p->src; \
                                                                 \
   switch (p->n) {                                               \
   case 0: failed |= copy(dst, src, 4); break;                   \
   case 1: failed |= copy(dst, src, 8); break;                   \
   case 2: failed |= copy(dst, src, 12); break;                  \
   default: failed |= copy(dst, src, 16); break;                 \
   }                                                             \
   __asm__ volatile("" : : : "memory");                          \
  }                                                              \
  start = now_ns() - start;                                      \
  sink += failed;                                                \
  return start;                                                  \
 }

/* clang-format on */

MIXED(mixed_compiler, by_compiler)
MIXED(mixed_called, memcpy_mcsafe)
MIXED(mixed_inline, mcsafe_copy_const)

#define RUN(n)                                                \
 do {                                                         \
  struct contest contest = {.count = 0};                      \
                                                              \
  contest_add(&contest, "compiler", compiler_##n);            \
  contest_add(&contest, "memcpy_mcsafe", called_##n);         \
  contest_add(&contest, "mcsafe_copy_const", inline_##n);     \
  contest_run(&contest, "constant", "latency", n, &chain, 0); \
 } while (0)

static void run_latency(void)
{
	struct work chain = work_begin(4096, 1);

	__builtin_memset(chain.src, 0, chain.room);
	__builtin_memset(chain.dst, 0, chain.room);
	RUN(8);
	RUN(12);
	RUN(16);
	work_end(&chain);
}

/* 2^16 calls, so that a sample is short: most are then not interrupted on a busy machine. */
#define MIXED_CALLS 65536

static void run_mix(void)
{
	static const size_t lengths[] = {4, 8, 12, 16}; /* as in MIXED() */
	struct work mix = fleet_begin(fleet_memcpy, FLEET_FIRST_CACHE);
	struct contest contest = {.count = 0};

	contest_add(&contest, "compiler", mixed_compiler);
	contest_add(&contest, "memcpy_mcsafe", mixed_called);
	contest_add(&contest, "mcsafe_copy_const", mixed_inline);
	for (size_t i = 0; i < mix.count; i++)
		mix.places[i].n = (uint32_t)(next_random() % 4);
	contest_run(&contest, "constant", "fleet", 0, &mix, MIXED_CALLS);
	for (uint32_t k = 0; k < 4; k++) {
		for (size_t i = 0; i < mix.count; i++)
			mix.places[i].n = k;
		contest_run(&contest, "constant", "fleet", lengths[k], &mix, MIXED_CALLS);
	}
	work_end(&mix);
}

void bench_constant(void)
{
	run_latency();
	run_mix();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - inline loads against plain loads */
#include <mcsafe/mcsafe.h>

#include "bench.h"

#define NODES 2048 /* 16 KiB, which fit into the first-level cache */

/* A ring through all nodes. Each load needs the result of the load before it. */
static void **make_ring(void)
{
	void **ring = (void **)get_memory(NODES * sizeof(void *));

	for (size_t i = 0; i < NODES; i++)
		ring[i * 769 % NODES] = &ring[(i + 1) * 769 % NODES];
	return ring;
}

#define CHAIN(name, next)                           \
 static double name(const void *work, size_t calls) \
 {                                                  \
  void *const *p = (void *const *)work;             \
  double start = now_ns();                          \
                                                    \
  for (size_t i = 0; i < calls; i++)                \
   p = (void *const *)(next);                       \
  start = now_ns() - start;                         \
  sink += (uintptr_t)p;                             \
  return start;                                     \
 }

static inline void *const *called(void *const *p)
{
	uint64_t value = 0;

	need(mcsafe_access_load(p, sizeof(*p), &value, NULL) == MCSAFE_CAUSE_NONE, "load");
	return (void *const *)(uintptr_t)value;
}

static inline void *const *checked(void *const *p)
{
	uint64_t value = 0;

	need(mcsafe_load_u64((const volatile uint64_t *)(const void *)p, &value) ==
		     MCSAFE_CAUSE_NONE,
	     "load");
	return (void *const *)(uintptr_t)value;
}

CHAIN(chain_plain, *(void *const volatile *)p)
CHAIN(chain_load_or, mcsafe_load_or(p, NULL))
CHAIN(chain_checked, checked(p))
CHAIN(chain_called, called(p))

void bench_words(void)
{
	void **ring = make_ring();
	struct contest contest = {.count = 0};

	contest_add(&contest, "plain load", chain_plain);
	contest_add(&contest, "mcsafe_load_or", chain_load_or);
	contest_add(&contest, "mcsafe_load_u64", chain_checked);
	contest_add(&contest, "mcsafe_access_load", chain_called);
	contest_run(&contest, "words", "", 8, ring, 0);
	put_memory(ring, NODES * sizeof(void *));
}

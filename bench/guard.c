/* SPDX-License-Identifier: BSD-3-Clause */
/* guard.c - one load under a guard, and under sigsetjmp(3); and a fault that a guard catches */
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

#define BYTES 4096

static const unsigned char *memory;
static sigjmp_buf back;

/* Each is a function of its own, as a program would have it. */
#define ONCE static __attribute__((noinline)) uintptr_t

ONCE by_setjmp(size_t i)
{
	if (sigsetjmp(back, 0) != 0)
		return 0;
	return memory[i % BYTES];
}

ONCE by_setjmp_mask(size_t i)
{
	if (sigsetjmp(back, 1) != 0)
		return 0;
	return memory[i % BYTES];
}

ONCE by_guard(size_t i)
{
	volatile uintptr_t got = 0;
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, memory, BYTES) {
		got = memory[i % BYTES];
	}
	MCSAFE_CATCH(&guard) {
		exit(1);
	}
	return got;
}

static void use(void *arg)
{
	*(volatile uintptr_t *)arg = memory[*(size_t *)arg % BYTES];
}

ONCE by_call(size_t i)
{
	need(mcsafe_call(memory, BYTES, use, &i, NULL) == 0, "mcsafe_call");
	return i;
}

ONCE by_nothing(size_t i)
{
	return memory[i % BYTES];
}

static volatile const unsigned char *bad;

ONCE by_fault(size_t i)
{
	struct mcsafe_guard guard;

	(void)i;
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		exit(*bad);
	}
	MCSAFE_CATCH(&guard) {
		return 1;
	}
	return 0;
}

#define GUARDED(name, once)                         \
 static double name(const void *work, size_t calls) \
 {                                                  \
  uintptr_t sum = once(0);                          \
  double start = now_ns();                          \
                                                    \
  (void)work;                                       \
  for (size_t i = 0; i < calls; i++)                \
   sum += once(i);                                  \
  start = now_ns() - start;                         \
  sink += sum;                                      \
  return start;                                     \
 }

GUARDED(plain, by_setjmp)
GUARDED(mask, by_setjmp_mask)
GUARDED(guard, by_guard)
GUARDED(call, by_call)
GUARDED(nothing, by_nothing)
GUARDED(fault, by_fault)

void bench_guard(void)
{
	struct contest contest = {.count = 0};

	memory = get_memory(BYTES);
	bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(bad != MAP_FAILED, "mmap");
	contest_add(&contest, "sigsetjmp(,0)", plain);
	contest_add(&contest, "MCSAFE_TRY", guard);
	contest_add(&contest, "mcsafe_call", call);
	contest_add(&contest, "sigsetjmp(,1)", mask);
	contest_add(&contest, "unguarded", nothing);
	contest_add(&contest, "caught fault", fault);
	contest_run(&contest, "guard", "", 1, NULL, 0);
	munmap((void *)(uintptr_t)bad, 4096);
	put_memory((void *)(uintptr_t)memory, BYTES);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_guards.c - the cost of a guard, of sigsetjmp(3), and of a fault that a guard catches */
#include "bench.h"

#include <setjmp.h>

#include <mcsafe/mcsafe.h>

#define ROUNDS_PER_FAULT 500 /* to arm a guard is that much cheaper than a fault */

static volatile unsigned long used;

static double time_guards(unsigned long n)
{
	struct mcsafe_guard guard;
	double start = now_ns();

	for (volatile unsigned long i = 0; i < n; i++) {
		MCSAFE_TRY(&guard, &guard, 1) {
			used++;
		}
		MCSAFE_CATCH(&guard) {
			exit(1);
		}
	}
	return (now_ns() - start) / (double)n;
}

static void use(void *arg)
{
	(void)arg;
	used++;
}

static double time_calls(unsigned long n)
{
	double start = now_ns();

	for (volatile unsigned long i = 0; i < n; i++)
		if (mcsafe_call(&start, 1, use, NULL, NULL) != 0)
			exit(1);
	return (now_ns() - start) / (double)n;
}

/* The same loop and body with sigsetjmp(3), which needs no disarming. */
static double time_setjmp(unsigned long n, int save_mask)
{
	sigjmp_buf back;
	double start = now_ns();

	for (volatile unsigned long i = 0; i < n; i++) {
		if (sigsetjmp(back, save_mask) != 0)
			exit(1);
		used++;
	}
	return (now_ns() - start) / (double)n;
}

static double time_loop(unsigned long n)
{
	double start = now_ns();

	for (volatile unsigned long i = 0; i < n; i++)
		used++;
	return (now_ns() - start) / (double)n;
}

static double time_faults(unsigned n)
{
	volatile unsigned char *bad =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_guard guard;
	volatile unsigned caught = 0;
	double start;

	if (bad == MAP_FAILED)
		exit(1);
	start = now_ns();
	for (volatile unsigned i = 0; i < n; i++) {
		MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
			used += *bad;
		}
		MCSAFE_CATCH(&guard) {
			caught++;
		}
	}
	start = now_ns() - start;
	if (caught != n)
		exit(1);
	munmap((void *)(uintptr_t)bad, 4096);
	return start / n;
}

static void keep_least(double *least, double value)
{
	if (value < *least)
		*least = value;
}

void bench_guards(const struct effort *effort)
{
	const unsigned long n = (unsigned long)effort->faults * ROUNDS_PER_FAULT;
	double loop = 1e30, guard = 1e30, call = 1e30, plain = 1e30, mask = 1e30, fault = 1e30;

	for (unsigned r = 0; r < effort->repeats; r++) {
		keep_least(&loop, time_loop(n));
		keep_least(&guard, time_guards(n));
		keep_least(&call, time_calls(n));
		keep_least(&plain, time_setjmp(n, 0));
		keep_least(&mask, time_setjmp(n / 50 + 1, 1));
		keep_least(&fault, time_faults(effort->faults));
	}
	printf("\"guards\": {\"loop_ns\": %.2f, \"guard_ns\": %.2f, \"call_ns\": %.2f, "
	       "\"sigsetjmp_ns\": %.2f, \"sigsetjmp_mask_ns\": %.1f, \"fault_ns\": %.0f},\n",
	       loop, guard, call, plain, mask, fault);
}

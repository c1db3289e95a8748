/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.h - the parts of the benchmark, and what they share */
#ifndef MCSAFE_BENCH_H
#define MCSAFE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* How much to measure: everything, or enough to see that it works. */
struct effort {
	size_t longest;   /* the longest operand, in bytes */
	unsigned rounds;  /* in each of which every contender is measured once */
	double sample_ns; /* about how long to call a contender between two looks at the clock */
	size_t fleet;     /* calls in a mix of lengths */
	/*
	 * Compare the engines with the peer, instead of the library as programs use it. Where a
	 * process has used several engines, the processor has seen the branches between them go
	 * both ways, and each short copy takes about a cycle more. No other program does that.
	 */
	bool engines;
};

extern struct effort effort;

static inline double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Prints the reason in errno, and ends the program. */
_Noreturn void fail(const char *what);

static inline void need(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

/* Returns memory whose pages were touched: bytes that differ from line to line, and are not 0. */
unsigned char *get_memory(size_t size);
void put_memory(void *memory, size_t size);

/* The next number of a sequence that is the same in every run. */
uint64_t next_random(void);

/*
 * The sum of all results goes here, so that the compiler cannot leave out a call. It takes no time
 * inside a loop. It is atomic, because several threads may measure at a time.
 */
extern _Atomic uintptr_t sink;

/* ---- contests -------------------------------------------------------------------------------- */

/*
 * Makes calls, and returns the nanoseconds that all of them took. One call before them is not
 * timed: it finds caches and branch predictors as another contender has left them.
 */
typedef double run_fn(const void *work, size_t calls);

struct contender {
	const char *name;
	const char *engine; /* to select for it; NULL: the one that the library has chosen */
	run_fn *run;
};

/* Different ways to do the same. The first is the peer, with which the others are compared. */
struct contest {
	struct contender of[20];
	size_t count;
};

void contest_add(struct contest *contest, const char *name, run_fn *run);

/* Adds one contender for each engine that this processor can run, if effort.engines asks for it.
 * contest_add() adds nothing but the peer then. */
void contest_add_engines(struct contest *contest, run_fn *run);

/*
 * Measures all contenders in turn, in many rounds, and prints one line of JSON:
 *
 *	ns	the median of all rounds, in nanoseconds for a call
 *	speed	the median of (time of the peer / time of the contender in the same round)
 *	spread	half of the distance between the quartiles of that ratio, as a part of it
 *
 * part, where and n say what was measured. calls: how many of them make one sample; 0: as many as
 * fit into the usual time. Does nothing if the arguments of the program do not ask for it.
 */
void contest_run(const struct contest *contest, const char *part, const char *where, size_t n,
		 const void *work, size_t calls);

/* Whether the arguments of the program ask for this. */
bool is_wanted(const char *part, const char *where);

/* ---- parts, each in a file of its own -------------------------------------------------------- */

void bench_memcpy(void);
void bench_ways(void);
void bench_latency(void);
void bench_reader(void);
void bench_edge(void);
void bench_threads(void);
void bench_memset(void);
void bench_memchr(void);
void bench_strnlen(void);
void bench_memcmp(void);
void bench_flush(void);
void bench_iter(void);
void bench_guard(void);
void bench_fault(void);
void bench_holes(void);
void bench_pmem(void);
void bench_repair(void);
void bench_badblocks(void);
void bench_words(void);
void bench_constant(void);
void bench_lookup(void);
void bench_routines(void);

#endif /* MCSAFE_BENCH_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * work.h - calls of one operation at many places, in a loop that is the same for all contenders
 *
 * A contender is a function `call_fn` that calls one operation. The loop is made anew for each
 * contender, with an ordinary call of the operation in it, as a program has it. So a call of a
 * shared library goes through the table of addresses, whichever library it is.
 */
#ifndef MCSAFE_BENCH_WORK_H
#define MCSAFE_BENCH_WORK_H

#include "bench.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Returns something that depends on the result. */
typedef uintptr_t call_fn(unsigned char *dst, const unsigned char *src, size_t n);

struct place {
	uint32_t dst, src, n;
};

struct work {
	unsigned char *dst, *src;
	size_t room;  /* bytes at dst, and at src */
	size_t count; /* of places; a power of 2 */
	struct place *places;
};

#define WORK_PLACES 4096 /* more than a branch predictor remembers */

/* Operands of up to `room` bytes, and room for `count` places, which are not filled in. */
struct work work_begin(size_t room, size_t count);
void work_end(struct work *work);

/* Fill in the places: 64, 1, and twice WORK_PLACES. */
void work_aligned(struct work *work, size_t n);    /* both operands at the start of a line */
void work_odd(struct work *work, size_t n);        /* at offsets 13 and 2055 */
void work_random(struct work *work, size_t n);     /* at any offset of some pages */
void work_cold(const struct work *work, size_t n); /* anywhere in all of the room */

/*
 * All lengths of the single-length measures, up to the longest that there is room for; 0 ends them.
 */
extern const size_t single_lengths[];

/* Runs the contest for all lengths, with line-aligned operands and then at random offsets. */
void single_run(const struct contest *contest, const char *part, size_t longest);

/* For the compiler, the value may be any value from here on. */
#define HIDE(value) __asm__("" : "+r"(value))

ALWAYS_INLINE double time_calls(call_fn *call, const struct work *work, size_t calls)
{
	const struct place *places = work->places, *p = &places[work->count - 1];
	uintptr_t sum = call(work->dst + p->dst, work->src + p->src, p->n);
	unsigned char *dst = work->dst, *src = work->src;
	size_t mask = work->count - 1;
	double start;

	HIDE(dst);
	HIDE(src);
	start = now_ns();
	for (size_t i = 0; i < calls; i++) {
		p = &places[i & mask];
		sum += call(dst + p->dst, src + p->src, p->n);
	}
	start = now_ns() - start;
	sink += sum;
	return start;
}

/* Defines a run_fn. */
#define CALLS_OF(name, call)                                 \
 static double name(const void *work, size_t calls)          \
 {                                                           \
  return time_calls(call, (const struct work *)work, calls); \
 }

/* The same, at places where no contender has been. */
#define COLD_CALLS_OF(name, call)                                           \
 static double name(const void *work, size_t calls)                         \
 {                                                                          \
  const struct work *cold = work;                                           \
                                                                            \
  work_cold(cold, cold->places[0].n);                                       \
  return time_calls(call, cold, calls < WORK_PLACES ? calls : WORK_PLACES); \
 }

#endif /* MCSAFE_BENCH_WORK_H */

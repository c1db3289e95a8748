/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * traps.c - what an optimizer may do to guarded code; built in many ways by test_compilers.py
 *
 * The memory is good up to a bad page. Every case tells what was read before the fault. All cases
 * but the first two depend on one of the means that guard.h names: volatile, a barrier, an opaque
 * pointer, a function that is called.
 *
 * The memory is not of the kit, because test_compilers.py links this file with the library only.
 */
#include <mcsafe/mcsafe.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "basics.h"

#define GOOD  100u /* bytes before the bad page */
#define COUNT (T_LENGTH(cases))

static unsigned char *bad;
static volatile unsigned used; /* the result must be used, or the compiler may leave out the load */

/* Loads of a plain pointer stay in the body: not before the guard is armed, and not after it. */
static int plain_loads(const unsigned char *p)
{
	struct mcsafe_guard guard;
	unsigned sum = 0;

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		sum = p[0];
		sum += p[GOOD];
	}
	MCSAFE_CATCH(&guard) {
		return 1;
	}
	used = sum;
	return 0;
}

/* The result is not used in the body. The load must not move past its end. */
static int a_load_that_would_sink(const unsigned char *p)
{
	struct mcsafe_guard guard;
	unsigned value;

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		value = p[GOOD];
	}
	MCSAFE_CATCH(&guard) {
		return 1;
	}
	used = value;
	return 0;
}

/* The load is the first of a loop's body. A compiler may want to move it before the loop. */
static int a_load_that_would_rise(const unsigned char *p)
{
	struct mcsafe_guard guard;
	volatile int caught = 0;

	for (volatile unsigned round = 0; round < 3; round++) {
		MCSAFE_TRY(&guard, bad, T_PAGE) {
			if (p[GOOD] == 'x')
				caught += 100;
		}
		MCSAFE_CATCH(&guard) {
			caught++;
		}
	}
	return caught == 3;
}

/* "restrict": nothing else changes what the pointer points to, not even mcsafe_guard_enter(). */
static int restricted_loads(const unsigned char *restrict p)
{
	struct mcsafe_guard guard;
	unsigned value;

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		const volatile unsigned char *opaque = MCSAFE_GUARD_OPAQUE(p);

		value = opaque[GOOD];
	}
	MCSAFE_CATCH(&guard) {
		return 1;
	}
	used = value;
	return 0;
}

/* A local variable of this function, changed in the body and read after the fault. */
static int volatile_locals(const unsigned char *p)
{
	struct mcsafe_guard guard;
	volatile unsigned done = 0, sum = 0;

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		for (unsigned i = 0; i < 2 * GOOD; i++) {
			sum += p[i];
			done++;
		}
	}
	MCSAFE_CATCH(&guard) {
		return done == GOOD && sum == GOOD * 'x';
	}
	return 0;
}

/* Locals that are not changed in the body keep their values, however many there are. */
static int unchanged_locals(const unsigned char *p)
{
	struct mcsafe_guard guard;
	unsigned a = p[0], b = a + p[1], c = b + p[2], d = c + p[3], e = d + p[4], f = e + p[5],
		 g = f + p[6], h = g + p[7], i = h + p[8], j = i + p[9];

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		printf("%s", p[GOOD] == 'x' ? "?" : "");
	}
	MCSAFE_CATCH(&guard) {
		return a == 'x' && b == 2 * 'x' && c == 3 * 'x' && d == 4 * 'x' && e == 5 * 'x' &&
		       f == 6 * 'x' && g == 7 * 'x' && h == 8 * 'x' && i == 9 * 'x' &&
		       j == 10 * 'x';
	}
	return 0;
}

struct progress {
	unsigned done, sum;
};

/* Memory that other code can see. A barrier makes the stores happen before the next load. */
static void walk(struct progress *progress, const unsigned char *p)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, bad, T_PAGE) {
		for (unsigned i = 0; i < 2 * GOOD; i++) {
			progress->sum += p[i];
			progress->done++;
			MCSAFE_GUARD_BARRIER();
		}
	}
	MCSAFE_CATCH(&guard) {
	}
}

static int stores_behind_a_pointer(const unsigned char *p)
{
	static struct progress progress;

	memset(&progress, 0, sizeof(progress));
	walk(&progress, p);
	return progress.done == GOOD && progress.sum == GOOD * 'x';
}

struct task {
	const unsigned char *p;
	unsigned done, sum;
};

static void run(void *arg)
{
	struct task *task = arg;

	for (unsigned i = 0; i < 2 * GOOD; i++) {
		task->sum += task->p[i];
		task->done++;
		MCSAFE_GUARD_BARRIER();
	}
}

/* The caller's locals are ordinary variables: its frame does not return twice. */
static int a_call(const unsigned char *p)
{
	struct task task = {p, 0, 0};
	unsigned before = p[0];
	int err = mcsafe_call(bad, T_PAGE, run, &task, NULL);

	return err != 0 && before == 'x' && task.done == GOOD && task.sum == GOOD * 'x';
}

/* A store before the fault in the source happens. A store after the fault does not happen. */
static int order_of_stores(const unsigned char *p)
{
	static int first, second;
	struct mcsafe_guard guard;

	first = second = 0;
	MCSAFE_TRY(&guard, bad, T_PAGE) {
		first = 1;
		MCSAFE_GUARD_BARRIER();
		if (p[GOOD] == 'x')
			first = 2;
		MCSAFE_GUARD_BARRIER();
		second = 1;
	}
	MCSAFE_CATCH(&guard) {
		return first == 1 && second == 0;
	}
	return 0;
}

static int nested(const unsigned char *p)
{
	struct mcsafe_guard outer, inner;
	volatile int inner_caught = 0;

	MCSAFE_TRY(&outer, bad, T_PAGE) {
		MCSAFE_TRY(&inner, bad, T_PAGE) {
			inner_caught += p[GOOD] == 'x' ? 100 : 200;
		}
		MCSAFE_CATCH(&inner) {
			inner_caught++;
		}
		inner_caught += p[GOOD] == 'x' ? 100 : 200;
	}
	MCSAFE_CATCH(&outer) {
		return inner_caught == 1;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(const unsigned char *);
} cases[] = {
	{"plain loads", plain_loads},
	{"a load that would sink", a_load_that_would_sink},
	{"a load that would rise", a_load_that_would_rise},
	{"restricted loads", restricted_loads},
	{"volatile locals", volatile_locals},
	{"unchanged locals", unchanged_locals},
	{"stores behind a pointer", stores_behind_a_pointer},
	{"a call", a_call},
	{"the order of stores", order_of_stores},
	{"nested", nested},
};

int main(void)
{
	unsigned char *memory = (unsigned char *)mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int failures = 0;

	if (memory == MAP_FAILED || mcsafe_install() != 0)
		return 2;
	bad = memory + T_PAGE;
	memset(memory, 'x', T_PAGE);
	if (mprotect(bad, T_PAGE, PROT_NONE) != 0)
		return 2;
	for (size_t i = 0; i < COUNT; i++)
		for (int round = 0; round < 3; round++)
			if (!cases[i].fn(bad - GOOD)) {
				printf("%s: wrong\n", cases[i].name);
				failures++;
				break;
			}
	printf("%zu cases, %d wrong\n", COUNT, failures);
	return failures != 0;
}

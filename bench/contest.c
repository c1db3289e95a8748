/* SPDX-License-Identifier: BSD-3-Clause */
/* contest.c - measures contenders in turn, and prints medians */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

#define MAX_ROUNDS 64

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void add(struct contest *contest, const char *name, const char *engine, run_fn *run)
{
	if (contest->count == LENGTH(contest->of))
		abort();
	contest->of[contest->count++] = (struct contender){name, engine, run};
}

void contest_add(struct contest *contest, const char *name, run_fn *run)
{
	if (!effort.engines || contest->count == 0)
		add(contest, name, NULL, run);
}

void contest_add_engines(struct contest *contest, run_fn *run)
{
	char *names, *rest = NULL;
	const char *chosen = mcsafe_engine_name();

	if (!effort.engines)
		return;
	names = strdup(mcsafe_engine_names());
	for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
		if (mcsafe_engine_set(name) == 0)
			/* The library's own string: it stays. */
			add(contest, mcsafe_engine_name(), mcsafe_engine_name(), run);
	need(mcsafe_engine_set(chosen) == 0, "mcsafe_engine_set");
	free(names);
}

static double sample(const struct contender *contender, const void *work, size_t calls)
{
	const char *chosen = mcsafe_engine_name();
	double ns;

	if (contender->engine != NULL)
		need(mcsafe_engine_set(contender->engine) == 0, contender->engine);
	ns = contender->run(work, calls) / (double)calls;
	if (contender->engine != NULL)
		need(mcsafe_engine_set(chosen) == 0, chosen);
	return ns > 0 ? ns : 0.001;
}

/*
 * How many calls fill the usual time. A sample is short, so that there can be many of them: other
 * guests of the same host may slow this machine down for milliseconds at a time.
 */
static size_t calls_for(const struct contender *contender, const void *work)
{
	size_t calls = 1;
	double ns = sample(contender, work, 1);

	while (ns * (double)calls < effort.sample_ns / 2 && calls < (size_t)1 << 24) {
		calls *= 2;
		ns = sample(contender, work, calls);
	}
	return ns * (double)calls > effort.sample_ns * 2 ? (size_t)fmax(1, effort.sample_ns / ns)
							 : calls;
}

static int in_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that a part of all values does not exceed. Sorts the values. */
static double quantile(double *values, size_t n, double part)
{
	size_t at = (size_t)(part * (double)(n - 1) + 0.5);

	qsort(values, n, sizeof(*values), in_order);
	return values[at];
}

static void print_numbers(const struct contest *contest, const char *what, const double *numbers,
			  size_t first, const char *end)
{
	printf("\"%s\": {", what);
	for (size_t i = first; i < contest->count; i++)
		printf("%s\"%s\": %.4g", i == first ? "" : ", ", contest->of[i].name, numbers[i]);
	printf("}%s", end);
}

static double times[LENGTH(((struct contest *)NULL)->of)][MAX_ROUNDS];

static void print_row(const struct contest *contest, const char *part, const char *where, size_t n,
		      size_t rounds)
{
	double ns[LENGTH(times)], speed[LENGTH(times)], spread[LENGTH(times)], ratio[MAX_ROUNDS];

	for (size_t i = 0; i < contest->count; i++) {
		for (size_t r = 0; r < rounds; r++)
			ratio[r] = times[0][r] / times[i][r];
		speed[i] = quantile(ratio, rounds, 0.5);
		spread[i] = (quantile(ratio, rounds, 0.75) - quantile(ratio, rounds, 0.25)) / 2 /
			    speed[i];
	}
	for (size_t i = 0; i < contest->count; i++)
		ns[i] = quantile(times[i], rounds, 0.5);
	printf("{\"part\": \"%s\", \"where\": \"%s\", \"n\": %zu, \"peer\": \"%s\", ", part, where,
	       n, contest->of[0].name);
	print_numbers(contest, "ns", ns, 0, ", ");
	print_numbers(contest, "speed", speed, 1, ", ");
	print_numbers(contest, "spread", spread, 1, "}\n");
	fflush(stdout);
}

void contest_run(const struct contest *contest, const char *part, const char *where, size_t n,
		 const void *work, size_t calls)
{
	size_t rounds = effort.rounds < MAX_ROUNDS ? effort.rounds : MAX_ROUNDS, count, own;
	size_t each[LENGTH(times)];

	if (!is_wanted(part, where) || contest->count < 2)
		return;
	count = contest->count;
	for (size_t i = 0; i < count; i++)
		each[i] = calls != 0 ? calls : calls_for(&contest->of[i], work);
	/* Each round begins with another contender, so that none always follows the same one. */
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < count; i++) {
			own = (i + r) % count;
			times[own][r] = sample(&contest->of[own], work, each[own]);
		}
	print_row(contest, part, where, n, rounds);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* threads.c - copies by several threads at once, each on a processor of its own */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "memcpy_calls.h"

#define MOST_THREADS 4
#define BYTES        ((size_t)262144)

struct team {
	struct work work[MOST_THREADS];
	size_t threads;
};

struct worker {
	pthread_t thread;
	const struct work *work;
	run_fn *run;
	size_t calls;
	unsigned number;
};

CALLS_OF(libc, by_memcpy)
CALLS_OF(plain, by_memcpy_mcsafe)

/* The program may be bound to one processor. Its threads must use others. */
static void *start(void *arg)
{
	const struct worker *worker = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(worker->number % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	worker->run(worker->work, worker->calls);
	return NULL;
}

/* The time that all threads took together. */
static double run_team(const struct team *team, run_fn *run, size_t calls)
{
	struct worker workers[MOST_THREADS];
	double begin = now_ns();

	for (size_t i = 0; i < team->threads; i++) {
		workers[i] = (struct worker){
			.work = &team->work[i], .run = run, .calls = calls, .number = (unsigned)i};
		need(pthread_create(&workers[i].thread, NULL, start, &workers[i]) == 0,
		     "pthread_create");
	}
	for (size_t i = 0; i < team->threads; i++)
		pthread_join(workers[i].thread, NULL);
	return now_ns() - begin;
}

static double team_libc(const void *team, size_t calls)
{
	return run_team(team, libc, calls);
}

static double team_plain(const void *team, size_t calls)
{
	return run_team(team, plain, calls);
}

void bench_threads(void)
{
	struct contest contest = {.count = 0};
	struct team team;

	contest_add(&contest, "libc", team_libc);
	contest_add(&contest, "memcpy_mcsafe", team_plain);
	for (size_t i = 0; i < MOST_THREADS; i++) {
		team.work[i] = work_begin(BYTES, WORK_PLACES);
		work_aligned(&team.work[i], BYTES);
	}
	for (team.threads = 1; team.threads <= MOST_THREADS; team.threads *= 2) {
		char where[32];

		snprintf(where, sizeof(where), "%zu threads", team.threads);
		/* To start threads takes a time that must not count. */
		contest_run(&contest, "threads", where, BYTES, &team,
			    effort.sample_ns > 2000 ? 1000 : 2);
	}
	for (size_t i = 0; i < MOST_THREADS; i++)
		work_end(&team.work[i]);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.h - the parts of the benchmark; each prints members of one JSON object */
#ifndef MCSAFE_BENCH_H
#define MCSAFE_BENCH_H

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* How much to measure: everything, or just enough to see that it works. */
struct effort {
	size_t longest;   /* the longest copy, in bytes */
	unsigned repeats; /* interleaved; the least time counts */
	double run_ns;    /* about how long to copy between two looks at the clock */
	size_t bytes;     /* how many bytes each thread copies in one repeat */
	unsigned faults;  /* how many faults to take in one repeat */
};

static inline double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Returns memory whose pages were touched. Ends the program if there is no memory. */
static inline unsigned char *get_memory(size_t size, int fill)
{
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	for (size_t i = 0; i < size; i += 64)
		memory[i] = (unsigned char)(fill + (int)(i >> 6));
	return memory;
}

/*
 * Moves the calling thread to a processor: the one whose number is larger by `distance`, modulo the
 * number of processors. The program may be bound to one processor; its threads must use others.
 */
static inline void move_from(unsigned processor, unsigned distance)
{
	unsigned n = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((processor + distance) % n, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

void bench_copies(const struct effort *effort);    /* "copies", "chain", "then_read", "threads" */
void bench_faults(const struct effort *effort);    /* "faults", "lookup" */
void bench_guards(const struct effort *effort);    /* "guards" */
void bench_words(const struct effort *effort);     /* "loads", "scans" */
void bench_badblocks(const struct effort *effort); /* "badblocks" */
void bench_pmem(const struct effort *effort);      /* "pmem", "pmem_between", "pmem_repair" */
void bench_iter(const struct effort *effort);      /* "iter" */
void bench_sets(const struct effort *effort);      /* "sets" */

#endif /* MCSAFE_BENCH_H */

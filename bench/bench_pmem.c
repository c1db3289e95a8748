/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_pmem.c - reads from a mapped file: against pread(2), with bad ranges, during a repair */
#include "bench.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define FILE_SIZE ((size_t)64 << 20)
#define STEP      ((size_t)1 << 20)
/* Reads are before this offset. From here on, every second cache line is a known bad range. */
#define GOOD      (FILE_SIZE / 2)

/* The most reads in one repeat. They take less than a time slice, so some repeat is undisturbed. */
#define MOST_READS ((size_t)2000)

#define REPAIRED ((size_t)65536) /* bytes in one repair */

static const size_t lengths[] = {64, 512, 4096, 65536, 1u << 20};
static const size_t ranges[] = {0, 1000, 1000000};

#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))
#define N_RANGES  (sizeof(ranges) / sizeof(ranges[0]))

static int file = -1;
static struct mcsafe_pmem *pmem[N_RANGES]; /* the same file, with ranges[i] known bad ranges */
static unsigned char *buffer;

static void need(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static struct mcsafe_pmem *open_with(size_t n_ranges)
{
	struct mcsafe_pmem *opened = NULL;

	errno = -mcsafe_pmem_open_fd(&opened, file, MCSAFE_PMEM_WRITE);
	need(errno == 0, "mcsafe_pmem_open_fd");
	for (size_t i = 0; i < n_ranges; i++)
		need(mcsafe_badblocks_add(mcsafe_pmem_badblocks(opened), GOOD + i * 128, 64) == 0,
		     "badblocks_add");
	/* Map every page now, so that the first timed read is like the others. */
	for (size_t at = 0; at < GOOD; at += STEP)
		need(mcsafe_pmem_pread(opened, buffer, STEP, (off_t)at, NULL) == (ssize_t)STEP,
		     "mcsafe_pmem_pread");
	return opened;
}

static void open_file(void)
{
	char path[] = "/tmp/mcsafe-bench-XXXXXX";

	file = mkstemp(path);
	need(file >= 0 && unlink(path) == 0, "mkstemp");
	buffer = get_memory(STEP, 1);
	for (size_t at = 0; at < FILE_SIZE; at += STEP)
		need(pwrite(file, buffer, STEP, (off_t)at) == (ssize_t)STEP, "pwrite");
	for (size_t i = 0; i < N_RANGES; i++)
		pmem[i] = open_with(ranges[i]);
}

static size_t reads_for(size_t n, size_t bytes)
{
	return bytes / n + 1 < MOST_READS ? bytes / n + 1 : MOST_READS;
}

/* The time of a read from a part of the file that stays in the cache; from NULL: by pread(2). */
static double measure(struct mcsafe_pmem *from, size_t n, size_t bytes)
{
	size_t count = reads_for(n, bytes), stretch = STEP / n < 16 ? STEP / n : 16;
	double start = now_ns();

	for (size_t i = 0; i < count; i++) {
		off_t at = (off_t)(i % stretch * n);
		ssize_t got = from != NULL ? mcsafe_pmem_pread(from, buffer, n, at, NULL)
					   : pread(file, buffer, n, at);

		need(got == (ssize_t)n, "a short read");
	}
	return (now_ns() - start) / (double)count;
}

/* The time of one read of a good line between two bad lines. Each read needs a lookup. */
static double measure_between(struct mcsafe_pmem *from, size_t n_ranges, size_t bytes)
{
	size_t count = reads_for(64, bytes), at = 0,
	       lines = n_ranges < FILE_SIZE / 2 / 128 ? n_ranges : FILE_SIZE / 2 / 128;
	double start = now_ns();

	for (size_t i = 0; i < count; i++) {
		at = (at + 7919) % lines;
		need(mcsafe_pmem_pread(from, buffer, 64, (off_t)(GOOD + at * 128 + 64), NULL) == 64,
		     "a short read");
	}
	return (now_ns() - start) / (double)count;
}

static void keep_least(double *least, double value)
{
	if (*least == 0 || value < *least)
		*least = value;
}

/* The repeats are interleaved, so that a disturbance of the machine meets all alike. */
static void reads_of(const struct effort *effort, size_t n)
{
	double kernel = 0, ours[N_RANGES] = {0};

	for (unsigned repeat = 0; repeat < effort->repeats; repeat++) {
		keep_least(&kernel, measure(NULL, n, effort->bytes));
		for (size_t i = 0; i < N_RANGES; i++)
			keep_least(&ours[i], measure(pmem[i], n, effort->bytes));
	}
	for (size_t i = 0; i < N_RANGES; i++)
		printf("{\"ranges\": %zu, \"n\": %zu, \"ns\": {\"pread\": %.1f, "
		       "\"mcsafe_pmem_pread\": %.1f}},\n",
		       ranges[i], n, kernel, ours[i]);
}

static void reads_between(const struct effort *effort)
{
	printf("\"pmem_between\": [\n");
	for (size_t i = 1; i < N_RANGES; i++) {
		double ours = 0;

		for (unsigned repeat = 0; repeat < effort->repeats; repeat++)
			keep_least(&ours, measure_between(pmem[i], ranges[i], effort->bytes));
		printf("{\"ranges\": %zu, \"ns\": %.1f},\n", ranges[i], ours);
	}
	printf("null],\n");
}

/* ---- readers during a repair ---------------------------------------------------------------- */

static atomic_bool stop, repairing;
static atomic_ulong repairs;

/* arg: the number of the processor that the reader runs on */
static void *repair_on(void *arg)
{
	move_from(*(const unsigned *)arg, 1);
	while (!atomic_load(&stop)) {
		need(mcsafe_pmem_repair(pmem[0], NULL, REPAIRED, GOOD) == (ssize_t)REPAIRED,
		     "repair");
		atomic_fetch_add(&repairs, 1);
		atomic_store(&repairing, true);
	}
	return NULL;
}

#define REPAIRS_LEAST 100 /* that must happen while the reader is timed */

/* The mean of all repeats. The least would be a time at which no repair was running. */
static double mean_of_reads(const struct effort *effort, unsigned long least)
{
	double sum = 0;
	unsigned n = 0;

	while (n < effort->repeats || atomic_load(&repairs) < least) {
		sum += measure(pmem[0], 4096, effort->bytes);
		n++;
	}
	return sum / n;
}

static void readers_beside_a_repair(const struct effort *effort)
{
	double alone = mean_of_reads(effort, 0), beside;
	unsigned processor = (unsigned)sched_getcpu();
	pthread_t thread;

	need(pthread_create(&thread, NULL, repair_on, &processor) == 0, "pthread_create");
	while (!atomic_load(&repairing))
		sched_yield();
	beside = mean_of_reads(effort, REPAIRS_LEAST);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	printf("\"pmem_repair\": {\"n\": 4096, \"alone_ns\": %.1f, \"beside_ns\": %.1f, "
	       "\"repairs\": %lu},\n",
	       alone, beside, atomic_load(&repairs));
}

void bench_pmem(const struct effort *effort)
{
	open_file();
	printf("\"pmem\": [\n");
	for (size_t i = 0; i < N_LENGTHS; i++)
		reads_of(effort, lengths[i]);
	printf("null],\n");
	reads_between(effort);
	readers_beside_a_repair(effort);
	for (size_t i = 0; i < N_RANGES; i++)
		mcsafe_pmem_close(pmem[i]);
	close(file);
	munmap(buffer, STEP);
}

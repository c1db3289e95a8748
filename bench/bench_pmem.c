/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_pmem.c - reads from a mapped file beside pread(2), with bad ranges, and beside a repair */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define FILE_SIZE ((size_t)64 << 20)
#define STEP      ((size_t)1 << 20)
/* What is read lies before it; known bad ranges begin there, one in each other line. */
#define GOOD      (FILE_SIZE / 2)

static const size_t lengths[] = {64, 512, 4096, 65536, 1u << 20};
static const size_t ranges[] = {0, 1000, 1000000};

#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))
#define N_RANGES  (sizeof(ranges) / sizeof(ranges[0]))

static int file = -1;
static struct mcsafe_pmem *pmem;
static unsigned char *buffer;

static void need(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void open_file(void)
{
	char path[] = "/tmp/mcsafe-bench-XXXXXX";

	file = mkstemp(path);
	need(file >= 0 && unlink(path) == 0, "mkstemp");
	buffer = get_memory(STEP, 1);
	for (size_t at = 0; at < FILE_SIZE; at += STEP)
		need(pwrite(file, buffer, STEP, (off_t)at) == (ssize_t)STEP, "pwrite");
	errno = -mcsafe_pmem_open_fd(&pmem, file, MCSAFE_PMEM_WRITE);
	need(errno == 0, "mcsafe_pmem_open_fd");
	/* So that the first read is like the others. */
	for (size_t at = 0; at < FILE_SIZE; at += STEP)
		need(mcsafe_pmem_pread(pmem, buffer, STEP, (off_t)at, NULL) == (ssize_t)STEP,
		     "mcsafe_pmem_pread");
}

static ssize_t by_pread(size_t n, off_t at)
{
	return pread(file, buffer, n, at);
}

static ssize_t by_mcsafe(size_t n, off_t at)
{
	return mcsafe_pmem_pread(pmem, buffer, n, at, NULL);
}

/* One read, in a stretch of the file that stays in the cache. */
static double measure(ssize_t (*read_it)(size_t, off_t), size_t n, size_t bytes)
{
	size_t count = bytes / n + 1, stretch = STEP / n < 16 ? STEP / n : 16;
	double start = now_ns();

	for (size_t i = 0; i < count; i++)
		need(read_it(n, (off_t)(i % stretch * n)) == (ssize_t)n, "a short read");
	return (now_ns() - start) / (double)count;
}

static void keep_least(double *least, double value)
{
	if (*least == 0 || value < *least)
		*least = value;
}

static void set_ranges(size_t n)
{
	struct mcsafe_badblocks *known = mcsafe_pmem_badblocks(pmem);

	for (size_t i = mcsafe_badblocks_count(known); i < n; i++)
		need(mcsafe_badblocks_add(known, GOOD + i * 128, 64) == 0, "badblocks_add");
}

/* What a read costs, by both, with so many known bad ranges elsewhere. */
static void reads_with(const struct effort *effort, size_t n_ranges)
{
	for (size_t i = 0; i < N_LENGTHS; i++) {
		double kernel = 0, ours = 0;

		for (unsigned repeat = 0; repeat < effort->repeats; repeat++) {
			keep_least(&kernel, measure(by_pread, lengths[i], effort->bytes));
			keep_least(&ours, measure(by_mcsafe, lengths[i], effort->bytes));
		}
		printf("{\"ranges\": %zu, \"n\": %zu, \"ns\": {\"pread\": %.1f, "
		       "\"mcsafe_pmem_pread\": %.1f}},\n",
		       n_ranges, lengths[i], kernel, ours);
	}
}

/* ---- readers beside a repair ---------------------------------------------------------------- */

static atomic_bool stop, repairing;
static atomic_ulong repairs;

static void *repair_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		need(mcsafe_pmem_repair(pmem, NULL, 16 * 4096, GOOD) == 16 * 4096, "repair");
		atomic_fetch_add(&repairs, 1);
		atomic_store(&repairing, true);
	}
	return NULL;
}

static void readers_beside_a_repair(const struct effort *effort)
{
	double alone = 0, beside = 0;
	pthread_t thread;

	for (unsigned repeat = 0; repeat < effort->repeats; repeat++)
		keep_least(&alone, measure(by_mcsafe, 4096, effort->bytes));
	need(pthread_create(&thread, NULL, repair_on, NULL) == 0, "pthread_create");
	while (!atomic_load(&repairing))
		;
	for (unsigned repeat = 0; repeat < effort->repeats; repeat++)
		keep_least(&beside, measure(by_mcsafe, 4096, effort->bytes));
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
	for (size_t i = 0; i < N_RANGES; i++) {
		set_ranges(ranges[i]);
		reads_with(effort, ranges[i]);
	}
	printf("null],\n");
	need(mcsafe_badblocks_clear(mcsafe_pmem_badblocks(pmem), 0, SIZE_MAX) == 0, "clear");
	readers_beside_a_repair(effort);
	mcsafe_pmem_close(pmem);
	close(file);
	munmap(buffer, STEP);
}

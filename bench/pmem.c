/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem.c - reads from a mapped file: against pread(2), and with known bad ranges */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "pmem_file.h"
#include "work.h"

#define FILE_SIZE ((size_t)64 << 20)
/* Reads are before this offset. From here on, every second cache line is a known bad range. */
#define GOOD      (FILE_SIZE / 2)

static const size_t lengths[] = {64, 512, 4096, 16384, 65536, (size_t)1 << 20, 0};
static const size_t ranges[] = {0, 1000, 1000000};
#define N_RANGES (sizeof(ranges) / sizeof(ranges[0]))

struct reads {
	int file;
	struct mcsafe_pmem *pmem[N_RANGES]; /* the same file, with ranges[i] known bad ranges */
	unsigned char *buffer;
	size_t n, lines;
};

static struct mcsafe_pmem *open_with(int file, unsigned char *buffer, size_t n_ranges)
{
	struct mcsafe_pmem *pmem = pmem_file_map(file, buffer, GOOD);

	for (size_t i = 0; i < n_ranges; i++)
		need(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), GOOD + i * 128, 64) == 0,
		     "badblocks_add");
	return pmem;
}

/* Reads from a part of the file that stays in the cache. */
#define READS_OF(name, call)                                          \
 static double name(const void *work, size_t calls)                   \
 {                                                                    \
  const struct reads *r = work;                                       \
  size_t n = r->n, stretch = PMEM_STEP / n < 16 ? PMEM_STEP / n : 16; \
  double start = now_ns();                                            \
                                                                      \
  for (size_t i = 0; i < calls; i++) {                                \
   off_t at = (off_t)(i % stretch * n);                               \
                                                                      \
   need((call) == (ssize_t)n, "a short read");                        \
  }                                                                   \
  return now_ns() - start;                                            \
 }

READS_OF(kernel, pread(r->file, r->buffer, n, at))
READS_OF(none, mcsafe_pmem_pread(r->pmem[0], r->buffer, n, at, NULL))
READS_OF(some, mcsafe_pmem_pread(r->pmem[1], r->buffer, n, at, NULL))
READS_OF(many, mcsafe_pmem_pread(r->pmem[2], r->buffer, n, at, NULL))

/* A good line between two bad lines. Each read needs a lookup. */
ALWAYS_INLINE double time_between(const struct reads *r, struct mcsafe_pmem *pmem, size_t n_ranges,
				  size_t calls)
{
	size_t at = 0, lines = n_ranges < GOOD / 128 ? n_ranges : GOOD / 128;
	double start = now_ns();

	for (size_t i = 0; i < calls; i++) {
		at = (at + 7919) % lines;
		need(mcsafe_pmem_pread(pmem, r->buffer, 64, (off_t)(GOOD + at * 128 + 64), NULL) ==
			     64,
		     "a short read");
	}
	return now_ns() - start;
}

static double between_some(const void *work, size_t calls)
{
	const struct reads *r = work;

	return time_between(r, r->pmem[1], ranges[1], calls);
}

static double between_many(const void *work, size_t calls)
{
	const struct reads *r = work;

	return time_between(r, r->pmem[2], ranges[2], calls);
}

void bench_pmem(void)
{
	struct contest reading = {.count = 0}, between = {.count = 0};
	struct reads reads = {.buffer = get_memory(PMEM_STEP)};

	reads.file = pmem_file_make(FILE_SIZE, reads.buffer);
	for (size_t i = 0; i < N_RANGES; i++)
		reads.pmem[i] = open_with(reads.file, reads.buffer,
					  effort.longest > PMEM_STEP ? ranges[i] : 100 * i);
	contest_add(&reading, "pread", kernel);
	contest_add(&reading, "mcsafe_pmem_pread", none);
	contest_add(&reading, "1000 bad ranges", some);
	contest_add(&reading, "1000000 bad ranges", many);
	contest_add_engines(&reading, none);
	for (const size_t *n = lengths; *n != 0; n++) {
		reads.n = *n;
		contest_run(&reading, "pmem", "", *n, &reads, 0);
	}
	contest_add(&between, "1000 bad ranges", between_some);
	contest_add(&between, "1000000 bad ranges", between_many);
	contest_run(&between, "pmem", "between bad ranges", 64, &reads, 0);
	for (size_t i = 0; i < N_RANGES; i++)
		mcsafe_pmem_close(reads.pmem[i]);
	close(reads.file);
	put_memory(reads.buffer, PMEM_STEP);
}

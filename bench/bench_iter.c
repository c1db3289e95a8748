/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_iter.c - scatter and gather, compared with loops of memcpy() and with system calls
 *
 * For each number of segments and each size of a segment, the time of one transfer of all segments:
 *
 *	memcpy			a loop of memcpy() over the segments; it dies where memory fails
 *	scatter			mcsafe_copy_to_iter() from a mapped file to the segments
 *	gather			mcsafe_copy_from_iter() from the segments to the mapped file
 *	process_vm_readv	from the same mapping of this process to the same segments
 *	preadv			from the same file to the same segments
 */
#include "bench.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <mcsafe/mcsafe.h>

#define GAP 64 /* bytes between two segments, so that they are not adjacent */

static const size_t numbers[] = {1, 4, 16, 1024};
static const size_t sizes[] = {16, 64, 256, 1024, 4096, 65536};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_SEGS      1024
#define MAX_SIZE      65536

static int file;
static unsigned char *map; /* of the file */
static unsigned char *memory;
static pid_t pid;
static struct iovec segments[MAX_SEGS];
static size_t n_segments, total;

static void need(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void by_memcpy(void)
{
	const unsigned char *from = map;

	for (size_t i = 0; i < n_segments; i++) {
		memcpy(segments[i].iov_base, from, segments[i].iov_len);
		from += segments[i].iov_len;
	}
}

static void by_scatter(void)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, segments, n_segments, SIZE_MAX) == 0 &&
		     mcsafe_copy_to_iter(map, total, &it, NULL) == total,
	     "scatter");
}

static void by_gather(void)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, segments, n_segments, SIZE_MAX) == 0 &&
		     mcsafe_copy_from_iter(map, total, &it, NULL) == total,
	     "gather");
}

static void by_process_vm_readv(void)
{
	struct iovec from = {map, total};

	need(process_vm_readv(pid, segments, n_segments, &from, 1, 0) == (ssize_t)total,
	     "process_vm_readv");
}

static void by_preadv(void)
{
	need(preadv(file, segments, (int)n_segments, 0) == (ssize_t)total, "preadv");
}

static const struct {
	const char *name;
	void (*transfer)(void);
} contenders[] = {
	{"memcpy", by_memcpy}, {"scatter", by_scatter},
	{"gather", by_gather}, {"process_vm_readv", by_process_vm_readv},
	{"preadv", by_preadv},
};

/* The first transfer is not timed: another contender has left the caches as they are. */
static double time_of(void (*transfer)(void), size_t times)
{
	double start;

	transfer();
	start = now_ns();
	for (size_t i = 0; i < times; i++)
		transfer();
	return (now_ns() - start) / (double)times;
}

/* Short transfers vary by more, and a repeat costs less. */
static unsigned repeats_for(const struct effort *effort)
{
	if (total < 65536)
		return effort->repeats * 8;
	return total < (size_t)4 << 20 ? effort->repeats : effort->repeats / 3 + 1;
}

static void bench_segments(const struct effort *effort)
{
	double best[LENGTH(contenders)] = {0};

	for (unsigned r = 0; r < repeats_for(effort); r++)
		for (size_t i = 0; i < LENGTH(contenders); i++) {
			size_t times = r == 0 || best[i] > effort->run_ns
					       ? 1
					       : (size_t)(effort->run_ns / best[i]);
			double ns = time_of(contenders[i].transfer, times);

			if (r == 0 || ns < best[i])
				best[i] = ns;
		}
	printf("{\"segments\": %zu, \"n\": %zu, \"ns\": {", n_segments, segments[0].iov_len);
	for (size_t i = 0; i < LENGTH(contenders); i++)
		printf("%s\"%s\": %.1f", i != 0 ? ", " : "", contenders[i].name, best[i]);
	printf("}},\n");
	fflush(stdout);
}

static void lay_out(size_t n, size_t size)
{
	n_segments = n;
	total = n * size;
	for (size_t i = 0; i < n; i++)
		segments[i] = (struct iovec){memory + i * (size + GAP), size};
}

void bench_iter(const struct effort *effort)
{
	const size_t most = (size_t)MAX_SEGS * MAX_SIZE;
	const size_t size = effort->longest < most ? effort->longest : most;
	const size_t room = size + (size_t)MAX_SEGS * GAP;

	pid = getpid();
	file = memfd_create("bench", MFD_CLOEXEC);
	need(file >= 0 && ftruncate(file, (off_t)size) == 0, "memfd_create");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need(map != MAP_FAILED, "mmap");
	memset(map, 1, size);
	memory = get_memory(room, 2);

	printf("\"iter\": [\n");
	for (size_t i = 0; i < LENGTH(numbers); i++)
		for (size_t j = 0; j < LENGTH(sizes); j++)
			if (numbers[i] * sizes[j] <= size) {
				lay_out(numbers[i], sizes[j]);
				bench_segments(effort);
			}
	printf("null],\n");
	munmap(memory, room);
	munmap(map, size);
	close(file);
}

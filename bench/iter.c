/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iter.c - scatter and gather, compared with loops of memcpy() and with system calls
 *
 *	memcpy			a loop of memcpy() over the segments; it dies where memory fails
 *	scatter			mcsafe_copy_to_iter() from a mapped file to the segments
 *	gather			mcsafe_copy_from_iter() from the segments to the mapped file
 *	process_vm_readv	from the same mapping of this process to the same segments
 *	preadv			from the same file to the same segments
 *
 * All contenders fill in the array of segments each time, as a program does for each transfer.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "work.h"

#define GAP      64 /* bytes between two segments, so that they are not adjacent */
#define MAX_SEGS 1024

static const size_t numbers[] = {1, 4, 8, 16, 1024, 0};
static const size_t sizes[] = {8, 16, 64, 256, 1024, 4096, 65536, 0};

struct scattered {
	int file;
	unsigned char *map; /* of the file */
	unsigned char *memory;
	size_t segments, n;
};

static struct iovec segments[MAX_SEGS];

ALWAYS_INLINE void fill_in(const struct scattered *s)
{
	for (size_t i = 0; i < s->segments; i++)
		segments[i] = (struct iovec){s->memory + i * (s->n + GAP), s->n};
}

ALWAYS_INLINE void by_memcpy(const struct scattered *s, size_t total)
{
	const unsigned char *from = s->map;

	(void)total;
	for (size_t i = 0; i < s->segments; i++) {
		memcpy(segments[i].iov_base, from, segments[i].iov_len);
		from += segments[i].iov_len;
	}
}

ALWAYS_INLINE void by_scatter(const struct scattered *s, size_t total)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, segments, s->segments, SIZE_MAX) ==
			     0 &&
		     mcsafe_copy_to_iter(s->map, total, &it, NULL) == total,
	     "scatter");
}

ALWAYS_INLINE void by_gather(const struct scattered *s, size_t total)
{
	struct mcsafe_iter it;

	need(mcsafe_iter_iovec(&it, MCSAFE_SIDE_SOURCE, segments, s->segments, SIZE_MAX) == 0 &&
		     mcsafe_copy_from_iter(s->map, total, &it, NULL) == total,
	     "gather");
}

ALWAYS_INLINE void by_process_vm_readv(const struct scattered *s, size_t total)
{
	struct iovec from = {s->map, total};

	need(process_vm_readv(getpid(), segments, s->segments, &from, 1, 0) == (ssize_t)total,
	     "process_vm_readv");
}

ALWAYS_INLINE void by_preadv(const struct scattered *s, size_t total)
{
	need(preadv(s->file, segments, (int)s->segments, 0) == (ssize_t)total, "preadv");
}

#define TRANSFERS_OF(name, transfer)                \
 static double name(const void *work, size_t calls) \
 {                                                  \
  const struct scattered *s = work;                 \
  const size_t total = s->segments * s->n;          \
  double start;                                     \
                                                    \
  fill_in(s);                                       \
  transfer(s, total);                               \
  start = now_ns();                                 \
  for (size_t i = 0; i < calls; i++) {              \
   fill_in(s);                                      \
   transfer(s, total);                              \
  }                                                 \
  return now_ns() - start;                          \
 }

TRANSFERS_OF(libc, by_memcpy)
TRANSFERS_OF(scatter, by_scatter)
TRANSFERS_OF(gather, by_gather)
TRANSFERS_OF(vm_readv, by_process_vm_readv)
TRANSFERS_OF(file_read, by_preadv)

void bench_iter(void)
{
	const size_t most = (size_t)MAX_SEGS * 65536;
	const size_t size = effort.longest < most ? effort.longest : most;
	struct scattered s = {.file = memfd_create("bench", MFD_CLOEXEC)};
	struct contest contest = {.count = 0};

	need(s.file >= 0 && ftruncate(s.file, (off_t)size) == 0, "memfd_create");
	s.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s.file, 0);
	need(s.map != MAP_FAILED, "mmap");
	memset(s.map, 1, size);
	s.memory = get_memory(size + (size_t)MAX_SEGS * GAP);
	contest_add(&contest, "memcpy", libc);
	contest_add(&contest, "scatter", scatter);
	contest_add(&contest, "gather", gather);
	contest_add(&contest, "process_vm_readv", vm_readv);
	contest_add(&contest, "preadv", file_read);
	contest_add_engines(&contest, scatter);
	for (const size_t *number = numbers; *number != 0; number++)
		for (const size_t *n = sizes; *n != 0; n++)
			if (*number * *n <= size) {
				char where[32];

				s.segments = *number;
				s.n = *n;
				snprintf(where, sizeof(where), "segments, %zu", s.segments);
				contest_run(&contest, "iter", where, s.n, &s, 0);
			}
	put_memory(s.memory, size + (size_t)MAX_SEGS * GAP);
	munmap(s.map, size);
	close(s.file);
}

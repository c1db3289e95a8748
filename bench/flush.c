/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flush.c - copies to persistent memory, compared with libpmem
 *
 * The memory is ordinary memory. After each copy an SFENCE waits until it is written back. libpmem
 * is loaded while the program runs. If there is none, the peer is memcpy() with a CLFLUSH for each
 * line: that is what every processor can do.
 */
#include <dlfcn.h>
#include <emmintrin.h>
#include <stdio.h>

#include "memcpy_calls.h"

static void *(*pmem_memcpy_nodrain)(void *dst, const void *src, size_t n);

ALWAYS_INLINE uintptr_t by_libpmem(unsigned char *dst, const unsigned char *src, size_t n)
{
	uintptr_t result = (uintptr_t)pmem_memcpy_nodrain(dst, src, n);

	_mm_sfence();
	return result;
}

ALWAYS_INLINE uintptr_t by_clflush(unsigned char *dst, const unsigned char *src, size_t n)
{
	uintptr_t result = (uintptr_t)memcpy(dst, src, n);

	for (unsigned char *p = dst - (uintptr_t)dst % 64; p < dst + n; p += 64)
		_mm_clflush(p);
	_mm_sfence();
	return result;
}

ALWAYS_INLINE uintptr_t by_flushcache(unsigned char *dst, const unsigned char *src, size_t n)
{
	uintptr_t result = mcsafe_memcpy_flushcache(dst, src, n, NULL);

	_mm_sfence();
	return result;
}

CALLS_OF(libpmem, by_libpmem)
CALLS_OF(clflush, by_clflush)
CALLS_OF(ours, by_flushcache)

void bench_flush(void)
{
	static const size_t lengths[] = {8,   64,   100,  128,  192,   256,   384,     512,
					 768, 1024, 2048, 4096, 16384, 65536, 1048576, 0};
	const size_t longest = effort.longest < 1 << 20 ? effort.longest : 1 << 20;
	struct work work = work_begin(longest, WORK_PLACES);
	struct contest contest = {.count = 0};
	void *library = dlopen("libpmem.so.1", RTLD_NOW);

	/* POSIX: a pointer from dlsym() can be a function's. C has no cast for it. */
	if (library != NULL)
		*(void **)(void *)&pmem_memcpy_nodrain = dlsym(library, "pmem_memcpy_nodrain");
	if (pmem_memcpy_nodrain != NULL)
		contest_add(&contest, "libpmem", libpmem);
	else
		fprintf(stderr, "bench: no libpmem.so.1: flushcache is compared with CLFLUSH\n");
	contest_add(&contest, "clflush", clflush);
	contest_add(&contest, "mcsafe_memcpy_flushcache", ours);
	contest_add_engines(&contest, ours);
	for (const size_t *n = lengths; *n != 0 && *n <= longest; n++) {
		work_random(&work, *n);
		contest_run(&contest, "flushcache", "", *n, &work, 0);
	}
	work_end(&work);
}

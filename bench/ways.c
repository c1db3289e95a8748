/* SPDX-License-Identifier: BSD-3-Clause */
/* ways.c - other ways to copy that survive bad memory */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "memcpy_calls.h"

static int file = -1; /* with as many bytes as an operand can have */

/* A function of its own: sigsetjmp() in a loop would keep the loop's variables in memory. */
#define NOT_INLINE static __attribute__((noinline))

NOT_INLINE uintptr_t by_setjmp_mask(unsigned char *dst, const unsigned char *src, size_t n)
{
	sigjmp_buf back;

	if (sigsetjmp(back, 1) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

NOT_INLINE uintptr_t by_setjmp(unsigned char *dst, const unsigned char *src, size_t n)
{
	sigjmp_buf back;

	if (sigsetjmp(back, 0) != 0)
		return 0;
	return (uintptr_t)memcpy(dst, src, n);
}

NOT_INLINE uintptr_t by_process_vm_readv(unsigned char *dst, const unsigned char *src, size_t n)
{
	struct iovec local = {dst, n}, remote = {(void *)(uintptr_t)src, n};

	return (uintptr_t)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

NOT_INLINE uintptr_t by_pread(unsigned char *dst, const unsigned char *src, size_t n)
{
	(void)src;
	return (uintptr_t)pread(file, dst, n, 0);
}

CALLS_OF(libc, by_memcpy)
CALLS_OF(plain, by_memcpy_mcsafe)
CALLS_OF(setjmp_mask, by_setjmp_mask)
CALLS_OF(setjmp_plain, by_setjmp)
CALLS_OF(vm_readv, by_process_vm_readv)
CALLS_OF(file_read, by_pread)

void bench_ways(void)
{
	struct work work = work_begin((size_t)1 << 20, WORK_PLACES);
	struct contest contest = {.count = 0};

	file = memfd_create("bench", MFD_CLOEXEC);
	need(file >= 0 && pwrite(file, work.src, 1 << 20, 0) == 1 << 20, "memfd_create");
	contest_add(&contest, "libc", libc);
	contest_add(&contest, "memcpy_mcsafe", plain);
	contest_add(&contest, "sigsetjmp(,0)+memcpy", setjmp_plain);
	contest_add(&contest, "sigsetjmp(,1)+memcpy", setjmp_mask);
	contest_add(&contest, "process_vm_readv", vm_readv);
	contest_add(&contest, "pread", file_read);
	for (size_t n = 16; n <= (size_t)1 << 20; n *= 16) {
		work_random(&work, n);
		contest_run(&contest, "ways", "", n, &work, 0);
	}
	close(file);
	work_end(&work);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* memcheck.h - tell memcheck, the default tool of valgrind, what it cannot see */
#ifndef MCSAFE_SRC_MEMCHECK_H
#define MCSAFE_SRC_MEMCHECK_H

#include <stddef.h>
#include <stdint.h>

/*
 * [p, p + n) is initialized. Outside valgrind this has no effect, and takes some cycles.
 *
 * This is the client request VALGRIND_MAKE_MEM_DEFINED of <valgrind/memcheck.h>, written out so
 * that a build does not need valgrind. valgrind recognizes the instructions, which rotate %rdi by
 * 128 bits in all. %rax points to the number of the request and its five arguments, and the result
 * comes in %rdx.
 */
static inline void mcsafe__memcheck_written(const void *p, size_t n)
{
	const uint64_t request[6] = {UINT64_C(0x4d430002), (uintptr_t)p, n, 0, 0, 0};
	uint64_t result = 0;

	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(result)
			 : "a"(request)
			 : "cc", "memory");
}

#endif /* MCSAFE_SRC_MEMCHECK_H */

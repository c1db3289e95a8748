/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rseq.h - add 1 to a counter of the processor that runs this thread, without a locked instruction
 *
 * A restartable sequence (rseq(2)) is a few instructions that the kernel restarts if it preempts,
 * moves or signals the thread in the middle of them. The last instruction is the effect. So the
 * sequence finds out on which processor it runs, and adds to a counter of that processor, and no
 * other thread adds to that counter meanwhile. glibc registers each thread with the kernel since
 * version 2.35, and tells where by __rseq_offset.
 */
#ifndef MCSAFE_SRC_BASE_RSEQ_H
#define MCSAFE_SRC_BASE_RSEQ_H

#include <stdbool.h>
#include <stddef.h>

#include "page.h"

#pragma GCC visibility push(default)
/* Of glibc. Weak, because other versions and libraries lack them. */
/* NOLINTBEGIN(bugprone-reserved-identifier): names of the C library */
extern const ptrdiff_t __rseq_offset __attribute__((weak));  /* from %fs to struct rseq */
extern const unsigned int __rseq_size __attribute__((weak)); /* 0: nothing is registered */
/* NOLINTEND(bugprone-reserved-identifier) */
#pragma GCC visibility pop

/* Whether threads are registered. */
static inline bool mcsafe__rseq_is_there(void)
{
	return &__rseq_size != NULL && &__rseq_offset != NULL && __rseq_size != 0;
}

/*
 * Add 1 to *(size_t *)(counters + LINE * processor). Returns false, and adds nothing, if the number
 * of the processor is not below n_processors: it is huge in a thread that is not registered. Use it
 * only if mcsafe__rseq_is_there(). AS-Safe.
 *
 * struct rseq of <linux/rseq.h>: at 4 the number of the processor, at 8 the address of the
 * descriptor of the sequence. The descriptor says where the sequence begins, how long it is, and
 * where to go on if it was interrupted. In front of that place stands the signature that glibc has
 * registered for x86. The address is cleared at the end, also if nothing was added: the kernel
 * reads the descriptor at the next preemption, and this library may have been unloaded by then.
 */
static inline __attribute__((always_inline)) bool mcsafe__rseq_add_1(void *counters,
								     size_t n_processors)
{
	ptrdiff_t rseq = __rseq_offset;

again:
	__asm__ goto(".pushsection __rseq_cs, \"aw\"\n\t"
		     ".balign 32\n"
		     "3:\n\t"
		     ".long 0, 0\n\t"
		     ".quad 1f, 2f - 1f, 4f\n\t"
		     ".popsection\n\t"
		     "{leaq 3b(%%rip), %%rax|lea rax, 3b[rip]}\n\t"
		     "{movq %%rax, %%fs:8(%[rseq])|mov fs:[%[rseq] + 8], rax}\n"
		     "1:\n\t"
		     "{movl %%fs:4(%[rseq]), %%eax|mov eax, fs:[%[rseq] + 4]}\n\t"
		     "{cmpq %[n], %%rax|cmp rax, %[n]}\n\t"
		     "jae %l[elsewhere]\n\t"
		     "{shlq $6, %%rax|shl rax, 6}\n\t"
		     "{incq (%[counters], %%rax)|inc qword ptr [%[counters] + rax]}\n"
		     "2:\n\t"
		     "{movq $0, %%fs:8(%[rseq])|mov qword ptr fs:[%[rseq] + 8], 0}\n\t"
		     ".pushsection .text.unlikely, \"ax\"\n\t"
		     ".byte 0x0f, 0xb9, 0x3d\n\t" /* UD1: the signature is its displacement */
		     ".long 0x53053053\n"
		     "4:\n\t"
		     "jmp %l[again]\n\t"
		     ".popsection"
		     :
		     : [rseq] "r"(rseq), [n] "r"(n_processors), [counters] "r"(counters)
		     : "rax", "memory", "cc"
		     : again, elsewhere);
	return true;
elsewhere:
	__asm__ volatile("{movq $0, %%fs:8(%[rseq])|mov qword ptr fs:[%[rseq] + 8], 0}"
			 :
			 : [rseq] "r"(rseq)
			 : "memory");
	return false;
}

_Static_assert(MCSAFE__LINE == 64, "the shift by 6");

#endif /* MCSAFE_SRC_BASE_RSEQ_H */

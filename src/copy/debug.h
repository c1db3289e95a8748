/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * debug.h - make accesses of the engines fail on purpose; only in builds with MCSAFE_DEBUG
 *
 * Three things can be planted, each for the whole process and off at first:
 *   - an address on either side: mcsafe_inject_src() and mcsafe_inject_dst(), which are public;
 *   - a machine check: a poisoned line that takes its page away when it is first loaded;
 *   - an observer of every access.
 */
#ifndef MCSAFE_SRC_DEBUG_H
#define MCSAFE_SRC_DEBUG_H

#include <stddef.h>
#include <stdint.h>

/* What hardware and kernel do to a load of poison, with mprotect(2) in the place of the kernel. */
struct mcsafe__debug_poison {
	uintptr_t line;    /* the poisoned 64-byte line, aligned */
	unsigned lsb;      /* log2 of the memory that is lost with it: 12, 21 */
	unsigned consumed; /* machine checks raised: the first load of the line */
	unsigned again;    /* loads after that which touch the line: each breaks C6 */
};

/* Plant *poison, which stays the caller's and counts; NULL takes it away. One thread at a time. */
void mcsafe__debug_poison(struct mcsafe__debug_poison *poison);

typedef void (*mcsafe__debug_observer)(void *arg, unsigned kind, uintptr_t addr, size_t size,
				       uintptr_t ip);

/* Call observe(arg, ...) before every access, kind being MCSAFE_ROW_*; NULL stops it. */
void mcsafe__debug_observe(mcsafe__debug_observer observe, void *arg);

/* Called by asm/x86_64/debug_access.S before every access. facts = 0: no fault. */
struct mcsafe__debug_verdict {
	uint64_t facts;
	uintptr_t addr;
};

struct mcsafe__debug_verdict mcsafe__debug_check(uintptr_t addr, uintptr_t ip, uint32_t access);

#endif /* MCSAFE_SRC_DEBUG_H */

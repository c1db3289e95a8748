/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * debug.h - make accesses of routines fail on purpose; only in builds with MCSAFE_DEBUG
 *
 * There are three ways. Each is off at first, and applies to the whole process:
 *   - an address on either side, from which on accesses fail: mcsafe_inject_src() and
 *     mcsafe_inject_dst(), which are public;
 *   - a machine check: a poisoned line, whose page is lost when the line is first loaded;
 *   - an observer, which is called before every access.
 */
#ifndef MCSAFE_SRC_DEBUG_H
#define MCSAFE_SRC_DEBUG_H

#include <stddef.h>
#include <stdint.h>

/* Imitates what hardware and kernel do about a load of poison. mprotect(2) takes the page away. */
struct mcsafe__debug_poison {
	uintptr_t line;    /* the poisoned 64-byte line, aligned */
	unsigned lsb;      /* log2 of the size of the block that is lost with it: 12, 21 */
	unsigned consumed; /* machine checks raised: 1 after the first load of the line */
	unsigned again;    /* later loads that touch the line: each breaks C6 */
};

/* Use *poison, which stays the caller's, and count in it. NULL: no poison. One thread at a time. */
void mcsafe__debug_poison(struct mcsafe__debug_poison *poison);

typedef void (*mcsafe__debug_observer)(void *arg, unsigned kind, uintptr_t addr, size_t size,
				       uintptr_t ip);

/* Call observe(arg, ...) before every access. kind is MCSAFE_ROW_*. NULL: no more calls. */
void mcsafe__debug_observe(mcsafe__debug_observer observe, void *arg);

/* asm/x86_64/debug_access.S calls this before every access. facts is 0 if the access goes on. */
struct mcsafe__debug_verdict {
	uint64_t facts;
	uintptr_t addr;
};

struct mcsafe__debug_verdict mcsafe__debug_check(uintptr_t addr, uintptr_t ip, uint32_t access);

#endif /* MCSAFE_SRC_DEBUG_H */

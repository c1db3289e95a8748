/* SPDX-License-Identifier: BSD-3-Clause */
/* landing.h - what the handler passes to a fixup, and the fixup to C */
#ifndef MCSAFE_SRC_LANDING_H
#define MCSAFE_SRC_LANDING_H

#include <stddef.h>
#include <stdint.h>

#include <mcsafe/extable.h>
#include <mcsafe/fault.h>

#include "asm/layout.h"

/*
 * What the handler has put into %r9, %r10 and %r11, in this order (mcsafe/extable.h). Where an
 * assembly function stops, asm/x86_64/stop.S makes it of these registers.
 */
struct mcsafe__landing {
	uintptr_t addr;
	uintptr_t ip;
	uint64_t facts;
};

_Static_assert(offsetof(struct mcsafe__landing, addr) == MCSAFE_LANDING_ADDR, "as in assembly");
_Static_assert(offsetof(struct mcsafe__landing, ip) == MCSAFE_LANDING_IP, "as in assembly");
_Static_assert(offsetof(struct mcsafe__landing, facts) == MCSAFE_LANDING_FACTS, "as in assembly");
_Static_assert(sizeof(struct mcsafe__landing) == MCSAFE_LANDING_SIZE, "as in assembly");
_Static_assert((int)MCSAFE_SIDE_SOURCE == MCSAFE_ROW_LOAD, "a load faults on the source");
_Static_assert((int)MCSAFE_SIDE_DESTINATION == MCSAFE_ROW_STORE, "a store on the destination");

/* A bit of the facts: the row is of kind MCSAFE_ROW_BOTH. The kind says which access failed. */
#define MCSAFE__FACTS_BY_MOVE (UINT64_C(1) << 24)

static inline uint64_t mcsafe__facts_pack(int signo, int code, unsigned lsb, unsigned kind)
{
	return (uint64_t)(uint32_t)code << 32 | (uint64_t)(kind & 0xff) << 16 |
	       (uint64_t)(lsb & 0xff) << 8 | (uint64_t)(signo & 0xff);
}

static inline int mcsafe__facts_signo(uint64_t facts)
{
	return (int)(facts & 0xff);
}

static inline unsigned mcsafe__facts_lsb(uint64_t facts)
{
	return (unsigned)(facts >> 8 & 0xff);
}

static inline unsigned mcsafe__facts_kind(uint64_t facts)
{
	return (unsigned)(facts >> 16 & 0xff);
}

static inline int mcsafe__facts_code(uint64_t facts)
{
	return (int)(uint32_t)(facts >> 32);
}

#endif /* MCSAFE_SRC_LANDING_H */

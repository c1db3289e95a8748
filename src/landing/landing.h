/* SPDX-License-Identifier: BSD-3-Clause */
/* landing.h - what the handler hands to a fixup, and the fixup to C; read by C and by assembly */
#ifndef MCSAFE_SRC_LANDING_H
#define MCSAFE_SRC_LANDING_H

#include <mcsafe/extable.h>

/*
 * The registers that the handler sets, and the kinds of rows, are public: see mcsafe/extable.h. An
 * engine's fixup stores %r9 to %r11 into the caller's struct mcsafe__landing (asm.h, note_fault).
 */
#define MCSAFE_LANDING_ADDR  0
#define MCSAFE_LANDING_IP    8
#define MCSAFE_LANDING_FACTS 16

/* <signal.h> cannot be read by assembly. */
#define MCSAFE_SIGBUS        7
#define MCSAFE_BUS_MCEERR_AR 4

/*
 * A row that reads and writes (REP MOVS), of ours only. Never in the facts of a fault: the handler
 * finds out which of the two it was.
 */
#define MCSAFE_ROW_BOTH 3

#ifndef __ASSEMBLER__

# include <stddef.h>
# include <stdint.h>

# include <mcsafe/fault.h>

struct mcsafe__landing {
	uintptr_t addr;
	uintptr_t ip;
	uint64_t facts;
};

_Static_assert(offsetof(struct mcsafe__landing, addr) == MCSAFE_LANDING_ADDR, "as in assembly");
_Static_assert(offsetof(struct mcsafe__landing, ip) == MCSAFE_LANDING_IP, "as in assembly");
_Static_assert(offsetof(struct mcsafe__landing, facts) == MCSAFE_LANDING_FACTS, "as in assembly");
_Static_assert((int)MCSAFE_SIDE_SOURCE == MCSAFE_ROW_LOAD, "a load faults on the source");
_Static_assert((int)MCSAFE_SIDE_DESTINATION == MCSAFE_ROW_STORE, "a store on the destination");

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

#endif /* !__ASSEMBLER__ */

#endif /* MCSAFE_SRC_LANDING_H */

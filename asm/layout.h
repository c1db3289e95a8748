/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout.h - the numbers that C and assembly share: offsets in structures, and what <signal.h> says
 *
 * Assembly cannot read the structures, so their offsets stand here. The header that defines a
 * structure asserts that its offsets are these.
 */
#ifndef MCSAFE_ASM_LAYOUT_H
#define MCSAFE_ASM_LAYOUT_H

/* <signal.h> cannot be read by assembly; src/handler/signal.c asserts the values. */
#define MCSAFE_SIGBUS        7
#define MCSAFE_BUS_MCEERR_AR 4

/*
 * The kind of a row whose instruction reads and writes (REP MOVS). Only this library has such rows.
 * The facts of a fault never hold this kind: the handler finds out which of both accesses failed.
 * The other kinds are public (mcsafe/extable.h).
 */
#define MCSAFE_ROW_BOTH 3

/* struct mcsafe__landing (src/landing/landing.h), which stop.S makes */
#define MCSAFE_LANDING_ADDR  0
#define MCSAFE_LANDING_IP    8
#define MCSAFE_LANDING_FACTS 16
#define MCSAFE_LANDING_SIZE  24

/* struct mcsafe_comparison (mcsafe/scan.h); src/copy/compare.c asserts the offsets. */
#define MCSAFE_COMPARISON_EQUAL  0
#define MCSAFE_COMPARISON_ORDER  8
#define MCSAFE_COMPARISON_FAILED 12

/* struct mcsafe__route (src/copy/route.h) */
#define MCSAFE_ROUTE_AVX512        32
#define MCSAFE_ROUTE_AVX2          40
#define MCSAFE_ROUTE_LONG_FROM     48
#define MCSAFE_ROUTE_PREFETCH_FROM 56
#define MCSAFE_ROUTE_AVX512BW      64

/* Indices in mcsafe__entry_below (src/copy/route.h). */
#define MCSAFE_ENTRY_SET_AVX512  0
#define MCSAFE_ENTRY_SET_AVX2    1
#define MCSAFE_ENTRY_SCAN_AVX512 2
#define MCSAFE_ENTRY_SCAN_AVX2   3
#define MCSAFE_ENTRIES           4

/* The entries of the handler (signal_entry.S): their number, and bytes from one to the next. */
#define MCSAFE_GENERATIONS 32
#define MCSAFE_ENTRY_SIZE  16

/* The flag AC of RFLAGS: a misaligned access raises #AC. */
#define MCSAFE_FLAG_ALIGNMENT 0x40000

/* struct mcsafe__resume (src/handler/frame.h). Its size is 40 bytes: together with the return
 * address that keeps the stack aligned to 16 at a call. */
#define MCSAFE_RESUME_HANDLER 0
#define MCSAFE_RESUME_SI      8
#define MCSAFE_RESUME_CTX     16
#define MCSAFE_RESUME_FRAME   24
#define MCSAFE_RESUME_SIGNO   32
#define MCSAFE_RESUME_SIZE    40

/* struct mcsafe_guard (mcsafe/guard.h): what guard.S saves, and the handler restores. */
#define MCSAFE_GUARD_OUTER   120
#define MCSAFE_GUARD_STATE   128
#define MCSAFE_GUARD_RIP     (MCSAFE_GUARD_STATE + 0)
#define MCSAFE_GUARD_RSP     (MCSAFE_GUARD_STATE + 8)
#define MCSAFE_GUARD_RBX     (MCSAFE_GUARD_STATE + 16)
#define MCSAFE_GUARD_RBP     (MCSAFE_GUARD_STATE + 24)
#define MCSAFE_GUARD_R12     (MCSAFE_GUARD_STATE + 32)
#define MCSAFE_GUARD_R13     (MCSAFE_GUARD_STATE + 40)
#define MCSAFE_GUARD_R14     (MCSAFE_GUARD_STATE + 48)
#define MCSAFE_GUARD_R15     (MCSAFE_GUARD_STATE + 56)
#define MCSAFE_GUARD_SSP     (MCSAFE_GUARD_STATE + 64) /* shadow stack; 0: there is none */
#define MCSAFE_GUARD_ARMED   (MCSAFE_GUARD_STATE + 72) /* guard XOR outer while it is armed */
#define MCSAFE_GUARD_LOW_RSP (MCSAFE_GUARD_STATE + 80) /* of the fault: frames lie above it */
#define MCSAFE_GUARD_TOP     (MCSAFE_GUARD_STATE + 88) /* address of the thread's innermost */

#endif /* MCSAFE_ASM_LAYOUT_H */

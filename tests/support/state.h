/* SPDX-License-Identifier: BSD-3-Clause */
/* state.h - call a function, and see which state it should have kept and has changed */
#ifndef MCSAFE_TESTS_STATE_H
#define MCSAFE_TESTS_STATE_H

/* Offsets in struct t_state, for state_enter.S. */
#define T_STATE_FN           0
#define T_STATE_ARGS         8
#define T_STATE_RESULT       48
#define T_STATE_RSP_BEFORE   56
#define T_STATE_RSP_AFTER    64
#define T_STATE_REGS_AFTER   72
#define T_STATE_STACK_AFTER  120
#define T_STATE_FLAGS_SET    152
#define T_STATE_FLAGS_AFTER  160
#define T_STATE_XINUSE_AFTER 168
#define T_STATE_HAS_AVX      172
#define T_STATE_HAS_XINUSE   176
#define T_STATE_MXCSR_SAVED  180
#define T_STATE_MXCSR_AFTER  184
#define T_STATE_FPUCW_SAVED  188
#define T_STATE_FPUCW_AFTER  190

/* The registers and the stack above the callee hold this, each plus a number of its own. */
#define T_STATE_CANARY 0xc0de5afe00000000

/* Rounding and masks that are never the default, so that a reset to the default is a change. */
#define T_STATE_MXCSR 0xff80
#define T_STATE_FPUCW 0x0f7f

#define T_STATE_FLAG_DF 0x400
#define T_STATE_FLAG_AC 0x40000

#ifndef __ASSEMBLER__

# include <stddef.h>
# include <stdint.h>

# define T_STATE_N_ARGS 5
# define T_STATE_REGS   6 /* rbx rbp r12 r13 r14 r15 */
# define T_STATE_STACK  4 /* words above the return address */

struct t_state {
	void (*fn)(void);
	uint64_t args[T_STATE_N_ARGS];
	uint64_t result;
	uint64_t rsp_before;
	uint64_t rsp_after;
	uint64_t regs_after[T_STATE_REGS];
	uint64_t stack_after[T_STATE_STACK];
	uint64_t flags_set; /* RFLAGS to set for the call */
	uint64_t flags_after;
	uint32_t xinuse_after;
	uint32_t has_avx;
	uint32_t has_xinuse; /* XGETBV with ECX = 1 */
	uint32_t mxcsr_saved;
	uint32_t mxcsr_after;
	uint16_t fpucw_saved;
	uint16_t fpucw_after;

	int errno_after;
	uint64_t mask_before;
	uint64_t mask_after;
};

enum t_damage {
	T_DAMAGE_RBX = 1 << 0,
	T_DAMAGE_RBP = 1 << 1,
	T_DAMAGE_R12 = 1 << 2,
	T_DAMAGE_R13 = 1 << 3,
	T_DAMAGE_R14 = 1 << 4,
	T_DAMAGE_R15 = 1 << 5,
	T_DAMAGE_RSP = 1 << 6,
	T_DAMAGE_STACK = 1 << 7,
	T_DAMAGE_DIRECTION_FLAG = 1 << 8,
	T_DAMAGE_MXCSR = 1 << 9,
	T_DAMAGE_X87_CONTROL = 1 << 10,
	T_DAMAGE_UPPER_YMM = 1 << 11, /* or ZMM; if not zero, all later SSE code is slow */
	T_DAMAGE_ERRNO = 1 << 12,
	T_DAMAGE_SIGNAL_MASK = 1 << 13,
};

/*
 * Makes *state ready for calls by this thread. Blocks SIGUSR2 in the thread, so that a reset of the
 * signal mask is a change.
 */
void t_state_init(struct t_state *state);

/*
 * fn(args[0], args[1] ...). All that a callee must keep is set to known values before the call.
 */
uint64_t t_state_call_with(struct t_state *state, void (*fn)(void),
			   const uint64_t args[T_STATE_N_ARGS]);

/* The same for a function with up to four arguments. */
uint64_t t_state_call(struct t_state *state, void (*fn)(void), uint64_t a, uint64_t b, uint64_t c,
		      uint64_t d);

/* What the last call changed: a set of enum t_damage. */
unsigned t_state_damage(const struct t_state *state);

/* The name of the lowest of them. */
const char *t_state_damage_name(unsigned damage);

#endif /* !__ASSEMBLER__ */

#endif /* MCSAFE_TESTS_STATE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* state.c - call a function, and see which state it should have kept and has changed */
#include "state.h"

#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/msan.h"
#include "run.h"
#include "tool.h"

#define AT(member, offset) _Static_assert(offsetof(struct t_state, member) == (offset), #member)
AT(fn, T_STATE_FN);
AT(args, T_STATE_ARGS);
AT(result, T_STATE_RESULT);
AT(rsp_before, T_STATE_RSP_BEFORE);
AT(rsp_after, T_STATE_RSP_AFTER);
AT(regs_after, T_STATE_REGS_AFTER);
AT(stack_after, T_STATE_STACK_AFTER);
AT(flags_set, T_STATE_FLAGS_SET);
AT(flags_after, T_STATE_FLAGS_AFTER);
AT(xinuse_after, T_STATE_XINUSE_AFTER);
AT(has_avx, T_STATE_HAS_AVX);
AT(has_xinuse, T_STATE_HAS_XINUSE);
AT(mxcsr_saved, T_STATE_MXCSR_SAVED);
AT(mxcsr_after, T_STATE_MXCSR_AFTER);
AT(fpucw_saved, T_STATE_FPUCW_SAVED);
AT(fpucw_after, T_STATE_FPUCW_AFTER);

#define ERRNO_CANARY 0x7e57

/*
 * Bits of XCR0 and of XINUSE: the upper halves of YMM0 to YMM15, and of ZMM0 to ZMM15. The rest of
 * the AVX-512 state may be left in use: a callee need not keep the mask registers or ZMM16 to
 * ZMM31, and they slow nothing down.
 */
#define XSTATE_UPPER (1u << 2 | 1u << 6)

/* In state_enter.S: sets the registers, calls the function, and saves the registers. */
void t_state_enter(struct t_state *state);

/* state_enter.S finds the state here after the call, when it can trust no register. */
extern _Thread_local struct t_state *t_state_current;
_Thread_local struct t_state *t_state_current;

/* Assembly calls the function, and does not set the shadow of its arguments. */
static void t_msan_arguments(void)
{
#ifdef MCSAFE__MSAN
	__msan_unpoison_param(4);
#endif
}

static uint64_t signal_mask(void)
{
	uint64_t mask = 0;

	/* The kernel's mask has 64 signals. The rest of a sigset_t means nothing. */
	assert_int_equal(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, sizeof(mask)), 0);
	return mask;
}

void t_state_init(struct t_state *state)
{
	unsigned eax = 0, ebx, ecx, edx;
	sigset_t set;

	memset(state, 0, sizeof(*state));
	state->has_avx = __builtin_cpu_supports("avx") != 0;
	/* CPUID.(EAX=0DH,ECX=1):EAX bit 2 */
	if (state->has_avx && __get_cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx))
		state->has_xinuse = eax >> 2 & 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	state->mask_before = signal_mask();
}

uint64_t t_state_call_with(struct t_state *state, void (*fn)(void),
			   const uint64_t args[T_STATE_N_ARGS])
{
	int saved_errno = errno;

	state->fn = fn;
	memcpy(state->args, args, sizeof(state->args));
	errno = ERRNO_CANARY;
	t_msan_arguments();
	t_state_enter(state);
	mcsafe__msan_written(state, sizeof(*state));
	state->errno_after = errno;
	errno = saved_errno;
	state->mask_after = signal_mask();
	return state->result;
}

uint64_t t_state_call(struct t_state *state, void (*fn)(void), uint64_t a, uint64_t b, uint64_t c,
		      uint64_t d)
{
	/* The fifth is an argument that the function does not have. */
	const uint64_t args[T_STATE_N_ARGS] = {a, b, c, d, UINT64_C(0xdeadbeefdeadbee2)};

	return t_state_call_with(state, fn, args);
}

unsigned t_state_damage(const struct t_state *state)
{
	unsigned damage = 0;

	for (unsigned i = 0; i < T_STATE_REGS; i++)
		if (state->regs_after[i] != T_STATE_CANARY + i)
			damage |= 1u << i; /* T_DAMAGE_RBX and so on */
	for (unsigned i = 0; i < T_STATE_STACK; i++)
		if (state->stack_after[i] != T_STATE_CANARY + T_STATE_REGS + i)
			damage |= T_DAMAGE_STACK;
	if (state->rsp_after != state->rsp_before)
		damage |= T_DAMAGE_RSP;
	if (state->flags_after & T_STATE_FLAG_DF)
		damage |= T_DAMAGE_DIRECTION_FLAG;
	/* Valgrind keeps only the rounding mode of it. */
	if (state->mxcsr_after != T_STATE_MXCSR && !t_with_valgrind())
		damage |= T_DAMAGE_MXCSR;
	if (state->fpucw_after != T_STATE_FPUCW)
		damage |= T_DAMAGE_X87_CONTROL;
	if (state->has_xinuse && state->xinuse_after & XSTATE_UPPER)
		damage |= T_DAMAGE_UPPER_YMM;
	if (state->errno_after != ERRNO_CANARY)
		damage |= T_DAMAGE_ERRNO;
	if (state->mask_after != state->mask_before)
		damage |= T_DAMAGE_SIGNAL_MASK;
	return damage;
}

const char *t_state_damage_name(unsigned damage)
{
	static const char *const names[] = {
		"rbx",
		"rbp",
		"r12",
		"r13",
		"r14",
		"r15",
		"rsp",
		"the caller's stack",
		"direction flag",
		"MXCSR",
		"x87 control word",
		"upper halves of YMM",
		"errno",
		"signal mask",
	};

	for (size_t i = 0; i < T_LENGTH(names); i++)
		if (damage >> i & 1)
			return names[i];
	return "nothing";
}

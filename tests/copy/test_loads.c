/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_loads.c - no load crosses a cache line, since one that straddles good and poisoned lines
 * can be fatal
 *
 * With EFLAGS.AC set the processor raises SIGBUS, BUS_ADRALN, for every access that is not
 * aligned to its size (Intel SDM vol. 3, 6.15, #AC). An aligned load crosses no line. Stores may
 * be unaligned, so the destination gets the source's alignment here.
 */
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "run.h"
#include "state.h"
#include "sweep.h"

static volatile sig_atomic_t refused;

/* Runs under EFLAGS.AC itself, so it does as little as it can. The load is done again without. */
static void on_alignment_check(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	refused = si->si_code;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_EFL] &= ~T_STATE_FLAG_AC;
}

static uint64_t load_word(uint64_t addr, uint64_t b, uint64_t c, uint64_t d)
{
	(void)b;
	(void)c;
	(void)d;
	__asm__ volatile("movq (%0), %0" : "+r"(addr) : : "memory");
	return addr;
}

static uint64_t load_with_checks(struct t_state *state, const void *addr)
{
	refused = 0;
	state->flags_set = T_STATE_FLAG_AC;
	return t_state_call(state, (void (*)(void))load_word, (uintptr_t)addr, 0, 0, 0);
}

/* Proves that the check is there; a hypervisor might leave it out. */
static void test_processor_refuses_unaligned_loads(void **state)
{
	static const uint64_t words[2] = {1, 2};
	struct sigaction action;
	struct t_state caller;

	(void)state;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_alignment_check;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	t_state_init(&caller);

	assert_int_equal(load_with_checks(&caller, words), 1);
	assert_int_equal(refused, 0);
	assert_int_equal(load_with_checks(&caller, (const char *)words + 4), UINT64_C(2) << 32);
	if (refused == 0)
		t_skip("this machine does not check alignment");
	assert_int_equal(refused, BUS_ADRALN);
}

static void try_lengths(struct sweep *sweep)
{
	for (size_t n = 0; n <= SWEEP_LONGEST; n++) {
		sweep->trial.n = n;
		sweep_once(sweep); /* a signal would be one too many */
	}
}

static void test_no_load_crosses_a_line(void **state)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");
	const struct t_copy *copy = NULL;
	struct sweep sweep;

	(void)state;
	sweep_open(&sweep, kind, kind, 1);
	sweep.state.flags_set = T_STATE_FLAG_AC;
	while ((copy = sweep_next(copy, T_SIDE(MCSAFE_SIDE_SOURCE))) != NULL) {
		if (!t_copy_is_engine(copy)) /* C code around it may be compiled to anything */
			continue;
		sweep_begin(&sweep, copy);
		for (size_t alignment = 0; alignment < 64; alignment++) {
			sweep.trial.src_distance = sweep_good_distance(alignment);
			sweep.trial.dst_distance = sweep_good_distance(alignment);
			try_lengths(&sweep);
		}
		sweep_end(&sweep);
	}
	sweep_close(&sweep);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processor_refuses_unaligned_loads),
		cmocka_unit_test(test_no_load_crosses_a_line),
	};

	return t_run("copy.loads", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_loads.c - no load crosses a cache line, because a load of a good and a poisoned line can be
 * fatal
 *
 * With EFLAGS.AC set, the processor raises #AC for every access that is not aligned to its size
 * (Intel SDM vol. 3, 6.15). The kernel sends SIGBUS, BUS_ADRALN. An aligned load crosses no line.
 * Stores may be unaligned, so the test gives the destination the alignment of the source. "asmcheck
 * lines" tests the engines that also make unaligned loads within a line.
 */
#include <signal.h>
#include <sys/wait.h>

#include "child.h"
#include "run.h"
#include "signal_editor.h"
#include "state.h"
#include "sweep.h"

static uint64_t load_word(uint64_t addr, uint64_t b, uint64_t c, uint64_t d)
{
	(void)b;
	(void)c;
	(void)d;
	__asm__ volatile("movq (%0), %0" : "+r"(addr) : : "memory");
	return addr;
}

/* One load under EFLAGS.AC. No handler is ready for the signal, so the child dies of it. */
struct attempt {
	const void *addr;
	int *code; /* shared: the signal's */
};

static void load_with_checks(void *arg)
{
	const struct attempt *attempt = arg;
	struct t_state state;

	t_state_init(&state);
	state.flags_set = T_STATE_FLAG_AC;
	t_state_call(&state, (void (*)(void))load_word, (uintptr_t)attempt->addr, 0, 0, 0);
}

static void note_code(void *arg, siginfo_t *si)
{
	const struct attempt *attempt = arg;

	*attempt->code = si->si_code;
}

static int code_of_load(const void *addr)
{
	struct attempt attempt = {.addr = addr, .code = t_shared(sizeof(int))};
	int status = t_edit_signals(load_with_checks, note_code, &attempt);

	if (*attempt.code == 0)
		assert_int_equal(status, 0);
	else
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	return *attempt.code;
}

/* Proves that the processor makes the check. A hypervisor might leave it out. */
static void test_processor_refuses_unaligned_loads(void **state)
{
	static const uint64_t words[2] = {1, 2};

	(void)state;
	assert_int_equal(code_of_load(words), 0);
	assert_int_equal(code_of_load(words + 1), 0);
	for (size_t i = 1; i < sizeof(words[0]); i++) {
		int code = code_of_load((const char *)words + i);

		if (code == 0)
			t_skip("this machine does not check alignment");
		assert_int_equal(code, BUS_ADRALN);
	}
}

static void try_lengths(struct sweep *sweep)
{
	for (size_t n = 0; n <= SWEEP_LONGEST; n++) {
		sweep->trial.n = n;
		sweep_once(sweep); /* any signal is wrong */
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
		/* Only engines: the C code around them may be compiled to unaligned accesses. */
		if (!t_copy_is_engine(copy) || copy->is.touches_again)
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

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_every_row.c - a fault at every single row of every copy, and what the caller then finds
 *
 * Some accesses cannot fail in memory that stays as it is: what they touch has just been read. So
 * each engine is run one instruction at a time (EFLAGS.TF raises SIGTRAP after each), and when the
 * row in question is next, the memory that it needs is taken away under it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "copies.h"
#include "extable.h"
#include "landing.h"
#include "pattern.h"
#include "run.h"
#include "state.h"
#include "witness.h"

#define PAGE    4096
#define SIZE    (3 * PAGE)
#define FLAG_TF 0x100

static const size_t lengths[] = {1,   2,   3,   4,   7,   8,   9,   15,  16,  17,  24,  31,
				 32,  33,  48,  63,  64,  65,  80,  96,  100, 127, 128, 129,
				 160, 191, 192, 193, 200, 224, 256, 257, 300, 320, 352, 400};
static const size_t src_offsets[] = {0, 1, 13, 16, 32, 47, 49, 63};
static const size_t dst_offsets[] = {0, 33};

/* What is taken away with the operand of the row. */
enum variant { ALONE, OTHER_TOO, VARIANTS };

static struct stepping {
	const struct mcsafe_row *first, *end; /* rows of the engine */
	const struct mcsafe_row *target;      /* NULL: only look which are executed */
	unsigned char *passed;                /* of each row */
	enum variant variant;
	uintptr_t entry;
	greg_t rsp; /* at the entry; 0: not there yet */
	int hit;
	size_t stored; /* bytes of the destination that had been written when it was hit */
} step;

static unsigned char *src, *dst;

static unsigned char *map(void)
{
	unsigned char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void take_away(uint32_t kind, enum variant variant)
{
	if ((kind & MCSAFE_ROW_LOAD) || variant == OTHER_TOO)
		mprotect(src, SIZE, PROT_NONE);
	if (kind == MCSAFE_ROW_STORE || variant == OTHER_TOO)
		mprotect(dst, SIZE, PROT_READ);
}

static void give_back(void)
{
	assert_int_equal(mprotect(src, SIZE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(mprotect(dst, SIZE, PROT_READ | PROT_WRITE), 0);
}

static size_t dst_at, dst_n; /* of the copy that runs */
static size_t src_at;

static size_t stored_so_far(void)
{
	size_t i = 0;

	while (i < dst_n && dst[dst_at + i] == t_data(src_at + i))
		i++;
	return i;
}

static void on_trap(int signo, siginfo_t *si, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	const struct mcsafe_row *row;

	(void)signo;
	(void)si;
	if (step.rsp == 0 && (uintptr_t)regs[REG_RIP] == step.entry)
		step.rsp = regs[REG_RSP];
	if (step.rsp != 0 && regs[REG_RSP] > step.rsp) { /* it has returned */
		regs[REG_EFL] &= ~FLAG_TF;
		return;
	}
	row = mcsafe__extable_find((uintptr_t)regs[REG_RIP]);
	if (row == NULL || row < step.first || row >= step.end)
		return;
	step.passed[row - step.first] = 1;
	if (row != step.target)
		return;
	step.hit = 1;
	step.stored = stored_so_far();
	take_away(row->kind, step.variant);
	regs[REG_EFL] &= ~FLAG_TF;
}

static void find_rows(const struct t_copy *copy)
{
	const struct mcsafe_row *row, *end;

	mcsafe__extable_own(&row, &end);
	step.first = step.end = NULL;
	for (; row < end; row++) {
		if (t_engine_of(mcsafe__row_insn(row)) != copy)
			continue;
		if (step.first == NULL)
			step.first = row;
		step.end = row + 1;
	}
	assert_non_null(step.first);
	step.entry = (uintptr_t)copy->fn;
}

static size_t run(struct t_state *state, const struct t_copy *copy, struct mcsafe__landing *landing)
{
	uint64_t args[4];

	for (size_t i = 0; i < SIZE; i++) {
		src[i] = t_data(i);
		dst[i] = t_fill(i);
	}
	memset(landing, 0xa5, sizeof(*landing));
	step.rsp = 0;
	step.hit = 0;
	step.stored = 0;
	t_witness.n = 0;
	state->flags_set = FLAG_TF;
	t_copy_arguments(copy, args, dst + dst_at, src + src_at, dst_n, landing);
	return t_state_call(state, copy->fn, args[0], args[1], args[2], args[3]);
}

static const char *check_bytes(size_t done)
{
	for (size_t i = 0; i < SIZE; i++) {
		unsigned char fill = t_fill(i), data = t_data(src_at + i - dst_at);

		if (i < dst_at || i >= dst_at + dst_n) {
			if (dst[i] != fill)
				return "a byte outside the destination was written";
		} else if (i < dst_at + done) {
			if (dst[i] != data)
				return "a byte that counts as copied is wrong";
		} else if (dst[i] != fill) {
			return "a byte that does not count as copied was written";
		}
	}
	return NULL;
}

/* The row itself, and after it at most the stores of what was in registers. */
static const char *check_signals(const struct mcsafe__landing *landing, size_t left)
{
	const struct mcsafe_row *last;
	uint32_t kind;

	if (t_witness.n == 0 || t_witness.n > 2)
		return "not one signal or two";
	if (t_witness.seen[0].ip != mcsafe__row_insn(step.target))
		return "the first signal is not that of the row";
	last = mcsafe__extable_find(t_witness.seen[t_witness.n - 1].ip);
	if (last == NULL || (t_witness.n == 2 && last->kind != MCSAFE_ROW_STORE))
		return "after it something else than a store failed";
	if (left == 0) /* the registers held all the rest */
		return NULL;
	if (landing->ip != mcsafe__row_insn(last))
		return "the record is not about the last one";
	kind = mcsafe__facts_kind(landing->facts);
	return last->kind & kind ? NULL : "the record is about the other side";
}

static void try_row(struct t_state *state, const struct t_copy *copy,
		    const struct mcsafe_row *target, enum variant variant)
{
	struct mcsafe__landing landing = {0};
	const char *complaint;
	size_t left;

	step.target = target;
	step.variant = variant;
	left = run(state, copy, &landing);
	give_back();
	assert_true(step.hit);
	complaint = check_signals(&landing, left);
	if (complaint == NULL)
		complaint = check_bytes(dst_n - left);
	if (complaint == NULL && t_state_damage(state) != 0)
		complaint = t_state_damage_name(t_state_damage(state));
	if (complaint != NULL)
		fail_msg("%s + %#zx, variant %d, offsets %zu and %zu, length %zu: left %zu, "
			 "%zu stored before: %s",
			 copy->name, (size_t)(mcsafe__row_insn(target) - step.entry), (int)variant,
			 src_at - PAGE, dst_at - PAGE, dst_n, left, step.stored, complaint);
}

static void mark_seen(unsigned char *faulted)
{
	for (unsigned i = 0; i < t_witness.n; i++)
		faulted[mcsafe__extable_find(t_witness.seen[i].ip) - step.first] = 1;
}

/* The rows that this copy passes, each with the memory gone. */
static void try_copy(struct t_state *state, const struct t_copy *copy, size_t *tries)
{
	size_t n_rows = (size_t)(step.end - step.first);
	unsigned char *passed = calloc(n_rows, 1), *faulted = step.passed;
	struct mcsafe__landing landing = {0};

	assert_non_null(passed);
	step.passed = passed;
	step.target = NULL;
	assert_int_equal(run(state, copy, &landing), 0);
	assert_null(check_bytes(dst_n));
	assert_int_equal(t_state_damage(state), 0);
	for (size_t i = 0; i < n_rows; i++) {
		if (!passed[i] || tries[i] == 0)
			continue;
		tries[i]--;
		for (enum variant variant = ALONE; variant < VARIANTS; variant++) {
			try_row(state, copy, step.first + i, variant);
			mark_seen(faulted);
		}
	}
	step.passed = faulted;
	free(passed);
}

/* How often each row is tried, in copies of different lengths and alignments. */
#define TRIES 12

static void try_engine(struct t_state *state, const struct t_copy *copy)
{
	size_t n_rows, *tries;

	find_rows(copy);
	n_rows = (size_t)(step.end - step.first);
	step.passed = calloc(n_rows, 1);
	tries = calloc(n_rows, sizeof(*tries));
	assert_non_null(step.passed);
	assert_non_null(tries);
	for (size_t i = 0; i < n_rows; i++)
		tries[i] = TRIES;
	for (size_t l = 0; l < T_LENGTH(lengths); l++)
		for (size_t s = 0; s < T_LENGTH(src_offsets); s++)
			for (size_t d = 0; d < T_LENGTH(dst_offsets); d++) {
				src_at = PAGE + src_offsets[s];
				dst_at = PAGE + dst_offsets[d];
				dst_n = lengths[l];
				try_copy(state, copy, tries);
			}
	for (size_t i = 0; i < n_rows; i++)
		if (!step.passed[i])
			fail_msg("%s + %#zx has not failed", copy->name,
				 (size_t)(mcsafe__row_insn(step.first + i) - step.entry));
	print_message("%s: a fault at each of %zu rows\n", copy->name, n_rows);
	free(step.passed);
	free(tries);
}

static void test_each_row_fails_well(void **test_state)
{
	struct sigaction trap;
	struct t_state state;

	(void)test_state;
	t_install();
	t_witness_start();
	t_state_init(&state);
	memset(&trap, 0, sizeof(trap));
	trap.sa_sigaction = on_trap;
	trap.sa_flags = SA_SIGINFO | SA_ONSTACK;
	assert_int_equal(sigaction(SIGTRAP, &trap, NULL), 0);
	src = map();
	dst = map();
	for (size_t i = 0; i < t_n_copies; i++) {
		const struct t_copy *copy = &t_copies[i];

		if (!t_copy_is_engine(copy) || copy->work != T_COPIES)
			continue;
		if (t_copy_is_possible(copy))
			try_engine(&state, copy);
		else
			print_message("%s: not on this processor\n", copy->name);
	}
	t_witness_stop();
	assert_int_equal(munmap(src, SIZE), 0);
	assert_int_equal(munmap(dst, SIZE), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_row_fails_well),
	};

	return t_run("asmcheck.every_row", tests, T_LENGTH(tests));
}

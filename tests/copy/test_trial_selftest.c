/* SPDX-License-Identifier: BSD-3-Clause */
/* test_trial_selftest.c - the checks of a trial find every way in which a copy can be wrong */
#include <signal.h>
#include <string.h>

#include <mcsafe/copy.h>

#include "copy/route.h"
#include "landing/extable.h"
#include "oracle.h"
#include "pattern.h"
#include "run.h"
#include "sweep.h"
#include "witness.h"

typedef size_t copy_fn(unsigned char *dst, const unsigned char *src, size_t n,
		       struct mcsafe_fault *fault);

/* ---- copies that are wrong in one way ------------------------------------------------------ */

static size_t copy_right(unsigned char *dst, const unsigned char *src, size_t n,
			 struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t count_too_high(unsigned char *dst, const unsigned char *src, size_t n,
			     struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(dst, src, n, fault) + 1;
}

static size_t count_too_low(unsigned char *dst, const unsigned char *src, size_t n,
			    struct mcsafe_fault *fault)
{
	return mcsafe_memcpy(dst, src, n, fault) - 1;
}

static size_t count_beyond_n(unsigned char *dst, const unsigned char *src, size_t n,
			     struct mcsafe_fault *fault)
{
	(void)dst;
	(void)src;
	(void)fault;
	return n + 1;
}

static size_t copy_nothing(unsigned char *dst, const unsigned char *src, size_t n,
			   struct mcsafe_fault *fault)
{
	unsigned char scratch[SWEEP_LONGEST];

	(void)dst;
	return mcsafe_memcpy(scratch, src, n, fault);
}

static size_t copy_a_byte_wrong(unsigned char *dst, const unsigned char *src, size_t n,
				struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);

	dst[3]++;
	return left;
}

static size_t write_into_the_rest(unsigned char *dst, const unsigned char *src, size_t n,
				  struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);

	dst[n - left] ^= 1;
	return left;
}

static size_t write_last_byte(unsigned char *dst, const unsigned char *src, size_t n,
			      struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);

	dst[n - 1] ^= 1;
	return left;
}

static size_t write_before(unsigned char *dst, const unsigned char *src, size_t n,
			   struct mcsafe_fault *fault)
{
	dst[-1] ^= 1;
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t write_far_before(unsigned char *dst, const unsigned char *src, size_t n,
			       struct mcsafe_fault *fault)
{
	dst[-T_RED_ZONE] ^= 1;
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t write_behind(unsigned char *dst, const unsigned char *src, size_t n,
			   struct mcsafe_fault *fault)
{
	dst[n] ^= 1;
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t write_far_behind(unsigned char *dst, const unsigned char *src, size_t n,
			       struct mcsafe_fault *fault)
{
	dst[n + T_RED_ZONE - 1] ^= 1;
	return mcsafe_memcpy(dst, src, n, fault);
}

static size_t write_to_source(unsigned char *dst, const unsigned char *src, size_t n,
			      struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);

	((unsigned char *)(uintptr_t)src)[2] ^= 1;
	return left;
}

static size_t write_record_on_success(unsigned char *dst, const unsigned char *src, size_t n,
				      struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);

	if (left == 0)
		fault->cause = MCSAFE_CAUSE_NONE;
	return left;
}

static size_t keep_record(unsigned char *dst, const unsigned char *src, size_t n,
			  struct mcsafe_fault *fault)
{
	(void)fault;
	return mcsafe_memcpy(dst, src, n, NULL);
}

#define WRONG_IN_RECORD(name, change)                                       \
 static size_t name(unsigned char *dst, const unsigned char *src, size_t n, \
		    struct mcsafe_fault *fault)                             \
 {                                                                          \
  size_t left = mcsafe_memcpy(dst, src, n, fault);                          \
                                                                            \
  change;                                                                   \
  return left;                                                              \
 }

WRONG_IN_RECORD(wrong_signo, fault->signo ^= SIGBUS ^ SIGSEGV)
WRONG_IN_RECORD(wrong_code, fault->code++)
WRONG_IN_RECORD(wrong_cause, fault->cause = MCSAFE_CAUSE_POISON)
WRONG_IN_RECORD(wrong_side, fault->side = MCSAFE_SIDE_DESTINATION)
WRONG_IN_RECORD(wrong_addr, fault->addr = (char *)fault->addr - 1)
WRONG_IN_RECORD(wrong_extent, fault->extent = T_PAGE)
WRONG_IN_RECORD(wrong_ip, fault->ip = (char *)fault->ip + 1)
WRONG_IN_RECORD(wrong_reserved, fault->reserved[2] = fault)

/* The instruction of a row, but of the wrong kind, or not the row that failed. */
static void *row_of(enum mcsafe_side side, const void *other_than)
{
	const struct mcsafe_row *row, *end;

	for (mcsafe__extable_own(&row, &end); row < end; row++)
		if (row->kind == (uint32_t)side && mcsafe__row_insn(row) != (uintptr_t)other_than)
			return (void *)mcsafe__row_insn(row);
	return NULL;
}

WRONG_IN_RECORD(ip_of_a_store, fault->ip = row_of(MCSAFE_SIDE_DESTINATION, NULL))
WRONG_IN_RECORD(ip_of_another_load, fault->ip = row_of(MCSAFE_SIDE_SOURCE, fault->ip))

static size_t read_bad_source_twice(unsigned char *dst, const unsigned char *src, size_t n,
				    struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, NULL);

	return mcsafe_memcpy(dst + n - left, src + n - left, left, fault);
}

static size_t read_behind(unsigned char *dst, const unsigned char *src, size_t n,
			  struct mcsafe_fault *fault)
{
	unsigned char scratch;
	size_t lost = mcsafe_memcpy(&scratch, src + n, 1, NULL);

	return mcsafe_memcpy(dst, src, n, fault) + lost - 1;
}

static size_t leave_signal_blocked(unsigned char *dst, const unsigned char *src, size_t n,
				   struct mcsafe_fault *fault)
{
	size_t left = mcsafe_memcpy(dst, src, n, fault);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return left;
}

/* ---- what must be said of them -------------------------------------------------------------- */

#define SHORT 24 /* a copy stops after that many bytes ... */
#define WHOLE 40 /* ... of that many */

static const struct wrong {
	copy_fn *copy;
	ptrdiff_t src_distance; /* SHORT: stops; WHOLE: does not, and ends at the bad page */
	const char *complaint;
} wrongs[] = {
	{count_too_high, SHORT, "17 bytes left, must be 16"},
	{count_too_low, SHORT, "15 bytes left, must be 16"},
	{count_beyond_n, WHOLE, "41 bytes left of 40"},
	{copy_nothing, WHOLE, "destination byte 0 "},
	{copy_a_byte_wrong, WHOLE, "destination byte 3 "},
	{copy_a_byte_wrong, SHORT, "destination byte 3 "},
	{write_into_the_rest, SHORT, "destination byte 24 "},
	{write_last_byte, SHORT, "destination byte 39 "},
	{write_before, WHOLE, "destination byte -1 "},
	{write_far_before, SHORT, "destination byte -64 "},
	{write_behind, WHOLE, "destination byte 40 "},
	{write_far_behind, SHORT, "destination byte 103 "},
	{write_to_source, WHOLE, "source byte 2 "},
	{write_record_on_success, WHOLE, "the record was written to"},
	{keep_record, SHORT, "record: signal"},
	{wrong_signo, SHORT, "record: signal"},
	{wrong_code, SHORT, "record: signal"},
	{wrong_cause, SHORT, "record: cause poison"},
	{wrong_side, SHORT, "record: side 2"},
	{wrong_addr, SHORT, "record: addr"},
	{wrong_extent, SHORT, "record: extent 4096"},
	{wrong_ip, SHORT, "record: no row"},
	{wrong_reserved, SHORT, "record: reserved[2]"},
	{ip_of_a_store, SHORT, "record: the instruction is a row of the other side"},
	{ip_of_another_load, SHORT, "record: not the instruction that failed last"},
	{read_bad_source_twice, SHORT, "2 loads and 0 stores failed for a bad source"},
	{read_behind, WHOLE, "memory outside was touched"},
	{leave_signal_blocked, SHORT, "signal mask was changed"},
};

static void open_sweep(struct sweep *sweep)
{
	const struct t_fault_kind *kind = t_fault_kind("prot_none");

	sweep_open(sweep, kind, kind, 1);
	t_witness_start();
	sweep->trial.witnessed = true;
	sweep->trial.dst_distance = sweep_good_distance(5);
	sweep->trial.n = WHOLE;
}

/* Restores the regions that a wrong copy has damaged. */
static void repair(struct sweep *sweep)
{
	t_region_fill(&sweep->src, t_data);
	t_region_fill(&sweep->dst, t_fill);
	t_state_init(&sweep->state);
}

static const char *try_copy(struct sweep *sweep, copy_fn *copy, ptrdiff_t src_distance)
{
	struct t_copy under_test = {"a test", (void (*)(void))copy, T_COPIES, T_RECORD_FAULT, 0,
				    {0}};

	sweep->trial.copy = &under_test;
	sweep->trial.src_distance = src_distance;
	return t_trial_run(&sweep->trial, NULL);
}

static void test_finds_every_wrong_copy(void **state)
{
	struct sweep sweep;

	(void)state;
	open_sweep(&sweep);
	for (size_t i = 0; i < T_LENGTH(wrongs); i++) {
		const struct wrong *wrong = &wrongs[i];
		const char *complaint = try_copy(&sweep, wrong->copy, wrong->src_distance);

		if (complaint == NULL)
			fail_msg("not found, number %zu: %s", i, wrong->complaint);
		if (strncmp(complaint, wrong->complaint, strlen(wrong->complaint)) != 0)
			fail_msg("number %zu: \"%s\", must be \"%s...\"", i, complaint,
				 wrong->complaint);
		repair(&sweep);
	}
	print_message("%zu wrong copies found\n", T_LENGTH(wrongs));
	t_witness_stop();
	sweep_close(&sweep);
}

static void test_accepts_the_right_copy(void **state)
{
	struct sweep sweep;

	(void)state;
	open_sweep(&sweep);
	for (ptrdiff_t distance = 0; distance <= WHOLE; distance++)
		assert_null(try_copy(&sweep, copy_right, distance));
	t_witness_stop();
	sweep_close(&sweep);
}

static size_t routine_of_another(void *dst, const void *src, size_t n, struct mcsafe_fault *fault)
{
	return mcsafe__copy_word(dst, src, n, fault);
}

/* The record of a routine names an instruction of this routine. */
static void test_finds_the_record_of_another_routine(void **state)
{
	static const struct t_copy copy = {
		"a test", (void (*)(void))routine_of_another, T_COPIES, T_RECORD_ROUTINE, 0, {0}};
	const char *complaint;
	struct sweep sweep;

	(void)state;
	open_sweep(&sweep);
	sweep.trial.src_distance = SHORT;
	sweep.trial.copy = &copy;
	complaint = t_trial_run(&sweep.trial, NULL);
	assert_non_null(complaint);
	assert_string_equal(complaint, "record: the instruction is not in this routine");
	t_witness_stop();
	sweep_close(&sweep);
}

/* A machine check in the copy: it may stop a little before the poison, but only as granted. */
static size_t copy_8_too_few(unsigned char *dst, const unsigned char *src, size_t n,
			     struct mcsafe_fault *fault)
{
	unsigned char scratch[SWEEP_LONGEST];
	size_t left = mcsafe_memcpy(scratch, src, n, fault);

	return left == 0 ? 0 : mcsafe_memcpy(dst, src, n - left - 8, NULL) + left + 8;
}

static void test_grants_a_shortfall_and_no_more(void **state)
{
	static const struct t_copy in_time = {
		"a test", (void (*)(void))copy_8_too_few, T_COPIES, T_RECORD_FAULT, 8, {0}};
	static const struct t_copy too_short = {
		"a test", (void (*)(void))copy_8_too_few, T_COPIES, T_RECORD_FAULT, 7, {0}};
	struct sweep sweep;

	(void)state;
	open_sweep(&sweep);
	sweep.trial.src_distance = SHORT;
	sweep.trial.machine_check = true;
	sweep.trial.copy = &in_time;
	assert_null(t_trial_run(&sweep.trial, NULL));
	sweep.trial.copy = &too_short;
	assert_string_equal(t_trial_run(&sweep.trial, NULL), "24 bytes left, must be 16");
	sweep.trial.machine_check = false;
	sweep.trial.copy = &in_time;
	assert_string_equal(t_trial_run(&sweep.trial, NULL), "24 bytes left, must be 16");
	t_witness_stop();
	sweep_close(&sweep);
}

/* The oracle is simple enough to be trusted, except for bytes that are bad on both sides. */
static void test_oracle_stops_at_the_first_bad_byte(void **state)
{
	static const struct {
		size_t src_good, dst_good;
		size_t done;
		enum mcsafe_side side;
		uintptr_t addr;
	} cases[] = {
		{9, 9, 8, MCSAFE_SIDE_NONE, 0},
		{8, 8, 8, MCSAFE_SIDE_NONE, 0},
		{5, 9, 5, MCSAFE_SIDE_SOURCE, 0x1005},
		{9, 5, 5, MCSAFE_SIDE_DESTINATION, 0x2005},
		{5, 6, 5, MCSAFE_SIDE_SOURCE, 0x1005},
		{6, 5, 5, MCSAFE_SIDE_DESTINATION, 0x2005},
		{5, 5, 5, MCSAFE_SIDE_SOURCE, 0x1005},
		{0, 0, 0, MCSAFE_SIDE_SOURCE, 0x1000},
		{1, 0, 0, MCSAFE_SIDE_DESTINATION, 0x2000},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		unsigned char from[] = "abcdefgh", to[] = "........";
		struct t_operand src = {0x1000, 0x1000 + cases[i].src_good, 0x2000, from};
		struct t_operand dst = {0x2000, 0x2000 + cases[i].dst_good, 0x3000, to};
		struct t_outcome outcome = t_oracle(&dst, &src, 8);

		assert_int_equal(outcome.done, cases[i].done);
		assert_int_equal(outcome.side, cases[i].side);
		assert_int_equal(outcome.addr, cases[i].addr);
		assert_memory_equal(to, from, cases[i].done);
		assert_memory_equal(to + cases[i].done, "........", 8 - cases[i].done);
		assert_string_equal((char *)from, "abcdefgh");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle_stops_at_the_first_bad_byte),
		cmocka_unit_test(test_finds_every_wrong_copy),
		cmocka_unit_test(test_accepts_the_right_copy),
		cmocka_unit_test(test_finds_the_record_of_another_routine),
		cmocka_unit_test(test_grants_a_shortfall_and_no_more),
	};

	return t_run("copy.trial_selftest", tests, T_LENGTH(tests));
}

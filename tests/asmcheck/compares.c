/* SPDX-License-Identifier: BSD-3-Clause */
/* compares.c - the checks of asmcheck for comparisons */
#include "compares.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/scan.h>

#include "accesses.h"
#include "base/cpu.h"
#include "breakpoint.h"
#include "code.h"
#include "landing/extable.h"
#include "run.h"
#include "state.h"
#include "step.h"
#include "witness.h"

#define LINE     ((uintptr_t)64)
#define SIZE     (3 * T_PAGE)
#define READS_ON 128 /* a line that begins so far past the first difference is not read */

const struct comparison comparisons[] = {
#define COMPARE(name, ...) {"engine compare_" #name, mcsafe__compare_##name, false, {__VA_ARGS__}},
#include "asm/engines.def"
	{"mcsafe_memcmp", (mcsafe__compare_fn *)(void (*)(void))mcsafe_memcmp, true, {0}},
};
const size_t n_comparisons = T_LENGTH(comparisons);

static const char *const names[] = {"", "a", "b"};

static struct {
	const struct comparison *comparison;
	struct code code;
	struct t_state state;
	unsigned char *room[3]; /* of operand 1, a, and 2, b */

	/* The case: both operands are equal up to "differs", which may be n. */
	const unsigned char *at[3];
	size_t n, differs;

	struct mcsafe_comparison result;
	struct mcsafe_fault fault;
} it;

static const char *complain_here(const char *what)
{
	return complain("%s, n %zu, %zu and %zu mod 64, differ from %zu on: %zu equal, order %d, "
			"failed %d: %s",
			it.comparison->name, it.n, (size_t)((uintptr_t)it.at[1] % LINE),
			(size_t)((uintptr_t)it.at[2] % LINE), it.differs, it.result.equal,
			it.result.order, it.result.failed, what);
}

static void begin(const struct comparison *comparison)
{
	memset(&it, 0, sizeof(it));
	it.comparison = comparison;
	t_state_init(&it.state);
	for (int k = 1; k <= 2; k++) {
		it.room[k] = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);
		assert_true(it.room[k] != MAP_FAILED);
	}
}

static void end(void)
{
	code_free(&it.code);
	for (int k = 1; k <= 2; k++)
		assert_int_equal(munmap(it.room[k], SIZE), 0);
}

/* All bytes around the operands differ. */
static void set_case(size_t n, size_t a_at, size_t b_at, size_t differs)
{
	size_t at[3] = {0, T_PAGE + a_at, T_PAGE + b_at}, last = n + 3 * LINE;

	it.n = n;
	it.differs = differs;
	for (int k = 1; k <= 2; k++) {
		unsigned char *p = it.room[k] + at[k];

		it.at[k] = p;
		memset(p - 2 * LINE, k == 1 ? 0xee : 0x11, last + 2 * LINE);
		for (size_t i = 0; i < n; i++)
			p[i] = (unsigned char)(i * 7 + i / 256);
	}
	if (differs < n) /* the signs of the bytes must not count */
		it.room[2][at[2] + differs] ^= 0x80;
}

static void arguments(uint64_t args[T_STATE_N_ARGS], struct mcsafe_fault *fault)
{
	memset(&it.result, 0xa5, sizeof(it.result));
	mark_untouched(&it.fault);
	args[0] = (uintptr_t)it.at[1];
	args[1] = (uintptr_t)it.at[2];
	args[2] = it.n;
	args[3] = (uintptr_t)&it.result;
	args[4] = (uintptr_t)fault;
}

static uint64_t call(uint64_t flags, struct mcsafe_fault *fault)
{
	uint64_t args[T_STATE_N_ARGS];

	arguments(args, fault);
	it.state.flags_set = flags;
	/* The upper half of a register that holds an enum means nothing. */
	return (uint32_t)t_state_call_with(&it.state, (void (*)(void))it.comparison->fn, args);
}

static bool record_is_untouched(void)
{
	return is_untouched(&it.fault);
}

static const char *check_answer(uint64_t cause)
{
	int order = it.differs == it.n ? 0 : it.at[1][it.differs] < it.at[2][it.differs] ? -1 : 1;

	if (cause != MCSAFE_CAUSE_NONE || it.result.failed != 0)
		return complain_here("it has failed");
	if (it.result.equal != it.differs || it.result.order != order)
		return complain_here("a wrong answer");
	if (!record_is_untouched())
		return complain_here("a record was written without a fault");
	return NULL;
}

static const char *check_state(void)
{
	unsigned damage = t_state_damage(&it.state);

	return damage != 0 ? complain_here(t_state_damage_name(damage)) : NULL;
}

/* ---- right ---------------------------------------------------------------------------------- */

const char *check_comparison_right(const struct comparison *comparison, struct t_rng *rng)
{
	const char *complaint = NULL;

	begin(comparison);
	for (size_t n = 0; n <= 700; n += n < 140 ? 1 : 23)
		for (size_t i = 0; i < 200 && complaint == NULL; i++) {
			set_case(n, t_rng_below(rng, LINE), t_rng_below(rng, LINE),
				 i % 2 == 0 ? n : t_rng_below(rng, n + 1));
			complaint = check_answer(call(0, &it.fault));
			if (complaint == NULL)
				complaint = check_state();
		}
	end();
	return complaint;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool is_in(uintptr_t addr, const void *object, size_t size)
{
	return addr >= (uintptr_t)object && addr < (uintptr_t)object + size;
}

/* The operand in whose lines the address lies, or 0. */
static int operand_of(uintptr_t addr)
{
	for (int k = 1; k <= 2; k++)
		if (is_in(addr, it.room[k], SIZE) && it.n != 0 &&
		    addr / LINE >= (uintptr_t)it.at[k] / LINE &&
		    addr / LINE <= ((uintptr_t)it.at[k] + it.n - 1) / LINE)
			return k;
	return 0;
}

static const char *check_access(const struct code_record *record)
{
	const struct decode_insn *insn = &it.code.insns[record->insn];
	uintptr_t addr = record->addr, last = addr + insn->size - 1;
	int k = operand_of(addr);

	if (insn->access == DECODE_STORE)
		return is_in(addr, &it.result, sizeof(it.result)) ? NULL
								  : "a store past the result";
	if (k == 0) {
		if (!is_in(addr, it.room[1], SIZE) && !is_in(addr, it.room[2], SIZE))
			return NULL; /* a constant: test_rows.py checks these */
		return "a load outside the lines of the operands";
	}
	if (addr / LINE != last / LINE)
		return "a load crosses a line";
	if (it.differs < it.n && addr >= (uintptr_t)it.at[k] + it.differs + READS_ON)
		return "a load far past the difference";
	return NULL;
}

static const char *check_accesses(const struct code_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *what = check_access(&records[i]);

		if (what != NULL)
			return complain("%s: %s, operand %s", complain_here(what),
					it.code.insns[records[i].insn].text,
					names[operand_of(records[i].addr)]);
	}
	return NULL;
}

static const char *run_rewritten(void (*rewritten)(void), const struct code_record **records,
				 size_t *n)
{
	uint64_t args[T_STATE_N_ARGS];

	arguments(args, &it.fault);
	return check_answer(((enum mcsafe_cause(*)(uint64_t, uint64_t, uint64_t, uint64_t,
						   uint64_t))rewritten)(args[0], args[1], args[2],
									args[3], args[4])) != NULL
		       ? complain_here("the routine that was built anew is wrong")
		       : (*records = code_records(n), NULL);
}

/* The original, in single steps, must make the same accesses in the same order. */
static const char *check_steps(void (*rewritten)(void), struct tally *tally)
{
	const struct code_record *records = NULL;
	const char *complaint;
	size_t n = 0, at;

	accesses_restart();
	complaint = check_answer(call(STEP_FLAG, &it.fault));
	tally->steps += accesses_steps();
	if (complaint == NULL)
		complaint = run_rewritten(rewritten, &records, &n);
	if (complaint != NULL)
		return complaint;
	complaint = accesses_differ(records, n, &at);
	return complaint != NULL ? complain_here(complaint) : NULL;
}

static const char *check_case(void (*rewritten)(void), struct tally *tally)
{
	const struct code_record *records = NULL;
	const char *complaint;
	size_t n = 0;

	complaint = run_rewritten(rewritten, &records, &n);
	if (complaint == NULL)
		complaint = check_accesses(records, n);
	tally->runs++;
	tally->accesses += complaint == NULL ? n : 0;
	return complaint;
}

static const char *try_lines(void (*rewritten)(void), struct t_rng *rng, bool full,
			     struct tally *tally)
{
	const char *complaint = NULL;

	accesses_begin(&it.code);
	for (unsigned i = 0; i < 60 && tally->steps < ACCESSES_ENOUGH && complaint == NULL; i++) {
		size_t n = t_rng_below(rng, i < 40 ? 200 : 1024);

		set_case(n, t_rng_below(rng, LINE), t_rng_below(rng, LINE),
			 i % 2 ? n : t_rng_below(rng, n + 1));
		complaint = check_steps(rewritten, tally);
	}
	accesses_end();
	for (size_t n = 0; n <= 1024; n += n < 400 ? 1 : 1 + t_rng_below(rng, 20))
		for (size_t i = 0; i < LINE * (full ? LINE : 2) && complaint == NULL; i++) {
			set_case(n, i % LINE, full ? i / LINE : t_rng_below(rng, LINE),
				 i % 3 == 0 ? t_rng_below(rng, n + 1) : n);
			complaint = check_case(rewritten, tally);
		}
	return complaint;
}

const char *check_comparison_lines(const struct comparison *comparison, struct t_rng *rng,
				   bool full, struct tally *tally)
{
	void (*rewritten)(void) = (void (*)(void))comparison->fn;
	const char *complaint;

	begin(comparison);
	complaint = code_read(&it.code, (uintptr_t)comparison->fn);
	if (complaint == NULL)
		complaint = code_rewrite(&it.code, &rewritten);
	if (complaint != NULL)
		complaint = complain("%s: %s", comparison->name, complaint);
	if (complaint == NULL)
		complaint = try_lines(rewritten, rng, full, tally);
	end();
	return complaint;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* What is lost when the row is reached. */
enum loss { OPERAND, OPERAND_WITHOUT_RECORD, BOTH, LOSSES };

static struct {
	const struct mcsafe_row *first, *end; /* rows of the routine */
	unsigned char *failed;                /* one entry for each row: it has raised a fault */
	size_t *tries;

	/* The load that must fail, and what was loaded before: the bytes of each operand from its
	 * start on. */
	uintptr_t insn, addr;
	int operand;
	size_t loaded[3];
	bool loaded_before; /* the same line */
	enum loss loss;
	bool hit;
} row;

static void reached(const ucontext_t *context)
{
	(void)context;
	row.hit = true;
	for (int k = 1; k <= 2; k++)
		if (k == row.operand || row.loss == BOTH)
			mprotect(it.room[k], SIZE, PROT_NONE);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The bytes of the operand before the load that fails. */
static size_t before_load(void)
{
	uintptr_t start = (uintptr_t)it.at[row.operand];

	return row.addr > start ? row.addr - start : 0;
}

/*
 * own is the number of bytes of the operand of the load that are known. The other operand is lost
 * too if loss is BOTH.
 */
static const char *check_lost(uint64_t cause, size_t own)
{
	size_t other = row.loss == BOTH ? row.loaded[3 - row.operand] : it.n;
	size_t known = smaller(own, other);

	/* A difference before the lost bytes wins. */
	if (known == it.n || it.differs < known)
		return check_answer(cause);
	if (cause != MCSAFE_CAUSE_PROTECTED ||
	    it.result.failed != (other < own ? 3 - row.operand : row.operand))
		return complain_here("another operand has failed, or none");
	if (it.result.equal != known || it.result.order != 0)
		return complain_here("not the bytes before those that were lost");
	if (row.loss == OPERAND_WITHOUT_RECORD)
		return record_is_untouched() ? NULL : complain_here("a record was written");
	if ((uintptr_t)it.fault.ip != t_witness.seen[t_witness.n - 1].ip &&
	    (uintptr_t)it.fault.ip != row.insn)
		return complain_here("the record is of another fault");
	if (it.fault.signo != SIGSEGV || it.fault.cause != MCSAFE_CAUSE_PROTECTED ||
	    it.fault.side != MCSAFE_SIDE_SOURCE)
		return complain_here("the record is wrong");
	return NULL;
}

/* Neither operand is read again where it has failed. */
static const char *check_faults(void)
{
	if (t_witness.n < 1 || t_witness.n > (row.loss == BOTH ? 2 : 1))
		return complain_here("too many signals, or none");
	for (unsigned i = 0; i < t_witness.n; i++) {
		const struct mcsafe_row *found = mcsafe__extable_find(t_witness.seen[i].ip);
		int k = is_in(t_witness.seen[i].addr, it.room[1], SIZE) ? 1 : 2;

		if (found == NULL)
			return complain_here("a fault without a row");
		row.failed[found - row.first] = 1;
		if (i == 0 ? t_witness.seen[0].ip != row.insn : k == row.operand)
			return complain_here("an operand was read again");
	}
	return NULL;
}

static const char *check_outcome(uint64_t cause)
{
	const char *complaint = check_faults();

	if (complaint != NULL)
		return complaint;
	/* Bytes that are loaded for the second time need not be lost. */
	if (row.loaded_before && check_lost(cause, row.loaded[row.operand]) == NULL)
		return NULL;
	return check_lost(cause, before_load());
}

static const char *try_row(const struct code_record *record, enum loss loss)
{
	const char *complaint;
	uint64_t cause;

	row.loss = loss;
	row.hit = false;
	t_witness.n = 0;
	breakpoint_set(row.insn);
	cause = call(0, loss == OPERAND_WITHOUT_RECORD ? NULL : &it.fault);
	breakpoints_clear();
	for (int k = 1; k <= 2; k++)
		assert_int_equal(mprotect(it.room[k], SIZE, PROT_READ | PROT_WRITE), 0);
	complaint = row.hit ? check_outcome(cause) : complain_here("the row was not reached again");
	if (complaint == NULL)
		complaint = check_state();
	if (complaint == NULL)
		return NULL;
	return complain("%s: loss %d of %s, %s at +%#zx", complaint, (int)loss, names[row.operand],
			it.code.insns[record->insn].text, (size_t)(row.insn - it.code.entry));
}

/* Finds what was loaded before records[i]. */
static void look_before(const struct code_record *records, size_t i)
{
	memset(row.loaded, 0, sizeof(row.loaded));
	row.loaded_before = false;
	for (size_t k = 0; k < i; k++) {
		int operand = operand_of(records[k].addr);
		uintptr_t past = records[k].addr + it.code.insns[records[k].insn].size;
		size_t bytes = operand != 0 ? smaller(past - (uintptr_t)it.at[operand], it.n) : 0;

		if (bytes > row.loaded[operand])
			row.loaded[operand] = bytes;
		row.loaded_before |= records[k].addr == row.addr && operand == row.operand;
	}
}

/* Each row that this case reaches fails once for each kind of loss. */
static const char *try_rows(void (*rewritten)(void))
{
	static struct code_record records[2048];
	const struct code_record *made = NULL;
	const char *complaint;
	size_t n = 0;

	complaint = run_rewritten(rewritten, &made, &n);
	if (complaint != NULL)
		return complaint;
	assert_true(n <= T_LENGTH(records));
	memcpy(records, made, n * sizeof(*records));
	for (size_t i = 0; i < n && complaint == NULL; i++) {
		const struct mcsafe_row *found;
		bool is_first = true;

		row.insn = it.code.insns[records[i].insn].addr;
		found = mcsafe__extable_find(row.insn);
		for (size_t k = 0; k < i; k++)
			is_first &= records[k].insn != records[i].insn;
		if (found == NULL || !is_first || row.tries[found - row.first] == 0)
			continue;
		row.tries[found - row.first]--;
		row.addr = records[i].addr;
		row.operand = operand_of(row.addr);
		look_before(records, i);
		for (enum loss loss = OPERAND; loss < LOSSES && complaint == NULL; loss++)
			complaint = try_row(&records[i], loss);
	}
	return complaint;
}

static const size_t lengths[] = {1,   2,   7,   16,  17,  31,  32,  33,  48,  63,
				 64,  65,  66,  90,  96,  100, 127, 128, 129, 140,
				 160, 191, 192, 193, 200, 256, 257, 300, 449, 600};
static const size_t offsets[] = {0, 1, 13, 16, 31, 32, 33, 47, 50, 63};

static void allow_tries(size_t times)
{
	for (size_t i = 0; i < (size_t)(row.end - row.first); i++)
		row.tries[i] = times;
}

/* First with equal operands, then with a difference somewhere. */
static const char *try_all_rows(void (*rewritten)(void), size_t times)
{
	const size_t cases = T_LENGTH(lengths) * T_LENGTH(offsets) * T_LENGTH(offsets);
	const char *complaint = NULL;

	/* The order mixes the cases: the numbers have no common divisor. */
	for (size_t i = 0; i < 2 * cases && complaint == NULL; i++) {
		size_t k = i * 641 % cases, n = lengths[k % T_LENGTH(lengths)];

		if (i % cases == 0)
			allow_tries(times);
		k /= T_LENGTH(lengths);
		set_case(n, offsets[k % T_LENGTH(offsets)], offsets[k / T_LENGTH(offsets)],
			 i < cases ? n : i * 31 % (n + 1));
		complaint = try_rows(rewritten);
	}
	for (size_t i = 0; complaint == NULL && i < (size_t)(row.end - row.first); i++)
		if (!row.failed[i])
			complaint =
				complain("%s + %#zx did not fail", it.comparison->name,
					 (size_t)(mcsafe__row_insn(row.first + i) - it.code.entry));
	return complaint;
}

const char *check_comparison_rows(const struct comparison *comparison, size_t times, size_t *n_rows)
{
	void (*rewritten)(void) = (void (*)(void))comparison->fn;
	const char *complaint;

	begin(comparison);
	memset(&row, 0, sizeof(row));
	complaint = code_read(&it.code, (uintptr_t)comparison->fn);
	if (complaint == NULL)
		complaint = code_rewrite(&it.code, &rewritten);
	if (complaint == NULL)
		complaint = code_rows(&it.code, &row.first, &row.end);
	if (complaint != NULL) {
		complaint = complain("%s: %s", comparison->name, complaint);
		end();
		return complaint;
	}
	*n_rows = (size_t)(row.end - row.first);
	row.failed = calloc(*n_rows, 1);
	row.tries = calloc(*n_rows, sizeof(*row.tries));
	assert_non_null(row.failed);
	assert_non_null(row.tries);
	t_witness_start();
	breakpoints_begin(mcsafe__row_insn(row.first), mcsafe__row_insn(row.end - 1) + 1, reached);
	complaint = try_all_rows(rewritten, times);
	breakpoints_end();
	t_witness_stop();
	free(row.failed);
	free(row.tries);
	end();
	return complaint;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* scans.c - the checks of asmcheck for scans */
#include "scans.h"

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

#define LINE    ((uintptr_t)64)
#define SIZE    (3 * T_PAGE)
#define NEEDLE  0xa7
#define OTHER   0x5c
#define UNKNOWN ((size_t)0x1234567) /* what *at is before a call */

/* A scan looks at the lowest byte of its argument only. */
#define NEEDLE_ARGUMENT (UINT64_C(0xdeadbeefdeadbe00) | NEEDLE)

#define SCAN_FN(name) #name, (void (*)(void))(name)

const struct scan scans[] = {
#define SCAN(name, ...) \
 {"engine scan_" #name, (void (*)(void))mcsafe__scan_##name, false, false, {__VA_ARGS__}},
#include "asm/engines.def"
	{SCAN_FN(mcsafe_memchr), false, true, {0}},
	{SCAN_FN(mcsafe_strnlen), true, true, {0}},
};
const size_t n_scans = T_LENGTH(scans);

static struct {
	const struct scan *scan;
	struct code code;
	struct t_state state;
	unsigned char *room;

	/* The case: n bytes from s on. Byte "needle" is the one that is searched; it may be n. */
	const unsigned char *s;
	size_t n, needle;

	size_t at; /* the result */
	struct mcsafe_fault fault;
} it;

static const char *complain_here(const char *what)
{
	return complain("%s, n %zu from %zu mod 64, byte at %zu, result %zu: %s", it.scan->name,
			it.n, (size_t)((uintptr_t)it.s % LINE), it.needle, it.at, what);
}

static void begin(const struct scan *scan)
{
	memset(&it, 0, sizeof(it));
	it.scan = scan;
	t_state_init(&it.state);
	it.room = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(it.room != MAP_FAILED);
}

static void end(void)
{
	code_free(&it.code);
	assert_int_equal(munmap(it.room, SIZE), 0);
}

/* All bytes around the operand are the one that is searched. */
static void set_case(size_t n, size_t s_at, size_t needle)
{
	unsigned char *s = it.room + T_PAGE + s_at, sought = it.scan->is_strnlen ? 0 : NEEDLE;

	it.s = s;
	it.n = n;
	it.needle = needle;
	memset(s - 2 * LINE, sought, n + 5 * LINE);
	memset(s, OTHER, n);
	if (needle < n)
		s[needle] = s[n - 1] = sought; /* the first one counts */
}

static void arguments(uint64_t args[T_STATE_N_ARGS], struct mcsafe_fault *fault)
{
	size_t i = 0;

	it.at = UNKNOWN;
	mark_untouched(&it.fault);
	args[i++] = (uintptr_t)it.s;
	if (!it.scan->is_strnlen)
		args[i++] = NEEDLE_ARGUMENT;
	args[i++] = it.n;
	args[i++] = (uintptr_t)&it.at;
	args[i++] = (uintptr_t)fault;
	while (i < T_STATE_N_ARGS)
		args[i++] = NEEDLE_ARGUMENT;
}

static uint64_t call(uint64_t flags, struct mcsafe_fault *fault)
{
	uint64_t args[T_STATE_N_ARGS];

	arguments(args, fault);
	it.state.flags_set = flags;
	/* The upper half of a register that holds an enum means nothing. */
	return (uint32_t)t_state_call_with(&it.state, it.scan->fn, args);
}

static const char *check_answer(uint64_t cause)
{
	if (cause != MCSAFE_CAUSE_NONE)
		return complain_here("it has failed");
	if (it.at != it.needle)
		return complain_here("a wrong answer");
	if (!is_untouched(&it.fault))
		return complain_here("a record was written without a fault");
	return NULL;
}

static const char *check_state(void)
{
	unsigned damage = t_state_damage(&it.state);

	return damage != 0 ? complain_here(t_state_damage_name(damage)) : NULL;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- right ---------------------------------------------------------------------------------- */

const char *check_scan_right(const struct scan *scan, struct t_rng *rng)
{
	const char *complaint = NULL;

	begin(scan);
	for (size_t n = 0; n <= 700; n += n < 140 ? 1 : 23)
		for (size_t i = 0; i < 200 && complaint == NULL; i++) {
			set_case(n, i % LINE, i % 2 == 0 ? n : t_rng_below(rng, n + 1));
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

static const char *check_access(const struct code_record *record)
{
	const struct decode_insn *insn = &it.code.insns[record->insn];
	uintptr_t addr = record->addr, last = addr + insn->size - 1, s = (uintptr_t)it.s;
	size_t needed = smaller(it.needle + 1, it.n);

	if (insn->access == DECODE_STORE)
		return is_in(addr, &it.at, sizeof(it.at)) ? NULL : "a store past the result";
	if (!is_in(addr, it.room, SIZE))
		return NULL; /* a constant: test_rows.py checks these */
	if (addr / LINE != last / LINE)
		return "a load crosses a line";
	if (it.n == 0 || addr / LINE < s / LINE || addr / LINE > (s + it.n - 1) / LINE)
		return "a load outside the lines of the operand";
	if (addr / LINE > (s + needed - 1) / LINE)
		return "a load of a line past the answer";
	return NULL;
}

static const char *check_accesses(const struct code_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *what = check_access(&records[i]);

		if (what != NULL)
			return complain("%s: %s at s%+td", complain_here(what),
					it.code.insns[records[i].insn].text,
					(ptrdiff_t)(records[i].addr - (uintptr_t)it.s));
	}
	return NULL;
}

static const char *run_rewritten(void (*rewritten)(void), const struct code_record **records,
				 size_t *n)
{
	uint64_t args[T_STATE_N_ARGS];
	enum mcsafe_cause cause;

	arguments(args, &it.fault);
	cause = ((enum mcsafe_cause(*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))rewritten)(
		args[0], args[1], args[2], args[3], args[4]);
	*records = code_records(n);
	return check_answer(cause);
}

static const char *check_case(void (*rewritten)(void), struct tally *tally)
{
	const struct code_record *records;
	const char *complaint;
	size_t n;

	complaint = run_rewritten(rewritten, &records, &n);
	if (complaint == NULL)
		complaint = check_accesses(records, n);
	tally->runs++;
	tally->accesses += n;
	return complaint;
}

/* The original, in single steps, must make the same accesses in the same order. */
static const char *check_steps(void (*rewritten)(void), struct tally *tally)
{
	const struct code_record *records;
	const char *complaint;
	size_t n, at;

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

/* Where the byte is, is tried at each distance in short scans, and at a sample in longer ones. */
static const char *try_needles(void (*rewritten)(void), struct t_rng *rng, size_t n, size_t s_at,
			       struct tally *tally)
{
	const char *complaint;

	set_case(n, s_at, n);
	complaint = check_case(rewritten, tally);
	for (size_t needle = 0; needle < n && complaint == NULL;
	     needle += n <= 130 ? 1 : 1 + t_rng_below(rng, n / 8)) {
		set_case(n, s_at, needle);
		complaint = check_case(rewritten, tally);
	}
	return complaint;
}

static const char *try_lines(void (*rewritten)(void), struct t_rng *rng, bool full,
			     struct tally *tally)
{
	const char *complaint = NULL;

	accesses_begin(&it.code);
	for (unsigned i = 0; i < 60 && tally->steps < ACCESSES_ENOUGH && complaint == NULL; i++) {
		size_t n = t_rng_below(rng, i < 40 ? 200 : 1024);

		set_case(n, t_rng_below(rng, LINE), i % 2 ? n : t_rng_below(rng, n + 1));
		complaint = check_steps(rewritten, tally);
	}
	accesses_end();
	for (size_t n = 0; n <= 1024; n += n < 400 ? 1 : 1 + t_rng_below(rng, 20))
		for (size_t i = 0; i < (full ? LINE : 3) && complaint == NULL; i++)
			complaint = try_needles(rewritten, rng, n,
						full ? i : t_rng_below(rng, LINE), tally);
	return complaint;
}

/* Makes *it ready, and builds the routine anew. */
static const char *begin_with_code(const struct scan *scan, void (**rewritten)(void))
{
	const char *problem;

	begin(scan);
	problem = code_read(&it.code, (uintptr_t)scan->fn);
	if (problem == NULL)
		problem = code_rewrite(&it.code, rewritten);
	return problem != NULL ? complain("%s: %s", scan->name, problem) : NULL;
}

const char *check_scan_lines(const struct scan *scan, struct t_rng *rng, bool full,
			     struct tally *tally)
{
	void (*rewritten)(void) = scan->fn;
	const char *complaint = begin_with_code(scan, &rewritten);

	if (complaint == NULL)
		complaint = try_lines(rewritten, rng, full, tally);
	end();
	return complaint;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct {
	const struct mcsafe_row *first, *end; /* rows of the routine */
	unsigned char *failed;                /* one entry for each row: it has raised a fault */
	size_t *tries;

	/* The load that must fail, and how many bytes of the operand are known before it. */
	uintptr_t insn;
	size_t known;
	bool with_record;
	bool hit;
} row;

static void reached(const ucontext_t *context)
{
	(void)context;
	row.hit = true;
	mprotect(it.room, SIZE, PROT_NONE);
}

/* The bytes up to the end of the last block of .grain bytes before addr. */
static size_t whole_blocks(uintptr_t addr)
{
	uintptr_t start = (uintptr_t)it.s, end = addr & ~(uintptr_t)(it.scan->is.grain - 1);

	return end > start ? smaller(end - start, it.n) : 0;
}

static const char *check_lost(uint64_t cause)
{
	if (cause != MCSAFE_CAUSE_PROTECTED)
		return complain_here("it has not failed");
	if (it.at != row.known)
		return complain_here("not the bytes before those that were lost");
	if (!row.with_record)
		return is_untouched(&it.fault) ? NULL : complain_here("a record was written");
	if ((uintptr_t)it.fault.ip != row.insn)
		return complain_here("the record is of another fault");
	if (it.fault.signo != SIGSEGV || it.fault.cause != MCSAFE_CAUSE_PROTECTED ||
	    it.fault.side != MCSAFE_SIDE_SOURCE)
		return complain_here("the record is wrong");
	return NULL;
}

/* The row has failed, and then nothing of the operand was read: all of it would have failed. */
static const char *check_outcome(uint64_t cause)
{
	if (!row.hit)
		return complain_here("the row was not reached again");
	if (t_witness.n == 0 || t_witness.seen[0].ip != row.insn)
		return complain_here("the first signal is not the row's");
	if (t_witness.n != 1)
		return complain_here("the operand was read again");
	/* What was found before the lost bytes stands, and also that it is nowhere. */
	if (it.needle < row.known || row.known == it.n)
		return check_answer(cause);
	return check_lost(cause);
}

static const char *try_row(const struct code_record *record, bool with_record)
{
	const char *complaint;
	uint64_t cause;

	row.with_record = with_record;
	row.hit = false;
	t_witness.n = 0;
	breakpoint_set(row.insn);
	cause = call(0, with_record ? &it.fault : NULL);
	breakpoints_clear();
	assert_int_equal(mprotect(it.room, SIZE, PROT_READ | PROT_WRITE), 0);
	complaint = check_outcome(cause);
	if (complaint == NULL)
		complaint = check_state();
	if (complaint == NULL)
		return NULL;
	return complain("%s: %zu known, %s record, %s at +%#zx", complaint, row.known,
			with_record ? "with a" : "no", it.code.insns[record->insn].text,
			(size_t)(row.insn - it.code.entry));
}

/* A load that was made before may be made again. Its bytes are known. */
static size_t known_before(const struct code_record *records, size_t i)
{
	size_t known = 0;

	for (size_t k = 0; k < i; k++) {
		uintptr_t past = records[k].addr + it.code.insns[records[k].insn].size;
		size_t bytes = is_in(records[k].addr, it.room, SIZE) ? whole_blocks(past) : 0;

		if (bytes > known)
			known = bytes;
	}
	return known;
}

/* Each row that this case reaches fails with a record and without one. */
static const char *try_rows(void (*rewritten)(void))
{
	static struct code_record records[1024];
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
		row.failed[found - row.first] = 1;
		row.known = known_before(records, i);
		complaint = try_row(&records[i], true);
		if (complaint == NULL)
			complaint = try_row(&records[i], false);
	}
	return complaint;
}

static const size_t lengths[] = {1,   2,   7,   15,  16,  17,  31,  32,  33,  48,  63,
				 64,  65,  66,  90,  96,  100, 127, 128, 129, 140, 160,
				 191, 192, 193, 200, 256, 257, 300, 320, 449, 600};
static const size_t offsets[] = {0, 1, 13, 16, 31, 32, 33, 47, 50, 63};

static void allow_tries(size_t times)
{
	for (size_t i = 0; i < (size_t)(row.end - row.first); i++)
		row.tries[i] = times;
}

/* First without the byte that is searched, then with it somewhere. */
static const char *try_all_rows(void (*rewritten)(void), size_t times)
{
	const size_t cases = T_LENGTH(lengths) * T_LENGTH(offsets) * 11;
	const char *complaint = NULL;

	/* The order mixes the cases: the numbers have no common divisor. */
	for (size_t i = 0; i < 2 * cases && complaint == NULL; i++) {
		size_t k = i * 641 % cases, n = lengths[k % T_LENGTH(lengths)];

		if (i % cases == 0)
			allow_tries(times);
		k /= T_LENGTH(lengths);
		set_case(n, offsets[k % T_LENGTH(offsets)],
			 i < cases ? n : (k / T_LENGTH(offsets) * 61 + i) % (n + 1));
		complaint = try_rows(rewritten);
	}
	for (size_t i = 0; complaint == NULL && i < (size_t)(row.end - row.first); i++)
		if (!row.failed[i])
			complaint =
				complain("%s + %#zx did not fail", it.scan->name,
					 (size_t)(mcsafe__row_insn(row.first + i) - it.code.entry));
	return complaint;
}

static const char *try_with_breakpoints(void (*rewritten)(void), size_t times, size_t n_rows)
{
	const char *complaint;

	row.failed = calloc(n_rows, 1);
	row.tries = calloc(n_rows, sizeof(*row.tries));
	assert_non_null(row.failed);
	assert_non_null(row.tries);
	t_witness_start();
	breakpoints_begin(mcsafe__row_insn(row.first), mcsafe__row_insn(row.end - 1) + 1, reached);
	complaint = try_all_rows(rewritten, times);
	breakpoints_end();
	t_witness_stop();
	free(row.failed);
	free(row.tries);
	return complaint;
}

const char *check_scan_rows(const struct scan *scan, size_t times, size_t *n_rows)
{
	void (*rewritten)(void) = scan->fn;
	const char *complaint = begin_with_code(scan, &rewritten);

	memset(&row, 0, sizeof(row));
	if (complaint == NULL)
		complaint = code_rows(&it.code, &row.first, &row.end);
	if (complaint == NULL) {
		*n_rows = (size_t)(row.end - row.first);
		complaint = try_with_breakpoints(rewritten, times, *n_rows);
	}
	end();
	return complaint;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rows.c - a fault at every single row of a routine, and the state that the caller then finds
 *
 * Some accesses cannot fail in memory that does not change, because an earlier instruction has just
 * read the same bytes. Therefore the row gets a breakpoint, and when the routine reaches it, the
 * memory that the row needs is taken away.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/fault.h>

#include "asmcheck.h"
#include "breakpoint.h"
#include "code.h"
#include "copy/route.h"
#include "landing/extable.h"
#include "pattern.h"
#include "run.h"
#include "state.h"
#include "step.h"
#include "witness.h"

#define SIZE (3 * T_PAGE)

static const size_t lengths[] = {1,   2,   3,   4,   7,   8,   9,   15,   16,   17,  24,
				 31,  32,  33,  48,  63,  64,  65,  80,   96,   100, 127,
				 128, 129, 160, 191, 192, 193, 200, 224,  256,  257, 300,
				 320, 352, 400, 448, 512, 513, 600, 1100, 2048, 2700};
static const size_t src_offsets[] = {0, 1, 13, 16, 32, 47, 49, 63};
static const size_t dst_offsets[] = {0, 33};

/* What else happens when the operand of the row is taken away. */
enum variant {
	ALONE,
	WITHOUT_RECORD,
	HEALS, /* a destination is back before the fixup begins, and the source is gone for good */
	OTHER_TOO, /* both operands are gone */
	VARIANTS
};

static struct {
	const struct t_copy *copy;
	struct code code;
	const struct mcsafe_row *first, *end; /* rows of the routine */
	const struct mcsafe_row *target;      /* NULL: only record which rows are reached */
	unsigned char *passed;                /* one entry for each row */
	enum variant variant;
	bool hit;
	size_t stored;     /* bytes of the destination that were written before the row was hit */
	uintptr_t operand; /* of the row when it was hit, and its size */
	size_t size;
} it;

static unsigned char *src, *dst;

static unsigned char *map(void)
{
	unsigned char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

/* A line can be written back as long as it can be read. */
static void take_away(uint32_t kind, enum variant variant)
{
	if ((kind & MCSAFE_ROW_LOAD) || variant == OTHER_TOO || variant == HEALS)
		mprotect(src, SIZE, PROT_NONE);
	if (kind == MCSAFE_ROW_STORE || variant == OTHER_TOO)
		mprotect(dst, SIZE, it.copy->work == T_FLUSHES ? PROT_NONE : PROT_READ);
}

static void give_back(void)
{
	assert_int_equal(mprotect(src, SIZE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(mprotect(dst, SIZE, PROT_READ | PROT_WRITE), 0);
}

/* For t_witness_hook. */
static void heal(void)
{
	if (it.variant == HEALS)
		mprotect(dst, SIZE, PROT_READ | PROT_WRITE);
}

static size_t dst_at, dst_n; /* of the running copy */
static size_t src_at;

/* Byte i of the result that the routine must write. */
static unsigned char content(size_t i)
{
	return it.copy->work == T_SETS ? T_SET_TO : t_data(src_at + i);
}

static size_t stored_so_far(void)
{
	size_t i = 0;

	while (i < dst_n && dst[dst_at + i] == content(i))
		i++;
	return i;
}

static bool is_in_red_zone(const struct decode_insn *insn, const ucontext_t *context)
{
	uintptr_t stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];

	return code_in_red_zone(code_address(insn, context), insn->size, stack);
}

static void reached(const ucontext_t *context)
{
	uintptr_t ip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	const struct mcsafe_row *row = mcsafe__extable_find(ip);
	const struct decode_insn *insn = code_at(&it.code, ip);

	/* A store whose mask is empty does not fail, and neither does one to the red zone. */
	if (insn->mask != 0 && step_mask(context, insn->mask) == 0)
		return;
	if (is_in_red_zone(insn, context))
		return;
	it.passed[row - it.first] = 1;
	if (row != it.target)
		return;
	it.hit = true;
	it.stored = stored_so_far();
	it.operand = code_address(insn, context);
	it.size = insn->size;
	take_away(row->kind, it.variant);
}

static const char *find_rows(void)
{
	const char *problem = code_read(&it.code, (uintptr_t)it.copy->fn);

	if (problem == NULL)
		problem = code_rows(&it.code, &it.first, &it.end);
	return problem != NULL ? complain("%s: %s", it.copy->name, problem) : NULL;
}

static size_t run(struct t_state *state, struct mcsafe_fault *fault)
{
	uint64_t args[4];
	size_t left;

	for (size_t i = 0; i < SIZE; i++) {
		src[i] = t_data(i);
		dst[i] = t_fill(i);
	}
	mark_untouched(fault);
	it.hit = false;
	it.stored = 0;
	t_witness.n = 0;
	t_copy_arguments(it.copy, args, dst + dst_at, src + src_at, dst_n,
			 it.variant == WITHOUT_RECORD ? NULL : fault);
	for (const struct mcsafe_row *row = it.first; row < it.end; row++)
		if (it.target == NULL || row == it.target)
			breakpoint_set(mcsafe__row_insn(row));
	left = t_state_call(state, it.copy->fn, args[0], args[1], args[2], args[3]);
	breakpoints_clear();
	return left;
}

static const char *check_bytes(size_t done)
{
	if (it.copy->work == T_FLUSHES)
		done = 0;
	for (size_t i = 0; i < SIZE; i++) {
		unsigned char fill = t_fill(i), data = content(i - dst_at);

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

static size_t bytes_up_to(uintptr_t addr, const unsigned char *start)
{
	if (addr <= (uintptr_t)start)
		return 0;
	return addr - (uintptr_t)start < dst_n ? addr - (uintptr_t)start : dst_n;
}

/*
 * How many bytes must count as copied (C4). A bad page can begin with each line. So the bytes
 * before the line of a load that failed can all be good, and the fixup stores those that are still
 * in registers. A store that is not aligned to its size can straddle into a bad page. So the fixup
 * must try each of its bytes, and here it can store them all.
 */
static size_t least_done(void)
{
	if (it.target->kind & MCSAFE_ROW_LOAD)
		return it.variant == OTHER_TOO
			       ? 0
			       : bytes_up_to(it.operand & ~(uintptr_t)63, src + src_at);
	if (it.variant != HEALS || it.operand % it.size == 0)
		return 0;
	return bytes_up_to(it.operand + it.size, dst + dst_at);
}

/*
 * Only the row itself may fail, and after it stores of bytes that were in registers. If these could
 * be stored, the copy goes on and meets a source that is gone.
 */
static const char *check_signals(void)
{
	const struct mcsafe_row *last;

	if (t_witness.n == 0 || t_witness.n > 2)
		return "neither one signal nor two";
	if (t_witness.seen[0].ip != mcsafe__row_insn(it.target))
		return "the first signal is not the row's";
	last = mcsafe__extable_find(t_witness.seen[t_witness.n - 1].ip);
	if (last == NULL ||
	    (t_witness.n == 2 && last->kind != MCSAFE_ROW_STORE && it.variant != HEALS))
		return "after the row an access other than a store failed";
	return NULL;
}

static const char *check_record(const struct mcsafe_fault *fault, size_t left)
{
	const struct mcsafe_row *last = mcsafe__extable_find(t_witness.seen[t_witness.n - 1].ip);

	if (it.variant == WITHOUT_RECORD)
		return NULL;
	/* The registers held all the remaining bytes. */
	if (left == 0)
		return is_untouched(fault) ? NULL : "a record was written, but nothing is left";
	if ((uintptr_t)fault->ip != mcsafe__row_insn(last))
		return "the record does not describe the last fault";
	if (fault->signo != SIGSEGV || fault->cause != MCSAFE_CAUSE_PROTECTED)
		return "the record names another cause";
	/* After a store past the caches, the caller has to try again. */
	if (it.copy->is.whole_lines &&
	    strstr(code_at(&it.code, mcsafe__row_insn(last))->text, "movnt"))
		return fault->side == MCSAFE_SIDE_NONE ? NULL : "the record names a side";
	/* The bytes were stored again, and the routine left the rest to its caller (routines.h). */
	if (it.variant == HEALS && t_witness.n == 1 && fault->side == 0)
		return NULL;
	return last->kind & (uint32_t)fault->side ? NULL : "the record names the other side";
}

static const char *try_row(struct t_state *state, const struct mcsafe_row *target,
			   enum variant variant)
{
	struct mcsafe_fault fault;
	const char *complaint;
	size_t left;

	it.target = target;
	it.variant = variant;
	left = run(state, &fault);
	give_back();
	complaint = it.hit ? check_signals() : "the row was not hit again";
	if (complaint == NULL && left > dst_n)
		complaint = "more bytes are left than were requested";
	if (complaint == NULL)
		complaint = check_bytes(dst_n - left);
	if (complaint == NULL && dst_n - left < least_done())
		complaint = "good bytes do not count as copied";
	if (complaint == NULL)
		complaint = check_record(&fault, left);
	if (complaint == NULL && t_state_damage(state) != 0)
		complaint = t_state_damage_name(t_state_damage(state));
	if (complaint == NULL)
		return NULL;
	return complain("%s + %#zx, variant %d, offsets %zu and %zu, length %zu: left %zu, %zu "
			"stored before: %s",
			it.copy->name, (size_t)(mcsafe__row_insn(target) - (uintptr_t)it.copy->fn),
			(int)variant, src_at - T_PAGE, dst_at - T_PAGE, dst_n, left, it.stored,
			complaint);
}

static void mark_seen(unsigned char *faulted)
{
	for (unsigned i = 0; i < t_witness.n; i++)
		faulted[mcsafe__extable_find(t_witness.seen[i].ip) - it.first] = 1;
}

/* Finds the rows that this run passes, with all memory present. */
static const char *find_passed(struct t_state *state)
{
	struct mcsafe_fault fault;
	const char *complaint = NULL;

	it.target = NULL;
	it.variant = ALONE;
	if (run(state, &fault) != 0)
		complaint = "bytes left in good memory";
	if (complaint == NULL)
		complaint = check_bytes(dst_n);
	if (complaint == NULL && t_state_damage(state) != 0)
		complaint = t_state_damage_name(t_state_damage(state));
	return complaint != NULL ? complain("%s: %s", it.copy->name, complaint) : NULL;
}

/* Tries each of these rows with its memory gone. */
static const char *try_run(struct t_state *state, size_t *tries)
{
	size_t n_rows = (size_t)(it.end - it.first);
	enum variant variants = it.copy->work == T_COPIES ? VARIANTS
				: it.copy->work == T_SETS ? OTHER_TOO
							  : HEALS;
	unsigned char *passed = calloc(n_rows, 1), *faulted = it.passed;
	const char *complaint;

	assert_non_null(passed);
	it.passed = passed;
	complaint = find_passed(state);
	for (size_t i = 0; i < n_rows; i++) {
		if (!passed[i] || tries[i] == 0)
			continue;
		tries[i]--;
		for (enum variant v = ALONE; v < variants && complaint == NULL; v++) {
			if (v == HEALS && it.first[i].kind != MCSAFE_ROW_STORE)
				continue;
			complaint = try_row(state, it.first + i, v);
			if (complaint == NULL)
				mark_seen(faulted);
		}
	}
	it.passed = faulted;
	free(passed);
	return complaint;
}

#define CASES (T_LENGTH(lengths) * T_LENGTH(src_offsets) * T_LENGTH(dst_offsets))

static bool is_any_left(const size_t *tries)
{
	for (size_t i = 0; i < (size_t)(it.end - it.first); i++)
		if (tries[i] != 0)
			return true;
	return false;
}

static const char *try_all(struct t_state *state, size_t *tries)
{
	size_t prefetch_from = atomic_load(&mcsafe__route.prefetch_from);
	const char *complaint = NULL;

	/* The order mixes the cases: the numbers have no common divisor. */
	for (size_t i = 0; i < CASES && complaint == NULL && is_any_left(tries); i++) {
		size_t k = i * 211 % CASES;

		dst_n = lengths[k % T_LENGTH(lengths)];
		k /= T_LENGTH(lengths);
		src_at = T_PAGE + src_offsets[k % T_LENGTH(src_offsets)];
		dst_at = T_PAGE + dst_offsets[k / T_LENGTH(src_offsets)];
		if (it.copy->is.whole_lines) {
			dst_n -= dst_n % 64;
			dst_at -= dst_at % 64;
		}
		/* A copy uses one of two loops, with a prefetch from this length on. */
		atomic_store(&mcsafe__route.prefetch_from, i % 2 != 0 ? 2048 : SIZE_MAX);
		complaint = try_run(state, tries);
	}
	atomic_store(&mcsafe__route.prefetch_from, prefetch_from);
	for (size_t i = 0; complaint == NULL && i < (size_t)(it.end - it.first); i++)
		if (!it.passed[i])
			complaint = complain(
				"%s + %#zx did not fail", it.copy->name,
				(size_t)(mcsafe__row_insn(it.first + i) - (uintptr_t)it.copy->fn));
	return complaint;
}

const char *check_rows(const struct t_copy *copy, size_t times, size_t *n_rows)
{
	const char *complaint;
	struct t_state state;
	size_t *tries;

	it.copy = copy;
	complaint = find_rows();
	if (complaint != NULL) {
		code_free(&it.code);
		return complaint;
	}
	*n_rows = (size_t)(it.end - it.first);
	t_witness_start();
	t_witness_hook = heal;
	t_state_init(&state);
	src = map();
	dst = map();
	it.passed = calloc(*n_rows, 1);
	tries = calloc(*n_rows, sizeof(*tries));
	assert_non_null(it.passed);
	assert_non_null(tries);
	for (size_t i = 0; i < *n_rows; i++)
		tries[i] = times;
	breakpoints_begin(mcsafe__row_insn(it.first), mcsafe__row_insn(it.end - 1) + 1, reached);
	complaint = try_all(&state, tries);
	breakpoints_end();
	free(it.passed);
	free(tries);
	code_free(&it.code);
	t_witness_hook = NULL;
	t_witness_stop();
	assert_int_equal(munmap(src, SIZE), 0);
	assert_int_equal(munmap(dst, SIZE), 0);
	return complaint;
}

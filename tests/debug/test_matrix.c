/* SPDX-License-Identifier: BSD-3-Clause */
/* test_matrix.c - every length, every injected address, either side and both: counts and bytes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "basics.h"
#include "copy/debug.h"
#include "copy/route.h"
#include "engines.h"
#include "rng.h"
#include "sanitizer.h"

#define LENGTH 512 /* longest copy */
#define LINE   64
#define MARGIN 64 /* red zone on either side of a destination */
#define NONE   SIZE_MAX

/* The length after n. With a sanitizer, which makes copies slow, fewer of the long ones. */
static size_t next_length(size_t n)
{
	return n + (T_SANITIZER && n > 80 ? 11 : 1);
}

/* ---- the unit test of the kernel's series: 512 offsets x 3 modes ---------------------------- */

enum mode { MODE_NONE, MODE_SOURCE, MODE_DESTINATION };

/*
 * One page has both operands: the source ends or begins at byte 1024, and the destination at byte
 * 2048. The injected address stays the same, and the operand slides across it.
 */
static void slide(const struct engine *engine, enum mode mode, size_t i)
{
	static _Alignas(T_PAGE) unsigned char page[T_PAGE];
	unsigned char *src = page + 1024 - (mode == MODE_DESTINATION ? 0 : i);
	unsigned char *dst = page + 2048 - (mode == MODE_DESTINATION ? i : 0);
	size_t left, expected = mode == MODE_NONE ? 0 : LENGTH - i, k;

	memset(page, ZONE, sizeof(page));
	memset(dst, FILL, LENGTH);
	for (k = 0; k < LENGTH; k++)
		src[k] = source_byte(k);

	mcsafe_inject_src(mode == MODE_SOURCE ? page + 1024 : NULL);
	mcsafe_inject_dst(mode == MODE_DESTINATION ? page + 2048 : NULL);
	left = engine->copy(dst, src, LENGTH, NULL);
	mcsafe_inject_src(NULL);
	mcsafe_inject_dst(NULL);

	if (left != expected)
		fail_msg("%s, mode %d, offset %zu: %zu bytes left, should be %zu", engine->name,
			 (int)mode, i, left, expected);
	for (k = 0; k < LENGTH; k++) {
		unsigned char byte = k < LENGTH - left ? source_byte(k) : FILL;

		if (dst[k] != byte)
			fail_msg("%s, mode %d, offset %zu: dst[%zu] is 0x%02x, should be 0x%02x",
				 engine->name, (int)mode, i, k, dst[k], byte);
	}
}

static void slide_all(const struct engine *engine)
{
	size_t i, copies = 0;
	int mode;

	for (mode = MODE_NONE; mode <= MODE_DESTINATION; mode++)
		for (i = 0; i < LENGTH; i++, copies++)
			slide(engine, (enum mode)mode, i);
	assert_int_equal(copies, 1536);
	print_message("%s: %zu copies\n", engine->name, copies);
}

static void test_counts_are_right_as_the_bad_byte_slides(void **unused)
{
	(void)unused;
	for_each_engine(slide_all);
}

/* ---- ours: all lengths, every injected address, both sides at once -------------------------- */

struct operands {
	_Alignas(T_PAGE) unsigned char src[LENGTH + 2 * MARGIN + LINE];
	_Alignas(T_PAGE) unsigned char dst[LENGTH + 2 * MARGIN + LINE];
	unsigned char expected[LENGTH + 2 * MARGIN + LINE];
};

/* Offsets of the first bad byte of either operand; NONE: all of it is good. */
struct trial {
	const struct engine *engine;
	size_t n, src_align, dst_align, bad_src, bad_dst;
};

static struct t_rng rng;
static struct operands operands;

static void broken(const struct trial *trial, size_t done, const char *what)
{
	fail_msg("%s: n %zu, source at %zu mod 64 bad from %td, destination at %zu mod 64 bad from "
		 "%td: %zu bytes copied: %s",
		 trial->engine->name, trial->n, trial->src_align, (ptrdiff_t)trial->bad_src,
		 trial->dst_align, (ptrdiff_t)trial->bad_dst, done, what);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void check_stop(const struct trial *trial, size_t done, const struct mcsafe_fault *fault,
		       uintptr_t src, uintptr_t dst)
{
	uintptr_t addr = (uintptr_t)fault->addr;

	if (fault->signo != SIGBUS || fault->code != BUS_MCEERR_AR || fault->extent != 4096)
		broken(trial, done, "the record is not those of a machine check");
	if (done > trial->bad_src)
		broken(trial, done, "that is past the bad source byte");
	if (done > trial->bad_dst)
		broken(trial, done, "that is past the bad destination byte");

	if (fault->side == MCSAFE_SIDE_DESTINATION) {
		if (done != trial->bad_dst || addr != dst + trial->bad_dst)
			broken(trial, done, "a bad destination is exact to the byte");
		return;
	}
	if (fault->side != MCSAFE_SIDE_SOURCE)
		broken(trial, done, "neither a load nor a store");
	if (addr != src + trial->bad_src)
		broken(trial, done, "the address is not the bad source byte");
	/* Bad memory begins at a line. Inside a line, all that is read at once may be lost. */
	if (done + larger(MCSAFE__SHORT_BY, trial->engine->is.grain) <= trial->bad_src)
		broken(trial, done, "a whole step short of the bad source byte");
	if ((src + trial->bad_src) % trial->engine->is.grain == 0 && done != trial->bad_src)
		broken(trial, done, "not exact although the bad source byte is aligned");
}

/*
 * After the last byte, an address is bad for an engine only if bad memory can begin there: not in a
 * block of which other bytes must be read (C3).
 */
static bool is_seen(const struct trial *trial, const unsigned char *src)
{
	if (trial->bad_src == NONE)
		return false;
	return trial->bad_src < trial->n ||
	       (uintptr_t)(src + trial->bad_src) % trial->engine->is.chunk == 0;
}

static void run(const struct trial *trial)
{
	unsigned char *src = operands.src + MARGIN + trial->src_align;
	unsigned char *dst = operands.dst + MARGIN + trial->dst_align;
	size_t done;
	struct mcsafe_fault fault;

	memset(operands.dst, ZONE, sizeof(operands.dst));
	memset(dst, FILL, trial->n);
	memcpy(operands.expected, operands.dst, sizeof(operands.dst));

	mcsafe_inject_src(is_seen(trial, src) ? src + trial->bad_src : NULL);
	mcsafe_inject_dst(trial->bad_dst == NONE ? NULL : dst + trial->bad_dst);
	done = trial->n - trial->engine->copy(dst, src, trial->n, &fault);
	mcsafe_inject_src(NULL);
	mcsafe_inject_dst(NULL);

	if (done > trial->n)
		broken(trial, done, "more left than there was");
	if (trial->bad_src >= trial->n && trial->bad_dst >= trial->n) {
		if (done != trial->n)
			broken(trial, done, "nothing is bad");
	} else {
		if (done == trial->n)
			broken(trial, done, "the bad byte was not noticed");
		check_stop(trial, done, &fault, (uintptr_t)src, (uintptr_t)dst);
	}
	memcpy(operands.expected + (dst - operands.dst), src, done);
	if (!same_bytes("destination and red zones", operands.expected, operands.dst,
			sizeof(operands.dst)))
		broken(trial, done, "the bytes are wrong");
}

/* Every pair of addresses for short copies, which hold every phase; one on each side of every
 * address, and a random one, for the rest. */
static void run_with(const struct trial *trial, size_t bad_src)
{
	struct trial now = *trial;
	size_t near[] = {NONE, 0, bad_src - 1, bad_src, bad_src + 1, t_rng_below(&rng, now.n + 1)};
	size_t i;
	int all = trial->n <= 40 || is_full_run();

	now.bad_src = bad_src;
	for (i = 0; i < (all ? trial->n + 2 : T_LENGTH(near)); i++) {
		now.bad_dst = all ? (i == 0 ? NONE : i - 1) : near[i];
		if (now.bad_dst == NONE || now.bad_dst <= trial->n)
			run(&now);
	}
}

static void run_all(const struct engine *engine)
{
	struct trial trial = {.engine = engine};
	size_t i;

	for (trial.n = 0; trial.n <= LENGTH; trial.n = next_length(trial.n)) {
		for (i = 0; i <= trial.n + 1; i++) {
			trial.src_align = t_rng_below(&rng, LINE);
			trial.dst_align = t_rng_below(&rng, LINE);
			run_with(&trial, i == 0 ? NONE : i - 1);
			/* Now the destination gets every address. */
			trial.bad_src = NONE;
			trial.bad_dst = i == 0 ? NONE : i - 1;
			run(&trial);
		}
	}
}

static void test_counts_are_right_with_both_sides_bad(void **unused)
{
	size_t k;

	(void)unused;
	rng = t_rng_start(t_seed(), 0);
	for (k = 0; k < sizeof(operands.src); k++)
		operands.src[k] = source_byte(k);
	for_each_engine(run_all);
}

/* ---- what has a destination only ------------------------------------------------------------ */

static void set(const struct mcsafe__engine *engine, size_t n, size_t align, size_t bad)
{
	unsigned char *dst = operands.dst + MARGIN + align;
	size_t good = bad < n ? bad : n, done;
	size_t step = grain_of_set(engine->set);
	struct mcsafe_fault fault = {0};

	memset(operands.dst, ZONE, sizeof(operands.dst));
	memset(dst, FILL, n);
	memcpy(operands.expected, operands.dst, sizeof(operands.dst));

	mcsafe_inject_dst(bad == NONE ? NULL : dst + bad);
	done = n - mcsafe_memset(dst, 0x175a, n, &fault);
	mcsafe_inject_dst(NULL);

	/*
	 * Words are aligned: a word with the bad byte fails as a whole. Vectors are redone by
	 * bytes.
	 */
	if (done > good ||
	    (done < good && (done + step <= good || (uintptr_t)(dst + good) % step == 0)))
		fail_msg("%s: n %zu at %zu mod 64, bad from %td: %zu bytes set", engine->name, n,
			 align, (ptrdiff_t)bad, done);
	memset(operands.expected + (dst - operands.dst), 0x5a, done);
	if (!same_bytes("destination and red zones", operands.expected, operands.dst,
			sizeof(operands.dst)))
		fail_msg("%s: n %zu at %zu mod 64, bad from %td", engine->name, n, align,
			 (ptrdiff_t)bad);

	assert_int_equal(fault.cause, bad < n ? MCSAFE_CAUSE_POISON : MCSAFE_CAUSE_NONE);
	if (bad < n) {
		assert_int_equal(fault.side, MCSAFE_SIDE_DESTINATION);
		assert_ptr_equal(fault.addr, dst + bad);
	}
}

static void test_memset_counts_right(void **unused)
{
	size_t i, n, bad;

	(void)unused;
	rng = t_rng_start(t_seed(), 0);
	for (i = 0; i < mcsafe__n_engines; i++) {
		const struct mcsafe__engine *engine = &mcsafe__engines[i];

		if (mcsafe_engine_set(engine->name) != 0) {
			print_message("%s: not in this build, or not on this processor\n",
				      engine->name);
			continue;
		}
		for (n = 0; n <= LENGTH; n = next_length(n))
			for (bad = 0; bad <= n + 1; bad++)
				set(engine, n, t_rng_below(&rng, LINE), bad == 0 ? NONE : bad - 1);
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

/* What the loop over lines must do, one line at a time. */
static size_t flushed(uintptr_t addr, size_t n, uintptr_t bad)
{
	uintptr_t line;

	for (line = addr & ~(uintptr_t)(LINE - 1); line < addr + n; line += LINE)
		if (line >= bad)
			return line > addr ? line - addr : 0;
	return n;
}

static void flush(const struct flusher *flusher, size_t n, size_t align)
{
	uintptr_t addr = (uintptr_t)operands.dst + MARGIN + align;
	uintptr_t first = (addr & ~(uintptr_t)(LINE - 1)), bad;

	/* From a line before the first flushed one to a line past the end. */
	for (bad = first; bad <= addr + n + LINE; bad += 1 + t_rng_below(&rng, 9)) {
		struct mcsafe_fault fault;
		size_t expected = flushed(addr, n, bad), done;

		mcsafe_inject_dst((const void *)bad);
		done = n - flusher->flush((const void *)addr, n, &fault);
		mcsafe_inject_dst(NULL);
		if (done != expected)
			fail_msg("%s: n %zu at %zu mod 64, bad from %td: %zu bytes flushed, should "
				 "be %zu",
				 flusher->name, n, align, (ptrdiff_t)(bad - addr), done, expected);
		if (done < n) {
			assert_int_equal(fault.side, MCSAFE_SIDE_DESTINATION);
			assert_int_equal(fault.signo, SIGBUS);
			assert_int_equal((uintptr_t)fault.addr % LINE, 0);
		}
	}
}

static void test_flushes_stop_at_the_bad_byte(void **unused)
{
	size_t i, n;

	(void)unused;
	rng = t_rng_start(t_seed(), 0);
	for (i = 0; i < flusher_count; i++) {
		if (!runs_here(&flushers[i].is)) {
			print_message("%s: this processor cannot run it\n", flushers[i].name);
			continue;
		}
		for (n = 0; n <= LENGTH; n++)
			flush(&flushers[i], n, t_rng_below(&rng, LINE));
	}
}

/* The public copies use the same routines, and fill the caller's record. */
static void test_flushcache_fills_the_record(void **unused)
{
	unsigned char *dst = operands.dst + MARGIN, *src = operands.src + MARGIN;
	struct mcsafe_fault fault;

	(void)unused;
	mcsafe_inject_dst(dst + 100);
	assert_int_equal(mcsafe_memcpy_flushcache(dst, src, 300, &fault), 200);
	mcsafe_inject_dst(NULL);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_POISON);
	assert_int_equal(fault.side, MCSAFE_SIDE_DESTINATION);
	assert_ptr_equal(fault.addr, dst + 100);
	assert_int_equal(fault.extent, 4096);

	mcsafe_inject_src(src + 128);
	assert_int_equal(memcpy_mcsafe(dst, src, 300), 172);
	mcsafe_inject_src(NULL);
	assert_int_equal(mcsafe_memcpy_flushcache(dst, src, 300, &fault), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_are_right_as_the_bad_byte_slides),
		cmocka_unit_test(test_counts_are_right_with_both_sides_bad),
		cmocka_unit_test(test_memset_counts_right),
		cmocka_unit_test(test_flushes_stop_at_the_bad_byte),
		cmocka_unit_test(test_flushcache_fills_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

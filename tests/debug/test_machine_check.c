/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_machine_check.c - one poisoned line, lost with its page at the first load: C5 and C6
 *
 * After that load the page is really lost (mprotect). So a second look is a real fault, and is
 * counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"
#include "copy/debug.h"
#include "engines.h"
#include "rng.h"
#include "sanitizer.h"

#define LINE  ((size_t)64)
#define REACH (T_PAGE + T_PAGE) /* no copy is longer */

/*
 * A block of memory that is lost as one, with good memory on both sides. A region of the kit is bad
 * before the copy begins. This block is lost during the copy, by a load that the build with
 * MCSAFE_DEBUG watches.
 */
struct block {
	unsigned char *good; /* the T_PAGE bytes before it */
	unsigned char *base;
	unsigned lsb;
	const unsigned char *content; /* of all of it, from `good` on */
};

static struct t_rng rng;
static unsigned char *copied; /* destination: REACH + 2 * T_PAGE bytes */
static unsigned char *expected;

static void *map(size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(base, MAP_FAILED);
	return base;
}

static struct block make_block(unsigned lsb)
{
	size_t size = (size_t)1 << lsb, total = T_PAGE + size + REACH, i;
	unsigned char *content = map(total), *area = map(total + size);
	uintptr_t base = ((uintptr_t)area + T_PAGE + size - 1) & ~(size - 1);
	struct block block = {(unsigned char *)base - T_PAGE, (unsigned char *)base, lsb, content};

	for (i = 0; i < total; i++)
		block.good[i] = content[i] = source_byte(i);
	return block;
}

/* Copy n bytes from offset `from` of `block->good`, the line at offset `line` of it poisoned. */
static void consume(const struct engine *engine, const struct block *block, size_t line,
		    size_t from, size_t n)
{
	struct mcsafe__debug_poison poison = {(uintptr_t)block->good + line, block->lsb, 0, 0};
	size_t start = from > line ? from : line;            /* first bad byte of the source */
	size_t good = line + LINE > from ? start - from : n; /* bytes before it */
	unsigned char *dst = copied + T_PAGE + (from * 7) % LINE;
	size_t done, window = REACH + 2 * LINE;
	struct mcsafe_fault fault;

	if (good > n)
		good = n;
	memset(dst - LINE, FILL, window);
	memset(expected, FILL, window);

	mcsafe__debug_poison(&poison);
	done = n - engine->copy(dst, block->good + from, n, &fault);
	mcsafe__debug_poison(NULL);
	if (poison.consumed != 0)
		assert_int_equal(
			mprotect(block->base, (size_t)1 << block->lsb, PROT_READ | PROT_WRITE), 0);

	memcpy(expected + LINE, block->content + from, done <= n ? done : 0);
	if (done > good || (good < n && done + MCSAFE__SHORT_BY <= good) ||
	    (good == n && done != n) || poison.consumed != (good < n) || poison.again != 0 ||
	    !same_bytes("destination", expected, dst - LINE, window))
		fail_msg("%s, lsb %u: line at %zu, copy of %zu bytes from %zu: %zu of %zu good "
			 "bytes copied, poison consumed %u times, touched again %u times",
			 engine->name, block->lsb, line, n, from, done, good, poison.consumed,
			 poison.again);
	if (done == n)
		return;
	assert_int_equal(fault.signo, SIGBUS);
	assert_int_equal(fault.code, BUS_MCEERR_AR);
	assert_int_equal(fault.extent, (size_t)1 << block->lsb);
	assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
	assert_ptr_equal(fault.addr, block->base);
}

/* From every offset from `before` bytes before the line up to the end of the line. */
static void consume_line(const struct engine *engine, const struct block *block, size_t line,
			 size_t before)
{
	size_t from = line > before ? line - before : 0;

	/* A sanitizer sees nothing of a copy, but makes it slow, so there are fewer copies. */
	for (; from < line + LINE + 2; from += T_SANITIZER ? 7 : 1)
		consume(engine, block, line, from, line + LINE - from + 1 + from % 130);
}

static void consume_page(const struct engine *engine)
{
	struct block block = make_block(12);
	size_t line, before;

	/* Every line of the page, from every byte of the page and of the good page before it. */
	for (line = T_PAGE; line < 2 * T_PAGE; line += LINE) {
		before = is_full_run() || line == T_PAGE ? line : 1024;
		consume_line(engine, &block, line, before);
	}
	/* No byte of the line is copied, so it is not touched. */
	for (line = T_PAGE; line < 2 * T_PAGE; line += LINE) {
		consume(engine, &block, line, 0, line);
		consume(engine, &block, line, line + LINE, 200);
	}
}

static void consume_huge_page(const struct engine *engine)
{
	struct block block = make_block(21);
	size_t trials = is_full_run() ? T_HUGE / LINE : 60, i;

	consume_line(engine, &block, T_PAGE, 512);
	consume_line(engine, &block, T_PAGE + T_HUGE - LINE, 512);
	for (i = 0; i < trials; i++) {
		size_t line = is_full_run() ? i : t_rng_below(&rng, T_HUGE / LINE);

		consume_line(engine, &block, T_PAGE + line * LINE, 130);
	}
}

static void setup(void)
{
	rng = t_rng_start(t_seed(), 0);
	copied = map(REACH + 2 * T_PAGE);
	expected = map(REACH + 2 * T_PAGE);
	/* A load that touches the lost page again is counted, and lands. */
	assert_int_equal(mcsafe_install(), 0);
}

static void test_a_lost_page_is_consumed_once(void **unused)
{
	(void)unused;
	setup();
	for_each_engine(consume_page);
}

static void test_a_lost_huge_page_is_consumed_once(void **unused)
{
	(void)unused;
	setup();
	for_each_engine(consume_huge_page);
}

/* Proves the emulation: an engine that breaks C6 is found. */
static void test_second_look_is_counted(void **unused)
{
	struct block block;
	struct mcsafe__debug_poison poison;
	struct mcsafe_fault fault;

	(void)unused;
	setup();
	block = make_block(12);
	poison = (struct mcsafe__debug_poison){(uintptr_t)block.base, 12, 0, 0};
	mcsafe__debug_poison(&poison);
	assert_int_equal(mcsafe__copy_word(copied, block.good, 2 * T_PAGE, &fault), T_PAGE);
	assert_int_equal(fault.signo, SIGBUS);
	assert_int_equal(poison.consumed, 1);
	assert_int_equal(poison.again, 0);
	/* The page is lost. The next access is a real fault. */
	assert_int_equal(mcsafe__copy_word(copied, block.good, 2 * T_PAGE, &fault), T_PAGE);
	assert_int_equal(fault.signo, SIGSEGV);
	assert_int_equal(poison.consumed, 1);
	assert_int_equal(poison.again, 1);
	mcsafe__debug_poison(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lost_page_is_consumed_once),
		cmocka_unit_test(test_a_lost_huge_page_is_consumed_once),
		cmocka_unit_test(test_second_look_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

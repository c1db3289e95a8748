/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_went_away.c - memory that changes between a fault and the second look at it
 *
 * The witness changes the memory in the signal handler, before the library sees the signal. Another
 * thread could do so at that moment, but only with luck.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/copy.h>

#include "copy/route.h"
#include "pattern.h"
#include "run.h"
#include "sweep.h"
#include "tool.h"
#include "witness.h"

#define N 256 /* bytes of each copy in this test */

static struct sweep sweep;

/* Both regions end in two bad pages. */
static void open_regions(const char *src, const char *dst)
{
	memset(&sweep, 0, sizeof(sweep));
	t_install();
	t_state_init(&sweep.state);
	t_region_need(&sweep.src, t_fault_kind(src), 1, 2);
	t_region_need(&sweep.dst, t_fault_kind(dst), 1, 2);
	t_region_fill(&sweep.src, t_data);
	t_region_fill(&sweep.dst, t_fill);
	t_witness_start();
}

static void close_regions(void)
{
	t_witness_stop();
	t_region_close(&sweep.src);
	t_region_close(&sweep.dst);
}

static void allow(const struct t_region *region, size_t pages, int protection)
{
	assert_int_equal(mprotect(region->bad, pages * T_PAGE, protection), 0);
}

/* ---- what happens between fault and second look; AS-Safe ------------------------------------ */

static void open_one_page(void)
{
	mprotect(sweep.dst.bad, T_PAGE, PROT_READ | PROT_WRITE);
}

static void grow_file(void)
{
	if (ftruncate(sweep.dst.fd, sweep.dst.bad_end - sweep.dst.good) != 0)
		_exit(1);
}

static void open_destination_lose_source(void)
{
	open_one_page();
	mprotect(sweep.src.good, T_PAGE, PROT_NONE);
}

static void open_source(void)
{
	mprotect(sweep.src.bad, T_PAGE, PROT_READ);
}

/* Only at the first signal. */
static void (*change)(void);

static void change_once(void)
{
	void (*todo)(void) = change;

	change = NULL;
	if (todo != NULL)
		todo();
}

/* ---- one copy ------------------------------------------------------------------------------ */

struct attempt {
	unsigned char *dst;
	const unsigned char *src;
	size_t n;
	union {
		struct mcsafe_fault fault;
		unsigned char bytes[sizeof(struct mcsafe_fault)];
	} record;
};

static size_t attempt(struct attempt *attempt, const struct t_copy *copy, void (*hook)(void))
{
	uint64_t args[4];
	size_t left;

	memset(&attempt->record, 0xa5, sizeof(attempt->record));
	t_copy_arguments(copy, args, attempt->dst, attempt->src, attempt->n, &attempt->record);
	change = hook;
	t_witness_hook = change_once;
	t_witness.n = 0;
	left = t_state_call(&sweep.state, copy->fn, args[0], args[1], args[2], args[3]);
	t_witness_hook = NULL;
	assert_null(change); /* it has been made */
	assert_int_equal(t_state_damage(&sweep.state), 0);
	return left;
}

static void assert_unwritten(const struct attempt *attempt)
{
	for (size_t i = 0; i < sizeof(attempt->record.bytes); i++)
		assert_int_equal(attempt->record.bytes[i], 0xa5);
}

/*
 * The source begins at a multiple of 64, so that every engine is in the phase of its widest stores.
 * distance: from the destination to its bad page.
 */
static void aim(struct attempt *attempt, ptrdiff_t distance)
{
	attempt->src = sweep.src.good + 512;
	attempt->dst = sweep.dst.bad - distance;
	attempt->n = N;
}

/* ---- tests --------------------------------------------------------------------------------- */

/*
 * Whether the routine stops at a store that failed, even if the cause is gone: REP MOVSB stops at
 * the exact byte, and makes no second look. A copy past the caches tells its caller, who does the
 * rest, as mcsafe_memcpy_flushcache() shows.
 */
static bool stops(const struct t_copy *copy)
{
	static void (*const stop[])(void) = {
#define COPY(name, ...)
#define COPY_NT(name, ...) (void (*)(void)) mcsafe__copy_##name,
#include "asm/engines.def"
		(void (*)(void))mcsafe__copy_erms,
	};

	for (size_t i = 0; i < T_LENGTH(stop); i++)
		if (copy->fn == stop[i])
			return true;
	return false;
}

/* Only copies that make a record, because the record is what is checked. */
static const struct t_copy *next(const struct t_copy *copy)
{
	while ((copy = sweep_next(copy, T_SIDE(MCSAFE_SIDE_SOURCE))) != NULL)
		if (copy->record != T_RECORD_NONE && !stops(copy))
			break;
	return copy;
}

static void try_to_completion(const struct t_copy *copy, void (*hook)(void), void (*undo)(void))
{
	struct attempt it;

	for (ptrdiff_t distance = 0; distance < N; distance++) {
		aim(&it, distance);
		assert_int_equal(attempt(&it, copy, hook), 0);
		assert_int_equal(t_witness.n, 1);
		assert_unwritten(&it);
		assert_memory_equal(it.dst, it.src, N);
		memcpy(sweep.dst.good, sweep.dst.image, T_PAGE);
		undo();
	}
}

static void close_page(void)
{
	memset(sweep.dst.bad, 0xa5, T_PAGE); /* as the region was planted */
	allow(&sweep.dst, 1, PROT_READ);
}

static void shrink_file(void)
{
	assert_int_equal(ftruncate(sweep.dst.fd, sweep.dst.bad - sweep.dst.good), 0);
}

static void test_a_destination_that_becomes_writable_is_completed(void **state)
{
	const struct t_copy *copy = NULL;

	(void)state;
	open_regions("prot_none", "read_only");
	while ((copy = next(copy)) != NULL)
		try_to_completion(copy, open_one_page, close_page);
	close_regions();
}

static void test_a_file_that_grows_again_is_completed(void **state)
{
	const struct t_copy *copy = NULL;

	(void)state;
	open_regions("prot_none", "truncated");
	while ((copy = next(copy)) != NULL)
		try_to_completion(copy, grow_file, shrink_file);
	close_regions();
}

/* The next page is still bad. The copy goes on to it, and reports it. */
static void test_goes_on_to_the_next_bad_page(void **state)
{
	const size_t n = T_PAGE + N;
	const struct t_copy *copy = NULL;

	(void)state;
	open_regions("prot_none", "prot_none");
	allow(&sweep.src, 1, PROT_READ | PROT_WRITE);
	while ((copy = next(copy)) != NULL)
		for (ptrdiff_t distance = 0; distance < 64; distance++) {
			size_t done = T_PAGE + (size_t)distance;
			struct attempt it;

			aim(&it, distance);
			it.n = n;
			assert_int_equal(attempt(&it, copy, open_one_page), n - done);
			assert_memory_equal(it.dst, it.src, done);
			assert_ptr_equal(it.record.fault.addr, sweep.dst.bad + T_PAGE);
			assert_int_equal(it.record.fault.side, MCSAFE_SIDE_DESTINATION);
			memcpy(sweep.dst.good, sweep.dst.image, T_PAGE);
			allow(&sweep.dst, 1, PROT_NONE);
		}
	allow(&sweep.src, 1, PROT_NONE);
	close_regions();
}

/*
 * The source goes away at the same moment. The copy stores what it has loaded from the registers,
 * and loads no byte again. Then it stops at the source.
 */
static void try_without_source(const struct t_copy *copy, ptrdiff_t distance)
{
	struct attempt it;
	size_t done;

	aim(&it, distance);
	done = N - attempt(&it, copy, open_destination_lose_source);
	assert_int_equal(mprotect(sweep.src.good, T_PAGE, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(t_witness.n, 2);
	assert_in_range(done, distance + 1, N - 1);
	assert_memory_equal(it.dst, it.src, done);
	assert_int_equal(it.record.fault.side, MCSAFE_SIDE_SOURCE);
	assert_ptr_equal(it.record.fault.addr, it.src + done);
	for (size_t i = done; i < N; i++)
		assert_int_not_equal(it.dst[i], it.src[i]);
	memcpy(sweep.dst.good, sweep.dst.image, T_PAGE);
	close_page();
}

static void test_what_was_loaded_is_not_loaded_again(void **state)
{
	const struct t_copy *copy = NULL;

	(void)state;
	open_regions("prot_none", "read_only");
	while ((copy = next(copy)) != NULL)
		for (ptrdiff_t distance = 0; distance < 64; distance++)
			try_without_source(copy, distance);
	close_regions();
}

/* A source that failed is not read again, even if it can be read by now. */
static void test_a_source_that_comes_back_is_not_read(void **state)
{
	const struct t_copy *copy = NULL;

	(void)state;
	open_regions("prot_none", "prot_none");
	while ((copy = next(copy)) != NULL)
		for (ptrdiff_t distance = 0; distance < N; distance++) {
			struct attempt it = {
				.src = sweep.src.bad - distance,
				.dst = sweep.dst.good + 512,
				.n = N,
			};

			assert_int_equal(attempt(&it, copy, open_source), N - distance);
			assert_int_equal(t_witness.n, 1);
			allow(&sweep.src, 1, PROT_NONE);
			assert_memory_equal(it.dst, it.src, (size_t)distance);
			memcpy(it.dst, sweep.dst.image + 512, (size_t)distance);
		}
	close_regions(); /* which checks the bytes that must not have been written */
}

/* ---- between copy and write-back ------------------------------------------------------------ */

static size_t lost_from; /* in the destination's good page and the one after it */

static void lose_destination(void)
{
	mprotect(sweep.dst.good + lost_from, T_PAGE, PROT_NONE);
}

/*
 * The copy stops at the source. By then the destination is lost also, all of it or from its second
 * page on. Bytes that cannot be written back do not count.
 */
static void try_lost_destination(size_t before, size_t written, size_t expected)
{
	const struct t_copy copy = {"mcsafe_memcpy_flushcache",
				    (void (*)(void))mcsafe_memcpy_flushcache,
				    T_COPIES,
				    T_RECORD_FAULT,
				    0,
				    {0}};
	struct attempt it = {
		.src = sweep.src.bad - written,
		.dst = sweep.dst.bad - before,
		.n = 2 * N,
	};

	assert_int_equal(attempt(&it, &copy, lose_destination), 2 * N - expected);
	assert_int_equal(it.record.fault.side, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(it.record.fault.cause, MCSAFE_CAUSE_PROTECTED);
	assert_int_equal((uintptr_t)it.record.fault.addr, ((uintptr_t)it.dst + expected) & ~63ul);
}

static void test_a_destination_lost_before_the_write_back_does_not_count(void **state)
{
	(void)state;
	if (t_with_valgrind())
		t_skip("a flush is no access");
	open_regions("prot_none", "read_only");
	allow(&sweep.dst, 1, PROT_READ | PROT_WRITE);
	for (size_t before = 1; before < 130; before++) {
		lost_from = T_PAGE; /* the second page only */
		try_lost_destination(before, before + 70, before);
		allow(&sweep.dst, 1, PROT_READ | PROT_WRITE);

		lost_from = 0; /* the first one, with the line where the destination begins */
		try_lost_destination(before, before + 70, 0);
		assert_int_equal(mprotect(sweep.dst.good, T_PAGE, PROT_READ | PROT_WRITE), 0);
	}
	memcpy(sweep.dst.good, sweep.dst.image, T_PAGE);
	close_page();
	close_regions();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_destination_that_becomes_writable_is_completed),
		cmocka_unit_test(test_a_file_that_grows_again_is_completed),
		cmocka_unit_test(test_goes_on_to_the_next_bad_page),
		cmocka_unit_test(test_what_was_loaded_is_not_loaded_again),
		cmocka_unit_test(test_a_source_that_comes_back_is_not_read),
		cmocka_unit_test(test_a_destination_lost_before_the_write_back_does_not_count),
	};

	return t_run("copy.went_away", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_instructions.c - a lookup at every instruction of a change finds what is bad throughout */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include <mcsafe/badblocks.h>

#include "badblocks/registry.h"
#include "run.h"

#define TRAP ((size_t)1 << 8) /* RFLAGS.TF */

/* Page p is bad for ever if p % 4 is 0, and good for ever if it is 1; what is changed is between. */
#define PAGES ((size_t)1200)

static struct mcsafe_badblocks *badblocks;
static size_t instructions, wrong;
static size_t watched[3];

static void look(int signo)
{
	struct mcsafe_range bad;

	(void)signo;
	instructions++;
	for (size_t i = 0; i < T_LENGTH(watched); i++) {
		size_t page = watched[i] & ~(size_t)3;

		wrong += !mcsafe_badblocks_next(badblocks, page * T_PAGE, (page + 1) * T_PAGE,
						&bad) ||
			 bad.len != T_PAGE;
		wrong += mcsafe_badblocks_next(badblocks, (page + 1) * T_PAGE, (page + 2) * T_PAGE,
					       NULL);
		/* Many pages at once, past the filter. */
		wrong += !mcsafe_badblocks_next(badblocks, (page - 3) * T_PAGE, (page + 4) * T_PAGE,
						&bad) ||
			 bad.start > page * T_PAGE;
	}
}

static void trap(size_t on)
{
	/* The red zone may hold something of ours. */
	__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tandq $-257, (%%rsp)\n\torq %0, (%%rsp)\n\t"
			 "popfq\n\tadd $128, %%rsp"
			 :
			 : "r"(on)
			 : "memory", "cc");
}

/* A change that is looked at from within, with some pages around a place. */
static void change_watching(size_t place,
			    int (*function)(struct mcsafe_badblocks *, size_t, size_t), size_t page,
			    size_t n)
{
	int err;

	watched[0] = place;
	watched[1] = place > 300 ? place - 300 : place + 60;
	watched[2] = PAGES - 8;
	trap(TRAP);
	err = function(badblocks, page * T_PAGE, n * T_PAGE);
	trap(0);
	assert_int_equal(err, 0);
	assert_int_equal(wrong, 0);
}

/* Pages that are neither good nor bad for ever, and those beside them. */
static void change(int (*function)(struct mcsafe_badblocks *, size_t, size_t), size_t page,
		   size_t n)
{
	change_watching(page < PAGES ? page : PAGES / 2, function, page, n);
}

static void begin(void)
{
	struct sigaction action = {.sa_handler = look};

	instructions = wrong = 0;
	assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	for (size_t page = 0; page < PAGES; page += 4)
		assert_int_equal(mcsafe_badblocks_add(badblocks, page * T_PAGE, T_PAGE), 0);
	assert_true(atomic_load(&badblocks->directory)->n >= 2);
}

static void end(size_t least)
{
	signal(SIGTRAP, SIG_DFL);
	print_message("%zu instructions\n", instructions);
	assert_true(instructions > least);
	mcsafe_badblocks_destroy(badblocks);
}

static void test_chunks_are_replaced(void **state)
{
	(void)state;
	begin();
	for (size_t page = 502; page < 518; page += 4) {
		change(mcsafe_badblocks_add, page, 1);
		change(mcsafe_badblocks_clear, page, 1);
		change(mcsafe_badblocks_add, page, 2);
		change(mcsafe_badblocks_clear, page, 2);
	}
	end(10000);
}

static bool is_in_full_chunk(size_t page)
{
	const struct mcsafe__directory *directory = atomic_load(&badblocks->directory);
	size_t part = mcsafe__part_of(directory, page * T_PAGE);

	return atomic_load(&directory->chunks[part])->n == MCSAFE__CHUNK_ROOM;
}

static void test_chunks_are_split_and_joined(void **state)
{
	size_t split = 0, parts;

	(void)state;
	begin();
	for (size_t page = 6; page < PAGES - 20; page += 4) {
		if (is_in_full_chunk(page)) {
			change(mcsafe_badblocks_add, page, 1);
			split++;
		} else {
			assert_int_equal(mcsafe_badblocks_add(badblocks, page * T_PAGE, T_PAGE), 0);
		}
	}
	assert_true(split > 0);
	/* All of a chunk but what is bad for ever goes, and then that, which is not watched. */
	parts = atomic_load(&badblocks->directory)->n;
	for (size_t page = 6; page < PAGES - 20; page += 4)
		assert_int_equal(mcsafe_badblocks_clear(badblocks, page * T_PAGE, T_PAGE), 0);
	for (size_t page = 404; page < 800; page += 4) {
		change_watching(80, mcsafe_badblocks_clear, page, 1);
	}
	assert_true(atomic_load(&badblocks->directory)->n < parts);
	end(10000);
}

static void test_bits_are_set_anew(void **state)
{
	struct mcsafe__filter *filter;
	size_t page = 502;

	(void)state;
	begin();
	filter = atomic_load(&badblocks->filter);
	/* Until the next page makes the filter be looked at again. */
	for (; badblocks->filter_pages < badblocks->filter_limit; page = page == 502 ? 506 : 502) {
		assert_int_equal(mcsafe_badblocks_add(badblocks, page * T_PAGE, T_PAGE), 0);
		assert_int_equal(mcsafe_badblocks_clear(badblocks, page * T_PAGE, T_PAGE), 0);
	}
	change(mcsafe_badblocks_add, page, 1);
	assert_true(badblocks->filter_pages < badblocks->filter_limit);
	/* In place. */
	assert_ptr_equal(atomic_load(&badblocks->filter), filter);
	end(10000);
}

static void test_a_filter_is_replaced(void **state)
{
	struct mcsafe__filter *filter;

	(void)state;
	begin();
	filter = atomic_load(&badblocks->filter);
	for (size_t page = PAGES + 2; atomic_load(&badblocks->filter) == filter; page += 4) {
		if (badblocks->filter_pages >= badblocks->filter_limit)
			change(mcsafe_badblocks_add, page, 1);
		else
			assert_int_equal(mcsafe_badblocks_add(badblocks, page * T_PAGE, T_PAGE), 0);
	}
	end(10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_are_replaced),
		cmocka_unit_test(test_chunks_are_split_and_joined),
		cmocka_unit_test(test_bits_are_set_anew),
		cmocka_unit_test(test_a_filter_is_replaced),
	};

	return t_run("badblocks.instructions", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_init.c - which arguments are refused at the beginning, and what the limits of sizes are */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/mcsafe.h>

#include "run.h"

#define SRC MCSAFE_SIDE_SOURCE
#define DST MCSAFE_SIDE_DESTINATION

static char memory[64];

static void *address(uintptr_t addr)
{
	return (void *)addr;
}

/* A refused iterator is empty: every query works, and there is nothing in it. */
static void assert_empty(struct mcsafe_iter *it)
{
	struct mcsafe_iter other;
	struct mcsafe_iter_state place;
	struct iovec iov;
	char byte = 'x';

	assert_int_equal(mcsafe_iter_count(it), 0);
	assert_int_equal(mcsafe_iter_single_seg_count(it), 0);
	assert_int_equal(mcsafe_iter_nr_segs(it), 0);
	assert_int_equal(mcsafe_iter_npages(it, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_alignment(it), 0);
	assert_int_equal(mcsafe_iter_gap_alignment(it), 0);
	assert_int_equal(mcsafe_iter_to_iovec(it, &iov, 1), 0);
	assert_int_equal(mcsafe_copy_to_iter("a", 1, it, NULL), 0);
	assert_int_equal(mcsafe_copy_from_iter(&byte, 1, it, NULL), 0);
	assert_int_equal(byte, 'x');
	assert_int_equal(mcsafe_iter_zero(1, it, NULL), 0);
	assert_int_equal(mcsafe_iter_error(it), 0);
	assert_int_equal(mcsafe_iter_ubuf(&other, DST, memory, 1), 0);
	assert_int_equal(mcsafe_iter_to_iter(&other, it, 1, NULL), 0);
	assert_int_equal(mcsafe_iter_error(&other), 0);
	assert_int_equal(mcsafe_iter_advance(it, 0), 0);
	assert_int_equal(mcsafe_iter_advance(it, 1), -EINVAL);
	assert_int_equal(mcsafe_iter_revert(it, 0), 0);
	assert_int_equal(mcsafe_iter_revert(it, 1), -EINVAL);
	assert_int_equal(mcsafe_iter_reexpand(it, 0), 0);
	assert_int_equal(mcsafe_iter_reexpand(it, 1), -EINVAL);
	mcsafe_iter_truncate(it, 0);
	mcsafe_iter_save(it, &place);
	assert_int_equal(mcsafe_iter_restore(it, &place), 0);
}

/*
 * The call must return that answer for an iterator full of rubbish, and leave the iterator empty.
 */
#define assert_refused(answer, call) \
 do {                                \
  memset(&it, 0x5a, sizeof(it));     \
  assert_int_equal(call, answer);    \
  assert_empty(&it);                 \
 } while (0)

static void test_a_zeroed_iterator_is_empty(void **state)
{
	struct mcsafe_iter it = {0};

	(void)state;
	assert_empty(&it);
}

static void test_an_invalid_side_is_refused(void **state)
{
	static const enum mcsafe_side sides[] = {MCSAFE_SIDE_NONE, (enum mcsafe_side)3,
						 (enum mcsafe_side)257, (enum mcsafe_side) - 1};
	struct mcsafe_iter it;
	struct iovec iov = {memory, 1};
	struct mcsafe_region region = {memory, 1};
	struct mcsafe_bvec bvec = {&region, 0, 1};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(sides); i++) {
		assert_refused(-EINVAL, mcsafe_iter_ubuf(&it, sides[i], memory, 1));
		assert_refused(-EINVAL, mcsafe_iter_iovec(&it, sides[i], &iov, 1, 1));
		assert_refused(-EINVAL, mcsafe_iter_kvec(&it, sides[i], &iov, 1, 1));
		assert_refused(-EINVAL, mcsafe_iter_bvec(&it, sides[i], &bvec, 1, 1));
		assert_refused(-EINVAL, mcsafe_iter_discard(&it, sides[i], 1));
		assert_refused(-EINVAL, mcsafe_iter_fd(&it, sides[i], 0, 0, 1));
	}
	assert_refused(-EINVAL, mcsafe_iter_discard(&it, SRC, 1));
}

static void test_sizes_above_ssize_max_are_refused(void **state)
{
	struct mcsafe_iter it;
	struct iovec iov[2] = {{memory, (size_t)SSIZE_MAX}, {memory, 1}};
	struct mcsafe_region region = {memory, (size_t)SSIZE_MAX};
	struct mcsafe_bvec bvec[2] = {{&region, 0, (size_t)SSIZE_MAX}, {&region, 0, 1}};

	(void)state;
	assert_refused(-EINVAL, mcsafe_iter_ubuf(&it, DST, memory, (size_t)SSIZE_MAX + 1));
	assert_refused(-EINVAL, mcsafe_iter_discard(&it, DST, (size_t)SSIZE_MAX + 1));
	assert_refused(-EINVAL, mcsafe_iter_fd(&it, DST, 0, -1, (size_t)SSIZE_MAX + 1));
	/* The sum of all lengths counts, whatever part of it is wanted. */
	assert_refused(-EINVAL, mcsafe_iter_iovec(&it, DST, iov, 2, 1));
	assert_refused(-EINVAL, mcsafe_iter_kvec(&it, DST, iov, 2, 1));
	assert_refused(-EINVAL, mcsafe_iter_bvec(&it, DST, bvec, 2, 1));
	iov[1].iov_len = bvec[1].len = 0;
	assert_int_equal(mcsafe_iter_iovec(&it, DST, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_count(&it), SSIZE_MAX);
	assert_int_equal(mcsafe_iter_bvec(&it, DST, bvec, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_count(&it), SSIZE_MAX);
	/* A single length that makes the sum wrap around, such as the -1 of a broken caller. */
	iov[0].iov_base = NULL;
	iov[0].iov_len = SIZE_MAX;
	assert_refused(-EINVAL, mcsafe_iter_iovec(&it, DST, iov, 2, 1));
}

static void test_ranges_that_wrap_are_refused(void **state)
{
	struct mcsafe_iter it;
	struct iovec iov[2] = {{memory, 1}, {address(UINTPTR_MAX - 9), 10}};
	struct mcsafe_region region = {address(UINTPTR_MAX - 9), 10};
	struct mcsafe_bvec bvec = {&region, 0, 1};

	(void)state;
	assert_refused(-EINVAL, mcsafe_iter_ubuf(&it, DST, address(UINTPTR_MAX - 9), 10));
	assert_int_equal(mcsafe_iter_ubuf(&it, DST, address(UINTPTR_MAX - 9), 9), 0);
	assert_refused(-EINVAL, mcsafe_iter_iovec(&it, DST, iov, 2, 1));
	assert_refused(-EINVAL, mcsafe_iter_kvec(&it, SRC, iov, 2, 1));
	assert_refused(-EINVAL, mcsafe_iter_bvec(&it, SRC, &bvec, 1, 1));
	iov[1].iov_len = region.len = 9;
	assert_int_equal(mcsafe_iter_iovec(&it, DST, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_bvec(&it, SRC, &bvec, 1, SIZE_MAX), 0);
}

/*
 * An array of one entry, followed by a page that cannot be read. The entry must not be looked at.
 */
static void *lonely(size_t size)
{
	char *pages =
		mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	return pages + 4096 - size;
}

static void test_impossible_arrays_are_refused(void **state)
{
	struct mcsafe_iter it;
	struct iovec *iov = lonely(sizeof(*iov));
	struct mcsafe_bvec *bvec = lonely(sizeof(*bvec));
	size_t too_many_iov = (size_t)PTRDIFF_MAX / sizeof(*iov) + 1;
	size_t too_many_bvec = (size_t)PTRDIFF_MAX / sizeof(*bvec) + 1;

	(void)state;
	assert_refused(-EINVAL, mcsafe_iter_iovec(&it, DST, NULL, 1, 1));
	assert_refused(-EINVAL, mcsafe_iter_kvec(&it, DST, NULL, 1, 1));
	assert_refused(-EINVAL, mcsafe_iter_bvec(&it, DST, NULL, 1, 1));
	assert_refused(-EINVAL, mcsafe_iter_iovec(&it, DST, iov, too_many_iov, 1));
	assert_refused(-EINVAL, mcsafe_iter_kvec(&it, DST, iov, SIZE_MAX, 1));
	assert_refused(-EINVAL, mcsafe_iter_bvec(&it, DST, bvec, too_many_bvec, 1));
}

/* The list is not refused, but there is nothing in it. */
static void test_no_segments_are_an_empty_iterator(void **state)
{
	struct mcsafe_iter it;
	char byte = 'x';

	(void)state;
	assert_int_equal(mcsafe_iter_iovec(&it, DST, NULL, 0, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_count(&it), 0);
	assert_int_equal(mcsafe_copy_to_iter("a", 1, &it, NULL), 0);
	assert_int_equal(mcsafe_iter_error(&it), 0);
	assert_int_equal(mcsafe_iter_bvec(&it, SRC, NULL, 0, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_count(&it), 0);
	assert_int_equal(mcsafe_copy_from_iter(&byte, 1, &it, NULL), 0);
	assert_int_equal(byte, 'x');
	assert_int_equal(mcsafe_iter_kvec(&it, SRC, NULL, 0, 1), 0);
	assert_int_equal(mcsafe_iter_count(&it), 0);
}

static void test_segments_outside_their_region_are_refused(void **state)
{
	static struct mcsafe_region region = {memory, 16};
	static const struct {
		struct mcsafe_bvec bvec;
		int answer;
	} cases[] = {
		{{&region, 0, 16}, 0},
		{{&region, 15, 1}, 0},
		{{&region, 16, 0}, 0},
		{{NULL, 0, 0}, 0},
		{{NULL, SIZE_MAX, 0}, 0},
		{{NULL, 0, 1}, -EINVAL},
		{{&region, 0, 17}, -EINVAL},
		{{&region, 1, 16}, -EINVAL},
		{{&region, 16, 1}, -EINVAL},
		{{&region, 17, 0}, -EINVAL},
		{{&region, SIZE_MAX, 1}, -EINVAL},
		{{&region, SIZE_MAX, 17}, -EINVAL},
		{{&region, 8, SIZE_MAX}, -EINVAL},
		{{&region, 8, SIZE_MAX - 7}, -EINVAL},
	};
	struct mcsafe_iter it;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct mcsafe_bvec two[2] = {{&region, 0, 1}, cases[i].bvec};

		if (cases[i].answer == 0)
			assert_int_equal(mcsafe_iter_bvec(&it, DST, two, 2, SIZE_MAX), 0);
		else
			assert_refused(cases[i].answer,
				       mcsafe_iter_bvec(&it, DST, two, 2, SIZE_MAX));
	}
}

static void test_bad_descriptors_and_offsets_are_refused(void **state)
{
	struct mcsafe_iter it;
	off_t last = SSIZE_MAX;

	(void)state;
	assert_refused(-EBADF, mcsafe_iter_fd(&it, DST, -1, 0, 1));
	assert_refused(-EINVAL, mcsafe_iter_fd(&it, DST, 0, -2, 1));
	assert_refused(-EINVAL, mcsafe_iter_fd(&it, SRC, 0, last, 1));
	assert_refused(-ESPIPE, mcsafe_iter_fd(&it, SRC, 0, -1, 1));
	assert_int_equal(mcsafe_iter_fd(&it, SRC, 0, last - 1, 1), 0);
	assert_int_equal(mcsafe_iter_fd(&it, DST, 0, -1, (size_t)SSIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_count(&it), SSIZE_MAX);
}

static void test_the_count_is_limited_to_the_segments(void **state)
{
	struct mcsafe_iter it;
	struct iovec iov[3] = {{memory, 5}, {NULL, 0}, {memory + 5, 7}};
	static const size_t counts[] = {0, 1, 5, 6, 11, 12, 13, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(counts); i++) {
		size_t want = counts[i] < 12 ? counts[i] : 12;

		assert_int_equal(mcsafe_iter_iovec(&it, DST, iov, 3, counts[i]), 0);
		assert_int_equal(mcsafe_iter_count(&it), want);
		/*
		 * The iterator can grow by the bytes that the count left out, because they are in
		 * the segments.
		 */
		assert_int_equal(mcsafe_iter_reexpand(&it, 13), -EINVAL);
		assert_int_equal(mcsafe_iter_count(&it), want);
		assert_int_equal(mcsafe_iter_reexpand(&it, 12), 0);
		assert_int_equal(mcsafe_iter_count(&it), 12);
	}
}

static void test_huge_iterators_move_at_once(void **state)
{
	struct mcsafe_iter it;
	size_t huge = (size_t)SSIZE_MAX;
	struct mcsafe_fault fault;

	(void)state;
	t_install();
	assert_int_equal(mcsafe_iter_discard(&it, DST, huge), 0);
	assert_int_equal(mcsafe_copy_to_iter(NULL, SIZE_MAX, &it, &fault), huge);
	assert_int_equal(mcsafe_iter_count(&it), 0);
	assert_int_equal(mcsafe_iter_revert(&it, huge), 0);
	assert_int_equal(mcsafe_iter_zero(huge - 1, &it, &fault), huge - 1);
	assert_int_equal(mcsafe_iter_count(&it), 1);
	/* Nothing is accessed, so no address is wrong. */
	assert_int_equal(mcsafe_iter_revert(&it, 100), 0);
	assert_int_equal(mcsafe_copy_to_iter(address(UINTPTR_MAX), 100, &it, &fault), 100);

	assert_int_equal(mcsafe_iter_ubuf(&it, DST, NULL, huge), 0);
	assert_int_equal(mcsafe_iter_npages(&it, SIZE_MAX), huge / 4096 + 1);
	assert_int_equal(mcsafe_iter_advance(&it, huge - 1), 0);
	assert_int_equal(mcsafe_iter_revert(&it, huge - 1), 0);
	assert_int_equal(mcsafe_copy_to_iter(memory, 1, &it, &fault), 0);
	assert_int_equal(fault.side, DST);
	assert_null(fault.addr);
	assert_int_equal(mcsafe_iter_error(&it), -EFAULT);
	assert_int_equal(mcsafe_iter_count(&it), huge);
}

/*
 * One iterator is right and the other is wrong, or one is both: nothing moves, and both report the
 * error.
 */
static void assert_not_copied(struct mcsafe_iter *dst, struct mcsafe_iter *src)
{
	struct mcsafe_fault fault = {0};

	assert_int_equal(mcsafe_iter_to_iter(dst, src, 1, &fault), 0);
	assert_int_equal(mcsafe_iter_error(dst), -EINVAL);
	assert_int_equal(mcsafe_iter_error(src), -EINVAL);
	assert_int_equal(mcsafe_iter_count(dst), 8);
	assert_int_equal(mcsafe_iter_count(src), 8);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
}

static void test_the_wrong_side_is_refused(void **state)
{
	struct mcsafe_iter to, also_to, from, also_from;
	char bytes[17] = "abcdefghABCDEFGH";

	(void)state;
	assert_int_equal(mcsafe_iter_ubuf(&to, DST, bytes, 8), 0);
	assert_int_equal(mcsafe_iter_ubuf(&also_to, DST, bytes + 8, 8), 0);
	assert_int_equal(mcsafe_iter_ubuf(&from, SRC, bytes, 8), 0);
	assert_int_equal(mcsafe_iter_ubuf(&also_from, SRC, bytes + 8, 8), 0);
	assert_not_copied(&to, &also_to);
	assert_not_copied(&from, &also_from);
	assert_not_copied(&from, &to);
	assert_not_copied(&to, &to);
	assert_not_copied(&from, &from);
	assert_memory_equal(bytes, "abcdefghABCDEFGH", 16);
	/* The error is that of the latest copy: a copy that succeeds clears it. */
	assert_int_equal(mcsafe_iter_to_iter(&to, &also_from, 1, NULL), 1);
	assert_int_equal(mcsafe_iter_error(&to), 0);
	assert_int_equal(mcsafe_iter_error(&also_from), 0);
	assert_int_equal(bytes[0], 'A');
}

static void test_a_state_of_something_else_is_refused(void **state)
{
	struct mcsafe_iter a, b;
	struct mcsafe_iter_state of_a;
	struct iovec iov[3] = {{memory, 4}, {memory, 4}, {NULL, 0}}, other[2] = {iov[0], iov[1]};

	(void)state;
	assert_int_equal(mcsafe_iter_iovec(&a, DST, iov, 2, SIZE_MAX), 0);
	mcsafe_iter_save(&a, &of_a);
	assert_int_equal(mcsafe_iter_advance(&a, 6), 0);
	assert_int_equal(mcsafe_iter_iovec(&b, DST, iov, 1, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	assert_int_equal(mcsafe_iter_count(&b), 4);
	assert_int_equal(mcsafe_iter_ubuf(&b, DST, memory, 8), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	assert_int_equal(mcsafe_iter_kvec(&b, DST, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	assert_int_equal(mcsafe_iter_iovec(&b, SRC, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	assert_int_equal(mcsafe_iter_iovec(&b, DST, other, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	iov[0].iov_len = 3;
	assert_int_equal(mcsafe_iter_iovec(&b, DST, iov, 2, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	iov[0].iov_len = 4;
	assert_int_equal(mcsafe_iter_iovec(&b, DST, iov, 3, SIZE_MAX), 0);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);

	b = a;
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), 0);
	assert_int_equal(mcsafe_iter_count(&b), 8);
	assert_int_equal(mcsafe_iter_count(&a), 2);

	assert_int_equal(mcsafe_iter_fd(&a, DST, 1, 0, 8), 0);
	assert_int_equal(mcsafe_iter_fd(&b, DST, 2, 0, 8), 0);
	mcsafe_iter_save(&a, &of_a);
	assert_int_equal(mcsafe_iter_restore(&b, &of_a), -EINVAL);
	assert_int_equal(mcsafe_iter_restore(&a, &of_a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_zeroed_iterator_is_empty),
		cmocka_unit_test(test_an_invalid_side_is_refused),
		cmocka_unit_test(test_sizes_above_ssize_max_are_refused),
		cmocka_unit_test(test_ranges_that_wrap_are_refused),
		cmocka_unit_test(test_impossible_arrays_are_refused),
		cmocka_unit_test(test_no_segments_are_an_empty_iterator),
		cmocka_unit_test(test_segments_outside_their_region_are_refused),
		cmocka_unit_test(test_bad_descriptors_and_offsets_are_refused),
		cmocka_unit_test(test_the_count_is_limited_to_the_segments),
		cmocka_unit_test(test_huge_iterators_move_at_once),
		cmocka_unit_test(test_the_wrong_side_is_refused),
		cmocka_unit_test(test_a_state_of_something_else_is_refused),
	};

	return t_run("iter.init", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_notice.c - notices of lost memory go to the registries of the mappings that they are about */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <mcsafe/badblocks.h>
#include <mcsafe/inject.h>
#include <mcsafe/notice.h>

#include "oracle.h"
#include "run.h"
#include "tool.h"

#define BASE ((uintptr_t)0x500000000000)
#define SIZE ((size_t)1 << 22)

static struct mcsafe_notice notice_of(uintptr_t addr, size_t extent)
{
	struct mcsafe_notice notice = {.addr = (void *)addr, .extent = extent};

	return notice;
}

/* Offer a notice to an empty registry of [base, base + len); expect start and len, or nothing. */
static void offer(uintptr_t addr, size_t extent, uintptr_t base, size_t len, size_t bad_start,
		  size_t bad_len)
{
	struct mcsafe_notice notice = notice_of(addr, extent);
	struct mcsafe_badblocks *badblocks;
	struct mcsafe_range bad;

	assert_int_equal(mcsafe_badblocks_create(&badblocks), 0);
	assert_int_equal(mcsafe_badblocks_notice(badblocks, &notice, (void *)base, len),
			 bad_len != 0);
	assert_int_equal(mcsafe_badblocks_bytes(badblocks), bad_len);
	if (bad_len != 0) {
		assert_true(mcsafe_badblocks_next(badblocks, 0, SIZE_MAX, &bad));
		assert_int_equal(bad.start, bad_start);
		assert_int_equal(bad.len, bad_len);
	}
	mcsafe_badblocks_destroy(badblocks);
}

static void test_blocks_are_clipped_to_the_mapping(void **state)
{
	(void)state;
	offer(BASE + 5 * 4096, 4096, BASE, SIZE, 5 * 4096, 4096);
	offer(BASE + 5 * 4096 + 777, 4096, BASE, SIZE, 5 * 4096, 4096);
	offer(BASE + 5 * 4096 + 777, 0, BASE, SIZE, 5 * 4096, 4096);
	offer(BASE + 130, 64, BASE, SIZE, 128, 64);
	/* Of a huge page the mapping has the second half, or the first, or a part in between. */
	offer(BASE, T_HUGE, BASE + T_HUGE / 2, SIZE, 0, T_HUGE / 2);
	offer(BASE + SIZE - 1, T_HUGE, BASE, SIZE - 4096, T_HUGE, T_HUGE - 4096);
	offer(BASE + 4096, T_HUGE, BASE + 8192, 4096, 0, 4096);
	/* Beside it. */
	offer(BASE - 1, 4096, BASE, SIZE, 0, 0);
	offer(BASE + SIZE, 4096, BASE, SIZE, 0, 0);
	offer(BASE, 4096, BASE, 0, 0, 0);
	/* The ends of all addresses. */
	offer(0, 4096, 0, SIZE_MAX, 0, 4096);
	offer(UINTPTR_MAX, 4096, UINTPTR_MAX - 8191, 8192, 4096, 4096);
	offer(UINTPTR_MAX, 1, 1, SIZE_MAX, SIZE_MAX - 1, 1);
}

static void test_a_notice_of_the_queue_is_taken(void **state)
{
	static unsigned char memory[16 * 4096] __attribute__((aligned(4096)));
	struct mcsafe_badblocks *ours, *other;
	struct mcsafe_notice notice;
	struct mcsafe_range bad;

	(void)state;
	if (t_with_valgrind())
		t_skip("a queued SIGBUS ends it");
	/* A notice goes on to the handler that was there, and CMocka's ends the test. */
	assert_true(signal(SIGBUS, SIG_DFL) != SIG_ERR);
	t_install();
	assert_int_equal(mcsafe_badblocks_create(&ours), 0);
	assert_int_equal(mcsafe_badblocks_create(&other), 0);
	assert_int_equal(mcsafe_on_notice(NULL, NULL), 0);
	assert_int_equal(mcsafe_inject_notice(memory + 3 * 4096, 4096), 0);
	assert_int_equal(mcsafe_notice_read(&notice, 1, NULL), 1);
	assert_int_equal(mcsafe_badblocks_notice(other, &notice, memory + 8 * 4096, 4096), 0);
	assert_int_equal(mcsafe_badblocks_notice(ours, &notice, memory, sizeof(memory)), 1);
	assert_true(mcsafe_badblocks_next(ours, 0, sizeof(memory), &bad));
	assert_int_equal(bad.start, 3 * 4096);
	assert_int_equal(bad.len, 4096);
	assert_int_equal(mcsafe_badblocks_count(other), 0);
	mcsafe_badblocks_destroy(ours);
	mcsafe_badblocks_destroy(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_clipped_to_the_mapping),
		cmocka_unit_test(test_a_notice_of_the_queue_is_taken),
	};

	return t_run("badblocks.notice", tests, T_LENGTH(tests));
}

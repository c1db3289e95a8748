/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: all is changed, or nothing is */
#include <mcsafe/handler.h>
#include <mcsafe/notice.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "child.h"
#include "leaks.h"
#include "refusal.h"
#include "run.h"
#include "tool.h"

/* EBUSY: whose handler is live is not known. ENOMEM: the record of a thread cannot be kept. */
static const int others[] = {-EBUSY, -ENOMEM, 0};

static const int signals[] = {SIGBUS, SIGSEGV};
static struct sigaction before[2];

static void look(void)
{
	for (size_t i = 0; i < 2; i++)
		before[i] = t_get_action(signals[i]);
}

static void expect_as_before(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct sigaction now = t_get_action(signals[i]);

		assert_true(t_same_action(&now, &before[i]));
	}
}

static void give_back(int result, const char *refused)
{
	(void)refused;
	assert_int_equal(mcsafe_installed(), result == 0);
	if (result == 0)
		assert_int_equal(mcsafe_uninstall(), 0);
	expect_as_before();
}

static void test_installing(void **state)
{
	const struct t_attempt attempt = {"install", look, mcsafe_install, give_back};

	(void)state;
	assert_int_equal(mcsafe_uninstall(), 0);
	/* For each of two signals: what is live, ours, and what is live then. */
	assert_true(t_refuse_each(&attempt, EPERM, others) >= 6);
}

static void install(void)
{
	look();
	assert_int_equal(mcsafe_install(), 0);
}

static void expect_all_or_nothing(int result, const char *refused)
{
	(void)refused;
	assert_int_equal(mcsafe_installed(), result != 0);
	if (result != 0)
		assert_int_equal(mcsafe_uninstall(), 0);
	expect_as_before();
}

static void test_uninstalling(void **state)
{
	const struct t_attempt attempt = {"uninstall", install, mcsafe_uninstall,
					  expect_all_or_nothing};

	(void)state;
	assert_true(t_refuse_each(&attempt, EPERM, others) >= 6);
}

static void test_asking(void **state)
{
	(void)state;
	/* Not t_install(), which may prepare the thread. */
	assert_int_equal(mcsafe_install(), 0);
	/* What is not known to be ours is not. */
	for (unsigned nth = 1; nth <= 2; nth++) {
		t_refuse(nth, EPERM);
		assert_int_equal(mcsafe_installed(), 0);
		assert_non_null(t_refuse_no_more());
	}
	assert_int_equal(mcsafe_installed(), 1);
	assert_int_equal(mcsafe_uninstall(), 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void disable_stack(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	assert_int_equal(sigaltstack(&none, NULL), 0);
}

static void release(int result, const char *refused)
{
	stack_t live;

	(void)refused;
	if (result == 0)
		assert_int_equal(mcsafe_thread_release(), 0);
	assert_int_equal(mcsafe_thread_release(), -EINVAL);
	assert_int_equal(sigaltstack(NULL, &live), 0);
	assert_int_equal(live.ss_flags, SS_DISABLE);
}

static void test_preparing_a_thread(void **state)
{
	const struct t_attempt attempt = {"prepare", disable_stack, mcsafe_thread_prepare, release};

	(void)state;
	assert_true(t_refuse_each(&attempt, ENOMEM, others) >= 5);
	/* The stack stays as long as the kernel may use it. */
	assert_int_equal(mcsafe_thread_prepare(), 0);
	for (unsigned nth = 1; nth <= 2; nth++) {
		t_refuse(nth, EPERM);
		assert_int_equal(mcsafe_thread_release(), -EBUSY);
		assert_string_equal(t_refuse_no_more(), "sigaltstack");
	}
	assert_int_equal(mcsafe_thread_check(), 0);
	release(0, NULL);
	t_refuse(1, EPERM);
	assert_int_equal(mcsafe_thread_check(), MCSAFE_THREAD_NO_STACK);
	assert_string_equal(t_refuse_no_more(), "sigaltstack");
}

/* Without a key there is no place for the record, then as later. */
IN_CHILD(test_a_key_that_could_not_be_made)
{
	size_t mappings = t_count_mappings();

	t_refuse(1, EAGAIN);
	CHECK_EQ(mcsafe_thread_prepare(), -ENOMEM);
	CHECK_STR_EQ(t_refuse_no_more(), "pthread_key_create");
	CHECK_EQ(mcsafe_thread_prepare(), -ENOMEM);
	CHECK_EQ(mcsafe_thread_release(), -EINVAL);
	/* valgrind makes mappings of its own. */
	if (!t_with_valgrind())
		CHECK_EQ(t_count_mappings(), mappings);
}

static void *end_with_refusal(void *nth)
{
	disable_stack();
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	t_refuse_only("sigaltstack", *(unsigned *)nth, EPERM);
	return NULL;
}

/* The kernel refuses to take a stack away on which the thread runs. Then it stays mapped. */
static void test_a_stack_that_cannot_be_taken_away_stays(void **state)
{
	size_t before_all, after;
	pthread_t thread;
	unsigned nth = 3; /* nothing is refused */

	(void)state;
	/* The first thread makes glibc map a stack that it keeps. */
	assert_int_equal(pthread_create(&thread, NULL, end_with_refusal, &nth), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	before_all = t_count_mappings();
	for (nth = 1; nth <= 2; nth++) {
		assert_int_equal(pthread_create(&thread, NULL, end_with_refusal, &nth), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		after = t_count_mappings();
		if (t_with_valgrind())
			continue;
		if (nth == 1 || T_SANITIZER)
			assert_int_equal(after, before_all);
		else
			assert_true(after > before_all);
	}
}

/* ---- notices --------------------------------------------------------------------------------- */

static int want_notices(void)
{
	return mcsafe_notice_thread(1);
}

static int want_none(void)
{
	return mcsafe_notice_thread(0);
}

static void want_again(void)
{
	assert_int_equal(want_notices(), 0);
}

static void leave(int result, const char *refused)
{
	(void)result;
	(void)refused;
	assert_int_equal(want_none(), 0);
}

static void test_asking_for_notices(void **state)
{
	const struct t_attempt wanting = {"notice_thread(1)", NULL, want_notices, leave};
	const struct t_attempt leaving = {"notice_thread(0)", want_again, want_none, leave};

	(void)state;
	if (want_notices() != 0)
		t_skip("the kernel does not let a thread ask for notices");
	assert_int_equal(want_none(), 0);
	assert_int_equal(t_refuse_each(&wanting, EPERM, others), 2);
	assert_int_equal(t_refuse_each(&leaving, EPERM, others), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_installing),
		cmocka_unit_test(test_uninstalling),
		cmocka_unit_test(test_asking),
		cmocka_unit_test(test_a_key_that_could_not_be_made),
		cmocka_unit_test(test_preparing_a_thread),
		cmocka_unit_test(test_a_stack_that_cannot_be_taken_away_stays),
		cmocka_unit_test(test_asking_for_notices),
	};

	return t_run("handler.refused", tests, T_LENGTH(tests));
}

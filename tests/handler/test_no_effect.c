/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_no_effect.c - a sigaction(2) that sets nothing and says 0, as a sanitizer's with
 * handle_segv=2
 *
 * Linked with --wrap=sigaction: every sigaction(2) of libmcsafe comes through here.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "child.h"

int __real_sigaction(int signo, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old);

static int kept; /* the signal whose action cannot be changed */

int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
	return __real_sigaction(signo, signo == kept ? NULL : action, old);
}

static void host(int signo)
{
	(void)signo;
}

static void check(void *arg)
{
	struct sigaction before[2], after;

	t_set_plain(SIGBUS, host, SA_RESTART);
	before[0] = t_get_action(SIGBUS);
	before[1] = t_get_action(SIGSEGV);
	kept = *(const int *)arg;
	CHECK_EQ(mcsafe_install(), -EPERM);
	CHECK_EQ(mcsafe_installed(), 0);
	kept = 0;
	/* All or nothing. */
	after = t_get_action(SIGBUS);
	CHECK(t_same_action(&after, &before[0]));
	after = t_get_action(SIGSEGV);
	CHECK(t_same_action(&after, &before[1]));
	/* Nothing of it is left. */
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(mcsafe_uninstall(), 0);
	after = t_get_action(SIGBUS);
	CHECK(t_same_action(&after, &before[0]));
}

static void test_install_does_not_say_that_it_has_installed(void **state)
{
	(void)state;
	t_survives(check, (&(int){SIGBUS}));
	t_survives(check, (&(int){SIGSEGV}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_install_does_not_say_that_it_has_installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

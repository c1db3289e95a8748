/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - start a test program, begin a test, skip one visibly */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/handler.h>

#include "tool.h"

#define EXIT_SKIPPED 77

static unsigned skipped;

int t_run(const char *group, const struct CMUnitTest *tests, size_t n)
{
	/* Line by line, so that nothing is lost in a buffer when the process dies. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (_cmocka_run_group_tests(group, tests, n, NULL, NULL) != 0)
		return EXIT_FAILURE;
	return skipped != 0 ? EXIT_SKIPPED : EXIT_SUCCESS;
}

void t_skip(const char *format, ...)
{
	const char *no_skip = getenv("MCSAFE_NO_SKIP");
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	/* Only this tool cannot do it. The same test runs without the tool. */
	if (t_with_valgrind()) {
		print_message("left out with valgrind: %s\n", reason);
		skip();
	}
	if (no_skip != NULL && strcmp(no_skip, "1") == 0)
		fail_msg("may not be skipped (MCSAFE_NO_SKIP=1): %s", reason);
	print_message("skipped: %s\n", reason);
	skipped++;
	skip();
	abort(); /* CMocka's skip() does not return, but is not declared so */
}

void t_install(void)
{
	assert_int_equal(mcsafe_install(), 0);
	assert_int_equal(mcsafe_installed(), 1);
	/* Valgrind cannot grow a stack for the frame of a signal. */
	if (t_with_valgrind())
		assert_int_equal(mcsafe_thread_prepare(), 0);
}

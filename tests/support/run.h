/* SPDX-License-Identifier: BSD-3-Clause */
/* run.h - start a test program, begin a test, skip one visibly */
#ifndef MCSAFE_TESTS_RUN_H
#define MCSAFE_TESTS_RUN_H

#include "basics.h"
#include "cmocka_all.h"

/*
 * Runs the tests; the exit status of the program: 0, 1 when a test failed, 77 when none failed and
 * one was skipped.
 */
int t_run(const char *group, const struct CMUnitTest *tests, size_t n);

/* Ends the running test as skipped, and says why. A failure if MCSAFE_NO_SKIP is set to 1, but for
 * valgrind, which cannot do all that the kernel can. */
_Noreturn void t_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Installs libmcsafe and asserts that its handler is the live one. To be called in the test's
 * body: CMocka exchanges the handlers of SIGSEGV and SIGBUS before each test and after it.
 */
void t_install(void);

#endif /* MCSAFE_TESTS_RUN_H */

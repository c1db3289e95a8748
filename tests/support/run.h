/* SPDX-License-Identifier: BSD-3-Clause */
/* run.h - start a test program, begin a test, skip one visibly */
#ifndef MCSAFE_TESTS_RUN_H
#define MCSAFE_TESTS_RUN_H

#include "basics.h"
#include "cmocka_all.h"

/*
 * Runs the tests. Returns the exit status for the program: 0, 1 if a test failed, 77 if none failed
 * and one was skipped.
 */
int t_run(const char *group, const struct CMUnitTest *tests, size_t n);

/*
 * Says why, and ends the running test as skipped. If MCSAFE_NO_SKIP is 1, this is a failure, except
 * under valgrind, which cannot do all that the kernel can.
 */
_Noreturn void t_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Installs libmcsafe and asserts that its handler is the live one. Call it in the body of the test:
 * CMocka replaces the handlers of SIGSEGV and SIGBUS before each test and after it.
 */
void t_install(void);

#endif /* MCSAFE_TESTS_RUN_H */

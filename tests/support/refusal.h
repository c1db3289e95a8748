/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * refusal.h - let one call of libc fail that the library makes, and each of them in turn
 *
 * A test that is linked with mcsafe_test_refusal (CMake) leads these calls of the library, and its
 * own, through this kit (--wrap).
 */
#ifndef MCSAFE_TESTS_REFUSAL_H
#define MCSAFE_TESTS_REFUSAL_H

#include <stdbool.h>

/*
 * Let the nth call, counting from 1, of any of the functions fail with an errno value, in this
 * thread. The calls before it and after it do what they always do.
 */
void t_refuse(unsigned nth, int error);

/* The same for the calls of one function. A thread that ends is an example: a sanitizer's own code
 * makes calls in it too. */
void t_refuse_only(const char *name, unsigned nth, int error);

/* No call fails any more. Returns the name of the function that has failed, or NULL. */
const char *t_refuse_no_more(void);

/* For a test that replaces one of the functions by its own: whether this call of it must fail.
 * errno is set then. */
bool t_is_refused(const char *name);

/* What is tried. All of it is in one attempt, so that each attempt begins in the same state. */
struct t_attempt {
	const char *name;
	void (*prepare)(void); /* or NULL; nothing fails in it */
	int (*run)(void);      /* 0 or -errno */
	/* Look at the outcome, and undo what the other two have done. `refused` is the function
	 * that failed, or NULL. Or NULL: there is nothing to undo. */
	void (*finish)(int result, const char *refused);
};

/*
 * Run an attempt with its 1st call refused, then its 2nd, and so on, until none is left to refuse.
 * Each attempt must end with 0 or the refused call's -errno, or with one of the values of `others`,
 * which ends with 0. No mapping and no descriptor may be left. An attempt without a refusal must
 * end with 0. Returns the number of calls that were refused.
 */
unsigned t_refuse_each(const struct t_attempt *attempt, int error, const int *others);

#endif /* MCSAFE_TESTS_REFUSAL_H */

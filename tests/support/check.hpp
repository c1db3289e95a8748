/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.hpp - CHECK() for programs in C++, which do not use CMocka: its header is not for C++
 *
 * As check.h has it for C, but the test goes on after a failure. A program includes this file once,
 * and exits with status `failures != 0`.
 */
#ifndef MCSAFE_TESTS_CHECK_HPP
#define MCSAFE_TESTS_CHECK_HPP

#include <cstdio>
#include <iostream>

#if defined(__has_feature)
# if __has_feature(memory_sanitizer)
#  define MEMORY_SANITIZER 1
#  include <sanitizer/msan_interface.h>
# endif
#endif
#ifndef MEMORY_SANITIZER
# define MEMORY_SANITIZER 0
#endif

static int failures;

#define CHECK(condition)                                                                   \
 ((condition) ? (void)0                                                                    \
	      : (void)(failures++, std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
						__LINE__, #condition)))
#define CHECK_EQ(a, b) check_equal((a), (b), #a, #b, __FILE__, __LINE__)

template <typename Left, typename Right>
static void check_equal(const Left &left, const Right &right, const char *left_text,
			const char *right_text, const char *file, int line)
{
	if (left == right)
		return;
	failures++;
	std::cerr << file << ':' << line << ": not true: " << left_text << " == " << right_text
		  << "; the left side is " << left << ", the right side is " << right << '\n';
}

#endif /* MCSAFE_TESTS_CHECK_HPP */

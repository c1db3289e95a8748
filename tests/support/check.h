/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.h - checks for child processes
 *
 * A child cannot use CMocka's assertions: when one fails, CMocka goes on with the next test in the
 * child. A check that fails here prints what was compared, with both values and errno, and the
 * process exits with status 1. A check that holds calls no function, so that it can be used in
 * signal handlers, on small stacks and in guarded bodies.
 *
 * CHECK_EQ, _NE, _LT, _LE, _GT, _GE   integers and enumerators, of any type on each side; they are
 *                                     compared as numbers: -1 is less than any unsigned value
 * CHECK_PTR_EQ, _NE                   pointers, to functions also
 * CHECK_STR_EQ                        strings
 * CHECK_MEM_EQ                        n bytes
 * CHECK                               what is true or false, and is not a comparison
 * UNREACHED                           a place that must not be reached
 *
 * Each argument is evaluated once.
 */
#ifndef MCSAFE_TESTS_CHECK_H
#define MCSAFE_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CHECK(condition) ((condition) ? (void)0 : t_check_failed(#condition, __FILE__, __LINE__))
#define UNREACHED(what)  t_check_failed(what, __FILE__, __LINE__)

#define CHECK_EQ(a, b) T_CHECK_NUMBERS(a, b, T_SAME, #a, "==", #b)
#define CHECK_NE(a, b) T_CHECK_NUMBERS(a, b, !T_SAME, #a, "!=", #b)
#define CHECK_LT(a, b) T_CHECK_NUMBERS(a, b, T_LESS, #a, "<", #b)
#define CHECK_GE(a, b) T_CHECK_NUMBERS(a, b, !T_LESS, #a, ">=", #b)
#define CHECK_LE(a, b) T_CHECK_NUMBERS(a, b, !T_MORE, #a, "<=", #b)
#define CHECK_GT(a, b) T_CHECK_NUMBERS(a, b, T_MORE, #a, ">", #b)

#define CHECK_PTR_EQ(a, b) T_CHECK_POINTERS(a, b, ==, #a, "==", #b)
#define CHECK_PTR_NE(a, b) T_CHECK_POINTERS(a, b, !=, #a, "!=", #b)

#define CHECK_STR_EQ(a, b)                                                                    \
 do {                                                                                         \
  const char *t_a_ = (a), *t_b_ = (b);                                                        \
  if (strcmp(t_a_, t_b_) != 0)                                                                \
   t_check_strings_failed((struct t_compared){#a, "==", #b, __FILE__, __LINE__}, t_a_, t_b_); \
 } while (0)

#define CHECK_MEM_EQ(a, b, n)                                                                     \
 do {                                                                                             \
  const void *t_a_ = (a), *t_b_ = (b);                                                            \
  size_t t_n_ = (n);                                                                              \
  if (memcmp(t_a_, t_b_, t_n_) != 0)                                                              \
   t_check_bytes_failed((struct t_compared){#a, "==", #b, __FILE__, __LINE__}, t_a_, t_b_, t_n_); \
 } while (0)

/* ---- what the macros are made of ---------------------------------------------------------- */

struct t_compared {
	const char *left, *relation, *right;
	const char *file;
	int line;
};

/* Of an integer: all its bits, sign-extended, and whether it is below 0. */
struct t_number {
	uintmax_t bits;
	bool negative;
};

/* What is no integer has no entry here: it does not compile. */
#define T_IS_SIGNED(x)                                                                           \
 _Generic((x), bool : 0, char : 1, signed char : 1, unsigned char : 0, short : 1,                \
	  unsigned short : 0, int : 1, unsigned : 0, long : 1, unsigned long : 0, long long : 1, \
	  unsigned long long : 0)
#define T_SIGN_BIT(bits) ((bits) >> (sizeof(uintmax_t) * 8 - 1))
#define T_NUMBER(x)                                            \
 {                                                             \
  (uintmax_t)(x), T_IS_SIGNED(x) && T_SIGN_BIT((uintmax_t)(x)) \
 }

/* Two's complement keeps the order of two negative numbers. */
#define T_SAME(a, b) ((a).bits == (b).bits && (a).negative == (b).negative)
#define T_LESS(a, b) ((a).negative != (b).negative ? (a).negative : (a).bits < (b).bits)
#define T_MORE(a, b) T_LESS(b, a)

#define T_CHECK_NUMBERS(a, b, holds, left, relation, right)                                        \
 do {                                                                                              \
  __extension__ __auto_type t_a_ = (a);                                                            \
  __extension__ __auto_type t_b_ = (b);                                                            \
  const struct t_number t_left_ = T_NUMBER(t_a_), t_right_ = T_NUMBER(t_b_);                       \
  if (!(holds(t_left_, t_right_)))                                                                 \
   t_check_numbers_failed((struct t_compared){left, relation, right, __FILE__, __LINE__}, t_left_, \
			  t_right_);                                                               \
 } while (0)

#define T_CHECK_POINTERS(a, b, holds, left, relation, right)                               \
 do {                                                                                      \
  __extension__ __auto_type t_a_ = (a);                                                    \
  __extension__ __auto_type t_b_ = (b);                                                    \
  if (!(t_a_ holds t_b_))                                                                  \
   t_check_pointers_failed((struct t_compared){left, relation, right, __FILE__, __LINE__}, \
			   (uintptr_t)t_a_, (uintptr_t)t_b_);                              \
 } while (0)

_Noreturn void t_check_failed(const char *condition, const char *file, int line);
_Noreturn void t_check_numbers_failed(struct t_compared compared, struct t_number left,
				      struct t_number right);
_Noreturn void t_check_pointers_failed(struct t_compared compared, uintptr_t left, uintptr_t right);
_Noreturn void t_check_strings_failed(struct t_compared compared, const char *left,
				      const char *right);
_Noreturn void t_check_bytes_failed(struct t_compared compared, const void *left, const void *right,
				    size_t n);

#endif /* MCSAFE_TESTS_CHECK_H */

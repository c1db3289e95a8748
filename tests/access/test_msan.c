/* SPDX-License-Identifier: BSD-3-Clause */
/* test_msan.c - what MemorySanitizer is told of words and scans: the truth, bit for bit */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sanitizer/msan_interface.h>
#include <string.h>
#include <sys/mman.h>

#include "basics.h"

/* The first byte of an object that is not initialized; -1: there is none. */
#define FIRST_POISONED(object) __msan_test_shadow(&(object), sizeof(object))

/* Bytes 1 to 3 of what has at least four of them. */
#define POISON_SOME(object) __msan_poison((unsigned char *)&(object) + 1, 3)

static char *good, *bad; /* a page, and an unmapped one after it */

#define FOR_EACH_SIZE(F) F(8) F(16) F(32) F(64)

/* Where the poison begins in a word of which POISON_FROM has been called. */
#define POISON_FROM(word, bits) \
 __msan_poison((unsigned char *)&(word) + (bits) / 16, (bits) / 8 - (bits) / 16)
#define POISONED_FROM(bits) ((bits) / 16)

#define DEFINE_WORDS(bits)                                                             \
 static void loads_##bits(void)                                                        \
 {                                                                                     \
  uint##bits##_t word = 7, value;                                                      \
  struct mcsafe_fault fault;                                                           \
  __msan_poison(&value, sizeof(value));                                                \
  assert_int_equal(mcsafe_load_u##bits(&word, &value), MCSAFE_CAUSE_NONE);             \
  assert_int_equal(FIRST_POISONED(value), -1);                                         \
  assert_int_equal(value, 7);                                                          \
  POISON_FROM(word, bits);                                                             \
  assert_int_equal(mcsafe_load_u##bits(&word, &value), MCSAFE_CAUSE_NONE);             \
  assert_int_equal(FIRST_POISONED(value), POISONED_FROM(bits));                        \
  value = 7;                                                                           \
  value = mcsafe_load_or(&word, value);                                                \
  assert_int_equal(FIRST_POISONED(value), POISONED_FROM(bits));                        \
  value = mcsafe_load_or((uint##bits##_t *)(void *)bad, (uint##bits##_t)7);            \
  assert_int_equal(FIRST_POISONED(value), -1);                                         \
  __msan_poison(&value, sizeof(value));                                                \
  __msan_poison(&fault, sizeof(fault));                                                \
  assert_int_equal(mcsafe_load_explicit_u##bits((uint##bits##_t *)(void *)bad, &value, \
						__ATOMIC_ACQUIRE, &fault),             \
		   MCSAFE_CAUSE_PROTECTED);                                            \
  assert_int_equal(FIRST_POISONED(value), 0);                                          \
  assert_int_equal(FIRST_POISONED(fault), -1);                                         \
 }                                                                                     \
 static void stores_##bits(void)                                                       \
 {                                                                                     \
  uint##bits##_t word, value = 7;                                                      \
  struct mcsafe_fault fault;                                                           \
  __msan_poison(&word, sizeof(word));                                                  \
  assert_int_equal(mcsafe_store_u##bits(&word, value), MCSAFE_CAUSE_NONE);             \
  assert_int_equal(FIRST_POISONED(word), -1);                                          \
  assert_int_equal(word, 7);                                                           \
  POISON_FROM(value, bits);                                                            \
  assert_int_equal(mcsafe_store_u##bits(&word, value), MCSAFE_CAUSE_NONE);             \
  assert_int_equal(FIRST_POISONED(word), POISONED_FROM(bits));                         \
  __msan_poison(&fault, sizeof(fault));                                                \
  assert_int_equal(mcsafe_store_explicit_u##bits((uint##bits##_t *)(void *)bad, value, \
						 __ATOMIC_RELEASE, &fault),            \
		   MCSAFE_CAUSE_PROTECTED);                                            \
  assert_int_equal(FIRST_POISONED(fault), -1);                                         \
 }                                                                                     \
 static void exchanges_##bits(void)                                                    \
 {                                                                                     \
  uint##bits##_t word, value = 7, old;                                                 \
  __msan_poison(&word, sizeof(word));                                                  \
  assert_int_equal(mcsafe_xchg_u##bits(&word, value, &old), MCSAFE_CAUSE_NONE);        \
  assert_int_equal(FIRST_POISONED(old), 0);                                            \
  assert_int_equal(FIRST_POISONED(word), -1);                                          \
  POISON_FROM(value, bits);                                                            \
  assert_int_equal(mcsafe_xchg_u##bits(&word, value, &old), MCSAFE_CAUSE_NONE);        \
  assert_int_equal(FIRST_POISONED(old), -1);                                           \
  assert_int_equal(old, 7);                                                            \
  assert_int_equal(FIRST_POISONED(word), POISONED_FROM(bits));                         \
 }                                                                                     \
 static void compares_##bits(void)                                                     \
 {                                                                                     \
  uint##bits##_t word = 7, value = 8, seen;                                            \
  POISON_FROM(value, bits);                                                            \
  __msan_poison(&seen, sizeof(seen));                                                  \
  assert_int_equal(mcsafe_cmpxchg_u##bits(&word, 6, value, &seen), MCSAFE_CAUSE_NONE); \
  assert_int_equal(FIRST_POISONED(seen), -1);                                          \
  assert_int_equal(FIRST_POISONED(word), -1);                                          \
  assert_int_equal(mcsafe_cmpxchg_u##bits(&word, 7, value, &seen), MCSAFE_CAUSE_NONE); \
  assert_int_equal(FIRST_POISONED(seen), -1);                                          \
  assert_int_equal(seen, 7);                                                           \
  assert_int_equal(FIRST_POISONED(word), POISONED_FROM(bits));                         \
  assert_int_equal(mcsafe_cmpxchg_u##bits(&word, 8, 9, &seen), MCSAFE_CAUSE_NONE);     \
  assert_int_equal(FIRST_POISONED(seen), POISONED_FROM(bits));                         \
  assert_int_equal(FIRST_POISONED(word), -1);                                          \
 }

/* clang-format off */
FOR_EACH_SIZE(DEFINE_WORDS)
/* clang-format on */

#define CALL(bits) \
 loads_##bits();   \
 stores_##bits();  \
 exchanges_##bits(), compares_##bits();

static void test_word_accesses_carry_shadow(void **state)
{
	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	FOR_EACH_SIZE(CALL)
}

/* Within a line, and over the end of a line, which is done as a copy. */
static void test_unaligned_words_carry_shadow_over_a_line(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	for (size_t at = 1; at < 64; at += 61) {
		memset(good, 7, 128);
		__msan_poison(&value, sizeof(value));
		assert_int_equal(mcsafe_load_unaligned_u32(good + at, &value), MCSAFE_CAUSE_NONE);
		assert_int_equal(FIRST_POISONED(value), -1);
		__msan_poison(good + at + 2, 1);
		assert_int_equal(mcsafe_load_unaligned_u32(good + at, &value), MCSAFE_CAUSE_NONE);
		assert_int_equal(FIRST_POISONED(value), 2);
	}
	assert_int_equal(mcsafe_load_unaligned_u32(bad - 2, &value), MCSAFE_CAUSE_PROTECTED);
}

static void test_words_by_call_carry_shadow(void **state)
{
	uint32_t word = 7;
	uint64_t value;

	(void)state;
	__msan_poison(&value, sizeof(value));
	assert_int_equal(mcsafe_access_load(&word, 4, &value, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(value), -1);
	__msan_poison((char *)&word + 2, 1);
	assert_int_equal(mcsafe_access_load(&word, 4, &value, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(value), 2);
	assert_int_equal(mcsafe_access_xchg(&word, 4, 8, &value, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(value), 2);
	assert_int_equal(FIRST_POISONED(word), -1);
	value = 9;
	POISON_SOME(value);
	assert_int_equal(mcsafe_access_store(&word, 2, value, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(word), 1);
	word = 8;
	assert_int_equal(mcsafe_access_cmpxchg(&word, 4, 8, value, &value, NULL),
			 MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(value), -1);
	assert_int_equal(FIRST_POISONED(word), 1);
}

/* Bytes after the one that decides do not count, even if they are in the same vector. */
static void test_search_does_not_look_past_the_byte_that_decides(void **state)
{
	struct mcsafe_fault fault;
	size_t at;

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	memset(good, 'a', T_PAGE);
	good[100] = 'b';
	__msan_poison(good + 101, 1);
	__msan_poison(&at, sizeof(at));
	assert_int_equal(mcsafe_memchr(good, 'b', T_PAGE, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), -1);
	assert_int_equal(at, 100);
	assert_int_equal(mcsafe_memchr(good, 'c', 101, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), -1);
	assert_int_equal(mcsafe_memchr(good, 'c', 102, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), 0);
	__msan_poison(good + 100, 1);
	assert_int_equal(mcsafe_memchr(good, 'b', T_PAGE, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), 0);
	assert_int_equal(mcsafe_strnlen(good, 100, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), -1);
	assert_int_equal(mcsafe_strnlen(good, 101, &at, NULL), MCSAFE_CAUSE_NONE);
	assert_int_equal(FIRST_POISONED(at), 0);

	__msan_poison(&fault, sizeof(fault));
	assert_int_equal(mcsafe_memchr(bad - 9, 'c', 20, &at, &fault), MCSAFE_CAUSE_PROTECTED);
	assert_int_equal(FIRST_POISONED(at), -1);
	assert_int_equal(FIRST_POISONED(fault), -1);
	assert_int_equal(at, 9);
}

static void test_comparison_does_not_look_past_the_difference(void **state)
{
	struct mcsafe_comparison result;
	struct mcsafe_fault fault;
	char other[64];

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	memset(good, 'a', T_PAGE);
	memset(other, 'a', sizeof(other));
	for (int side = 0; side < 2; side++) {
		char *poisoned = side == 0 ? good : other;

		__msan_poison(&result, sizeof(result));
		other[30] = 'b';
		__msan_poison(poisoned + 31, 1);
		assert_int_equal(mcsafe_memcmp(good, other, 64, &result, NULL), MCSAFE_CAUSE_NONE);
		assert_int_equal(FIRST_POISONED(result), -1);
		assert_int_equal(result.equal, 30);
		__msan_poison(poisoned + 30, 1);
		assert_int_equal(mcsafe_memcmp(good, other, 64, &result, NULL), MCSAFE_CAUSE_NONE);
		assert_int_equal(FIRST_POISONED(result), 0);
		assert_int_equal(mcsafe_memcmp(good, other, 30, &result, NULL), MCSAFE_CAUSE_NONE);
		assert_int_equal(FIRST_POISONED(result), -1);
		memset(poisoned + 30, 'a', 2);
	}
	other[30] = 'a';
	__msan_poison(&fault, sizeof(fault));
	assert_int_equal(mcsafe_memcmp(other, bad - 9, 20, &result, &fault),
			 MCSAFE_CAUSE_PROTECTED);
	assert_int_equal(FIRST_POISONED(result), -1);
	assert_int_equal(FIRST_POISONED(fault), -1);
	__msan_poison(other + 8, 1);
	assert_int_equal(mcsafe_memcmp(other, bad - 9, 20, &result, NULL), MCSAFE_CAUSE_PROTECTED);
	assert_int_equal(FIRST_POISONED(result), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word_accesses_carry_shadow),
		cmocka_unit_test(test_unaligned_words_carry_shadow_over_a_line),
		cmocka_unit_test(test_words_by_call_carry_shadow),
		cmocka_unit_test(test_search_does_not_look_past_the_byte_that_decides),
		cmocka_unit_test(test_comparison_does_not_look_past_the_difference),
	};

	good = mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (good == MAP_FAILED || mprotect(good + T_PAGE, T_PAGE, PROT_NONE) != 0)
		return 1;
	bad = good + T_PAGE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

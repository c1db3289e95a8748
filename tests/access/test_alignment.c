/* SPDX-License-Identifier: BSD-3-Clause */
/* test_alignment.c - MCSAFE_CHECK_ALIGNMENT: a wrong address ends the program, no right one does */
#define MCSAFE_CHECK_ALIGNMENT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"
#include "child.h"

static _Alignas(64) unsigned char memory[128];

/* All operations on words of one size; p may have any alignment. */
#define OPERATIONS(bits)                                                                        \
 static void load_##bits(void *p)                                                               \
 {                                                                                              \
  uint##bits##_t value;                                                                         \
  CHECK_EQ(mcsafe_load_u##bits(p, &value), MCSAFE_CAUSE_NONE);                                  \
 }                                                                                              \
 static void load_explicit_##bits(void *p)                                                      \
 {                                                                                              \
  uint##bits##_t value;                                                                         \
  CHECK_EQ(mcsafe_load_explicit_u##bits(p, &value, __ATOMIC_ACQUIRE, NULL), MCSAFE_CAUSE_NONE); \
 }                                                                                              \
 static void load_or_##bits(void *p)                                                            \
 {                                                                                              \
  CHECK_EQ(mcsafe_load_or((const uint##bits##_t *)p, (uint##bits##_t)1), 0);                    \
 }                                                                                              \
 static void store_##bits(void *p)                                                              \
 {                                                                                              \
  CHECK_EQ(mcsafe_store_u##bits(p, 0), MCSAFE_CAUSE_NONE);                                      \
 }                                                                                              \
 static void store_explicit_##bits(void *p)                                                     \
 {                                                                                              \
  CHECK_EQ(mcsafe_store_explicit_u##bits(p, 0, __ATOMIC_SEQ_CST, NULL), MCSAFE_CAUSE_NONE);     \
 }                                                                                              \
 static void xchg_##bits(void *p)                                                               \
 {                                                                                              \
  uint##bits##_t old;                                                                           \
  CHECK_EQ(mcsafe_xchg_u##bits(p, 0, &old), MCSAFE_CAUSE_NONE);                                 \
 }                                                                                              \
 static void cmpxchg_##bits(void *p)                                                            \
 {                                                                                              \
  uint##bits##_t seen;                                                                          \
  CHECK_EQ(mcsafe_cmpxchg_u##bits(p, 0, 0, &seen), MCSAFE_CAUSE_NONE);                          \
 }

OPERATIONS(8)
OPERATIONS(16)
OPERATIONS(32)
OPERATIONS(64)

/* These take any address. */
#define UNALIGNED(bits)                                                  \
 static void load_unaligned_##bits(void *p)                              \
 {                                                                       \
  uint##bits##_t value;                                                  \
  CHECK_EQ(mcsafe_load_unaligned_u##bits(p, &value), MCSAFE_CAUSE_NONE); \
 }

UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)

struct operation {
	void (*run)(void *p);
	size_t alignment; /* that it needs */
};

#define ROWS(bits)                                                                            \
 {load_##bits, (bits) / 8}, {load_explicit_##bits, (bits) / 8}, {load_or_##bits, (bits) / 8}, \
	 {store_##bits, (bits) / 8}, {store_explicit_##bits, (bits) / 8},                     \
	 {xchg_##bits, (bits) / 8},                                                           \
 {                                                                                            \
  cmpxchg_##bits, (bits) / 8                                                                  \
 }

static const struct operation operations[] = {
	ROWS(8),
	ROWS(16),
	ROWS(32),
	ROWS(64),
	{load_unaligned_16, 1},
	{load_unaligned_32, 1},
	{load_unaligned_64, 1},
};

static void test_right_addresses_are_accessed(void **state)
{
	(void)state;
	for (size_t i = 0; i < T_LENGTH(operations); i++)
		for (size_t at = 0; at < 64; at += operations[i].alignment)
			operations[i].run(&memory[at]);
}

struct trial {
	const struct operation *operation;
	size_t at;
};

static void run_trial(void *arg)
{
	const struct trial *trial = arg;

	CHECK_PTR_NE(signal(SIGILL, SIG_DFL), SIG_ERR); /* CMocka has a handler */
	trial->operation->run(&memory[trial->at]);
}

/* A trap, and not only a failed check or the fault of an access. */
static void test_wrong_addresses_end_the_program(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(operations); i++)
		for (size_t at = 0; at < 8; at++) {
			struct trial trial = {&operations[i], at};

			if (at % operations[i].alignment == 0)
				continue;
			t_dies(run_trial, &trial, SIGILL);
			tried++;
		}
	assert_int_equal(tried, 7 * (4 + 6 + 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_addresses_are_accessed),
		cmocka_unit_test(test_wrong_addresses_end_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_your_error_path.c - a CMocka test that makes the memory of a program fail
 *
 * The first part is the program under test. It reads a record from mapped memory, and falls back to
 * a mirror of the record. The tests below need neither bad hardware nor root:
 *
 *	cc test_your_error_path.c $(pkg-config --cflags --libs mcsafe-inject cmocka)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

/* ---- the program under test --------------------------------------------------------------- */

#define PAGE   ((size_t)4096)
#define RECORD 64

/* All records, which the program has mapped twice. */
struct store {
	const char *primary;
	const char *mirror;
};

static void report(size_t i, const struct mcsafe_fault *fault)
{
	static struct mcsafe_explanation explanation;
	char why[512];

	if (mcsafe_explain(fault, &explanation) != 0)
		return;
	mcsafe_explain_text(&explanation, why, sizeof(why));
	fprintf(stderr, "record %zu: %s, trying the mirror\n", i, why);
}

/* Returns 0, or a negated error number if both copies of the record are bad. */
static int read_record(const struct store *store, size_t i, char record[RECORD])
{
	struct mcsafe_fault fault;

	if (mcsafe_memcpy(record, store->primary + i * RECORD, RECORD, &fault) == 0)
		return 0;
	report(i, &fault);
	if (mcsafe_memcpy(record, store->mirror + i * RECORD, RECORD, &fault) == 0)
		return 0;
	return -mcsafe_fault_errno(&fault);
}

/* ---- the tests ---------------------------------------------------------------------------- */

static char *map_records(void)
{
	char *records =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	assert_ptr_not_equal(records, MAP_FAILED);
	for (i = 0; i < PAGE / RECORD; i++)
		snprintf(records + i * RECORD, RECORD, "record %zu", i);
	return records;
}

/* Bad memory: the whole primary copy is lost. */
static void test_mirror_is_used(void **state)
{
	char *primary = map_records(), *mirror = map_records(), record[RECORD];
	struct store store = {primary, mirror};

	(void)state;
	assert_int_equal(mcsafe_install(), 0); /* here: CMocka sets handlers for each test */

	assert_int_equal(mcsafe_inject(primary, PAGE, MCSAFE_INJECT_AUTO), 0);
	print_message("memory made bad by: %s\n",
		      mcsafe_inject_kind_name(mcsafe_inject_kind_at(primary)));
	assert_int_equal(read_record(&store, 3, record), 0);
	assert_string_equal(record, "record 3");

	assert_int_equal(mcsafe_inject(mirror, PAGE, MCSAFE_INJECT_AUTO), 0);
	assert_true(read_record(&store, 3, record) < 0);

	/* The memory has its content again. */
	assert_int_equal(mcsafe_inject_clear(primary, PAGE), 0);
	assert_int_equal(mcsafe_inject_clear(mirror, PAGE), 0);
	assert_string_equal(primary + (size_t)3 * RECORD, "record 3");

	munmap(primary, PAGE);
	munmap(mirror, PAGE);
}

/* Failing copies: let copy 1 fail, then copy 2 and so on, until a run meets no failure. */
static void test_every_copy_may_fail(void **state)
{
	char *records = map_records(), record[RECORD], spec[32];
	struct store store = {records, records};
	size_t n;

	(void)state;
	assert_int_equal(mcsafe_install(), 0);
	for (n = 1;; n++) {
		snprintf(spec, sizeof(spec), "copy:%zu", n);
		assert_int_equal(mcsafe_inject_schedule(spec), 0);
		assert_int_equal(read_record(&store, 5, record), 0);
		assert_string_equal(record, "record 5");
		if (mcsafe_inject_failures() == 0)
			break;
	}
	assert_int_equal(n, 2); /* the program makes one copy, so the second run met no failure */

	/* Both copies fail: the caller gets the error. */
	assert_int_equal(mcsafe_inject_schedule("copy:1+"), 0);
	assert_true(read_record(&store, 5, record) < 0);
	assert_int_equal(mcsafe_inject_failures(), 2);
	assert_int_equal(mcsafe_inject_schedule(NULL), 0);
	munmap(records, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mirror_is_used),
		cmocka_unit_test(test_every_copy_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asmcheck.c - checks every assembly routine against its contract
 *
 * asmcheck [--expect ENGINE] [--sample] [PART...]
 *
 * asmcheck --bench
 *
 * CONTRIBUTING.md describes the parts.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "asmcheck.h"
#include "base/cpu.h"
#include "broken.h"
#include "compares.h"
#include "copy/route.h"
#include "run.h"
#include "scans.h"
#include "tool.h"

static const char *expected; /* the engine that must be chosen on this processor, or NULL */
static bool sampled;         /* check a sample of the grid of "lines", not all of it */

const char *complain(const char *format, ...)
{
	static char text[512];
	char copy[sizeof(text)]; /* an argument may be the last complaint */
	va_list args;

	va_start(args, format);
	vsnprintf(copy, sizeof(copy), format, args);
	va_end(args);
	memcpy(text, copy, sizeof(text));
	return text;
}

void mark_untouched(struct mcsafe_fault *fault)
{
	memset(fault, 0xa5, sizeof(*fault));
}

bool is_untouched(const struct mcsafe_fault *fault)
{
	const unsigned char *bytes = (const unsigned char *)fault;

	for (size_t i = 0; i < sizeof(*fault); i++)
		if (bytes[i] != 0xa5)
			return false;
	return true;
}

static void demand(const char *complaint)
{
	if (complaint != NULL)
		fail_msg("%s", complaint);
}

static const struct t_copy lines_copies[] = {
#define LINES(name, ...)                                                                      \
 {"engine lines_" #name, (void (*)(void))mcsafe__lines_##name, T_COPIES, T_RECORD_ROUTINE, 0, \
  {__VA_ARGS__}},
#include "asm/engines.def"
};

/* Calls check for each routine that this processor can run, and prints which ones it cannot run. */
static void for_each(bool engines, void (*check)(const struct t_copy *copy))
{
	for (size_t i = 0; i < t_n_copies; i++) {
		if (t_copy_is_engine(&t_copies[i]) != engines)
			continue;
		if (t_copy_is_possible(&t_copies[i]))
			check(&t_copies[i]);
		else
			print_message("%s: not on this processor\n", t_copies[i].name);
	}
	for (size_t i = 0; engines && i < T_LENGTH(lines_copies); i++)
		if (t_copy_is_possible(&lines_copies[i]))
			check(&lines_copies[i]);
		else
			print_message("%s: not on this processor\n", lines_copies[i].name);
}

static void for_each_comparison(bool entries, void (*check)(const struct comparison *comparison))
{
	for (size_t i = 0; i < n_comparisons; i++) {
		if (comparisons[i].is_entry != entries)
			continue;
		if ((comparisons[i].is.needs & ~mcsafe__cpu_features()) == 0)
			check(&comparisons[i]);
		else
			print_message("%s: not on this processor\n", comparisons[i].name);
	}
}

static void for_each_scan(bool entries, void (*check)(const struct scan *scan))
{
	for (size_t i = 0; i < n_scans; i++) {
		if (scans[i].is_entry != entries)
			continue;
		if ((scans[i].is.needs & ~mcsafe__cpu_features()) == 0)
			check(&scans[i]);
		else
			print_message("%s: not on this processor\n", scans[i].name);
	}
}

static struct t_rng rng;

/* ---- right: results and state, without faults ----------------------------------------------- */

static void right(const struct t_copy *copy)
{
	demand(check_right(copy));
	print_message("%s: right\n", copy->name);
}

static void comparison_is_right(const struct comparison *comparison)
{
	demand(check_comparison_right(comparison, &rng));
	print_message("%s: right\n", comparison->name);
}

static void scan_is_right(const struct scan *scan)
{
	demand(check_scan_right(scan, &rng));
	print_message("%s: right\n", scan->name);
}

static void all_are_right(bool engines)
{
	for_each(engines, right);
	for_each_comparison(!engines, comparison_is_right);
	for_each_scan(!engines, scan_is_right);
}

static void test_every_routine_is_right(void **state)
{
	(void)state;
	rng = t_rng_start(t_seed(), 0);
	all_are_right(true);
}

/* ---- chosen: the entry points, with engines masked one by one ------------------------------- */

#define WITHOUT_VBMI   (MCSAFE__CPU_ERMS | MCSAFE__CPU_AVX512)
#define WITHOUT_AVX512 (WITHOUT_VBMI | MCSAFE__CPU_AVX512BW)
#define WITHOUT_AVX2   (WITHOUT_AVX512 | MCSAFE__CPU_AVX2)

/* Processors that lack more and more features. */
static const struct {
	unsigned without;
	const char *engine;
} processors[] = {
	{0, NULL}, /* this processor */
	{MCSAFE__CPU_ERMS, NULL},
	{WITHOUT_VBMI, "avx512bw"}, /* Intel family 6 model 85 */
	{WITHOUT_AVX512, "avx2"},
	{WITHOUT_AVX2, "sse2"},
	{WITHOUT_AVX2 | MCSAFE__CPU_CLWB, "sse2"},
	{WITHOUT_AVX2 | MCSAFE__CPU_CLWB | MCSAFE__CPU_CLFLUSHOPT, "sse2"},
};

static unsigned masked;

/* The linker uses this instead of the function in src/base/cpu.c (--wrap). */
unsigned __real_mcsafe__cpu_features(void);
unsigned __wrap_mcsafe__cpu_features(void);

unsigned __wrap_mcsafe__cpu_features(void)
{
	return __real_mcsafe__cpu_features() & ~masked;
}

void mask_features(unsigned features)
{
	masked = features;
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

static void test_each_processor_gets_its_routines(void **state)
{
	unsigned features = mcsafe__cpu_features();

	(void)state;
	rng = t_rng_start(t_seed(), 0);
	for (size_t i = 0; i < T_LENGTH(processors); i++) {
		const char *engine = i == 0 ? expected : processors[i].engine;

		if (i == 1 && (features & MCSAFE__CPU_AVX512))
			engine = "avx512";
		/* The processor may lack avx2 even if nothing is masked. */
		if ((i == 2 || i == 3) && !(features & MCSAFE__CPU_AVX2))
			engine = "sse2";
		if (i > 0 && !(features & processors[i].without & ~processors[i - 1].without)) {
			print_message("without %#x: the same\n", processors[i].without);
			continue;
		}
		mask_features(processors[i].without);
		if (engine != NULL)
			assert_string_equal(mcsafe_engine_name(), engine);
		print_message("without %#x: %s\n", processors[i].without, mcsafe_engine_name());
		all_are_right(false);
		for (size_t k = 0; k < mcsafe__n_engines; k++) {
			const struct mcsafe__engine *one = &mcsafe__engines[k];
			int err = mcsafe_engine_set(one->name);

			assert_int_equal(err, mcsafe__engine_is_possible(one) ? 0 : -ENOTSUP);
			if (one->needs & processors[i].without)
				assert_int_equal(err, -ENOTSUP);
		}
	}
	mask_features(0);
	for (size_t k = 0; k < mcsafe__n_engines; k++) /* and every engine selected by name */
		if (!t_tool_cannot(mcsafe__engines[k].name) &&
		    mcsafe_engine_set(mcsafe__engines[k].name) == 0) {
			print_message("engine %s\n", mcsafe_engine_name());
			all_are_right(false);
		}
	mask_features(0);
}

/* ---- rows: a fault at every row -------------------------------------------------------------- */

static void rows(const struct t_copy *copy)
{
	size_t n_rows = 0;

	demand(check_rows(copy, 40, &n_rows));
	print_message("%s: a fault at each of %zu rows\n", copy->name, n_rows);
}

static void comparison_rows(const struct comparison *comparison)
{
	size_t n_rows = 0;

	demand(check_comparison_rows(comparison, 80, &n_rows));
	print_message("%s: a fault at each of %zu rows\n", comparison->name, n_rows);
}

static void scan_rows(const struct scan *scan)
{
	size_t n_rows = 0;

	demand(check_scan_rows(scan, 80, &n_rows));
	print_message("%s: a fault at each of %zu rows\n", scan->name, n_rows);
}

static void test_a_fault_at_each_row_is_right(void **state)
{
	(void)state;
	t_install();
	for_each(true, rows);
	for_each_comparison(false, comparison_rows);
	for_each_scan(false, scan_rows);
}

/* ---- lines: where each access goes ----------------------------------------------------------- */

static void print_tally(const char *name, const struct tally *tally)
{
	print_message("%s: %zu accesses in %zu runs, and the same in %zu single steps\n", name,
		      tally->accesses, tally->runs, tally->steps);
}

static void lines(const struct t_copy *copy)
{
	struct tally tally = {0};

	if (copy->is.rep_movsb) {
		print_message("%s: exempt: the processor decides how REP MOVSB loads\n",
			      copy->name);
		return;
	}
	demand(check_lines(copy, &rng, !sampled, &tally));
	print_tally(copy->name, &tally);
}

static void comparison_lines(const struct comparison *comparison)
{
	struct tally tally = {0};

	demand(check_comparison_lines(comparison, &rng, !sampled, &tally));
	print_tally(comparison->name, &tally);
}

static void scan_lines(const struct scan *scan)
{
	struct tally tally = {0};

	demand(check_scan_lines(scan, &rng, !sampled, &tally));
	print_tally(scan->name, &tally);
}

static void test_each_access_stays_where_it_may(void **state)
{
	(void)state;
	rng = t_rng_start(t_seed(), 0);
	for_each(true, lines);
	for_each_comparison(false, comparison_lines);
	for_each_scan(false, scan_lines);
}

/* ---- selftest: each check finds the broken functions ---------------------------------------- */

static const char *check(enum part part, const struct t_copy *copy)
{
	struct tally tally = {0};
	size_t n_rows;

	switch (part) {
	case RIGHT:
		return check_right(copy);
	case ROWS:
		return check_rows(copy, 40, &n_rows);
	case LINES:
		return check_lines(copy, &rng, false, &tally);
	}
	return NULL;
}

static const char *check_a_scan(enum part part, const struct scan *scan)
{
	struct tally tally = {0};
	size_t n_rows;

	switch (part) {
	case RIGHT:
		return check_scan_right(scan, &rng);
	case ROWS:
		return check_scan_rows(scan, 40, &n_rows);
	case LINES:
		return check_scan_lines(scan, &rng, false, &tally);
	}
	return NULL;
}

static const char *check_a_comparison(enum part part, const struct comparison *comparison)
{
	struct tally tally = {0};
	size_t n_rows;

	switch (part) {
	case RIGHT:
		return check_comparison_right(comparison, &rng);
	case ROWS:
		return check_comparison_rows(comparison, 40, &n_rows);
	case LINES:
		return check_comparison_lines(comparison, &rng, false, &tally);
	}
	return NULL;
}

/* The complaint must contain "said". If that is NULL, there must be none. */
static void expect(const char *name, const char *said, const char *complaint)
{
	if (complaint == NULL && said != NULL)
		fail_msg("%s: nothing found", name);
	if (complaint != NULL && (said == NULL || strstr(complaint, said) == NULL))
		fail_msg("should be \"%s\": %s", said != NULL ? said : "", complaint);
}

static void find_broken_copies(void)
{
	for (size_t i = 0; i < broken_n; i++) {
		const struct broken *it = &broken[i];

		if (t_copy_is_possible(&it->copy))
			expect(it->copy.name, it->said, check(it->part, &it->copy));
		else
			print_message("%s: not on this processor\n", it->copy.name);
	}
}

static void find_broken_searches(void)
{
	for (size_t i = 0; i < broken_scans_n; i++) {
		const struct broken_scan *it = &broken_scans[i];

		expect(it->scan.name, it->said, check_a_scan(it->part, &it->scan));
	}
	for (size_t i = 0; i < broken_comparisons_n; i++) {
		const struct broken_comparison *it = &broken_comparisons[i];

		expect(it->comparison.name, it->said,
		       check_a_comparison(it->part, &it->comparison));
	}
}

static void test_each_check_finds_the_broken_functions(void **state)
{
	(void)state;
	t_install();
	rng = t_rng_start(t_seed(), 0);
	find_broken_copies();
	find_broken_searches();
	print_message("%zu copies, %zu scans and %zu comparisons, good and broken\n", broken_n,
		      broken_scans_n, broken_comparisons_n);
}

/* ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	struct CMUnitTest test;
} parts[] = {
	{"selftest", cmocka_unit_test(test_each_check_finds_the_broken_functions)},
	{"right", cmocka_unit_test(test_every_routine_is_right)},
	{"chosen", cmocka_unit_test(test_each_processor_gets_its_routines)},
	{"rows", cmocka_unit_test(test_a_fault_at_each_row_is_right)},
	{"lines", cmocka_unit_test(test_each_access_stays_where_it_may)},
};

static int usage(void)
{
	fprintf(stderr, "usage: asmcheck --bench | [--expect ENGINE] [--sample] [PART...]\nparts:");
	for (size_t i = 0; i < T_LENGTH(parts); i++)
		fprintf(stderr, " %s", parts[i].name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[T_LENGTH(parts)];
	size_t n = 0;
	int arg = 1;

	if (argc == 2 && strcmp(argv[1], "--bench") == 0) {
		bench();
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--expect") == 0) {
		expected = argv[2];
		arg = 3;
	}
	if (arg < argc && strcmp(argv[arg], "--sample") == 0) {
		sampled = true;
		arg++;
	}
	for (size_t i = 0; i < T_LENGTH(parts); i++)
		for (int k = arg; k < argc || (k == arg && k == argc); k++)
			if (k == argc || strcmp(argv[k], parts[i].name) == 0) {
				tests[n++] = parts[i].test;
				break;
			}
	if (n == 0 || (arg < argc && n != (size_t)(argc - arg)))
		return usage();
	return t_run("asmcheck", tests, n);
}

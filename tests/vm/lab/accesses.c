/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * accesses.c - every row of the routines for single words and for scans meets real poison
 *
 * Routines that read, and exchanges, meet a machine check. Routines that write meet a page that is
 * lost. The shapes are few and fixed, and the fault record says which row met the line. In the end
 * each row must have met one.
 */
#include <mcsafe/access.h>
#include <mcsafe/scan.h>

#include "asm/routines.h"
#include "base/cpu.h"
#include "copy/access.h"
#include "lab.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define N_PAGES   ((size_t)3)
#define IN_PAGE   (31 * LINE)
#define REST      ((size_t)100) /* bytes of a scan from the poisoned line on: more than a line */
#define UNTOUCHED UINT64_C(0x5aa55aa55aa55aa5)

static void check_result(enum mcsafe_cause cause, uint64_t value, const char *name, size_t size)
{
	lab_check(cause == MCSAFE_CAUSE_NONE || value == UNTOUCHED,
		  "%s of %zu bytes has failed, but gives %#jx", name, size, (uintmax_t)value);
}

static enum mcsafe_cause load(unsigned char *at, const unsigned char *same, size_t n, size_t *done,
			      struct mcsafe_fault *fault)
{
	uint64_t value = UNTOUCHED;
	enum mcsafe_cause cause = mcsafe_access_load(at, n, &value, fault);

	(void)same;
	(void)done;
	check_result(cause, value, "load", n);
	return cause;
}

static enum mcsafe_cause store(unsigned char *at, const unsigned char *same, size_t n, size_t *done,
			       struct mcsafe_fault *fault)
{
	(void)same;
	(void)done;
	return mcsafe_access_store(at, n, 0, fault);
}

static enum mcsafe_cause xchg(unsigned char *at, const unsigned char *same, size_t n, size_t *done,
			      struct mcsafe_fault *fault)
{
	uint64_t value = UNTOUCHED;
	enum mcsafe_cause cause = mcsafe_access_xchg(at, n, 0, &value, fault);

	(void)same;
	(void)done;
	check_result(cause, value, "xchg", n);
	return cause;
}

static enum mcsafe_cause cmpxchg(unsigned char *at, const unsigned char *same, size_t n,
				 size_t *done, struct mcsafe_fault *fault)
{
	uint64_t value = UNTOUCHED;
	enum mcsafe_cause cause = mcsafe_access_cmpxchg(at, n, 0, 1, &value, fault);

	(void)same;
	(void)done;
	check_result(cause, value, "cmpxchg", n);
	return cause;
}

/* clang-format off: one function for each */
#define SCAN(name, ...)                                                                       \
 static enum mcsafe_cause scan_##name(unsigned char *at, const unsigned char *same, size_t n, \
				      size_t *done, struct mcsafe_fault *fault)               \
 {                                                                                            \
  (void)same;                                                                                 \
  return mcsafe__scan_##name(at, FILL, n, done, fault);                                       \
 }
#include "asm/engines.def"
/* clang-format on */

static enum mcsafe_cause compare(mcsafe__compare_fn *routine, const unsigned char *a,
				 const unsigned char *b, size_t n, int failed, size_t *done,
				 struct mcsafe_fault *fault)
{
	struct mcsafe_comparison result;
	enum mcsafe_cause cause = (enum mcsafe_cause)routine(a, b, n, &result, fault);

	*done = result.equal;
	lab_check(cause == MCSAFE_CAUSE_NONE || (result.failed == failed && result.order == 0),
		  "memcmp: operand %d has failed instead of %d; order %d", result.failed, failed,
		  result.order);
	return cause;
}

/* clang-format off */
#define COMPARE(name, ...)                                                                         \
	static enum mcsafe_cause compare_a_##name(unsigned char *at, const unsigned char *same,    \
						  size_t n, size_t *done,                          \
						  struct mcsafe_fault *fault)                      \
	{                                                                                          \
		return compare(mcsafe__compare_##name, at, same, n, 1, done, fault);               \
	}                                                                                          \
	static enum mcsafe_cause compare_b_##name(unsigned char *at, const unsigned char *same,    \
						  size_t n, size_t *done,                          \
						  struct mcsafe_fault *fault)                      \
	{                                                                                          \
		return compare(mcsafe__compare_##name, same, at, n, 2, done, fault);               \
	}
#include "asm/engines.def"

#define ROUTINE(name) (void (*)(void)) mcsafe__##name
#define WORDS(size)                                                                 \
	{"load_" #size, ROUTINE(load_##size), load, size, false, true, NULL},       \
	{"store_" #size, ROUTINE(store_##size), store, size, true, false, NULL},    \
	{"xchg_" #size, ROUTINE(xchg_##size), xchg, size, true, true, NULL},        \
	{"cmpxchg_" #size, ROUTINE(cmpxchg_##size), cmpxchg, size, true, true, NULL}

const struct lab_access lab_accesses[] = {
	WORDS(1),
	WORDS(2),
	WORDS(4),
	WORDS(8),
#define SCAN(name, ...)                                                    \
	{"scan_" #name, ROUTINE(scan_##name), scan_##name, 0, false, true, \
	 &(const struct mcsafe__routine){__VA_ARGS__}},
#define COMPARE(name, ...)                                                                  \
	{"compare_" #name ", a", ROUTINE(compare_##name), compare_a_##name, 0, false, true, \
	 &(const struct mcsafe__routine){__VA_ARGS__}},                                     \
	{"compare_" #name ", b", ROUTINE(compare_##name), compare_b_##name, 0, false, true, \
	 &(const struct mcsafe__routine){__VA_ARGS__}},
#include "asm/engines.def"
};
/* clang-format on */

const size_t lab_n_accesses = T_LENGTH(lab_accesses);

bool lab_access_can_run(const struct lab_access *access)
{
	return access->is == NULL || (access->is->needs & ~mcsafe__cpu_features()) == 0;
}

const struct lab_access *lab_access_of(uintptr_t insn)
{
	uintptr_t start = lab_function_of(insn).start;

	for (size_t i = 0; i < lab_n_accesses; i++)
		if ((uintptr_t)lab_accesses[i].routine == start)
			return &lab_accesses[i];
	return NULL;
}

/* The rows that have met poison. */
struct met {
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n;
};

static struct met consumed, lost;

static bool has(const struct met *met, uintptr_t insn)
{
	for (size_t i = 0; i < met->n; i++)
		if (met->insns[i] == insn)
			return true;
	return false;
}

/* Checks that the access failed at one of its own rows. The kernel reported `address`. */
static void check_access(const struct lab_access *access, enum mcsafe_cause cause,
			 const unsigned char *address, const struct mcsafe_fault *fault,
			 struct met *met)
{
	uintptr_t insn = (uintptr_t)fault->ip;

	lab_check(cause == MCSAFE_CAUSE_POISON, "%s: result %s", access->name,
		  mcsafe_cause_name(cause));
	lab_check(lab_access_of(insn) && lab_access_of(insn)->routine == access->routine,
		  "%s: stopped at %s", access->name, lab_insn_name(insn));
	lab_check_row_fault(insn, access->stores ? MCSAFE_SIDE_DESTINATION : MCSAFE_SIDE_SOURCE,
			    fault);
	lab_check(fault->addr == address, "%s: address %p instead of %p", access->name, fault->addr,
		  (const void *)address);
	if (!has(met, insn)) {
		lab_need(met->n < T_LENGTH(met->insns), "too many rows");
		met->insns[met->n++] = insn;
	}
}

/*
 * One machine check in a line, met by an access that begins `start` bytes after the line's first
 * byte. A scan has `rest` bytes from the line on. only: the row that meets it, if that row loads
 * the line; 0: any row. Returns whether one has met it.
 */
static bool meet(const struct lab_access *access, ptrdiff_t start, size_t misalignment, size_t rest,
		 uintptr_t only)
{
	static unsigned char copy[T_PAGE] __attribute__((aligned(64)));
	size_t good = start < 0 ? (size_t)-start : 0, done = 0, n_insns;
	size_t n = access->size ? access->size : good + rest;
	unsigned char *pages = lab_pages(N_PAGES), *line = pages + T_PAGE + IN_PAGE;
	struct lab_target target = lab_target(line);
	struct mcsafe_fault fault = {.signo = 0};
	uintptr_t insns[LAB_ROWS_MAX];
	enum mcsafe_cause cause;

	lab_fill_pattern(pages, 0, N_PAGES * T_PAGE);
	lab_fill_pattern(copy + misalignment, (size_t)(line + start - pages), n);
	n_insns = lab_rows_from((uintptr_t)access->routine, MCSAFE_ROW_LOAD | MCSAFE_ROW_STORE,
				insns, T_LENGTH(insns));
	if (only != 0) {
		insns[0] = only;
		n_insns = 1;
	}
	lab_forget_signals();
	lab_arm("load", "page", &target, 1, insns, n_insns);
	cause = access->run(line + start, copy + misalignment, n, &done, &fault);
	if (only != 0 && cause == MCSAFE_CAUSE_NONE) {
		lab_check(lab_disarm().injected == 0 && done == n, "%s: %zu bytes of %zu",
			  access->name, done, n);
		munmap(pages, N_PAGES * T_PAGE);
		return false;
	}
	lab_check_row_consumed((uintptr_t)fault.ip, lab_disarm());
	check_access(access, cause, pages + T_PAGE, &fault, &consumed);
	lab_check(done == good, "%s from %td on, the other at %zu: %zu bytes done, %zu are good",
		  access->name, start, misalignment, done, good);
	munmap(pages, N_PAGES * T_PAGE);
	return true;
}

static void consume(const struct lab_access *access, ptrdiff_t start, size_t misalignment)
{
	(void)meet(access, start, misalignment, REST, 0);
}

/* Writes a word of a page that is already lost. */
static void write_lost(const struct lab_access *access)
{
	unsigned char *pages = lab_pages(N_PAGES), *page = pages + T_PAGE;
	struct mcsafe_fault fault = {.signo = 0};
	enum mcsafe_cause cause;
	size_t done = 0;

	lab_lose_page(page);
	lab_forget_signals();
	cause = access->run(page + IN_PAGE, NULL, access->size, &done, &fault);
	lab_check_row_lost((uintptr_t)fault.ip, 1);
	check_access(access, cause, page + IN_PAGE, &fault, &lost);
	lab_check(lab_is_fill(pages, T_PAGE) && lab_is_fill(page + T_PAGE, T_PAGE),
		  "%s: wrote elsewhere", access->name);
	munmap(pages, N_PAGES * T_PAGE);
}

/* Meets the first word of a line, and the last one. */
static void meet_word(const struct lab_access *access)
{
	if (access->loads) {
		consume(access, 0, 0);
		consume(access, (ptrdiff_t)(LINE - access->size), 0);
	}
	if (access->stores)
		write_lost(access);
}

/*
 * Starts in the line, and before it. The other operand of a comparison has vectors that cross a
 * line.
 */
static void meet_scan(const struct lab_access *access)
{
	static const ptrdiff_t starts[] = {37, 0, -1, -17, -70};

	for (size_t i = 0; i < T_LENGTH(starts); i++)
		for (size_t misalignment = 0; misalignment < 2; misalignment++)
			consume(access, starts[i], misalignment);
}

/*
 * A row of a scan that no shape above has met: it loads the second half of a line, or the line is
 * one that only longer scans load there.
 */
static void meet_row(const struct lab_access *access, uintptr_t insn)
{
	/* 37 comes last: then a row that loads the first line again has met the second already. */
	static const ptrdiff_t starts[] = {-17, -70, -130, -200, -270, -340, 37};
	static const size_t rests[] = {20, 100, 400};

	for (size_t i = 0; i < T_LENGTH(starts); i++)
		for (size_t k = 0; k < T_LENGTH(rests); k++)
			if (meet(access, starts[i], 0, rests[k], insn))
				return;
}

static void meet_other_rows(const struct lab_access *access)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n =
		lab_rows_from((uintptr_t)access->routine, MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));

	for (size_t i = 0; i < n; i++)
		if (!has(&consumed, insns[i]))
			meet_row(access, insns[i]);
}

static void check_rows(const struct lab_access *access)
{
	bool all = access->loads;
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_rows_from((uintptr_t)access->routine, MCSAFE_ROW_LOAD | MCSAFE_ROW_STORE,
				 insns, T_LENGTH(insns));

	lab_check(n > 0, "%s has no rows", access->name);
	/* The shapes do not meet rows that load again or only after a fault: asmcheck does. */
	all &= access->is == NULL || !access->is->touches_again;
	for (size_t i = 0; i < n; i++) {
		lab_check(!all || has(&consumed, insns[i]), "row %s: no machine check",
			  lab_insn_name(insns[i]));
		lab_check(!access->stores || has(&lost, insns[i]), "row %s: no lost page",
			  lab_insn_name(insns[i]));
	}
}

int lab_program_accesses(int argc, char **argv)
{
	bool scans = argc > 1 && strcmp(argv[1], "scans") == 0;

	lab_need(scans || (argc > 1 && strcmp(argv[1], "words") == 0),
		 "the argument must be words or scans");
	lab_install();
	lab_kernel_log("");
	for (size_t i = 0; i < lab_n_accesses; i++) {
		const struct lab_access *access = &lab_accesses[i];

		if ((access->size == 0) != scans || !lab_access_can_run(access))
			continue;
		(scans ? meet_scan : meet_word)(access);
		if (access->is != NULL && !access->is->touches_again)
			meet_other_rows(access);
	}
	for (size_t i = 0; i < lab_n_accesses; i++)
		if ((lab_accesses[i].size == 0) == scans && lab_access_can_run(&lab_accesses[i]))
			check_rows(&lab_accesses[i]);
	printf("%zu rows have met a machine check, and %zu a lost page\n", consumed.n, lost.n);
	return lab_status();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* routines.c - which routines of the library have rows, and which can be tested in this guest */
#include "copy/route.h"
#include "lab.h"
#include "landing/landing.h"

#include <string.h>
#include <sys/mman.h>

/* Whole lines of a destination. The scenario "flushcache" meets poison in them. */
static bool is_in_lines(uintptr_t insn)
{
	static void (*const lines[])(void) = {
#define LINES(name, ...) (void (*)(void)) mcsafe__lines_##name,
#include "asm/engines.def"
	};
	uintptr_t start = lab_function_of(insn).start;

	for (size_t i = 0; i < T_LENGTH(lines); i++)
		if ((uintptr_t)lines[i] == start)
			return true;
	return false;
}

/*
 * Finds functions with rows that no entry of lab_engines[] or lab_accesses[] covers. Reports one
 * failure for each row.
 */
static void check_table(void)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_all_rows(MCSAFE_ROW_BOTH, insns, T_LENGTH(insns));

	for (size_t i = 0; i < n; i++)
		lab_check(lab_engine_of(insns[i]) || lab_access_of(insns[i]) ||
				  is_in_lines(insns[i]),
			  "the lab does not know the row %s", lab_insn_name(insns[i]));
}

/*
 * Every engine that a program can select by name. An engine that also uses REP MOVSB is named after
 * both routines. The scenario "strings" tests them together.
 */
static void check_names(void)
{
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		const struct lab_engine *engine = lab_engine_of((uintptr_t)mcsafe__engines[i].copy);
		size_t n = engine ? strlen(engine->name) : 0;

		lab_check(engine && strncmp(engine->name, mcsafe__engines[i].name, n) == 0 &&
				  strcmp(mcsafe__engines[i].name + n,
					 mcsafe__engines[i].rep_movsb ? "_erms" : "") == 0,
			  "the lab has no engine %s", mcsafe__engines[i].name);
	}
}

/* Some emulators ignore the flush of a line: then it cannot fail. */
static bool faults_on_forbidden_page(const struct lab_engine *engine)
{
	unsigned char *page = lab_pages(1);
	struct mcsafe_fault fault;
	size_t left;

	lab_need(mprotect(page, T_PAGE, PROT_NONE) == 0, "mprotect");
	left = lab_run(engine, page, page, LINE, &fault);
	munmap(page, T_PAGE);
	return left != 0;
}

static void try_accesses(void)
{
	unsigned char *page = lab_pages(1);

	lab_need(mprotect(page, T_PAGE, PROT_NONE) == 0, "mprotect");
	for (size_t i = 0; i < lab_n_accesses; i++) {
		const struct lab_access *access = &lab_accesses[i];
		size_t n = access->size ? access->size : 1, done = 0;
		unsigned char same = FILL;
		struct mcsafe_fault fault;

		if (!lab_access_can_run(access))
			lab_fact(access->name, "cannot run: the emulator lacks the instructions");
		else if (access->run(page, &same, n, &done, &fault) == MCSAFE_CAUSE_NONE)
			lab_fact(access->name, "runs, and does not fail");
		else
			lab_fact(access->name, "runs");
	}
	munmap(page, T_PAGE);
}

int lab_program_routines(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	lab_install();
	check_table();
	check_names();
	for (size_t i = 0; i < lab_n_engines - LAB_BROKEN_ENGINES; i++) {
		const struct lab_engine *engine = &lab_engines[i];
		uintptr_t insns[LAB_ROWS_MAX];

		lab_check(lab_rows(engine, MCSAFE_ROW_BOTH, insns, T_LENGTH(insns)) > 0,
			  "%s has no rows", engine->name);
		if (!lab_can_run(engine))
			lab_fact(engine->name, "cannot run: the emulator lacks the instructions");
		else if (!faults_on_forbidden_page(engine))
			lab_fact(engine->name, "runs, but the emulator lets no flush fail");
		else
			lab_fact(engine->name, "runs");
	}
	try_accesses();
	return lab_status();
}

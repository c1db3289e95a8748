/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.c - the library's engines, and which rows of the landing table are theirs */
#include "access.h"
#include "engine.h"
#include "extable.h"
#include "fault.h"
#include "lab.h"
#include "scan.h"

#include <string.h>

/* copy_reread.S */
size_t lab_copy_reread(void *dst, const void *src, size_t n, struct mcsafe__landing *landing);

/* What the lab copies with: one line for each engine. */
const struct lab_engine lab_engines[] = {
	{"word", mcsafe__copy_word, 8},
	/* Wrong on purpose: */
	{"reread", lab_copy_reread, 1},
};
const size_t lab_n_engines = LENGTH(lab_engines);

const struct lab_engine *lab_engine(const char *name)
{
	for (size_t i = 0; i < lab_n_engines; i++)
		if (strcmp(lab_engines[i].name, name) == 0)
			return &lab_engines[i];
	lab_need(false, "there is no engine %s", name);
	return NULL;
}

/* Functions that have rows as well; with the engines, all in engine.h, access.h and scan.h. */
static const uintptr_t others[] = {
	(uintptr_t)mcsafe__find_byte, /* all of scan.S */
	(uintptr_t)mcsafe__load_1,    /* all of access.S */
	(uintptr_t)mcsafe__set_word,
	(uintptr_t)mcsafe__set_sse2,
	(uintptr_t)mcsafe__set_avx2,
	(uintptr_t)mcsafe__flush_clwb,
	(uintptr_t)mcsafe__flush_clflushopt,
	(uintptr_t)mcsafe__flush_clflush,
};

/* The function that an instruction is in: the last one to begin before it. */
static uintptr_t function_of(uintptr_t insn)
{
	uintptr_t best = 0;

	for (size_t i = 0; i < lab_n_engines; i++) {
		uintptr_t start = (uintptr_t)lab_engines[i].copy;

		if (start <= insn && start > best)
			best = start;
	}
	for (size_t i = 0; i < LENGTH(others); i++)
		if (others[i] <= insn && others[i] > best)
			best = others[i];
	return best;
}

static size_t rows(uintptr_t function, unsigned kind, uintptr_t *insns, size_t room)
{
	const struct mcsafe_row *row, *end;
	size_t n = 0;

	for (mcsafe__extable_own(&row, &end); row < end; row++) {
		uintptr_t insn = mcsafe__row_insn(row);

		if (!(row->kind & kind) || (function && function_of(insn) != function))
			continue;
		lab_need(n < room, "too many rows");
		insns[n++] = insn;
	}
	return n;
}

size_t lab_rows(const struct lab_engine *engine, unsigned kind, uintptr_t *insns, size_t room)
{
	return rows((uintptr_t)engine->copy, kind, insns, room);
}

size_t lab_all_rows(unsigned kind, uintptr_t *insns, size_t room)
{
	return rows(0, kind, insns, room);
}

size_t lab_copy(const struct lab_engine *engine, void *dst, const void *src, size_t n,
		struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left = engine->copy(dst, src, n, &landing);
	bool load = left && mcsafe__facts_kind(landing.facts) == MCSAFE_ROW_LOAD;

	if (left)
		mcsafe__fault_from_landing(fault, &landing,
					   (const char *)(load ? src : dst) + (n - left));
	return left;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.c - the library's assembly routines, and which rows of the landing table are theirs */
#include "base/cpu.h"
#include "copy/engine.h"
#include "landing/extable.h"
#include "landing/fault.h"
#include "lab.h"

#include <string.h>

/* copy_reread.S */
mcsafe__copy_fn lab_copy_reread;

/*
 * What the lab copies with: one line for each routine that has rows. The scenario "routines" holds
 * it against the landing table, and says which of them cannot run in the guest.
 *
 * step: the contract at the head of each routine says how far it may fall short (C5).
 */
const struct lab_engine lab_engines[] = {
	{.name = "word", .copy = mcsafe__copy_word, .step = 1},
	{.name = "sse2", .copy = mcsafe__copy_sse2, .step = 1},
	{.name = "avx2", .copy = mcsafe__copy_avx2, .step = 1, .needs = MCSAFE__CPU_AVX2},
	{.name = "nt_avx2", .copy = mcsafe__copy_nt_avx2, .step = 1, .needs = MCSAFE__CPU_AVX2},
	{.name = "avx512", .copy = mcsafe__copy_avx512, .step = 1, .needs = MCSAFE__CPU_AVX512},
	{.name = "nt_avx512",
	 .copy = mcsafe__copy_nt_avx512,
	 .step = 1,
	 .needs = MCSAFE__CPU_AVX512},
	{.name = "erms", .copy = mcsafe__copy_erms, .step = 1, .needs = MCSAFE__CPU_ERMS},
	{.name = "set_word", .set = mcsafe__set_word},
	{.name = "set_sse2", .set = mcsafe__set_sse2},
	{.name = "set_avx2", .set = mcsafe__set_avx2, .needs = MCSAFE__CPU_AVX2},
	{.name = "clwb", .flush = mcsafe__flush_clwb, .needs = MCSAFE__CPU_CLWB},
	{.name = "clflushopt", .flush = mcsafe__flush_clflushopt, .needs = MCSAFE__CPU_CLFLUSHOPT},
	{.name = "clflush", .flush = mcsafe__flush_clflush},
	/* Wrong on purpose: */
	{.name = "reread", .copy = lab_copy_reread, .step = 1},
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

bool lab_can_run(const struct lab_engine *engine)
{
	return (engine->needs & ~mcsafe__cpu_features()) == 0;
}

static uintptr_t start_of(const struct lab_engine *engine)
{
	if (engine->copy)
		return (uintptr_t)engine->copy;
	return engine->set ? (uintptr_t)engine->set : (uintptr_t)engine->flush;
}

/* start is 0: of all. */
size_t lab_rows_from(uintptr_t start, unsigned kind, uintptr_t *insns, size_t room)
{
	const struct mcsafe_row *row, *end;
	size_t n = 0;

	for (mcsafe__extable_own(&row, &end); row < end; row++) {
		uintptr_t insn = mcsafe__row_insn(row);

		if (!(row->kind & kind) || (start && lab_function_of(insn).start != start))
			continue;
		lab_need(n < room, "too many rows");
		insns[n++] = insn;
	}
	return n;
}

size_t lab_rows(const struct lab_engine *engine, unsigned kind, uintptr_t *insns, size_t room)
{
	return lab_rows_from(start_of(engine), kind, insns, room);
}

size_t lab_all_rows(unsigned kind, uintptr_t *insns, size_t room)
{
	return lab_rows_from(0, kind, insns, room);
}

const struct lab_engine *lab_engine_of(uintptr_t insn)
{
	uintptr_t start = lab_function_of(insn).start;

	for (size_t i = 0; i < lab_n_engines; i++)
		if (start_of(&lab_engines[i]) == start)
			return &lab_engines[i];
	return NULL;
}

size_t lab_run(const struct lab_engine *engine, void *dst, const void *src, size_t n,
	       struct mcsafe_fault *fault)
{
	struct mcsafe__landing landing;
	size_t left;
	bool load;

	if (engine->copy)
		left = engine->copy(dst, src, n, &landing);
	else if (engine->set)
		left = engine->set(dst, LAB_SET, n, &landing);
	else
		left = engine->flush(dst, n, &landing);
	load = left && mcsafe__facts_kind(landing.facts) == MCSAFE_ROW_LOAD;
	if (left)
		mcsafe__fault_from_landing(fault, &landing,
					   (const char *)(load ? src : dst) + (n - left));
	return left;
}

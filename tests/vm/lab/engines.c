/* SPDX-License-Identifier: BSD-3-Clause */
/* engines.c - the library's assembly routines, and which rows of the landing table are theirs */
#include "asm/routines.h"
#include "base/cpu.h"
#include "lab.h"
#include "landing/extable.h"

#include <string.h>

/* copy_reread.S */
mcsafe__copy_fn lab_copy_reread;

#define ROUTINE (const struct mcsafe__routine)

/*
 * The routines that the lab runs. The scenario "routines" compares them with the landing table, and
 * says which of them cannot run in the guest.
 */
const struct lab_engine lab_engines[] = {
#define COPY(name_, ...) \
 {.name = #name_, .copy = mcsafe__copy_##name_, .is = &ROUTINE{__VA_ARGS__}},
#define SET(name_, ...) \
 {.name = "set_" #name_, .set = mcsafe__set_##name_, .is = &ROUTINE{__VA_ARGS__}},
#define FLUSH(name_, ...) \
 {.name = #name_, .flush = mcsafe__flush_##name_, .is = &ROUTINE{__VA_ARGS__}},
#include "asm/engines.def"
	/* Wrong on purpose: */
	{.name = "reread", .copy = lab_copy_reread, .is = &ROUTINE{.needs = 0}},
};
const size_t lab_n_engines = T_LENGTH(lab_engines);

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
	return (engine->is->needs & ~mcsafe__cpu_features()) == 0;
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
	if (engine->copy)
		return engine->copy(dst, src, n, fault);
	if (engine->set)
		return engine->set(dst, LAB_SET, n, fault);
	return engine->flush(dst, n, fault);
}

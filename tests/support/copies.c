/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.c - every routine that has rows in the landing table, and the functions that call them */
#include "copies.h"

#include <mcsafe/copy.h>

#include "base/cpu.h"
#include "copy/access.h"
#include "run.h"
#include "tool.h"

/* For what a function must not look at: arguments that it does not have, half a register. */
#define NOT_AN_ARGUMENT UINT64_C(0xdeadbeefdeadbeef)

/* The members of struct t_copy up to the last one. */
#define ENTRY(function, work, record) #function, (void (*)(void))(function), work, record, 0
#define ROUTINE(name, work) \
 "engine " #name, (void (*)(void))mcsafe__##name, work, T_RECORD_ROUTINE, 0

const struct t_copy t_copies[] = {
#define COPY(name, ...)  {ROUTINE(copy_##name, T_COPIES), {__VA_ARGS__}},
#define SET(name, ...)   {ROUTINE(set_##name, T_SETS), {__VA_ARGS__}},
#define FLUSH(name, ...) {ROUTINE(flush_##name, T_FLUSHES), {__VA_ARGS__}},
#include "asm/engines.def"
	{ENTRY(mcsafe_memcpy, T_COPIES, T_RECORD_FAULT), {0}},
	{ENTRY(mcsafe_memcpy_flushcache, T_COPIES, T_RECORD_FAULT), {0}},
	{ENTRY(memcpy_mcsafe, T_COPIES, T_RECORD_NONE), {0}},
	{ENTRY(mcsafe_memset, T_SETS, T_RECORD_FAULT), {0}},
};

const size_t t_n_copies = T_LENGTH(t_copies);

/* The first routine of each file of asm/x86_64 that holds no copies. tests/access tests them. */
static const struct t_copy others[] = {
	{ROUTINE(load_1, T_SETS), {0}}, /* access_word.S */
#define SCAN(name, ...)    {ROUTINE(scan_##name, T_SETS), {0}},
#define LINES(name, ...)   {ROUTINE(lines_##name, T_COPIES), {__VA_ARGS__}},
#define COMPARE(name, ...) {ROUTINE(compare_##name, T_SETS), {__VA_ARGS__}},
#include "asm/engines.def"
};

bool t_copy_is_engine(const struct t_copy *copy)
{
	return copy->record == T_RECORD_ROUTINE;
}

bool t_copy_is_possible(const struct t_copy *copy)
{
	/* To valgrind a flush is no access. */
	if (copy->work == T_FLUSHES && t_with_valgrind())
		return false;
	return (copy->is.needs & ~mcsafe__cpu_features()) == 0 &&
	       !(copy->is.rep_movsb && t_tool_cannot("erms"));
}

void t_copy_arguments(const struct t_copy *copy, uint64_t args[4], const void *dst, const void *src,
		      size_t n, void *record)
{
	unsigned i = 0;

	args[i++] = (uintptr_t)dst;
	if (copy->work == T_COPIES)
		args[i++] = (uintptr_t)src;
	if (copy->work == T_SETS)
		args[i++] = (NOT_AN_ARGUMENT & ~UINT64_C(0xff)) | T_SET_TO;
	args[i++] = n;
	if (copy->record != T_RECORD_NONE)
		args[i++] = (uintptr_t)record;
	while (i < 4)
		args[i++] = NOT_AN_ARGUMENT;
}

static const struct t_copy *nearest(uintptr_t ip, const struct t_copy *found,
				    const struct t_copy *routines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct t_copy *copy = &routines[i];

		if (t_copy_is_engine(copy) && (uintptr_t)copy->fn <= ip &&
		    (found == NULL || (uintptr_t)copy->fn > (uintptr_t)found->fn))
			found = copy;
	}
	return found;
}

const struct t_copy *t_engine_of(uintptr_t ip)
{
	return nearest(ip, nearest(ip, NULL, t_copies, t_n_copies), others, T_LENGTH(others));
}

bool t_is_no_copy(const struct t_copy *routine)
{
	return routine >= others && routine < others + T_LENGTH(others);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.c - everything that has rows in the landing table: entry points, and engines behind them */
#include "copies.h"

#include <mcsafe/copy.h>

#include "base/cpu.h"
#include "copy/access.h"
#include "copy/engine.h"
#include "copy/scan.h"
#include "run.h"
#include "tool.h"

/* In what a function must not look at: an argument that it does not have, half a register. */
#define NOT_AN_ARGUMENT UINT64_C(0xdeadbeefdeadbeef)

#define ENTRY(function, work, record)                       \
 {                                                          \
#  function, (void (*)(void))(function), work, record, 0, 0 \
 }
#define ENGINE(name, work, shortfall, needs)                                                \
 {                                                                                          \
  "engine " #name, (void (*)(void))mcsafe__##name, work, T_RECORD_LANDING, shortfall, needs \
 }

const struct t_copy t_copies[] = {
	/* A load of the word engine is all good or all bad, whatever the bad line. */
	ENGINE(copy_word, T_COPIES, 0, 0),
	ENGINE(copy_sse2, T_COPIES, 0, 0),
	ENGINE(copy_avx2, T_COPIES, 0, MCSAFE__CPU_AVX2),
	ENGINE(copy_nt_avx2, T_COPIES, 0, MCSAFE__CPU_AVX2),
	ENGINE(copy_avx512, T_COPIES, 0, MCSAFE__CPU_AVX512),
	ENGINE(copy_nt_avx512, T_COPIES, 0, MCSAFE__CPU_AVX512),
	ENGINE(copy_erms, T_COPIES, 0, MCSAFE__CPU_ERMS),
	ENGINE(set_word, T_SETS, 0, 0),
	ENGINE(set_sse2, T_SETS, 0, 0),
	ENGINE(set_avx2, T_SETS, 0, MCSAFE__CPU_AVX2),
	ENGINE(flush_clflush, T_FLUSHES, 0, 0),
	ENGINE(flush_clflushopt, T_FLUSHES, 0, MCSAFE__CPU_CLFLUSHOPT),
	ENGINE(flush_clwb, T_FLUSHES, 0, MCSAFE__CPU_CLWB),
	ENTRY(mcsafe_memcpy, T_COPIES, T_RECORD_FAULT),
	ENTRY(mcsafe_memcpy_flushcache, T_COPIES, T_RECORD_FAULT),
	ENTRY(memcpy_mcsafe, T_COPIES, T_RECORD_NONE),
	ENTRY(mcsafe_memset, T_SETS, T_RECORD_FAULT),
};

const size_t t_n_copies = T_LENGTH(t_copies);

/* The files of asm/x86_64 that hold no copies, by the routine that each begins with: tests/access
 * tests them. */
static const struct t_copy others[] = {
	ENGINE(load_1, T_SETS, 0, 0),    /* access_word.S */
	ENGINE(find_byte, T_SETS, 0, 0), /* scan_sse2.S */
};

bool t_copy_is_engine(const struct t_copy *copy)
{
	return copy->record == T_RECORD_LANDING;
}

bool t_copy_is_possible(const struct t_copy *copy)
{
	/* To valgrind a flush is no access. */
	if (copy->work == T_FLUSHES && t_with_valgrind())
		return false;
	return (mcsafe__cpu_features() & copy->needs) == copy->needs &&
	       !(copy->fn == (void (*)(void))mcsafe__copy_erms && t_tool_cannot("erms"));
}

bool t_copy_touches_again(const struct t_copy *copy)
{
	return copy->fn == (void (*)(void))mcsafe__copy_avx2 ||
	       copy->fn == (void (*)(void))mcsafe__copy_avx512 ||
	       copy->fn == (void (*)(void))mcsafe__copy_nt_avx512 ||
	       copy->fn == (void (*)(void))mcsafe__copy_nt_avx2;
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

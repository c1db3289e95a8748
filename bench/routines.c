/* SPDX-License-Identifier: BSD-3-Clause */
/* routines.c - the assembly routines themselves, without their entry points */
#include <string.h>

#include "asm/routines.h"
#include "base/cpu.h"
#include "memcpy_calls.h"

CALLS_OF(libc, by_memcpy)

#define COPY(name, ...)                                                                    \
 ALWAYS_INLINE uintptr_t by_##name(unsigned char *dst, const unsigned char *src, size_t n) \
 {                                                                                         \
  return mcsafe__copy_##name(dst, src, n, NULL);                                           \
 }                                                                                         \
 CALLS_OF(copy_##name, by_##name)
#include "asm/engines.def"

static const struct {
	const char *name;
	run_fn *run;
	struct mcsafe__routine is;
} routines[] = {
#define COPY(name_, ...) {"copy_" #name_, copy_##name_, {__VA_ARGS__}},
#include "asm/engines.def"
};

void bench_routines(void)
{
	struct contest contest = {.count = 0};

	contest_add(&contest, "libc", libc);
	for (size_t i = 0; i < sizeof(routines) / sizeof(routines[0]); i++)
		if ((routines[i].is.needs & ~mcsafe__cpu_features()) == 0)
			contest_add(&contest, routines[i].name, routines[i].run);
	single_run(&contest, "routines", (size_t)32 << 20);
}

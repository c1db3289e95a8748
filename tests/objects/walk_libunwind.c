/* SPDX-License-Identifier: BSD-3-Clause */
/* walk_libunwind.c - a backtrace from the ucontext of a signal, by libunwind */
#include "walk.h"

#define UNW_LOCAL_ONLY
#include <libunwind.h>

struct walk walk_from(ucontext_t *ctx)
{
	struct walk walk = {.n = 0};
	unw_cursor_t cursor;
	unw_proc_info_t info = {.start_ip = 0};

	if (unw_init_local2(&cursor, ctx, UNW_INIT_SIGNAL_FRAME) != 0)
		return walk;
	do
		walk.function[walk.n++] =
			unw_get_proc_info(&cursor, &info) == 0 ? (uintptr_t)info.start_ip : 0;
	while (walk.n < WALK_FRAMES && unw_step(&cursor) > 0);
	return walk;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* walk_libgcc.c - a backtrace from the handler itself through the signal frame, by libgcc */
#include "walk.h"

#include <unwind.h>

#include "base/msan.h"

struct search {
	struct walk walk;
	uintptr_t rip;
	int found; /* the frame that the signal interrupted */
};

MCSAFE__MSAN_CALLED_FROM_OUTSIDE
static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *arg)
{
	struct search *search = arg;
	struct walk *walk = &search->walk;
	int at_instruction = 0; /* not the address after a call */
	uintptr_t ip = _Unwind_GetIPInfo(context, &at_instruction);

	search->found |= at_instruction && ip == search->rip;
	if (!search->found)
		return _URC_NO_REASON;
	if (walk->n == WALK_FRAMES)
		return _URC_END_OF_STACK;
	/*
	 * _Unwind_FindEnclosingFunction() looks for the function of the byte before its argument.
	 */
	walk->function[walk->n++] =
		(uintptr_t)_Unwind_FindEnclosingFunction((void *)(ip + (at_instruction != 0)));
	return _URC_NO_REASON;
}

struct walk walk_from(ucontext_t *ctx)
{
	struct search search = {.rip = (uintptr_t)ctx->uc_mcontext.gregs[REG_RIP]};

	_Unwind_Backtrace(on_frame, &search);
	return search.walk;
}

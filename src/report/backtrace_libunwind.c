/* SPDX-License-Identifier: BSD-3-Clause */
/* backtrace_libunwind.c - walk a stack; the only file that uses libunwind */
#include "report.h"

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "asm/routines.h"
#include "base/msan.h"

#define FRAMES_MAX 128

/*
 * Fill in what an exception would find in the frame. If code has no unwind information, libunwind
 * makes up a function of one byte.
 */
static void describe(unw_cursor_t *cursor, struct mcsafe__frame *frame)
{
	unw_proc_info_t info;
	unw_word_t sp;
	bool has_sp = unw_get_reg(cursor, UNW_REG_SP, &sp) == 0;
	bool has_info = unw_get_proc_info(cursor, &info) == 0;

	mcsafe__msan_written(&sp, sizeof(sp));
	mcsafe__msan_written(&info, sizeof(info));
	frame->sp = has_sp ? sp : 0;
	frame->is_signal = unw_is_signal_frame(cursor) > 0;
	frame->is_known = has_info && info.end_ip - info.start_ip > 1;
	frame->has_cleanup = frame->is_known && info.lsda != 0;
	frame->personality = frame->is_known ? info.handler : 0;
}

/* Call step for the frame at the cursor. False: it was the last frame. */
static bool use(unw_cursor_t *cursor, struct mcsafe__frame *frame, bool names,
		mcsafe__step_fn *step, void *arg)
{
	char name[128];
	unw_word_t ip, offset;

	if (unw_get_reg(cursor, UNW_REG_IP, &ip) != 0)
		return false;
	mcsafe__msan_written(&ip, sizeof(ip));
	if (ip == 0 && frame->number != 0)
		return false;
	frame->ip = ip;
	frame->name = NULL;
	if (names) {
		describe(cursor, frame);
		/*
		 * A name that was cut off is still a name. libunwind 1.6 returns -UNW_ENOMEM then,
		 * as its manual says, but 1.8 returns -UNW_ENOINFO.
		 */
		memset(name, 0, sizeof(name));
		int err = unw_get_proc_name(cursor, name, sizeof(name), &offset);

		mcsafe__msan_written(name, sizeof(name));
		if (err == 0 || strlen(name) == sizeof(name) - 1) {
			mcsafe__msan_written(&offset, sizeof(offset));
			frame->name = name;
			frame->offset = offset;
		}
	}
	return step(frame, arg);
}

/*
 * Whether the thread called through a bad pointer. Then the instruction at RIP cannot be read, and
 * has no unwind information. The call has left its return address on top of the stack: *caller is
 * the context of the caller, in which RIP is that address.
 */
static bool is_bad_call(const ucontext_t *uc, ucontext_t *caller)
{
	uintptr_t ip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	uintptr_t sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP], back;
	char byte;

	if (mcsafe__copy_word(&byte, (const void *)ip, 1, NULL) == 0 ||
	    mcsafe__copy_word(&back, (const void *)sp, sizeof(back), NULL) != 0)
		return false;
	mcsafe__msan_written(&back, sizeof(back));
	memset(caller, 0, sizeof(*caller));
	memcpy(caller->uc_mcontext.gregs, uc->uc_mcontext.gregs, sizeof(gregset_t));
	caller->uc_mcontext.gregs[REG_RIP] = (greg_t)back;
	caller->uc_mcontext.gregs[REG_RSP] = (greg_t)sp + (greg_t)sizeof(back);
	return true;
}

static void walk(ucontext_t *uc, int flags, struct mcsafe__frame *frame, bool names,
		 mcsafe__step_fn *step, void *arg)
{
	unw_cursor_t cursor;

	if (unw_init_local2(&cursor, uc, flags) != 0)
		return;
	while (frame->number < FRAMES_MAX && use(&cursor, frame, names, step, arg)) {
		frame->number++;
		if (unw_step(&cursor) <= 0)
			break;
	}
}

int mcsafe__backtrace(const void *ctx, bool names, mcsafe__step_fn *step, void *arg)
{
	/* libunwind does not write there, although its type is not const. */
	ucontext_t *uc = (ucontext_t *)(uintptr_t)ctx;
	struct mcsafe__frame frame = {.ip = (unsigned long)uc->uc_mcontext.gregs[REG_RIP],
				      .sp = (unsigned long)uc->uc_mcontext.gregs[REG_RSP]};
	ucontext_t caller;
	int flags = UNW_INIT_SIGNAL_FRAME; /* RIP is not a return address */

	/* getcontext(3), which MemorySanitizer does not see, may have written it. */
	mcsafe__msan_written(&uc->uc_mcontext.gregs, sizeof(gregset_t));
	if (is_bad_call(uc, &caller)) {
		if (!step(&frame, arg))
			return 0;
		frame.number++;
		uc = &caller;
		flags = 0;
	}
	mcsafe__msan_foreign_begin();
	walk(uc, flags, &frame, names, step, arg);
	mcsafe__msan_foreign_end();
	return 0;
}

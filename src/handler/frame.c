/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.c - move a signal frame from the alternate stack to the stack that was interrupted
 *
 * Our handler asks for SA_ONSTACK; the one before it may not have done so, and then counts on the
 * room of the ordinary stack. Calling it from there with our own frame left behind would not do:
 * the kernel takes the alternate stack to be free whenever %rsp is elsewhere, and starts the next
 * frame at its top again. So the whole frame moves, and nothing stays behind.
 *
 * Runs in the signal handler. Of libc it calls memcpy only.
 *
 * The frame is laid out by the kernel and read back by rt_sigreturn(2), which makes this much of it
 * ABI: the address of the restorer, the ucontext right behind it, and the floating point state
 * that uc_mcontext.fpregs points to, aligned to 64. The siginfo, and that the floating point state
 * comes last, are checked here and not assumed.
 */
#include "frame.h"

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "asm/routines.h"
#include "base/msan.h"

#define RED_ZONE     128 /* System V ABI: the interrupted function may keep data below %rsp */
#define FXSAVE_SIZE  512
#define FRAME_ALIGN  64
#define FRAME_MAX    ((size_t)64 * 1024) /* with AMX it has about 11 KiB */
#define UC_FP_XSTATE 1UL                 /* the state is longer than FXSAVE and says how long */

/* struct _fpx_sw_bytes, in the bytes of the FXSAVE area that the processor leaves to software. */
#define SW_BYTES_OFFSET 464
#define SW_BYTES_MAGIC  0x46505853u

struct sw_bytes {
	uint32_t magic;
	uint32_t extended_size; /* of everything from the FXSAVE area on, trailing magic included */
};

static uintptr_t frame_end(const ucontext_t *uc)
{
	uintptr_t fpstate = (uintptr_t)uc->uc_mcontext.fpregs;
	struct sw_bytes sw;

	if (!(uc->uc_flags & UC_FP_XSTATE))
		return fpstate + FXSAVE_SIZE;
	memcpy(&sw, (const char *)fpstate + SW_BYTES_OFFSET, sizeof(sw));
	return sw.magic == SW_BYTES_MAGIC ? fpstate + sw.extended_size : 0;
}

static int is_within(uintptr_t addr, const stack_t *stack)
{
	return addr - (uintptr_t)stack->ss_sp < stack->ss_size;
}

/* Whether this is a whole frame of the kernel, entered by the kernel, on the alternate stack only
 * because of our SA_ONSTACK. */
static int is_to_be_moved(uintptr_t frame, uintptr_t end, const siginfo_t *si, const ucontext_t *uc)
{
	const stack_t *stack = &uc->uc_stack;

	if ((uintptr_t)uc != frame + sizeof(void *)) /* called by a handler on top of ours */
		return 0;
	if ((stack->ss_flags & SS_DISABLE) || !is_within(frame, stack) ||
	    is_within((uintptr_t)uc->uc_mcontext.gregs[REG_RSP] - 1, stack))
		return 0;
	return end > frame && end - frame <= FRAME_MAX && (uintptr_t)si > frame &&
	       (uintptr_t)si + sizeof(*si) <= end && (uintptr_t)uc->uc_mcontext.fpregs > frame;
}

enum mcsafe__move mcsafe__frame_move(const void *frame, siginfo_t *si, void *ctx,
				     struct mcsafe__resume *resume)
{
	ucontext_t *uc = ctx;
	uintptr_t from = (uintptr_t)frame, end = frame_end(uc), to;
	uintptr_t rsp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];

	if (!is_to_be_moved(from, end, si, uc))
		return MCSAFE__MOVE_NOT_NEEDED;

	/* A whole number of alignments away, so that every part keeps the alignment it has. */
	to = from + ((rsp - RED_ZONE - end) & ~(uintptr_t)(FRAME_ALIGN - 1));
	/* That stack may be full, which is why the kernel would not have survived this. */
	if (mcsafe__copy_sse2((void *)to, frame, end - from, NULL) != 0)
		return MCSAFE__MOVE_NO_ROOM;
	mcsafe__msan_copied((void *)to, frame, end - from);

	resume->frame = (void *)to;
	resume->si = (siginfo_t *)((uintptr_t)si - from + to);
	resume->ctx = (void *)((uintptr_t)ctx - from + to);
	uc = resume->ctx;
	uc->uc_mcontext.fpregs = (fpregset_t)((uintptr_t)uc->uc_mcontext.fpregs - from + to);
	return MCSAFE__MOVE_DONE;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.c - move a signal frame from the alternate stack to the interrupted stack
 *
 * Our handler asks for SA_ONSTACK. If the previous handler did not, it relies on the room of the
 * ordinary stack. Our frame must not stay on the alternate stack while that handler runs: the
 * kernel takes the alternate stack to be free whenever %rsp is elsewhere, and starts the next frame
 * at its top again. So the whole frame moves, and nothing that is still needed stays.
 *
 * Runs in the signal handler. Of libc it calls memcpy only.
 *
 * The kernel lays out the frame, and rt_sigreturn(2) reads it back. That makes this much of it ABI:
 * the address of the restorer, the ucontext directly after it, and the floating-point state that
 * uc_mcontext.fpregs points to, aligned to 64. This file does not assume where the siginfo is, nor
 * that the floating-point state comes last: it checks both.
 */
#include "frame.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "asm/routines.h"
#include "base/msan.h"

#define RED_ZONE     128 /* System V ABI: the interrupted function may keep data below %rsp */
#define FXSAVE_SIZE  512
#define FRAME_ALIGN  64
#define FRAME_MAX    ((size_t)64 * 1024) /* a frame with AMX has about 11 KiB */
#define UC_FP_XSTATE 1UL                 /* the state is longer than FXSAVE; struct sw_bytes */

/* struct _fpx_sw_bytes of the kernel. It lies in the part of the FXSAVE area that the processor
 * leaves to software. */
#define SW_BYTES_OFFSET 464
#define SW_BYTES_MAGIC  0x46505853u

struct sw_bytes {
	uint32_t magic;
	uint32_t extended_size; /* bytes from the FXSAVE area to the end of the trailing magic */
};

/* The end of the floating-point state; 0 if its length is unknown. */
static uintptr_t frame_end(const ucontext_t *uc)
{
	uintptr_t fpstate = (uintptr_t)uc->uc_mcontext.fpregs;
	struct sw_bytes sw;

	if (!(uc->uc_flags & UC_FP_XSTATE))
		return fpstate + FXSAVE_SIZE;
	memcpy(&sw, (const char *)fpstate + SW_BYTES_OFFSET, sizeof(sw));
	return sw.magic == SW_BYTES_MAGIC ? fpstate + sw.extended_size : 0;
}

static bool is_within(uintptr_t addr, const stack_t *stack)
{
	return addr - (uintptr_t)stack->ss_sp < stack->ss_size;
}

/*
 * Whether this is a whole frame of the kernel, whether the kernel entered our handler, and whether
 * the frame is on the alternate stack only because of our SA_ONSTACK.
 */
static bool is_to_be_moved(uintptr_t frame, uintptr_t end, const siginfo_t *si,
			   const ucontext_t *uc)
{
	const stack_t *stack = &uc->uc_stack;

	/* Otherwise a handler that was installed over ours has called ours. */
	if ((uintptr_t)uc != frame + sizeof(void *))
		return false;
	if ((stack->ss_flags & SS_DISABLE) || !is_within(frame, stack) ||
	    is_within((uintptr_t)uc->uc_mcontext.gregs[REG_RSP] - 1, stack))
		return false;
	return end > frame && end - frame <= FRAME_MAX && (uintptr_t)si > frame &&
	       (uintptr_t)si + sizeof(*si) <= end && (uintptr_t)uc->uc_mcontext.fpregs > frame;
}

enum mcsafe__move mcsafe__frame_move(const struct mcsafe__delivery *delivery)
{
	const ucontext_t *uc = delivery->uc;
	struct mcsafe__resume *resume = delivery->resume;
	uintptr_t from = (uintptr_t)delivery->frame, end = frame_end(uc), to;
	uintptr_t rsp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	ucontext_t *moved;

	if (!is_to_be_moved(from, end, delivery->si, uc))
		return MCSAFE__MOVE_NOT_NEEDED;

	/* The distance is a multiple of FRAME_ALIGN, so that each part keeps its alignment. */
	to = from + ((rsp - RED_ZONE - end) & ~(uintptr_t)(FRAME_ALIGN - 1));
	/* The interrupted stack may be full. Then the kernel could not have written its frame. */
	if (mcsafe__copy_sse2((void *)to, delivery->frame, end - from, NULL) != 0)
		return MCSAFE__MOVE_NO_ROOM;
	mcsafe__msan_copied((void *)to, delivery->frame, end - from);

	moved = (ucontext_t *)((uintptr_t)uc - from + to);
	moved->uc_mcontext.fpregs = (fpregset_t)((uintptr_t)uc->uc_mcontext.fpregs - from + to);
	resume->frame = (void *)to;
	resume->si = (siginfo_t *)((uintptr_t)delivery->si - from + to);
	resume->ctx = moved;
	return MCSAFE__MOVE_DONE;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* frame.h - the signal frame of the kernel, and moving it */
#ifndef MCSAFE_SRC_FRAME_H
#define MCSAFE_SRC_FRAME_H

#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "asm/layout.h"

/* The handler that signal_entry.S must enter, on a signal frame that was moved. */
struct mcsafe__resume {
	void (*handler)(int, siginfo_t *, void *);
	siginfo_t *si;
	void *ctx;
	void *frame;
	int signo;
};

_Static_assert(offsetof(struct mcsafe__resume, handler) == MCSAFE_RESUME_HANDLER, "as in assembly");
_Static_assert(offsetof(struct mcsafe__resume, si) == MCSAFE_RESUME_SI, "as in assembly");
_Static_assert(offsetof(struct mcsafe__resume, ctx) == MCSAFE_RESUME_CTX, "as in assembly");
_Static_assert(offsetof(struct mcsafe__resume, frame) == MCSAFE_RESUME_FRAME, "as in assembly");
_Static_assert(offsetof(struct mcsafe__resume, signo) == MCSAFE_RESUME_SIGNO, "as in assembly");
_Static_assert(sizeof(struct mcsafe__resume) == MCSAFE_RESUME_SIZE, "as in assembly");

/* One signal on its way through our handler. */
struct mcsafe__delivery {
	int signo;
	siginfo_t *si;
	ucontext_t *uc;
	const void *frame;             /* %rsp at the entry of the handler */
	struct mcsafe__resume *resume; /* written if our handler must go on in another one */
	unsigned generation;           /* of the entry that was called (chain_history.h) */
};

enum mcsafe__move {
	MCSAFE__MOVE_NOT_NEEDED, /* without us, the handler would run on this same stack */
	MCSAFE__MOVE_DONE,       /* resume->frame, ->si and ->ctx say where the frame is now */
	MCSAFE__MOVE_NO_ROOM /* the interrupted stack cannot be written: the kernel would kill */
};

/*
 * Move a signal frame from the alternate stack to where the kernel puts it for a handler without
 * SA_ONSTACK. AS-Safe.
 */
enum mcsafe__move mcsafe__frame_move(const struct mcsafe__delivery *delivery);

#endif /* MCSAFE_SRC_FRAME_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.c - report a jump that skips frames that an exception would unwind
 *
 * mcsafe__guard_check_jump() runs in the signal handler. A copy of the process looks at the frames,
 * because libunwind takes locks, and needs memory for names.
 */
#include "guard.h"

#include <stdbool.h>

#include <mcsafe/handler.h>

#include "base/text.h"
#include "report/report.h"

struct mcsafe__child_setup mcsafe__guard_check_setup = {.fd = -1};

struct jump {
	const struct mcsafe_guard *guard;
	const ucontext_t *uc;
};

/*
 * A frame ends where the next frame begins. So a frame is judged when the next one is known. If the
 * stack pointer of the guard lies within a frame, that frame armed the guard, and the walk ends.
 */
struct walk {
	unsigned long guard_sp;
	unsigned long sp;    /* of the previous frame */
	const char *problem; /* of the previous frame; NULL: none */
	bool started, arrived, said;
	struct mcsafe__text text; /* the line about the problem */
};

static const char *problem_of(const struct mcsafe__frame *frame)
{
	if (frame->is_signal)
		return "a signal handler, which does not return";
	if (!frame->is_known)
		return "no unwind information: code of another runtime";
	if (frame->has_cleanup)
		return "destructors, cleanups or handlers of exceptions do not run";
	return NULL;
}

static void prepare_line(struct walk *walk, const struct mcsafe__frame *frame)
{
	struct mcsafe__text *t = &walk->text;

	t->n = 0;
	mcsafe__put(t, "  skips ");
	mcsafe__put_hex(t, frame->ip);
	if (frame->name != NULL) {
		mcsafe__put(t, " ");
		mcsafe__put_outside(t, frame->name);
		mcsafe__put(t, " + ");
		mcsafe__put_hex(t, frame->offset);
	}
	mcsafe__put(t, ": ");
	mcsafe__put(t, walk->problem);
}

static void say_head(const struct jump *jump, int fd)
{
	const struct mcsafe_fault *fault = &jump->guard->fault;
	struct mcsafe__text t = {.fd = fd};

	mcsafe__put(&t, "mcsafe: the jump from ");
	mcsafe__put_hex(&t, (unsigned long)fault->ip);
	mcsafe__put(&t, " (");
	mcsafe__put(&t, mcsafe_cause_name(fault->cause));
	mcsafe__put(&t, ") to the guard at ");
	mcsafe__put_hex(&t, MCSAFE__GUARD_WORD(jump->guard, MCSAFE_GUARD_RIP));
	mcsafe__end_line(&t);
}

struct judged {
	const struct jump *jump;
	struct walk walk;
};

static void say(struct judged *judged)
{
	struct walk *walk = &judged->walk;

	if (!walk->said)
		say_head(judged->jump, walk->text.fd);
	walk->said = true;
	mcsafe__end_line(&walk->text);
}

static bool judge(const struct mcsafe__frame *frame, void *arg)
{
	struct judged *judged = arg;
	struct walk *walk = &judged->walk;

	if (walk->started && walk->sp <= walk->guard_sp && walk->guard_sp < frame->sp) {
		walk->arrived = true;
		return false;
	}
	if (walk->problem != NULL)
		say(judged);
	walk->started = true;
	walk->sp = frame->sp;
	walk->problem = problem_of(frame);
	if (walk->problem != NULL)
		prepare_line(walk, frame);
	return true;
}

static void look(const void *arg)
{
	const struct jump *jump = arg;
	struct judged judged = {
		.jump = jump,
		.walk = {.guard_sp = MCSAFE__GUARD_WORD(jump->guard, MCSAFE_GUARD_RSP),
			 .text = {.fd = mcsafe__close_others(mcsafe__guard_check_setup.fd)}},
	};

	mcsafe__backtrace(jump->uc, true, judge, &judged);
	if (!judged.walk.arrived) {
		/* The last frame that was found is not that of the guard. */
		if (judged.walk.problem != NULL)
			say(&judged);
		mcsafe__put(&judged.walk.text, "  skips frames that cannot be walked");
		say(&judged);
	}
}

void mcsafe__guard_check_jump(const struct mcsafe_guard *guard, const ucontext_t *uc)
{
	const struct jump jump = {guard, uc};
	struct mcsafe__quiet quiet;

	mcsafe__quiet_begin(&quiet);
	mcsafe__in_copy(look, &jump, &mcsafe__guard_check_setup, mcsafe_handle_signal);
	mcsafe__quiet_end(&quiet);
}

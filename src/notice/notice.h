/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.h - how the handler takes note of a BUS_MCEERR_AO */
#ifndef MCSAFE_SRC_NOTICE_H
#define MCSAFE_SRC_NOTICE_H

#include <signal.h>
#include <stdatomic.h>

#include <mcsafe/notice.h>

static inline int mcsafe__is_notice(int signo, const siginfo_t *si)
{
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AO;
}

/* Queue a notice and call the program's function. 1, or 0 if nobody wants notices. AS-Safe. */
int mcsafe__notice_take(const siginfo_t *si);

/* Whether somebody wants notices. AS-Safe. */
int mcsafe__notice_wanted(void);

/*
 * The function and its argument, which must be read as a pair. Version v is in pair v mod 2, so a
 * reader of the newest version meets no writer; it tries again when two versions have come since.
 */
struct mcsafe__notice_pair {
	_Atomic(mcsafe_notice_fn) fn;
	void *_Atomic arg;
};

extern struct mcsafe__notice_pair mcsafe__notice_pairs[2];
extern _Atomic unsigned mcsafe__notice_version;
extern _Atomic int mcsafe__notices_wanted;

/* Only while nobody else is at the queue: before the first notice, and in a child of fork(2). */
void mcsafe__notice_empty_queue(void);

/* notice_set.c: from now on somebody wants notices. 0 or -ENOMEM. */
int mcsafe__notice_want(void);

#endif /* MCSAFE_SRC_NOTICE_H */

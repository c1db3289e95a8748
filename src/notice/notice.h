/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.h - how the handler takes note of BUS_MCEERR_AO, a notice of lost memory */
#ifndef MCSAFE_SRC_NOTICE_H
#define MCSAFE_SRC_NOTICE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mcsafe/notice.h>

static inline bool mcsafe__is_notice(int signo, const siginfo_t *si)
{
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AO;
}

/* Queue a notice and call the program's function. False if nobody wants notices. AS-Safe. */
bool mcsafe__notice_take(const siginfo_t *si);

/* Whether the program wants notices. AS-Safe. */
bool mcsafe__notice_wanted(void);

/*
 * The program's function and its argument. A reader must see both of the same version. Version v is
 * in pair v mod 2, and the writer of version v + 1 writes the other pair. A reader tries again if
 * the version has changed meanwhile.
 */
#define MCSAFE__NOTICE_PAIRS 2

struct mcsafe__notice_pair {
	_Atomic(mcsafe_notice_fn) fn;
	void *_Atomic arg;
};

extern struct mcsafe__notice_pair mcsafe__notice_pairs[MCSAFE__NOTICE_PAIRS];
extern _Atomic unsigned mcsafe__notice_version;
extern _Atomic bool mcsafe__notices_wanted;

/* Nobody else may use the queue: call this before the first notice, or in a child of fork(2). */
void mcsafe__notice_empty_queue(void);

/* notice_set.c: from now on the program wants notices. 0 or -ENOMEM. */
int mcsafe__notice_want(void);

#endif /* MCSAFE_SRC_NOTICE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.h - how the handler takes note of a BUS_MCEERR_AO */
#ifndef MCSAFE_SRC_NOTICE_H
#define MCSAFE_SRC_NOTICE_H

#include <signal.h>

static inline int mcsafe__is_notice(int signo, const siginfo_t *si)
{
	return signo == SIGBUS && si->si_code == BUS_MCEERR_AO;
}

/* Queue a notice and call the program's function. 1, or 0 if nobody wants notices. AS-Safe. */
int mcsafe__notice_take(const siginfo_t *si);

/* Whether somebody wants notices. AS-Safe. */
int mcsafe__notice_wanted(void);

/* From now on somebody does. 0 or -ENOMEM. */
int mcsafe__notice_want(void);

#endif /* MCSAFE_SRC_NOTICE_H */

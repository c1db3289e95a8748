/* SPDX-License-Identifier: BSD-3-Clause */
/* event.h - signals of no protected access: faults of other code, forged and sent signals */
#ifndef MCSAFE_TESTS_EVENT_H
#define MCSAFE_TESTS_EVENT_H

#include <signal.h>
#include <stdbool.h>

#include "bad_page.h"

enum t_event {
	T_FAULT,   /* of an ordinary instruction */
	T_KILL,    /* kill(2) */
	T_TGKILL,  /* raise(3) */
	T_QUEUE,   /* sigqueue(3), with the value T_VALUE */
	T_NOTICE,  /* BUS_MCEERR_AO; SIGBUS only */
	T_POISON,  /* BUS_MCEERR_AR; SIGBUS only */
	T_UNMAPPED /* SEGV_MAPERR that does not repeat; SIGSEGV only */
};

#define T_EVENTS (T_UNMAPPED + 1)

#define T_VALUE 0x5afe

/* The address and the extent in the siginfo of the last three. */
#define T_LOST_ADDR ((void *)0x7000)
#define T_LOST_LSB  12

/* Does the event exist for the signal? */
bool t_event_exists(enum t_event event, int signo);

/* The siginfo of the last three events. */
siginfo_t t_forged(enum t_event event);

/* Send si to this very thread, whatever its si_code (rt_tgsigqueueinfo(2)). */
void t_send_to_self(const siginfo_t *si);

/* Cause the event in this thread. T_FAULT reads the bad byte of memory, which must be spoilt. */
void t_cause(enum t_event event, int signo, const struct t_bad_page *memory);

/*
 * t_make_pending() blocks the signal and sends it, so that it stays pending. t_expect_pending()
 * checks that it still is, unblocks it, and checks that it is delivered once. The handler is the
 * kit's own.
 */
void t_make_pending(int signo);
void t_expect_pending(int signo);

const char *t_event_name(enum t_event event);

#endif /* MCSAFE_TESTS_EVENT_H */

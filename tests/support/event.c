/* SPDX-License-Identifier: BSD-3-Clause */
/* event.c - signals of no protected access: faults of other code, forged and sent signals */
#include "event.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

bool t_event_exists(enum t_event event, int signo)
{
	switch (event) {
	case T_NOTICE:
	case T_POISON:
		return signo == SIGBUS;
	case T_UNMAPPED:
		return signo == SIGSEGV;
	default:
		return true;
	}
}

siginfo_t t_forged(enum t_event event)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_addr = T_LOST_ADDR;
	if (event == T_UNMAPPED) {
		si.si_signo = SIGSEGV;
		si.si_code = SEGV_MAPERR;
	} else {
		si.si_signo = SIGBUS;
		si.si_code = event == T_NOTICE ? BUS_MCEERR_AO : BUS_MCEERR_AR;
		si.si_addr_lsb = T_LOST_LSB;
	}
	return si;
}

void t_send_to_self(const siginfo_t *si)
{
	siginfo_t copy = *si;

	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), si->si_signo, &copy),
		 0);
}

void t_cause(enum t_event event, int signo, const struct t_bad_page *memory)
{
	siginfo_t si;

	switch (event) {
	case T_FAULT:
		t_read_byte(memory->bad);
		break;
	case T_KILL:
		CHECK_EQ(kill(getpid(), signo), 0);
		break;
	case T_TGKILL:
		CHECK_EQ(raise(signo), 0);
		break;
	case T_QUEUE:
		CHECK_EQ(sigqueue(getpid(), signo, (union sigval){.sival_int = T_VALUE}), 0);
		break;
	case T_NOTICE:
	case T_POISON:
	case T_UNMAPPED:
		si = t_forged(event);
		t_send_to_self(&si);
		break;
	}
}

static volatile sig_atomic_t delivered;

static void deliver(int signo)
{
	(void)signo;
	delivered++;
}

static sigset_t only(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	return set;
}

void t_make_pending(int signo)
{
	sigset_t set = only(signo);

	t_set_plain(signo, deliver, 0);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(raise(signo), 0);
}

void t_expect_pending(int signo)
{
	sigset_t set = only(signo), pending;

	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, signo));
	CHECK_EQ(delivered, 0);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	CHECK_EQ(delivered, 1);
}

const char *t_event_name(enum t_event event)
{
	static const char *const names[T_EVENTS] = {
		"fault", "kill", "tgkill", "sigqueue", "notice", "poison", "unmapped",
	};

	return names[event];
}

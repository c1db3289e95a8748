/* SPDX-License-Identifier: BSD-3-Clause */
/* signals.c - a handler in front of libmcsafe's, which notes every signal and passes it on */
#include "lab.h"

#include <string.h>
#include <ucontext.h>

struct lab_signals lab_signals;

static struct sigaction below[2];

static void note(int signo, siginfo_t *si, void *ctx)
{
	const ucontext_t *context = ctx;
	unsigned i = __atomic_fetch_add(&lab_signals.n, 1, __ATOMIC_RELAXED);

	if (i < LAB_SIGNALS_MAX)
		lab_signals.noted[i] = (struct lab_signal){
			.signo = signo,
			.code = si->si_code,
			.lsb = signo == SIGBUS ? (unsigned)si->si_addr_lsb : 0,
			.addr = (uintptr_t)si->si_addr,
			.ip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP],
		};
	below[signo == SIGBUS].sa_sigaction(signo, si, ctx);
}

void lab_install(void)
{
	struct sigaction ours = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_NODEFER};

	lab_need(mcsafe_install() == 0 && mcsafe_installed() == 1, "mcsafe_install() fails");
	lab_need(sigaction(SIGBUS, &ours, &below[1]) == 0, "no handler for SIGBUS");
	lab_need(sigaction(SIGSEGV, &ours, &below[0]) == 0, "no handler for SIGSEGV");
}

void lab_forget_signals(void)
{
	memset(&lab_signals, 0, sizeof(lab_signals));
}

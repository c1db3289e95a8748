/* SPDX-License-Identifier: BSD-3-Clause */
/* witness.c - a handler on top of the library's that sees every SIGBUS and SIGSEGV go by */
#include "witness.h"

#include <stddef.h>
#include <string.h>
#include <ucontext.h>

#include "run.h"
#include "state.h"

_Thread_local struct t_witness t_witness;
void (*t_witness_hook)(void);

static struct sigaction below_bus, below_segv;

/*
 * If the interrupted code has set EFLAGS.AC, it is still set in the handler. Compiled code does not
 * align its accesses as the flag demands. sigreturn(2) restores the flag.
 */
static void tolerate_unaligned_accesses(void)
{
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" /* skip the red zone */
			 "pushfq\n\t"
			 "andq %0, (%%rsp)\n\t"
			 "popfq\n\t"
			 "leaq 128(%%rsp), %%rsp"
			 :
			 : "i"(~T_STATE_FLAG_AC)
			 : "cc", "memory");
}

static void note(int signo, const siginfo_t *si, const ucontext_t *ctx)
{
	if (t_witness.n < T_WITNESS_ROOM) {
		struct t_sighting *sighting = &t_witness.seen[t_witness.n];

		sighting->signo = signo;
		sighting->code = si->si_code;
		sighting->addr = (uintptr_t)si->si_addr;
		sighting->ip = (uintptr_t)ctx->uc_mcontext.gregs[REG_RIP];
	}
	t_witness.n++;
}

static void on_signal(int signo, siginfo_t *si, void *ctx)
{
	tolerate_unaligned_accesses();
	note(signo, si, ctx);
	if (t_witness_hook != NULL)
		t_witness_hook();
	(signo == SIGBUS ? below_bus : below_segv).sa_sigaction(signo, si, ctx);
}

static void put_on_top(int signo, struct sigaction *below)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	/*
	 * The flags of the library's own action, so that the library sees the same without a
	 * witness.
	 */
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(signo, &action, below), 0);
	assert_true(below->sa_flags & SA_SIGINFO);
	assert_true(below->sa_sigaction != on_signal);
}

void t_witness_start(void)
{
	t_witness.n = 0;
	t_witness_hook = NULL;
	put_on_top(SIGBUS, &below_bus);
	put_on_top(SIGSEGV, &below_segv);
}

void t_witness_stop(void)
{
	assert_int_equal(sigaction(SIGBUS, &below_bus, NULL), 0);
	assert_int_equal(sigaction(SIGSEGV, &below_segv, NULL), 0);
}

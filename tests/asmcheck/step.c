/* SPDX-License-Identifier: BSD-3-Clause */
/* step.c - runs a routine one instruction at a time */
#include "step.h"

#include <cpuid.h>
#include <signal.h>
#include <string.h>

#include "run.h"

static struct {
	uintptr_t entry;
	step_fn *see;
	void *arg;
	greg_t rsp; /* at the entry; 0: not reached yet */
	struct sigaction before;
} step;

static void on_trap(int signo, siginfo_t *si, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)signo;
	(void)si;
	if ((uintptr_t)regs[REG_RIP] == step.entry && step.rsp == 0)
		step.rsp = regs[REG_RSP];
	if (step.rsp == 0)
		return;
	/* The stack pointer is above: the routine has returned. */
	if (regs[REG_RSP] > step.rsp || !step.see(step.arg, ctx)) {
		regs[REG_EFL] &= ~STEP_FLAG;
		step.rsp = 0;
	}
}

/*
 * The kernel saves the mask in the signal frame in the form of XSAVE, at the offset of component 5,
 * if bit 5 of XSTATE_BV is set. Otherwise the mask is 0 (Intel SDM vol. 1, 13.4 and 13.5).
 */
uint64_t step_mask(const ucontext_t *context, int number)
{
	const char *area = (const char *)context->uc_mcontext.fpregs;
	unsigned eax, ebx, ecx, edx;
	uint64_t present, mask;

	memcpy(&present, area + 512, sizeof(present));
	if (!(present >> 5 & 1) || !__get_cpuid_count(0xd, 5, &eax, &ebx, &ecx, &edx))
		return 0;
	memcpy(&mask, area + ebx + 8 * (unsigned)number, sizeof(mask));
	return mask;
}

void step_begin(uintptr_t entry, step_fn *see, void *arg)
{
	struct sigaction trap;

	step.entry = entry;
	step.see = see;
	step.arg = arg;
	step.rsp = 0;
	memset(&trap, 0, sizeof(trap));
	trap.sa_sigaction = on_trap;
	trap.sa_flags = SA_SIGINFO | SA_ONSTACK;
	assert_int_equal(sigaction(SIGTRAP, &trap, &step.before), 0);
}

void step_end(void)
{
	assert_int_equal(sigaction(SIGTRAP, &step.before, NULL), 0);
}

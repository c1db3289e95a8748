/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * breakpoint.c - look at a routine when it comes to an instruction
 *
 * INT3 stands in the place of its first byte. Single steps would do too, but each is a signal.
 */
#include "breakpoint.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "run.h"

#define INT3 0xcc
#define MOST 1024

static struct {
	breakpoint_fn *reached;
	void *pages;
	size_t size;
	size_t n;
	struct {
		volatile unsigned char *at;
		unsigned char was;
	} set[MOST];
	struct sigaction before;
} it;

static void on_trap(int signo, siginfo_t *si, void *ctx)
{
	ucontext_t *context = ctx;
	greg_t *ip = &context->uc_mcontext.gregs[REG_RIP];

	(void)signo;
	(void)si;
	--*ip; /* the trap is taken behind INT3 */
	for (size_t i = 0; i < it.n; i++)
		if ((uintptr_t)it.set[i].at == (uintptr_t)*ip)
			*it.set[i].at = it.set[i].was;
	it.reached(context);
}

void breakpoints_begin(uintptr_t start, uintptr_t end, breakpoint_fn *reached)
{
	struct sigaction trap;

	it.reached = reached;
	it.pages = (void *)(start & ~(uintptr_t)(T_PAGE - 1));
	it.size = end - (uintptr_t)it.pages;
	it.n = 0;
	assert_int_equal(mprotect(it.pages, it.size, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	memset(&trap, 0, sizeof(trap));
	trap.sa_sigaction = on_trap;
	trap.sa_flags = SA_SIGINFO | SA_ONSTACK;
	assert_int_equal(sigaction(SIGTRAP, &trap, &it.before), 0);
}

void breakpoints_end(void)
{
	breakpoints_clear();
	assert_int_equal(mprotect(it.pages, it.size, PROT_READ | PROT_EXEC), 0);
	assert_int_equal(sigaction(SIGTRAP, &it.before, NULL), 0);
}

void breakpoint_set(uintptr_t insn)
{
	assert_true(it.n < MOST);
	it.set[it.n].at = (volatile unsigned char *)insn;
	it.set[it.n].was = *it.set[it.n].at;
	*it.set[it.n++].at = INT3;
}

void breakpoints_clear(void)
{
	while (it.n != 0) {
		it.n--;
		*it.set[it.n].at = it.set[it.n].was;
	}
}

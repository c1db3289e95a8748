/* SPDX-License-Identifier: BSD-3-Clause */
/* fault.c - a copy that faults, compared with the signal alone */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"

/* bare_fault.S */
void bare_fault(const void *bad);
extern const char bare_fault_next[];

static void step_over(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)bare_fault_next;
}

static double bare(const void *bad, size_t calls)
{
	struct sigaction action, before;
	double start;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = step_over;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaction(SIGSEGV, &action, &before);
	bare_fault(bad);
	start = now_ns();
	for (size_t i = 0; i < calls; i++)
		bare_fault(bad);
	start = now_ns() - start;
	sigaction(SIGSEGV, &before, NULL);
	return start;
}

static double recovered(const void *bad, size_t calls)
{
	struct mcsafe_fault fault;
	unsigned char copy[4096];
	size_t left = mcsafe_memcpy(copy, bad, sizeof(copy), &fault);
	double start = now_ns();

	for (size_t i = 0; i < calls; i++)
		left += mcsafe_memcpy(copy, bad, sizeof(copy), &fault);
	start = now_ns() - start;
	need(left == (calls + 1) * sizeof(copy), "fault");
	return start;
}

void bench_fault(void)
{
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct contest contest = {.count = 0};

	need(bad != MAP_FAILED, "mmap");
	contest_add(&contest, "bare signal", bare);
	contest_add(&contest, "mcsafe_memcpy", recovered);
	contest_run(&contest, "fault", "", 4096, bad, effort.sample_ns > 2000 ? 200 : 5);
	munmap(bad, 4096);
}

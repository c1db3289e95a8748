/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fault.c - a copy that faults, compared with the signal alone, and with a handler that counts
 * nothing
 */
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <mcsafe/mcsafe.h>

#include "bench.h"
#include "fault_copy.h"

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

/*
 * What the counters and probes cost. The program opens two copies of the library. They differ in
 * one object, the handler: in one copy it neither counts nor has probes. Each sample gives SIGSEGV
 * to the handler of its own copy, so both are entered in the same way. Which is faster by chance
 * depends on where the two lie, so only the mean of several processes says something.
 */
static struct opened {
	const struct fault_copy *copy;
	struct sigaction action;
} counted, uncounted;

static void open_copy(struct opened *opened, const char *file)
{
	void *module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	struct sigaction bus, segv;

	need(module != NULL, file);
	opened->copy = dlsym(module, "fault_copy");
	need(opened->copy != NULL, file);
	sigaction(SIGBUS, NULL, &bus);
	sigaction(SIGSEGV, NULL, &segv);
	need(opened->copy->install() == 0, "mcsafe_install");
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, &opened->action);
}

static double recovered_by(const struct opened *opened, const void *bad, size_t calls)
{
	struct mcsafe_fault fault;
	unsigned char copy[64];
	struct sigaction before;
	size_t left;
	double start;

	sigaction(SIGSEGV, &opened->action, &before);
	left = opened->copy->copy(copy, bad, sizeof(copy), &fault);
	start = now_ns();
	for (size_t i = 0; i < calls; i++)
		left += opened->copy->copy(copy, bad, sizeof(copy), &fault);
	start = now_ns() - start;
	sigaction(SIGSEGV, &before, NULL);
	need(left == (calls + 1) * sizeof(copy), "fault");
	return start;
}

static double with_counters(const void *bad, size_t calls)
{
	return recovered_by(&counted, bad, calls);
}

static double without_counters(const void *bad, size_t calls)
{
	return recovered_by(&uncounted, bad, calls);
}

static unsigned long long faults_of(const struct opened *opened)
{
	struct mcsafe_stats stats;

	opened->copy->count(&stats);
	return stats.landed[MCSAFE_CAUSE_PROTECTED][MCSAFE_SIDE_SOURCE];
}

static void bench_counters(const void *bad)
{
	struct contest contest = {.count = 0};
	const struct effort usual = effort;

	if (counted.copy == NULL) {
		open_copy(&counted, BENCH_COUNTED);
		open_copy(&uncounted, BENCH_UNCOUNTED);
	}
	contest_add(&contest, "uncounted", without_counters);
	contest_add(&contest, "counted", with_counters);
	/* A difference of one in a hundred needs many samples. */
	if (effort.rounds > 1)
		effort.rounds = 64;
	contest_run(&contest, "fault", "counters", 64, bad, effort.sample_ns > 2000 ? 500 : 5);
	effort = usual;
	/* The two are what they are called. */
	(void)without_counters(bad, 1);
	(void)with_counters(bad, 1);
	need(faults_of(&counted) != 0 && faults_of(&uncounted) == 0, "counters");
}

void bench_fault(void)
{
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct contest contest = {.count = 0};

	need(bad != MAP_FAILED, "mmap");
	contest_add(&contest, "bare signal", bare);
	contest_add(&contest, "mcsafe_memcpy", recovered);
	contest_run(&contest, "fault", "", 4096, bad, effort.sample_ns > 2000 ? 200 : 5);
	bench_counters(bad);
	munmap(bad, 4096);
}

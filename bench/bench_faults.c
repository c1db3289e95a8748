/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_faults.c - the cost of a recovered fault, and of a lookup in the table of rows */
#include "bench.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <mcsafe/mcsafe.h>

#include "landing/extable.h"

/* bare_fault.S */
void bare_fault(const void *bad);
extern const char bare_fault_next[];

static void step_over(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)bare_fault_next;
}

static double time_bare(const unsigned char *bad, unsigned n)
{
	struct sigaction action, before;
	double start;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = step_over;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaction(SIGSEGV, &action, &before);
	start = now_ns();
	for (unsigned i = 0; i < n; i++)
		bare_fault(bad);
	start = now_ns() - start;
	sigaction(SIGSEGV, &before, NULL);
	return start / n;
}

static double time_recovered(const unsigned char *bad, unsigned n)
{
	struct mcsafe_fault fault;
	unsigned char copy[4096];
	size_t left = 0;
	double start = now_ns();

	for (unsigned i = 0; i < n; i++)
		left += mcsafe_memcpy(copy, bad, sizeof(copy), &fault);
	start = now_ns() - start;
	if (left != (size_t)n * sizeof(copy))
		exit(1);
	return start / n;
}

static void bench_lookup(const struct effort *effort, size_t n_rows)
{
	struct mcsafe_row *rows = calloc(n_rows, sizeof(*rows));
	uintptr_t found = 0;
	double best = 1e30;

	if (rows == NULL)
		exit(1);
	/* Row i names the address rows + 64 i. Only addresses count: nothing needs to be there. */
	for (size_t i = 0; i < n_rows; i++)
		rows[i].insn = (int32_t)(64 * i - i * sizeof(*rows));
	for (unsigned r = 0; r < effort->repeats; r++) {
		const unsigned times = effort->faults * 50;
		double start = now_ns();

		for (unsigned i = 0; i < times; i++)
			found += (uintptr_t)mcsafe__extable_search(
				rows, rows + n_rows,
				(uintptr_t)rows + 64 * (i * (size_t)40503 % n_rows));
		start = (now_ns() - start) / times;
		best = start < best ? start : best;
	}
	printf("{\"rows\": %zu, \"ns\": %.1f},\n", n_rows, found != 0 ? best : -1.0);
	free(rows);
}

void bench_faults(const struct effort *effort)
{
	unsigned char *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double bare = 1e30, recovered = 1e30;

	if (bad == MAP_FAILED)
		exit(1);
	for (unsigned r = 0; r < effort->repeats; r++) {
		double b = time_bare(bad, effort->faults);
		double m = time_recovered(bad, effort->faults);

		bare = b < bare ? b : bare;
		recovered = m < recovered ? m : recovered;
	}
	printf("\"faults\": {\"bare_ns\": %.0f, \"recovered_ns\": %.0f},\n", bare, recovered);
	printf("\"lookup\": [\n");
	for (size_t n = 10; n <= 100000; n *= 10)
		bench_lookup(effort, n);
	printf("null],\n");
	munmap(bad, 4096);
}

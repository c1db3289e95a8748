/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_version.c - a table is exchanged for another one at each instruction of a lookup
 *
 * The lookup runs in single steps, and before one of its instructions, each in turn, the table goes
 * and another one takes its place and its memory. What is found must be the row of the first table,
 * or nothing: never a mixture of both. Linked with --wrap=mmap: no memory follows that of a table,
 * so that rows of one table are not looked for in the memory of the other.
 *
 * Then a process is forked at each instruction with which a table is unregistered. Linked with
 * --wrap=pthread_sigmask: the signal of a step must not be blocked.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <mcsafe/extable.h>

#include "landing/extable.h"
#include "landing/module_table.h"
#include "run.h"

#define TRAP_FLAG 0x100
#define N_ROWS    3
#define MANY      5000 /* rows that need more than one page */

/* Rows are offsets of 32 bits, so they must be near what they name. */
static struct mcsafe_row first[N_ROWS], second[MANY];
static const char insns[N_ROWS + MANY], fixups[N_ROWS + MANY];
static size_t n_second;

static volatile long steps, last;
static volatile sig_atomic_t stepping;

void *__real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	char *memory = __real_mmap(addr, length + MANY * sizeof(struct mcsafe__module_row),
				   PROT_NONE, flags, fd, offset);

	return memory != MAP_FAILED && mprotect(memory, length, prot) == 0 ? memory : MAP_FAILED;
}

static void make(struct mcsafe_row *rows, size_t n, size_t from, uint32_t kind)
{
	for (size_t i = 0; i < n; i++) {
		rows[i].insn = (int32_t)((intptr_t)&insns[from + i] - (intptr_t)&rows[i].insn);
		rows[i].fixup = (int32_t)((intptr_t)&fixups[from + i] - (intptr_t)&rows[i].fixup);
		rows[i].kind = kind;
	}
}

/* The lookup holds no lock and calls nothing, so everything may be called here. */
static void exchange(void)
{
	assert_int_equal(mcsafe_module_unregister(first), 0);
	assert_int_equal(mcsafe_module_register(second, second + n_second), 0);
}

static void on_step(int signo, siginfo_t *si, void *ctx)
{
	greg_t *registers = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)signo;
	(void)si;
	if (stepping && ++steps != last)
		return;
	if (stepping)
		exchange();
	registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* Looks for an instruction of the first table. Returns whether the tables were exchanged. */
static bool look(size_t i, long step, bool *found)
{
	struct mcsafe__module_hit hit = {0, 0};
	bool exchanged;

	assert_int_equal(mcsafe_module_register(first, first + N_ROWS), 0);
	steps = 0;
	last = step;
	stepping = 1;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
	*found = mcsafe__module_find((uintptr_t)&insns[i], &hit);
	stepping = 0;
	__asm__ volatile("nop" : : : "memory");

	exchanged = steps >= step;
	if (*found) {
		assert_int_equal(hit.fixup, (uintptr_t)&fixups[i]);
		assert_int_equal(hit.kind, MCSAFE_ROW_LOAD);
	}
	assert_int_equal(mcsafe_module_unregister(exchanged ? second : first), 0);
	return exchanged;
}

static void exchange_for(size_t n)
{
	const struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	struct sigaction saved;

	n_second = n;
	make(first, N_ROWS, 0, MCSAFE_ROW_LOAD);
	make(second, n, N_ROWS, MCSAFE_ROW_STORE);
	assert_int_equal(sigaction(SIGTRAP, &action, &saved), 0);
	for (size_t i = 0; i < N_ROWS; i++) {
		long step = 1;
		bool found;

		while (look(i, step, &found))
			step++;
		assert_true(found); /* the tables were not exchanged */
		printf("row %zu: exchanged at %ld instructions\n", i, step - 1);
		assert_in_range(step, 20, 1000);
	}
	assert_int_equal(sigaction(SIGTRAP, &saved, NULL), 0);
}

static void test_a_row_is_of_one_table_only(void **state)
{
	(void)state;
	exchange_for(N_ROWS);
}

static void test_a_longer_table_is_not_looked_for_in_a_shorter_one(void **state)
{
	(void)state;
	exchange_for(MANY);
}

/* What a registration needs only for itself is freed, also if the table is refused. */
static void test_the_heap_does_not_grow(void **state)
{
	size_t before = 0;

	(void)state;
	make(first, N_ROWS, 0, MCSAFE_ROW_LOAD);
	make(second, MANY, N_ROWS, MCSAFE_ROW_STORE);
	for (int round = 0; round < 20; round++) {
		second[MANY - 1].kind = 77;
		assert_int_equal(mcsafe_module_register(second, second + MANY), -EINVAL);
		second[MANY - 1].kind = MCSAFE_ROW_STORE;
		assert_int_equal(mcsafe_module_register(second, second + MANY), 0);
		assert_int_equal(mcsafe_module_register(second, second + N_ROWS), -EEXIST);
		assert_int_equal(mcsafe_module_unregister(second), 0);
		/* The first rounds may allocate what is kept. */
		if (round == 2)
			before = mallinfo2().uordblks;
	}
	assert_int_equal(mallinfo2().uordblks, before);
}

/* ---- a child of fork(2) ---------------------------------------------------------------------- */

int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t but_steps;

	if (set == NULL || how == SIG_UNBLOCK)
		return __real_pthread_sigmask(how, set, old);
	but_steps = *set;
	sigdelset(&but_steps, SIGTRAP);
	return __real_pthread_sigmask(how, &but_steps, old);
}

static bool finds_the_row(void)
{
	struct mcsafe__module_hit hit;

	return mcsafe__module_find((uintptr_t)&insns[0], &hit) &&
	       hit.fixup == (uintptr_t)&fixups[0];
}

/* What the exit status of a child says. */
enum { STILL_THERE, GONE, WRONG };

/* The table is there, or it is not: either all say so, or none. */
static int try_table(void)
{
	bool there = finds_the_row();
	int result = mcsafe_module_register(first, first + N_ROWS);

	if (result != (there ? -EEXIST : 0) || !finds_the_row() ||
	    mcsafe_module_unregister(first) != 0 || finds_the_row() ||
	    mcsafe_module_register(first, first + N_ROWS) != 0 || !finds_the_row())
		return WRONG;
	return there ? STILL_THERE : GONE;
}

static volatile unsigned outcomes[WRONG + 1];
static volatile long first_wrong;

static void fork_at_step(int signo, siginfo_t *si, void *ctx)
{
	greg_t *registers = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	int saved_errno = errno, status;
	pid_t pid;

	(void)signo;
	(void)si;
	if (!stepping) {
		registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
		return;
	}
	steps++;
	pid = fork();
	if (pid == 0)
		_exit(try_table());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > WRONG)
		abort();
	if (WEXITSTATUS(status) == WRONG && first_wrong == 0)
		first_wrong = steps;
	outcomes[WEXITSTATUS(status)]++;
	errno = saved_errno;
}

static void test_a_child_forked_amid_an_unregistration_can_register(void **state)
{
	const struct sigaction action = {.sa_sigaction = fork_at_step, .sa_flags = SA_SIGINFO};
	struct sigaction saved;
	int result;

	(void)state;
	make(first, N_ROWS, 0, MCSAFE_ROW_LOAD);
	assert_int_equal(mcsafe_module_register(first, first + N_ROWS), 0);
	assert_int_equal(sigaction(SIGTRAP, &action, &saved), 0);
	steps = 0;
	stepping = 1;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
	result = mcsafe_module_unregister(first);
	stepping = 0;
	__asm__ volatile("nop" : : : "memory");
	assert_int_equal(sigaction(SIGTRAP, &saved, NULL), 0);
	assert_int_equal(result, 0);
	printf("%u children had the table, %u had not\n", outcomes[STILL_THERE], outcomes[GONE]);
	if (outcomes[WRONG] != 0)
		fail_msg("%u children were wrong, the first of them at step %ld", outcomes[WRONG],
			 first_wrong);
	assert_in_range(outcomes[STILL_THERE], 20, 10000);
	assert_in_range(outcomes[GONE], 20, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_is_of_one_table_only),
		cmocka_unit_test(test_a_longer_table_is_not_looked_for_in_a_shorter_one),
		cmocka_unit_test(test_the_heap_does_not_grow),
		cmocka_unit_test(test_a_child_forked_amid_an_unregistration_can_register),
	};

	return t_run("landing.version", tests, T_LENGTH(tests));
}

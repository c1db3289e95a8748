/* SPDX-License-Identifier: BSD-3-Clause */
/* test_process.c - children that share memory or handlers: vfork, clone, posix_spawn, execve */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"

#define STACK ((size_t)256 * 1024)

static struct t_bad_page memory[2];

static bool lands(const struct t_bad_page *m)
{
	char dst[16];

	return memcpy_mcsafe(dst, m->bad - 9, sizeof(dst)) == sizeof(dst) - 9 &&
	       memcmp(dst, m->bad - 9, 9) == 0;
}

static bool both_land(void)
{
	return lands(&memory[T_PROT_NONE]) && lands(&memory[T_TRUNCATED]);
}

/* ---- children that share memory ------------------------------------------------------------ */

static int copy(void *arg)
{
	(void)arg;
	return both_land() ? 0 : 1;
}

static int die_of_a_fault(void *arg)
{
	t_read_byte(arg);
	return 1;
}

static int die_of_a_forged_one(void *arg)
{
	t_cause(T_POISON, SIGBUS, arg);
	return 1;
}

/*
 * Run body in a child that shares the memory of this process, and return its wait status. This
 * process waits meanwhile (CLONE_VFORK), because both also share what libc keeps for a thread.
 */
static int run_sharing(int flags, int (*body)(void *), void *arg)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	CHECK_PTR_NE(stack, MAP_FAILED);
	pid = clone(body, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, arg);
	CHECK_GT(pid, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(munmap(stack, STACK), 0);
	return status;
}

static bool died_of(int status, int signo)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == signo;
}

IN_CHILD(test_child_of_vfork_copies)
{
	int status;
	pid_t pid;

	CHECK_EQ(mcsafe_install(), 0);
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): vfork(2) is what is tested */
	pid = vfork();
	if (pid == 0)
		_exit(copy(NULL)); /* NOLINT(clang-analyzer-unix.Vfork): a copy makes no calls */
	CHECK_GT(pid, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());
}

IN_CHILD(test_child_with_our_memory_copies)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(run_sharing(0, copy, NULL), 0);
	CHECK_EQ(run_sharing(CLONE_SIGHAND, copy, NULL), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());
}

static struct sigaction below_top;
static volatile sig_atomic_t previous_calls, top_calls;

static void previous(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	previous_calls++;
}

/* Over ours: passes the signal on, and then does work that may fault. */
static void top(int signo, siginfo_t *si, void *ctx)
{
	below_top.sa_sigaction(signo, si, ctx);
	top_calls++;
	if (si->si_code <= 0)
		CHECK(lands(&memory[T_TRUNCATED]));
}

/* The child dies of its signal, and leaves nothing in the shared memory. */
IN_CHILD(test_child_with_our_memory_dies_alone)
{
	CHECK_EQ(mcsafe_install(), 0);
	for (int kind = 0; kind < 2; kind++)
		CHECK(died_of(run_sharing(0, die_of_a_fault, memory[kind].bad),
			      t_bad_page_signo((enum t_bad_page_kind)kind)));
	CHECK(died_of(run_sharing(0, die_of_a_forged_one, &memory[T_TRUNCATED]), SIGBUS));
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());

	CHECK_EQ(mcsafe_uninstall(), 0);
	t_set_action(SIGBUS, previous, SA_NODEFER, 0);
	CHECK_EQ(mcsafe_install(), 0);
	below_top = t_get_action(SIGBUS);
	t_set_action(SIGBUS, top, SA_NODEFER, 0);
	for (int round = 1; round <= 3; round++) {
		CHECK_EQ(raise(SIGBUS), 0);
		CHECK_EQ(previous_calls, round);
		CHECK_EQ(top_calls, 2 * round);
	}
}

/* Such a child has no actions of its own: the default action that kills it is set for all. */
IN_CHILD(test_child_with_our_handlers_takes_them_away_when_it_dies)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK(died_of(run_sharing(CLONE_SIGHAND, die_of_a_fault, memory[T_PROT_NONE].bad),
		      SIGSEGV));
	CHECK_PTR_EQ(t_get_action(SIGSEGV).sa_handler, SIG_DFL);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK(lands(&memory[T_TRUNCATED]));
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());
}

/* ---- other programs ------------------------------------------------------------------------ */

/* The exit status of the new program: what its main() finds. */
enum { BUS_IGNORED = 1, SEGV_IGNORED = 2, HANDLED = 4, BUS_BLOCKED = 8 };

static int dispositions(void)
{
	struct sigaction bus = t_get_action(SIGBUS), segv = t_get_action(SIGSEGV);
	sigset_t mask;
	int found = 0;

	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	found |= bus.sa_handler == SIG_IGN ? BUS_IGNORED : 0;
	found |= segv.sa_handler == SIG_IGN ? SEGV_IGNORED : 0;
	found |= bus.sa_handler != SIG_IGN && bus.sa_handler != SIG_DFL ? HANDLED : 0;
	found |= segv.sa_handler != SIG_IGN && segv.sa_handler != SIG_DFL ? HANDLED : 0;
	found |= mcsafe_installed() ? HANDLED : 0;
	found |= sigismember(&mask, SIGBUS) ? BUS_BLOCKED : 0;
	return found;
}

static char self[] = "/proc/self/exe", argument[] = "dispositions";
static char *const new_argv[] = {self, argument, NULL};

static int exit_status_of(pid_t pid)
{
	int status;

	CHECK_GT(pid, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int spawned(const posix_spawnattr_t *attributes)
{
	pid_t pid;

	CHECK_EQ(posix_spawn(&pid, self, NULL, attributes, new_argv, environ), 0);
	return exit_status_of(pid);
}

/* The child calls before() between fork(2) and execve(2). */
static int executed(void (*before)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (before != NULL)
			before();
		execv(self, new_argv);
		_exit(127);
	}
	return exit_status_of(pid);
}

static void uninstall(void)
{
	CHECK_EQ(mcsafe_uninstall(), 0);
}

IN_CHILD(test_new_program_has_the_defaults)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(spawned(NULL), 0);
	CHECK_EQ(executed(NULL), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());
}

/* In a new program an ignored signal stays ignored. A handled one gets the default action. */
IN_CHILD(test_new_programs_inherit_only_ignored_signals)
{
	CHECK_PTR_NE(signal(SIGBUS, SIG_IGN), SIG_ERR);
	CHECK_EQ(executed(NULL), BUS_IGNORED);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(spawned(NULL), 0);
	CHECK_EQ(executed(NULL), 0);
	CHECK_EQ(executed(uninstall), BUS_IGNORED);
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK(both_land());
}

/* A new program inherits the mask. Attributes of posix_spawn(3) change the mask there only. */
IN_CHILD(test_new_programs_inherit_the_mask)
{
	posix_spawnattr_t attributes;
	sigset_t set;

	CHECK_EQ(mcsafe_install(), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	CHECK_EQ(posix_spawnattr_init(&attributes), 0);
	CHECK_EQ(posix_spawnattr_setsigmask(&attributes, &set), 0);
	CHECK_EQ(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK), 0);
	CHECK_EQ(spawned(&attributes), BUS_BLOCKED);
	CHECK_EQ(posix_spawnattr_destroy(&attributes), 0);
	CHECK(both_land());

	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(spawned(NULL), BUS_BLOCKED);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	CHECK_EQ(spawned(NULL), 0);
	CHECK_EQ(executed(NULL), 0);
	CHECK(both_land());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_of_vfork_copies),
		NOT_WITH_TSAN(test_child_with_our_memory_copies),
		NOT_WITH_TSAN(test_child_with_our_memory_dies_alone),
		NOT_WITH_TSAN(test_child_with_our_handlers_takes_them_away_when_it_dies),
		cmocka_unit_test(test_new_program_has_the_defaults),
		cmocka_unit_test(test_new_programs_inherit_only_ignored_signals),
		cmocka_unit_test(test_new_programs_inherit_the_mask),
	};

	if (argc == 2 && strcmp(argv[1], argument) == 0)
		return dispositions();
	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

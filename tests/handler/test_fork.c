/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fork.c - a child inherits the handler and may change it; execve(2) leaves nothing of it */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bad_page.h"
#include "base/control.h"
#include "child.h"
#include "run.h"

#define FORKS 200

static struct t_bad_page memory;

static bool child_returns(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	CHECK_GE(pid, 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void copy_lands(void)
{
	char dst[16];

	CHECK_EQ(memcpy_mcsafe(dst, memory.bad - 9, sizeof(dst)), sizeof(dst) - 9);
}

static void inherit(void)
{
	CHECK_EQ(mcsafe_installed(), 1);
	copy_lands();
}

static void uninstall_and_install(void)
{
	inherit();
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(mcsafe_installed(), 0);
	CHECK_EQ(mcsafe_install(), 0);
	inherit();
	CHECK_EQ(mcsafe_uninstall(), 0);
}

IN_CHILD(test_child_inherits_and_decides_for_itself)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK(child_returns(inherit));
	CHECK(child_returns(uninstall_and_install));
	CHECK_EQ(mcsafe_installed(), 1);
	copy_lands();
	CHECK_EQ(mcsafe_uninstall(), 0);
}

static void *install_and_uninstall(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_uninstall(), 0);
	}
	return NULL;
}

static void install_at_once(void)
{
	t_child_setup(); /* so that a deadlock fails, and does not hang the test */
	CHECK_EQ(mcsafe_install(), 0);
	copy_lands();
	CHECK_EQ(mcsafe_uninstall(), 0);
}

/*
 * When this thread forks, the other thread mostly holds all locks that it can hold. The child does
 * not have that thread.
 */
IN_CHILD(test_child_of_a_fork_in_the_middle_of_an_install_can_install)
{
	pthread_t thread;
	int stop = 0;

	/*
	 * Do it once before. If a child is forked in the middle of pthread_once(), the one of
	 * ThreadSanitizer hangs in the child. The one of glibc starts again.
	 */
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(pthread_create(&thread, NULL, install_and_uninstall, &stop), 0);
	for (int i = 0; i < FORKS; i++)
		CHECK(child_returns(install_at_once));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(mcsafe_install(), 0);
	copy_lands();
}

/*
 * This makes the worst moment certain. A handler of pthread_atfork(3), as another library may have,
 * runs in the middle of fork(2). Meanwhile a thread makes the first mcsafe_install() of the
 * process, and is still in it when the child is forked (linked with --wrap=sigaction).
 */
static sem_t fork_begun, install_begun, fork_done;
static int wait_in_sigaction;

int __real_sigaction(int signo, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old);

int __wrap_sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
	if (__atomic_exchange_n(&wait_in_sigaction, 0, __ATOMIC_RELAXED)) {
		int saved_errno = errno;
		struct timespec until;

		CHECK_EQ(sem_post(&install_begun), 0);
		/* Wait with a limit: fork(2) may be waiting for the end of this install. */
		CHECK_EQ(clock_gettime(CLOCK_REALTIME, &until), 0);
		until.tv_sec++;
		(void)sem_timedwait(&fork_done, &until);
		errno = saved_errno;
	}
	return __real_sigaction(signo, action, old);
}

static void *install_during_fork(void *arg)
{
	(void)arg;
	CHECK_EQ(sem_wait(&fork_begun), 0);
	__atomic_store_n(&wait_in_sigaction, 1, __ATOMIC_RELAXED);
	CHECK_EQ(mcsafe_install(), 0);
	return NULL;
}

static void before_fork(void)
{
	CHECK_EQ(sem_post(&fork_begun), 0);
	CHECK_EQ(sem_wait(&install_begun), 0);
}

static void after_fork(void)
{
	CHECK_EQ(sem_post(&fork_done), 0);
}

IN_CHILD(test_child_of_a_fork_in_the_middle_of_the_first_install_can_install)
{
	pthread_t thread;

	CHECK_EQ(sem_init(&fork_begun, 0, 0), 0);
	CHECK_EQ(sem_init(&install_begun, 0, 0), 0);
	CHECK_EQ(sem_init(&fork_done, 0, 0), 0);
	CHECK_EQ(pthread_atfork(before_fork, after_fork, NULL), 0);
	CHECK_EQ(pthread_create(&thread, NULL, install_during_fork, NULL), 0);
	CHECK(child_returns(install_at_once));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
}

/* ---- the lock itself ----------------------------------------------------------------------- */

static sem_t lock_held, lock_wanted_no_more;
static int cannot_wipe; /* the kernel is older than Linux 4.14 */

int __real_madvise(void *addr, size_t size, int advice);
int __wrap_madvise(void *addr, size_t size, int advice);

int __wrap_madvise(void *addr, size_t size, int advice)
{
	if (cannot_wipe && advice == MADV_WIPEONFORK) {
		errno = EINVAL;
		return -1;
	}
	return __real_madvise(addr, size, advice);
}

static void *hold_the_lock(void *arg)
{
	struct mcsafe__section section;

	(void)arg;
	mcsafe__control_enter(&section);
	CHECK_EQ(sem_post(&lock_held), 0);
	CHECK_EQ(sem_wait(&lock_wanted_no_more), 0);
	mcsafe__control_leave(&section);
	return NULL;
}

/* Another thread holds the lock when this one forks. With `namespace_too`, the child is the first
 * process of another PID namespace. */
static void fork_with_the_lock_held(bool namespace_too)
{
	pthread_t thread;

	CHECK_EQ(sem_init(&lock_held, 0, 0), 0);
	CHECK_EQ(sem_init(&lock_wanted_no_more, 0, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, hold_the_lock, NULL), 0);
	CHECK_EQ(sem_wait(&lock_held), 0);
	if (namespace_too)
		CHECK_EQ(unshare(CLONE_NEWPID), 0);
	CHECK(child_returns(install_at_once));
	CHECK_EQ(sem_post(&lock_wanted_no_more), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

IN_CHILD(test_child_finds_the_lock_free_that_its_parent_holds)
{
	fork_with_the_lock_held(false);
	install_at_once();
}

IN_CHILD(test_child_finds_the_lock_free_on_an_old_kernel)
{
	cannot_wipe = 1;
	fork_with_the_lock_held(false);
	install_at_once();
}

static _Atomic int waits, has_the_lock, had_it_too_early;

/* The thread of the parent that holds the lock runs on, while the child waits for it. */
static void *hold_the_lock_until_the_child_waits(void *arg)
{
	struct mcsafe__section section;

	(void)arg;
	mcsafe__control_enter(&section);
	CHECK_EQ(sem_post(&lock_held), 0);
	while (!waits)
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	had_it_too_early = has_the_lock;
	mcsafe__control_leave(&section);
	return NULL;
}

static int take_the_lock(void *arg)
{
	struct mcsafe__section section;

	(void)arg;
	waits = 1;
	mcsafe__control_enter(&section);
	has_the_lock = 1;
	mcsafe__control_leave(&section);
	return 0;
}

IN_CHILD(test_child_that_shares_the_memory_waits_for_the_lock)
{
	static char stack[64 * 1024] __attribute__((aligned(16)));
	pthread_t thread;
	int status;
	pid_t pid;

	CHECK_EQ(sem_init(&lock_held, 0, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, hold_the_lock_until_the_child_waits, NULL), 0);
	CHECK_EQ(sem_wait(&lock_held), 0);
	pid = clone(take_the_lock, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	CHECK_GT(pid, 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(has_the_lock, 1);
	CHECK_EQ(had_it_too_early, 0);
	install_at_once();
}

static void fork_into_another_namespace(void)
{
	CHECK_EQ(getpid(), 1);
	fork_with_the_lock_held(true);
}

static void may_be_the_first_process(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
		_exit(1);
}

static void be_the_first_process(void *arg)
{
	may_be_the_first_process(arg);
	CHECK(child_returns(fork_into_another_namespace));
}

/* Parent and child have the same number: 1. */
static void test_child_in_another_pid_namespace_finds_the_lock_free(void **state)
{
	(void)state;
	if (t_in_child(may_be_the_first_process, NULL) != 0)
		t_skip("unshare(2) is forbidden here");
	t_survives(be_the_first_process, NULL);
}

/* ---- execve(2) ----------------------------------------------------------------------------- */

/* What main() finds after execve(2): the exit status. */
static int report_dispositions(void)
{
	struct sigaction bus = t_get_action(SIGBUS), segv = t_get_action(SIGSEGV);

	return bus.sa_handler == SIG_DFL && segv.sa_handler == SIG_DFL && mcsafe_installed() == 0
		       ? 0
		       : 1;
}

static void install_and_exec(void)
{
	char self[] = "/proc/self/exe", argument[] = "dispositions";
	char *argv[] = {self, argument, NULL};

	CHECK_EQ(mcsafe_install(), 0);
	execv(self, argv);
	UNREACHED("execv");
}

IN_CHILD(test_nothing_is_left_after_exec)
{
	CHECK(child_returns(install_and_exec));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_inherits_and_decides_for_itself),
		NOT_WITH_MSAN(test_child_of_a_fork_in_the_middle_of_an_install_can_install),
		NOT_WITH_MSAN(test_child_of_a_fork_in_the_middle_of_the_first_install_can_install),
		cmocka_unit_test(test_child_finds_the_lock_free_that_its_parent_holds),
		cmocka_unit_test(test_child_finds_the_lock_free_on_an_old_kernel),
		NOT_WITH_TSAN(test_child_that_shares_the_memory_waits_for_the_lock),
		cmocka_unit_test(test_child_in_another_pid_namespace_finds_the_lock_free),
		cmocka_unit_test(test_nothing_is_left_after_exec),
	};

	if (argc == 2 && strcmp(argv[1], "dispositions") == 0)
		return report_dispositions();
	memory = t_bad_page(T_PROT_NONE);
	return t_run("handler.fork", tests, T_LENGTH(tests));
}

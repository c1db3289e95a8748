/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sandbox.c - death in a process that may make hardly any system call, or is the first of its
 * PID namespace
 *
 * A seccomp(2) filter refuses nearly all calls. What kills is
 * the signal that would have killed without libmcsafe, and never SIGKILL of the kit (a fault that
 * comes back for ever) or SIGSYS (a call that the filter answers with death).
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "handler/handler.h"
#include "run.h"
#include "tool.h"
#include "trace.h"

#define NOWHERE ((const volatile void *)0x8000000000000000u) /* not canonical: #GP */

static struct t_bad_page memory[2]; /* by enum t_bad_page_kind */

/* What the filter answers. STRICT is the first mode of seccomp(2), which kills. */
#define ANSWER_EPERM  (SECCOMP_RET_ERRNO | EPERM)
#define ANSWER_ENOSYS (SECCOMP_RET_ERRNO | ENOSYS)
#define ANSWER_KILL   SECCOMP_RET_KILL_PROCESS
#define STRICT        0u

#define ALLOW(nr) \
 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* So many of these are allowed, too: what it takes to queue a signal again, in this order. */
static const unsigned steps[] = {SYS_getpid, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_gettid};
static size_t steps_allowed;

static unsigned step(size_t i)
{
	return i < steps_allowed ? steps[i] : SYS_read;
}

static void filter_calls(struct sock_filter *filter, size_t n)
{
	const struct sock_fprog program = {(unsigned short)n, filter};

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void confine(unsigned answer)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read),
		ALLOW(SYS_write),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_rt_sigreturn),
		/* AddressSanitizer, before a function that does not return. */
		ALLOW(SYS_sigaltstack),
		ALLOW(step(0)),
		ALLOW(step(1)),
		ALLOW(step(2)),
		ALLOW(step(3)),
		BPF_STMT(BPF_RET | BPF_K, answer),
	};

	if (answer == STRICT)
		CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
	else
		filter_calls(filter, T_LENGTH(filter));
}

struct death {
	int signo;
	unsigned answer;
	void (*previous)(int); /* SIG_DFL, SIG_IGN */
	int with_report;
};

static void begin(const struct death *death)
{
	t_set_plain(SIGBUS, death->previous, 0);
	t_set_plain(SIGSEGV, death->previous, 0);
	CHECK_EQ(mcsafe_install(), 0);
	if (death->with_report)
		CHECK_EQ(mcsafe_set_report(STDERR_FILENO, 0), 0);
}

static const struct t_bad_page *page_of(int signo)
{
	return &memory[signo == SIGSEGV ? T_PROT_NONE : T_TRUNCATED];
}

static void die_of_a_fault(void *arg)
{
	const struct death *death = arg;

	begin(death);
	confine(death->answer);
	t_read_byte(page_of(death->signo)->bad + 5);
}

static void die_without_an_address(void *arg)
{
	const struct death *death = arg;

	begin(death);
	confine(death->answer);
	t_read_byte(NOWHERE);
}

static const struct death *now;

/* The signal is pending until sigreturn(2) restores the mask, and then there is a sandbox. */
static void send_and_confine(int signo)
{
	siginfo_t si = t_forged(now->signo == SIGBUS ? T_POISON : T_UNMAPPED);
	sigset_t set;

	(void)signo;
	sigfillset(&set);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &set, NULL), 0);
	t_send_to_self(&si);
	confine(now->answer);
}

static void die_of_what_does_not_come_back(void *arg)
{
	now = arg;
	begin(now);
	t_set_plain(SIGUSR1, send_and_confine, 0);
	CHECK_EQ(raise(SIGUSR1), 0);
}

/* Another process sends it, as soon as the sandbox is there. */
static void die_of_a_signal_that_was_sent(void *arg)
{
	const struct death *death = arg;
	int ready[2], never[2];
	pid_t self = getpid(), sender;
	char byte = 0;

	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(never), 0);
	sender = fork();
	CHECK_GE(sender, 0);
	if (sender == 0) {
		CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
		CHECK_EQ(read(ready[0], &byte, 1), 1);
		CHECK_EQ(kill(self, death->signo), 0);
		_exit(0);
	}
	begin(death);
	confine(death->answer);
	CHECK_EQ(write(ready[1], &byte, 1), 1);
	CHECK_EQ(read(never[0], &byte, 1), -2); /* for ever */
}

static void expect_deaths(void (*body)(void *), const unsigned *answers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS)
			for (int mix = 0; mix < 4; mix++) {
				struct death death = {signo, answers[i], SIG_DFL, mix >> 1};

				if (body == die_without_an_address && signo != SIGSEGV)
					continue;
				/* Sent signals stay ignored. */
				if ((mix & 1) && body != die_of_a_signal_that_was_sent)
					death.previous = SIG_IGN;
				t_dies(body, &death, signo);
			}
}

static const unsigned errors[] = {ANSWER_EPERM, ANSWER_ENOSYS};

static void test_faults_kill_in_every_sandbox(void **state)
{
	static const unsigned answers[] = {ANSWER_EPERM, ANSWER_ENOSYS, ANSWER_KILL, STRICT};

	(void)state;
	/* A report needs calls. If those kill, it is not the fault that does. */
	expect_deaths(die_of_a_fault, answers, 2);
	for (size_t i = 2; i < T_LENGTH(answers); i++)
		for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS) {
			struct death death = {signo, answers[i], SIG_DFL, 0};

			t_dies(die_of_a_fault, &death, signo);
		}
}

static void test_faults_without_an_address_kill_in_a_sandbox(void **state)
{
	(void)state;
	expect_deaths(die_without_an_address, errors, T_LENGTH(errors));
}

static void test_signals_that_do_not_come_back_kill_in_a_sandbox(void **state)
{
	(void)state;
	expect_deaths(die_of_what_does_not_come_back, errors, T_LENGTH(errors));
}

/* The sandbox refuses the first, the second ... of the calls that queue the signal again. */
static void test_they_kill_whichever_call_is_refused(void **state)
{
	(void)state;
	for (steps_allowed = 1; steps_allowed <= T_LENGTH(steps); steps_allowed++) {
		expect_deaths(die_without_an_address, errors, 1);
		expect_deaths(die_of_what_does_not_come_back, errors, 1);
		expect_deaths(die_of_a_signal_that_was_sent, errors, 1);
	}
	steps_allowed = 0;
}

static void test_signals_that_were_sent_kill_in_a_sandbox(void **state)
{
	(void)state;
	expect_deaths(die_of_a_signal_that_was_sent, errors, T_LENGTH(errors));
}

/* Run body in a traced child until it has ended; the last signal that came. */
static struct t_stop last_signal(void (*body)(void *), void *arg, int signo)
{
	struct t_stop last = {.status = 0}, next;
	pid_t pid = t_trace(body, arg);
	int pass = 0;

	for (;;) {
		next = t_resume(pid, PTRACE_CONT, pass);
		if (!WIFSTOPPED(next.status))
			break;
		last = next;
		pass = WSTOPSIG(next.status);
	}
	t_expect_death(next.status, signo, "a traced child", __FILE__, __LINE__);
	return last;
}

static void test_faults_kill_with_their_own_siginfo_and_registers(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		int signo = t_bad_page_signo((enum t_bad_page_kind)kind);
		struct death death = {signo, ANSWER_EPERM, SIG_DFL, 0};
		struct t_stop last = last_signal(die_of_a_fault, &death, signo);

		assert_int_equal(last.si.si_signo, signo);
		assert_int_equal(last.si.si_code, t_bad_page_code((enum t_bad_page_kind)kind));
		assert_ptr_equal(last.si.si_addr, page_of(signo)->bad + 5);
		assert_int_equal(last.regs.rip, (uintptr_t)t_read_byte);
	}
}

/* What raises the signal then tells where the thread was. */
static void test_other_signals_are_raised_by_an_instruction_of_ours(void **state)
{
	struct death segv = {SIGSEGV, ANSWER_EPERM, SIG_DFL, 0}, bus = segv;
	struct t_stop last = last_signal(die_without_an_address, &segv, SIGSEGV);

	(void)state;
	assert_int_equal(last.si.si_code, SI_KERNEL);
	assert_int_equal(last.regs.rip, (uintptr_t)mcsafe__raise_sigsegv + 4); /* after ENDBR64 */
	assert_int_equal(last.regs.r11, (uintptr_t)t_read_byte);
	assert_int_equal(last.regs.rdi, (uintptr_t)NOWHERE);
	bus.signo = SIGBUS;
	last = last_signal(die_of_what_does_not_come_back, &bus, SIGBUS);
	assert_int_equal(last.si.si_code, BUS_ADRALN);
	assert_int_equal(last.regs.rip, (uintptr_t)mcsafe__raise_sigbus + 4);
}

static void leave(int signo)
{
	(void)signo;
	_exit(0);
}

/* Recovery needs no call but sigreturn(2), and the previous handler is called. */
static void recover_and_pass_on(void *arg)
{
	const struct death *death = arg;
	const struct t_bad_page *m = page_of(death->signo);
	struct mcsafe_guard guard;
	volatile int caught = 0;
	char dst[64];

	begin(death);
	confine(death->answer);
	CHECK_EQ(memcpy_mcsafe(dst, m->bad - 9, sizeof(dst)), sizeof(dst) - 9);
	MCSAFE_TRY(&guard, m->bad, T_PAGE) {
		t_read_byte(m->bad);
	}
	MCSAFE_CATCH(&guard) {
		caught = 1;
	}
	CHECK(caught);
	t_read_byte(m->bad);
	UNREACHED("the previous handler does not return");
}

static void test_copies_recover_and_previous_handlers_run_in_a_sandbox(void **state)
{
	(void)state;
	for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS) {
		struct death death = {signo, ANSWER_EPERM, leave, 0};

		t_survives(recover_and_pass_on, &death);
	}
}

/* ---- a sandbox that refuses only to queue the signal again ---------------------------------- */

static struct sigaction below;

/* A handler over ours: it has the signal unblocked, and still has it after ours has returned. */
static void call_ours_and_look(int signo, siginfo_t *si, void *ctx)
{
	struct sigaction found;
	sigset_t mask;

	below.sa_sigaction(signo, si, ctx);
	CHECK_EQ(sigaction(signo, NULL, &found), 0);
	CHECK(found.sa_flags & SA_SIGINFO);
	CHECK(found.sa_sigaction == call_ours_and_look);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
	CHECK_EQ(sigismember(&mask, signo), 0);
	_exit(0);
}

static void refuse_the_queue(unsigned answer)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_tgsigqueueinfo, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter_calls(filter, T_LENGTH(filter));
}

static void meet_a_refused_queue(void *arg)
{
	const struct death *death = arg;
	struct sigaction action;

	begin(death);
	CHECK_EQ(sigaction(death->signo, NULL, &below), 0);
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = call_ours_and_look;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	CHECK_EQ(sigaction(death->signo, &action, NULL), 0);
	refuse_the_queue(death->answer);
	CHECK_EQ(kill(getpid(), death->signo), 0);
	UNREACHED("the handler exits");
}

static void test_a_refused_queue_leaves_action_and_mask_as_they_were(void **state)
{
	(void)state;
	for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS) {
		struct death death = {signo, ANSWER_EPERM, SIG_DFL, 0};

		t_survives(meet_a_refused_queue, &death);
	}
}

/* ---- the first process of a PID namespace --------------------------------------------------- */

/* The kernel drops signals that this process sends to itself and whose action is the default. */
static void be_init_and_die(int signo, int of_poison)
{
	CHECK_EQ(getpid(), 1);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(kill(1, signo), 0);
	CHECK_EQ(mcsafe_installed(), 1);
	if (of_poison)
		t_cause(signo == SIGBUS ? T_POISON : T_UNMAPPED, signo, NULL);
	else
		t_read_byte(page_of(signo)->bad);
}

/* A signal of a process that it cannot see has no sender, and kills it. */
static void be_init_and_wait(int ready)
{
	CHECK_EQ(getpid(), 1);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(write(ready, "", 1), 1);
	for (;;)
		pause();
}

struct namespaced {
	int signo, of_poison;
	int *is_possible;
	int from_outside, ready[2];
};

static void die_as_init(void *arg)
{
	struct namespaced *in = arg;
	int status;
	pid_t pid;
	char byte;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
		return;
	CHECK_EQ(pipe(in->ready), 0);
	pid = fork();
	if (pid < 0)
		return;
	*in->is_possible = 1;
	if (pid == 0) {
		t_child_setup();
		if (in->from_outside)
			be_init_and_wait(in->ready[1]);
		be_init_and_die(in->signo, in->of_poison);
		_exit(0);
	}
	if (in->from_outside) {
		CHECK_EQ(read(in->ready[0], &byte, 1), 1);
		CHECK_EQ(kill(pid, in->signo), 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), in->signo);
}

static void test_init_ignores_what_is_sent_and_dies_of_faults(void **state)
{
	int *is_possible = t_shared(sizeof(*is_possible));

	(void)state;
	for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS)
		for (int of_poison = 0; of_poison < 2; of_poison++) {
			struct namespaced in = {signo, of_poison, is_possible, 0, {0, 0}};

			t_survives(die_as_init, &in);
			in.from_outside = 1;
			t_survives(die_as_init, &in);
		}
	if (!*is_possible)
		t_skip("unshare(2) is forbidden here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_RUNTIME_HANDLERS(test_faults_kill_in_every_sandbox),
		NOT_WITH_RUNTIME_HANDLERS(test_faults_without_an_address_kill_in_a_sandbox),
		NOT_WITH_RUNTIME_HANDLERS(test_signals_that_do_not_come_back_kill_in_a_sandbox),
		NOT_WITH_RUNTIME_HANDLERS(test_they_kill_whichever_call_is_refused),
		NOT_WITH_RUNTIME_HANDLERS(test_signals_that_were_sent_kill_in_a_sandbox),
		NOT_WITH_RUNTIME_HANDLERS(test_faults_kill_with_their_own_siginfo_and_registers),
		NOT_WITH_RUNTIME_HANDLERS(test_other_signals_are_raised_by_an_instruction_of_ours),
		NOT_WITH_RUNTIME_HANDLERS(
			test_copies_recover_and_previous_handlers_run_in_a_sandbox),
		NOT_WITH_RUNTIME_HANDLERS(test_a_refused_queue_leaves_action_and_mask_as_they_were),
		NOT_WITH_RUNTIME_HANDLERS(test_init_ignores_what_is_sent_and_dies_of_faults),
	};

	if (t_with_valgrind())
		t_skip_all("a filter for system calls stops valgrind");
	t_trace_needed();
	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

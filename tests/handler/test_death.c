/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_death.c - what is not ours still kills: by the right signal, with its siginfo, at its place
 *
 * The parent watches the child by ptrace(2). The child died of the last signal that was about to be
 * delivered. The registers at that moment are those that a core dump would show.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "copy/route.h"
#include "event.h"
#include "landing/extable.h"
#include "trace.h"

/* Not canonical: the processor raises #GP, and the kernel reports no address. */
#define NOWHERE ((const volatile void *)0x8000000000000000u)

/* Room for the whole core dump of a plain program. With a sanitizer the dump is cut off. */
#define CORE_SIZE ((rlim_t)8 << 20)

static struct t_bad_page memory[2]; /* by enum t_bad_page_kind */

enum disposition { BARE, DEFAULT, IGNORED, ONCE, DISPOSITIONS };

static int report_fd = -1;     /* a memfd */
static int with_report = 0;    /* mcsafe_set_report() before the child dies */
static volatile int had_turns; /* of the handler below ours */

/* It handles one signal, and mends nothing: the second fault at the same place kills. */
static void had_turn(int signo)
{
	(void)signo;
	had_turns++;
}

/*
 * BARE: libmcsafe is linked, but not installed. The others: installed over SIG_DFL, over SIG_IGN,
 * over a handler with SA_RESETHAND.
 */
static void prepare(enum disposition disposition)
{
	if (disposition == BARE)
		return;
	if (disposition == IGNORED) {
		CHECK_PTR_NE(signal(SIGBUS, SIG_IGN), SIG_ERR);
		CHECK_PTR_NE(signal(SIGSEGV, SIG_IGN), SIG_ERR);
	} else if (disposition == ONCE) {
		t_set_plain(SIGBUS, had_turn, (int)SA_RESETHAND);
		t_set_plain(SIGSEGV, had_turn, (int)SA_RESETHAND);
	}
	CHECK_EQ(mcsafe_install(), 0);
	if (with_report)
		CHECK_EQ(mcsafe_set_report(report_fd, MCSAFE_REPORT_NO_BACKTRACE), 0);
}

/* Whether a report was written since the last call. */
static bool was_reported(void)
{
	struct stat st;

	assert_int_equal(fstat(report_fd, &st), 0);
	assert_int_equal(ftruncate(report_fd, 0), 0);
	return st.st_size > 0;
}

/* Run body in a traced child, and let every signal pass until the child has ended. */
static struct t_stop last_signal(void (*body)(void *), void *arg, int *status)
{
	struct t_stop last, next = {.status = 0};
	pid_t pid = t_trace(body, arg);
	int signo = 0;

	do {
		last = next;
		next = t_resume(pid, PTRACE_CONT, signo);
		signo = WIFSTOPPED(next.status) ? WSTOPSIG(next.status) : 0;
	} while (signo != 0);
	*status = next.status;
	return last;
}

struct fault {
	const char *name;
	int signo, code;
	void (*access)(const volatile void *);
	const volatile void *addr;
	enum disposition disposition;
};

static void do_fault(void *arg)
{
	const struct fault *fault = arg;

	prepare(fault->disposition);
	fault->access(fault->addr);
}

static void faults_of_other_code_kill(void)
{
	const char *protected = memory[T_PROT_NONE].bad, *past_eof = memory[T_TRUNCATED].bad;
	const struct fault faults[] = {
		{"write to NULL", SIGSEGV, SEGV_MAPERR, t_write_byte, NULL, BARE},
		{"read of NULL", SIGSEGV, SEGV_MAPERR, t_read_byte, NULL, BARE},
		{"jump to NULL", SIGSEGV, SEGV_MAPERR, t_jump, NULL, BARE},
		{"write, PROT_NONE", SIGSEGV, SEGV_ACCERR, t_write_byte, protected, BARE},
		{"read, PROT_NONE", SIGSEGV, SEGV_ACCERR, t_read_byte, protected + 9, BARE},
		{"read, non-canonical", SIGSEGV, SI_KERNEL, t_read_byte, NOWHERE, BARE},
		{"write past EOF", SIGBUS, BUS_ADRERR, t_write_byte, past_eof, BARE},
		{"read past EOF", SIGBUS, BUS_ADRERR, t_read_byte, past_eof + 5, BARE},
	};

	for (size_t i = 0; i < T_LENGTH(faults); i++) {
		for (int d = BARE; d < DISPOSITIONS; d++) {
			struct fault fault = faults[i];
			uintptr_t addr = (uintptr_t)fault.addr, ip = (uintptr_t)fault.access;
			struct t_stop last;
			int status;

			fault.disposition = (enum disposition)d;
			if (fault.access == t_jump)
				ip = addr;
			if (fault.addr == NOWHERE)
				addr = 0;
			last = last_signal(do_fault, &fault, &status);
			assert_int_equal(was_reported(), with_report && d != BARE);
			if (!WIFSIGNALED(status) || WTERMSIG(status) != fault.signo ||
			    last.si.si_code != fault.code || (uintptr_t)last.si.si_addr != addr ||
			    last.regs.rip != ip)
				fail_msg("%s, disposition %d: status %#x, si_code %d, si_addr %p, "
					 "rip %#llx",
					 fault.name, d, (unsigned)status, last.si.si_code,
					 last.si.si_addr, last.regs.rip);
		}
	}
}

static void test_faults_of_other_code_kill(void **state)
{
	(void)state;
	faults_of_other_code_kill();
}

/* A report changes neither the signal, nor the siginfo, nor the instruction of the death. */
static void test_faults_of_other_code_kill_alike_with_a_report(void **state)
{
	(void)state;
	with_report = 1;
	faults_of_other_code_kill();
	with_report = 0;
}

/* Instead of t_child_setup(), which forbids core dumps for good. */
static void allow_core_dump(void)
{
	struct rlimit core;

	CHECK_PTR_NE(signal(SIGBUS, SIG_DFL), SIG_ERR);
	CHECK_PTR_NE(signal(SIGSEGV, SIG_DFL), SIG_ERR);
	CHECK_EQ(getrlimit(RLIMIT_CORE, &core), 0);
	core.rlim_cur = core.rlim_max < CORE_SIZE ? core.rlim_max : CORE_SIZE;
	CHECK_EQ(setrlimit(RLIMIT_CORE, &core), 0);
}

/* The wait status of a death without ptrace(2). Only such a status has the core bit. */
static int unwatched_death(const struct fault *fault, siginfo_t *ended)
{
	pid_t pid;

	memset(ended, 0, sizeof(*ended));
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		allow_core_dump();
		do_fault((void *)(uintptr_t)fault);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, ended, WEXITED), 0);
	return ended->si_code;
}

/*
 * CLD_DUMPED or CLD_KILLED, with the right signal, must be the same as for a child without a
 * handler, whatever core_pattern says. If the kernel writes a core file, the file is in a directory
 * that the test removes.
 */
static void test_core_dumps_are_as_without_us(void **state)
{
	char directory[] = "/tmp/mcsafe-death-XXXXXX", file[64], back[4096];
	const struct fault faults[] = {
		{"SIGSEGV", SIGSEGV, SEGV_MAPERR, t_write_byte, NULL, BARE},
		{"SIGBUS", SIGBUS, BUS_ADRERR, t_read_byte, memory[T_TRUNCATED].bad, BARE},
	};

	(void)state;
	assert_non_null(getcwd(back, sizeof(back)));
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	for (size_t i = 0; i < T_LENGTH(faults); i++) {
		struct fault fault = faults[i];
		siginfo_t bare, ended;
		int expected = unwatched_death(&fault, &bare);

		print_message("%s: %s\n", fault.name,
			      expected == CLD_DUMPED ? "core dumped" : "no core dump here");
		for (int d = DEFAULT; d < DISPOSITIONS; d++) {
			fault.disposition = (enum disposition)d;
			for (with_report = 0; with_report < 2; with_report++) {
				assert_int_equal(unwatched_death(&fault, &ended), expected);
				assert_int_equal(ended.si_status, fault.signo);
				assert_int_equal(was_reported(), with_report);
			}
		}
		with_report = 0;
	}
	/* core, or core.PID: the pid of each child that ended. */
	(void)snprintf(file, sizeof(file), "rm -rf %s", directory);
	assert_int_equal(chdir(back), 0);
	/* NOLINTNEXTLINE(cert-env33-c): the command has no foreign input. */
	assert_int_equal(system(file), 0);
}

/* The test cannot raise a machine check. It rewrites the siginfo of a real SIGBUS instead. */
static const struct forged {
	const char *name;
	int code;
	short lsb;
	void *addr;
} forged[] = {
	{"poison, a page", BUS_MCEERR_AR, 12, T_LOST_ADDR},
	{"poison, a huge page", BUS_MCEERR_AR, 21, T_LOST_ADDR},
	{"not located by the kernel", SI_KERNEL, 0, NULL},
};

static void read_past_eof(void *arg)
{
	prepare(*(enum disposition *)arg);
	t_read_byte(memory[T_TRUNCATED].bad);
}

/* It dies of the machine check. A second look at the page would raise a page fault instead. */
static void poison_met_by_other_code_kills_without_a_second_look(void)
{
	for (size_t i = 0; i < T_LENGTH(forged); i++) {
		for (enum disposition d = DEFAULT; d <= IGNORED; d++) {
			pid_t pid = t_trace(read_past_eof, &d);
			struct t_stop stop = t_resume(pid, PTRACE_CONT, 0);
			siginfo_t si = stop.si;

			assert_int_equal(si.si_signo, SIGBUS);
			si.si_code = forged[i].code;
			si.si_addr = forged[i].addr;
			si.si_addr_lsb = forged[i].lsb;
			stop = t_resume_with(pid, &si);
			assert_true(WIFSTOPPED(stop.status));
			assert_int_equal(stop.si.si_signo, SIGBUS);
			assert_int_equal(stop.si.si_code, forged[i].code);
			assert_ptr_equal(stop.si.si_addr, forged[i].addr);
			assert_int_equal(stop.si.si_addr_lsb, forged[i].lsb);
			assert_int_equal(stop.regs.rip, (uintptr_t)t_read_byte);
			stop = t_resume(pid, PTRACE_CONT, SIGBUS);
			t_expect_death(stop.status, SIGBUS, forged[i].name, __FILE__, __LINE__);
			assert_int_equal(was_reported(), with_report);
		}
	}
}

static void test_poison_met_by_other_code_kills_without_a_second_look(void **state)
{
	(void)state;
	for (with_report = 0; with_report < 2; with_report++)
		poison_met_by_other_code_kills_without_a_second_look();
	with_report = 0;
}

struct sent {
	int signo;
	enum t_event event;
};

static void install_and_wait(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_install(), 0);
	T_BREAK();
	UNREACHED("it was killed before this");
}

static void send(pid_t pid, const struct sent *sent)
{
	if (sent->event == T_QUEUE)
		assert_int_equal(sigqueue(pid, sent->signo, (union sigval){.sival_int = T_VALUE}),
				 0);
	else
		assert_int_equal(kill(pid, sent->signo), 0);
}

/* A signal that was sent kills by default. The siginfo still says who sent it. */
static void test_signals_from_outside_are_not_swallowed(void **state)
{
	static const struct sent all[] = {
		{SIGBUS, T_KILL},
		{SIGSEGV, T_KILL},
		{SIGBUS, T_QUEUE},
		{SIGSEGV, T_QUEUE},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(all); i++) {
		pid_t pid = t_trace(install_and_wait, NULL);
		struct t_stop stop = t_resume(pid, PTRACE_CONT, 0), at = stop;

		assert_true(t_at_break(&stop));
		send(pid, &all[i]);
		stop = t_resume(pid, PTRACE_CONT, 0);
		assert_int_equal(stop.si.si_signo, all[i].signo);
		stop = t_resume(pid, PTRACE_CONT, all[i].signo);
		assert_true(WIFSTOPPED(stop.status));
		assert_int_equal(stop.si.si_signo, all[i].signo);
		assert_int_equal(stop.si.si_code, all[i].event == T_QUEUE ? SI_QUEUE : SI_USER);
		assert_int_equal(stop.si.si_pid, getpid());
		if (all[i].event == T_QUEUE)
			assert_int_equal(stop.si.si_value.sival_int, T_VALUE);
		assert_int_equal(stop.regs.rip, at.regs.rip);
		assert_int_equal(stop.regs.rsp, at.regs.rsp);
		stop = t_resume(pid, PTRACE_CONT, all[i].signo);
		t_expect_death(stop.status, all[i].signo, "a child that was sent a signal",
			       __FILE__, __LINE__);
	}
}

static void copy_bad(void *arg)
{
	char dst[64];

	CHECK_EQ(memcpy_mcsafe(dst, ((struct t_bad_page *)arg)->bad, sizeof(dst)), sizeof(dst));
}

static void copy_bad_while_blocked(void *arg)
{
	const struct t_bad_page *m = arg;
	sigset_t set;

	CHECK_EQ(mcsafe_install(), 0);
	sigemptyset(&set);
	sigaddset(&set, t_bad_page_signo(m->kind));
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	copy_bad(arg);
}

static void install_uninstall_and_copy_bad(void *arg)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
	copy_bad(arg);
}

/* At a row of the landing table, but no handler is installed that would look it up. */
static void test_copies_die_where_no_handler_is(void **state)
{
	static void (*const bodies[])(void *) = {copy_bad, install_uninstall_and_copy_bad,
						 copy_bad_while_blocked};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(bodies); i++) {
		for (size_t kind = 0; kind < 2; kind++) {
			int status;
			struct t_stop last = last_signal(bodies[i], &memory[kind], &status);

			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), t_bad_page_signo(memory[kind].kind));
			assert_int_equal(last.si.si_code, t_bad_page_code(memory[kind].kind));
			assert_ptr_equal(last.si.si_addr, memory[kind].bad);
			assert_non_null(mcsafe__extable_find(last.regs.rip));
		}
	}
}

static void copy_with_bad_landing(void *arg)
{
	char dst[8];

	CHECK_EQ(mcsafe_install(), 0);
	/* The copy lands. Then stores without a row write a record through this pointer. */
	CHECK_EQ(mcsafe__copy_word(dst, memory[T_TRUNCATED].bad, sizeof(dst),
				   (void *)((struct t_bad_page *)arg)->bad),
		 0);
}

static void test_a_fault_of_ours_without_a_row_kills(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		int status;
		struct t_stop last = last_signal(copy_with_bad_landing, &memory[kind], &status);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), t_bad_page_signo(memory[kind].kind));
		assert_in_range((uintptr_t)last.si.si_addr, (uintptr_t)memory[kind].bad,
				(uintptr_t)memory[kind].bad + sizeof(struct mcsafe_fault) - 1);
		assert_null(mcsafe__extable_find(last.regs.rip));
	}
}

static void *copy_for_ever(void *arg)
{
	char dst[64];

	for (;;) {
		CHECK_EQ(memcpy_mcsafe(dst, memory[T_PROT_NONE].bad - 5, sizeof(dst)),
			 sizeof(dst) - 5);
		__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void fault_while_another_copies(void *arg)
{
	pthread_t thread;
	int copies = 0;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(pthread_create(&thread, NULL, copy_for_ever, &copies), 0);
	while (__atomic_load_n(&copies, __ATOMIC_RELAXED) < 10)
		usleep(100);
	t_write_byte(((struct t_bad_page *)arg)->bad);
}

static void test_a_fault_in_another_thread_kills(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 2; kind++)
		t_dies(fault_while_another_copies, &memory[kind],
		       t_bad_page_signo(memory[kind].kind));
}

static struct sigaction below;
static int *top_calls;

/* Not the kernel's context: changes of it have no effect. */
static void pass_a_copy_on(int signo, siginfo_t *si, void *ctx)
{
	ucontext_t copy = *(ucontext_t *)ctx;

	(*top_calls)++;
	below.sa_sigaction(signo, si, &copy);
}

static void fault_below_a_handler(void *arg)
{
	const struct t_bad_page *m = arg;
	int signo = t_bad_page_signo(m->kind);

	CHECK_EQ(mcsafe_install(), 0);
	below = t_get_action(signo);
	t_set_action(signo, pass_a_copy_on, SA_ONSTACK, 0);
	t_read_byte(m->bad);
}

static void test_a_fault_kills_once_below_a_handler_that_copies_the_context(void **state)
{
	(void)state;
	top_calls = t_shared(sizeof(*top_calls));
	for (size_t kind = 0; kind < 2; kind++) {
		int status;
		struct t_stop last;

		*top_calls = 0;
		last = last_signal(fault_below_a_handler, &memory[kind], &status);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), t_bad_page_signo(memory[kind].kind));
		assert_ptr_equal(last.si.si_addr, memory[kind].bad);
		assert_int_equal(last.regs.rip, (uintptr_t)t_read_byte);
		assert_int_equal(*top_calls, 1);
	}
}

/*
 * The kernel keeps the trap number and the address of an older fault. They must not make a signal
 * that does not come back look like a fault that does.
 */
static void die_of_a_forged_fault(void *arg)
{
	const struct t_bad_page *m = &memory[T_PROT_NONE];
	siginfo_t si = t_forged(T_UNMAPPED);
	char dst[8];

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(memcpy_mcsafe(dst, m->bad, sizeof(dst)), sizeof(dst));
	if (*(const int *)arg) {
		/* The address of the page fault, and the trap number of another exception. */
		CHECK_EQ(mcsafe__copy_word(dst, (const char *)(uintptr_t)NOWHERE, 1, NULL), 1);
		si.si_addr = (void *)m->bad;
	}
	t_send_to_self(&si);
}

static void test_a_signal_that_looks_like_an_older_fault_kills(void **state)
{
	static const int same_address[] = {0, 1};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		t_dies(die_of_a_forged_fault, (void *)(uintptr_t)&same_address[i], SIGSEGV);
}

/*
 * The page becomes good after the handler has decided that the process dies, and before the
 * instruction runs again.
 */
static int *lived;

static void live_on(void *arg)
{
	const struct t_bad_page *m = arg;
	char dst[16];

	CHECK_EQ(mcsafe_install(), 0);
	t_read_byte(m->bad);
	*lived = 1;
	CHECK_EQ(mcsafe_installed(), 1);
	CHECK_EQ(mcsafe_thread_check() & ~MCSAFE_THREAD_NO_STACK, MCSAFE_THREAD_SIGBUS_BLOCKED);
	CHECK_EQ(mcsafe_thread_prepare(), 0);
	t_bad_page_spoil(m);
	CHECK_EQ(memcpy_mcsafe(dst, m->bad - 3, sizeof(dst)), sizeof(dst) - 3);
	t_read_byte(m->bad);
}

static void test_page_that_heals_meanwhile_leaves_the_handler_there(void **state)
{
	int pass = 0, has_faulted = 0, status;
	struct t_stop stop;
	pid_t pid;

	(void)state;
	lived = t_shared(sizeof(*lived));
	pid = t_trace(live_on, &memory[T_TRUNCATED]);
	do {
		stop = t_resume(pid, PTRACE_SYSCALL, pass);
		assert_true(WIFSTOPPED(stop.status));
		pass = WSTOPSIG(stop.status) == SIGBUS ? SIGBUS : 0;
		has_faulted |= pass != 0;
	} while (!has_faulted || pass != 0 || stop.regs.orig_rax != SYS_rt_sigreturn);
	t_bad_page_heal(&memory[T_TRUNCATED]);
	do {
		stop = t_resume(pid, PTRACE_CONT, pass);
		status = stop.status;
		pass = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	} while (WIFSTOPPED(status));
	t_bad_page_spoil(&memory[T_TRUNCATED]);
	assert_int_equal(*lived, 1);
	t_expect_death(status, SIGBUS, "at the second fault, the child", __FILE__, __LINE__);
}

/*
 * valgrind does not take the mask from the context. So the signal that the handler wants blocked is
 * not blocked, and the fault comes to the handler a second time. Here the tracer clears the mask.
 */
static void test_a_fault_kills_even_if_the_mask_of_the_context_is_not_taken(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		int signo = t_bad_page_signo((enum t_bad_page_kind)kind), n = 0, pass = 0;
		struct fault fault = {"a fault", signo, 0, t_read_byte, memory[kind].bad, DEFAULT};
		const uint64_t no_signal = 0; /* the mask of the kernel has 64 bits */
		pid_t pid = t_trace(do_fault, &fault);
		struct t_stop stop;

		for (;;) {
			stop = t_resume(pid, PTRACE_SYSCALL, pass);
			if (!WIFSTOPPED(stop.status))
				break;
			pass = WSTOPSIG(stop.status);
			if (pass == signo && ++n > 8)
				break;
			if (pass != (SIGTRAP | 0x80)) /* PTRACE_O_TRACESYSGOOD */
				continue;
			pass = 0;
			assert_int_equal(
				ptrace(PTRACE_SETSIGMASK, pid, sizeof(no_signal), &no_signal), 0);
		}
		if (WIFSTOPPED(stop.status)) {
			t_trace_end(pid);
			fail_msg("the fault comes back for ever");
		}
		t_expect_death(stop.status, signo, "a fault", __FILE__, __LINE__);
		/* To be blocked, to be set to the default action, to kill. */
		assert_int_equal(n, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_of_other_code_kill),
		cmocka_unit_test(test_faults_of_other_code_kill_alike_with_a_report),
		cmocka_unit_test(test_core_dumps_are_as_without_us),
		cmocka_unit_test(test_poison_met_by_other_code_kills_without_a_second_look),
		cmocka_unit_test(test_signals_from_outside_are_not_swallowed),
		cmocka_unit_test(test_copies_die_where_no_handler_is),
		cmocka_unit_test(test_a_fault_of_ours_without_a_row_kills),
		cmocka_unit_test(test_a_fault_in_another_thread_kills),
		NOT_WITH_TSAN(test_a_fault_kills_once_below_a_handler_that_copies_the_context),
		NOT_WITH_TSAN(test_a_signal_that_looks_like_an_older_fault_kills),
		NOT_WITH_RUNTIME_HANDLERS(
			test_a_fault_kills_even_if_the_mask_of_the_context_is_not_taken),
		NOT_WITH_RUNTIME_HANDLERS(test_page_that_heals_meanwhile_leaves_the_handler_there),
	};

	t_trace_needed();
	report_fd = memfd_create("report", MFD_CLOEXEC);
	if (report_fd < 0) {
		perror("memfd_create");
		return 1;
	}
	memory[T_PROT_NONE] = t_bad_page(T_PROT_NONE);
	memory[T_TRUNCATED] = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

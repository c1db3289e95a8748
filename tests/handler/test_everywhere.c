/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_everywhere.c - every kind of signal, at every instruction of a copy
 *
 * First a child is single-stepped through one copy. This lists the instructions. Then, for each
 * instruction and each kind of signal, the copy runs to that instruction, and ptrace(2) delivers
 * the signal there, with any siginfo that the test wants. The landing table says what must happen:
 *
 *	a fault, and the instruction has a row		the copy lands, no other handler runs
 *	a fault, and the instruction has no row		the previous handler gets it
 *	a notice or a signal that was sent, anywhere	the previous handler gets it
 *
 * In the last two cases the copy ends as if nothing had happened.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "landing/extable.h"
#include "landing/landing.h"
#include "trace.h"

/* Linker symbols: the code of this program, in which libmcsafe is, but not that of libc. */
extern const char __executable_start[], etext[];

/*
 * clang links ThreadSanitizer's runtime into the program, before our own code, which begins with
 * the engines. The runtime takes another way each time, and is not made for faults.
 */
static uintptr_t start_of_code(void)
{
	const struct mcsafe_row *first, *end;

	mcsafe__extable_own(&first, &end);
	return T_THREAD_SANITIZER ? mcsafe__row_insn(first) : (uintptr_t)__executable_start;
}

#define INSTRUCTIONS_MAX 16384
#define UNTOUCHED        0x55

struct signal {
	const char *name;
	int signo, code, is_fault;
};

/* "forced" comes without the trap number of a protection fault, as when there is no room for the
 * frame of another signal. */
static const struct signal signals[] = {
	{"unmapped", SIGSEGV, SEGV_MAPERR, 1},       {"protected", SIGSEGV, SEGV_ACCERR, 1},
	{"protection key", SIGSEGV, SEGV_PKUERR, 1}, {"forced", SIGSEGV, SI_KERNEL, 0},
	{"past EOF", SIGBUS, BUS_ADRERR, 1},         {"media error", SIGBUS, BUS_OBJERR, 1},
	{"poison", SIGBUS, BUS_MCEERR_AR, 1},        {"not located", SIGBUS, SI_KERNEL, 1},
	{"notice", SIGBUS, BUS_MCEERR_AO, 0},        {"kill of SIGSEGV", SIGSEGV, SI_USER, 0},
	{"kill of SIGBUS", SIGBUS, SI_USER, 0},      {"tgkill of SIGSEGV", SIGSEGV, SI_TKILL, 0},
	{"tgkill of SIGBUS", SIGBUS, SI_TKILL, 0},   {"sigqueue of SIGSEGV", SIGSEGV, SI_QUEUE, 0},
	{"sigqueue of SIGBUS", SIGBUS, SI_QUEUE, 0}, {"timer, SIGSEGV", SIGSEGV, SI_TIMER, 0},
};

/* One copy: single bytes, words, and single bytes again. It may be stopped by bad memory. */
struct copy {
	const char *name, *src;
	char *dst;
	size_t n, left; /* left: undisturbed */
};

#define N 27 /* the source is at 3 mod 8: 5 bytes, 2 words, 6 bytes */

/* Shared with the child. */
struct outcome {
	size_t left;
	struct mcsafe_fault fault;
	int calls;
	siginfo_t si;
};

static struct outcome *outcome;
static const char *engine; /* of the copies that run */

static void previous(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)ctx;
	outcome->calls++;
	outcome->si = *si;
}

/* Repeat for ever: a break, a copy, a break. */
static void copy_between_breaks(void *arg)
{
	const struct copy *copy = arg;

	t_set_action(SIGBUS, previous, 0, 0);
	t_set_action(SIGSEGV, previous, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_engine_set(engine), 0);
	for (;;) {
		T_BREAK();
		outcome->left = mcsafe_memcpy(copy->dst, copy->src, copy->n, &outcome->fault);
		T_BREAK();
	}
}

/* Run to the break before the copy. */
static void begin(pid_t pid, const struct copy *copy)
{
	struct t_stop stop;

	memset(outcome, 0, sizeof(*outcome));
	memset(copy->dst, UNTOUCHED, N - copy->left);
	stop = t_resume(pid, PTRACE_CONT, 0);
	assert_true(t_at_break(&stop));
}

/* Run to ip, or to a break. The copy's own fault is delivered. */
static struct t_stop run_until(pid_t pid, uintptr_t ip)
{
	struct t_stop stop = t_resume_until(pid, ip, 0);

	while (WIFSTOPPED(stop.status) && !t_at_break(&stop))
		stop = t_resume_until(pid, ip, WSTOPSIG(stop.status));
	assert_true(WIFSTOPPED(stop.status));
	return stop;
}

/* The different instructions that a copy executes, including those of the handler. */
static size_t instructions_of(const struct copy *copy, uintptr_t *ips)
{
	static unsigned char visited[1 << 23]; /* a sanitizer is part of the program */
	uintptr_t base = start_of_code();
	size_t n = 0, size = (uintptr_t)etext - base;
	pid_t pid = t_trace(copy_between_breaks, (void *)(uintptr_t)copy);
	struct t_stop stop;

	assert_true(size <= sizeof(visited));
	assert_in_range((uintptr_t)mcsafe_memcpy, base, base + size);
	assert_in_range((uintptr_t)mcsafe_handle_signal, base, base + size);
	memset(visited, 0, size);
	begin(pid, copy);
	stop = t_resume(pid, PTRACE_SINGLESTEP, 0);
	while (!t_at_break(&stop)) {
		uintptr_t ip = stop.regs.rip;

		assert_true(WIFSTOPPED(stop.status));
		if (ip - base < size && !visited[ip - base]) {
			assert_true(n < INSTRUCTIONS_MAX);
			visited[ip - base] = 1;
			ips[n++] = ip;
		}
		stop = t_resume(pid, PTRACE_SINGLESTEP,
				t_at_trap(&stop) ? 0 : WSTOPSIG(stop.status));
	}
	assert_int_equal(outcome->left, copy->left);
	assert_int_equal(outcome->calls, 0);
	t_trace_end(pid);
	return n;
}

static siginfo_t siginfo_of(const struct signal *signal)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = signal->signo;
	si.si_code = signal->code;
	if (signal->code > 0) {
		si.si_addr = T_LOST_ADDR;
		si.si_addr_lsb = signal->code == BUS_MCEERR_AR ? T_LOST_LSB : 0;
	} else {
		si.si_pid = getpid();
		si.si_uid = getuid();
		si.si_value.sival_int = signal->code == SI_QUEUE ? T_VALUE : 0;
	}
	return si;
}

static bool same_siginfo(const siginfo_t *a, const siginfo_t *b)
{
	if (a->si_signo != b->si_signo || a->si_code != b->si_code)
		return false;
	if (a->si_code > 0)
		return a->si_addr == b->si_addr && a->si_addr_lsb == b->si_addr_lsb;
	return a->si_pid == b->si_pid &&
	       (a->si_code != SI_QUEUE || a->si_value.sival_int == b->si_value.sival_int);
}

/* dst holds what was copied, and nothing else (C2). */
static bool copied_right(const struct copy *copy, size_t left)
{
	size_t done = copy->n - left;

	for (size_t i = 0; i < N - copy->left; i++)
		if (copy->dst[i] != (i < done ? copy->src[i] : UNTOUCHED))
			return false;
	return true;
}

/* Has happened what the landing table promises for this signal at ip? */
static bool right(const struct copy *copy, const struct signal *signal, const siginfo_t *si,
		  const struct mcsafe_row *row, uintptr_t ip)
{
	const struct mcsafe_fault *fault = &outcome->fault;

	if (!copied_right(copy, outcome->left))
		return false;
	if (row == NULL || !signal->is_fault)
		return outcome->left == copy->left && outcome->calls == 1 &&
		       same_siginfo(&outcome->si, si);
	if (outcome->calls != 0)
		return false;
	/*
	 * A word that could not be stored is tried again byte by byte, which can succeed. avx512
	 * loads the line of the last byte again if it is also the line of the first byte.
	 */
	if ((row->kind == MCSAFE_ROW_STORE || strncmp(engine, "avx512", 6) == 0) &&
	    (uintptr_t)fault->ip != ip)
		return outcome->left == copy->left;
	return outcome->left >= copy->left && outcome->left != 0 && (uintptr_t)fault->ip == ip &&
	       fault->signo == si->si_signo && fault->code == si->si_code;
}

static void deliver_at(pid_t pid, const struct copy *copy, const struct signal *signal,
		       uintptr_t ip)
{
	const siginfo_t si = siginfo_of(signal);
	struct t_stop stop;

	begin(pid, copy);
	stop = run_until(pid, ip);
	assert_int_equal(stop.regs.rip, ip);
	stop = t_resume_with(pid, &si);
	while (WIFSTOPPED(stop.status) && !t_at_break(&stop))
		stop = t_resume(pid, PTRACE_CONT, WSTOPSIG(stop.status));
	if (!WIFSTOPPED(stop.status) || !right(copy, signal, &si, mcsafe__extable_find(ip), ip))
		fail_msg("%s, %s, %s at %s+%#lx, %s a row: status %#x, %zu of %zu left, cause %s, "
			 "previous handler called %d times",
			 engine, copy->name, signal->name, "program",
			 ip - (uintptr_t)__executable_start,
			 mcsafe__extable_find(ip) != NULL ? "at" : "not at", (unsigned)stop.status,
			 outcome->left, copy->n, mcsafe_cause_name(outcome->fault.cause),
			 outcome->calls);
}

static void deliver_everywhere(const struct copy *copy)
{
	static uintptr_t ips[INSTRUCTIONS_MAX];
	size_t n = instructions_of(copy, ips), rows[3] = {0};
	pid_t pid = t_trace(copy_between_breaks, (void *)(uintptr_t)copy);

	for (size_t i = 0; i < n; i++) {
		const struct mcsafe_row *row = mcsafe__extable_find(ips[i]);

		rows[row != NULL ? row->kind : 0]++;
		for (size_t s = 0; s < T_LENGTH(signals); s++)
			deliver_at(pid, copy, &signals[s], ips[i]);
	}
	t_trace_end(pid);
	print_message("%s, %s: %zu instructions, of them %zu loads and %zu stores with a row\n",
		      engine, copy->name, n, rows[MCSAFE_ROW_LOAD], rows[MCSAFE_ROW_STORE]);
	assert_true(rows[0] != 0 && rows[MCSAFE_ROW_LOAD] != 0 && rows[MCSAFE_ROW_STORE] != 0);
}

/*
 * With each engine that stores with masks, whose mask may be empty, and with the default. Forged
 * signals reach accesses that cannot fail.
 */
static void deliver_with_engines(const struct copy *copy)
{
	static const char *const names[] = {"avx512", "avx512bw"};

	assert_int_equal(mcsafe_engine_set(NULL), 0);
	engine = mcsafe_engine_name();
	deliver_everywhere(copy);
	for (size_t i = 0; i < T_LENGTH(names); i++) {
		if (mcsafe_engine_set(names[i]) != 0) {
			print_message("%s: not on this processor\n", names[i]);
			continue;
		}
		engine = names[i];
		deliver_everywhere(copy);
	}
	assert_int_equal(mcsafe_engine_set(NULL), 0);
}

static struct t_bad_page from, to;

static void test_signals_are_survived_everywhere_in_a_copy(void **state)
{
	const struct copy copy = {"copy", from.good + 3, to.good + 5, N, 0};

	(void)state;
	deliver_with_engines(&copy);
}

/* The handler and the landing are interrupted also. */
static void test_signals_are_survived_everywhere_in_a_copy_from_bad_memory(void **state)
{
	const struct copy copy = {"from bad memory", from.bad - 21, to.good + 5, N, N - 21};

	(void)state;
	deliver_with_engines(&copy);
}

/* The second word straddles into the bad page, and is stored byte by byte. */
static void test_signals_are_survived_everywhere_in_a_copy_to_bad_memory(void **state)
{
	const struct copy copy = {"to bad memory", from.good + 3, to.bad - 20, N, N - 20};

	(void)state;
	deliver_with_engines(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_are_survived_everywhere_in_a_copy),
		cmocka_unit_test(test_signals_are_survived_everywhere_in_a_copy_from_bad_memory),
		cmocka_unit_test(test_signals_are_survived_everywhere_in_a_copy_to_bad_memory),
	};

	t_trace_needed();
	outcome = t_shared(sizeof(*outcome));
	from = t_bad_page(T_PROT_NONE);
	to = t_bad_page(T_PROT_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

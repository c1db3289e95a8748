/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_chain.c - the previous action gets the signals that are not ours, as from the kernel
 *
 * The oracle is the kernel: every case runs in two equal children, one without libmcsafe and one
 * with it. The handler must observe the same in both, and both children must end the same way.
 */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"

#define ERRNO_BEFORE 4711

/* Twice, so that the second signal meets the mask that the first has left, or a spent action. */
#define ROUNDS 2

struct observed {
	int signo, errno_inside, errno_after;
	uint64_t blocked_inside, blocked_after;
	/* Of SA_SIGINFO only. */
	int code, value, from_us, lsb;
	void *addr;
	uint64_t blocked_before;
	uintptr_t rip; /* of a fault; all others hit somewhere in libc */
};

struct report {
	int calls;
	struct observed seen[ROUNDS + 1];
};

struct case_ {
	enum t_event event;
	int signo;
	struct t_bad_page memory;
	const struct sigaction *previous;
	int with_mcsafe;
	struct report *report;
};

static const struct case_ *now;

static uint64_t bits(const sigset_t *set)
{
	uint64_t result = 0;

	for (int signo = 1; signo < _NSIG; signo++)
		if (sigismember(set, signo))
			result |= UINT64_C(1) << (signo - 1);
	return result;
}

static uint64_t blocked(void)
{
	sigset_t set;

	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &set), 0);
	return bits(&set);
}

static struct observed *observe(int signo)
{
	struct report *report = now->report;
	struct observed *seen = &report->seen[report->calls < ROUNDS ? report->calls : ROUNDS];

	report->calls++;
	seen->signo = signo;
	seen->errno_inside = errno;
	seen->blocked_inside = blocked();
	if (now->event == T_FAULT)
		t_bad_page_heal(&now->memory);
	return seen;
}

static void on_plain(int signo)
{
	(void)observe(signo);
}

static void on_info(int signo, siginfo_t *si, void *ctx)
{
	const ucontext_t *context = ctx;
	struct observed *seen = observe(signo);

	seen->code = si->si_code;
	if (si->si_code <= 0) {
		seen->from_us = si->si_pid == getpid();
		seen->value = si->si_code == SI_QUEUE ? si->si_value.sival_int : 0;
	} else {
		seen->addr = si->si_addr;
		seen->lsb = si->si_addr_lsb;
	}
	seen->blocked_before = bits(&context->uc_sigmask);
	if (now->event == T_FAULT)
		seen->rip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}

static void suffer(void *arg)
{
	const struct case_ *c = now = arg;
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &usr2, NULL), 0);
	CHECK_EQ(sigaction(c->signo, c->previous, NULL), 0);
	if (c->with_mcsafe)
		CHECK_EQ(mcsafe_install(), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct observed *seen = &c->report->seen[round];

		if (c->event == T_FAULT)
			t_bad_page_spoil(&c->memory);
		errno = ERRNO_BEFORE;
		t_cause(c->event, c->signo, &c->memory);
		seen->errno_after = errno;
		seen->blocked_after = blocked();
	}
}

/* With libmcsafe, a notice that nobody handles is dropped. The kernel alone would kill. */
static int expected_status(const struct case_ *c, int status_alone)
{
	return c->event == T_NOTICE ? 0 : status_alone;
}

static void compare(enum t_event event, int signo, const struct sigaction *previous)
{
	struct case_ c = {
		.event = event,
		.signo = signo,
		.memory = t_bad_page(signo == SIGSEGV ? T_PROT_NONE : T_TRUNCATED),
		.previous = previous,
		.report = t_shared(sizeof(struct report)),
	};
	struct report alone;
	int status_alone = t_in_child(suffer, &c), status;

	alone = *c.report;
	memset(c.report, 0, sizeof(*c.report));
	c.with_mcsafe = 1;
	status = t_in_child(suffer, &c);
	if (expected_status(&c, status_alone) == status && alone.calls == c.report->calls &&
	    (status != status_alone || memcmp(&alone, c.report, sizeof(alone)) == 0))
		return;
	fail_msg("signal %d, %s, handler %p, flags %#x: alone status %#x, %d calls, blocked %#lx, "
		 "errno %d; with libmcsafe status %#x, %d calls, blocked %#lx, errno %d",
		 signo, t_event_name(event), (void *)(uintptr_t)previous->sa_handler,
		 (unsigned)previous->sa_flags, (unsigned)status_alone, alone.calls,
		 alone.seen[0].blocked_inside, alone.seen[0].errno_inside, (unsigned)status,
		 c.report->calls, c.report->seen[0].blocked_inside, c.report->seen[0].errno_inside);
}

static void compare_all_events(const struct sigaction *previous, unsigned left_out)
{
	static const int signals[] = {SIGBUS, SIGSEGV};

	for (size_t i = 0; i < 2; i++)
		for (unsigned event = 0; event < T_EVENTS; event++)
			if (t_event_exists((enum t_event)event, signals[i]) &&
			    !(left_out & 1u << event))
				compare((enum t_event)event, signals[i], previous);
}

/* Each combination of the flags that say how a handler is called, with each kind of mask. */
static void test_handlers_are_called_as_by_the_kernel(void **state)
{
	static const int flags[] = {SA_SIGINFO, SA_NODEFER, (int)SA_RESETHAND};

	(void)state;
	for (unsigned mix = 0; mix < 8; mix++) {
		for (unsigned mask = 0; mask < 3; mask++) {
			struct sigaction previous;

			memset(&previous, 0, sizeof(previous));
			for (size_t i = 0; i < 3; i++)
				if (mix & 1u << i)
					previous.sa_flags |= flags[i];
			if (previous.sa_flags & SA_SIGINFO)
				previous.sa_sigaction = on_info;
			else
				previous.sa_handler = on_plain;
			if (mask == 1)
				sigaddset(&previous.sa_mask, SIGUSR1);
			if (mask == 2)
				sigfillset(&previous.sa_mask);
			compare_all_events(&previous, 0);
		}
	}
}

static void test_default_action_kills_or_not_as_by_the_kernel(void **state)
{
	const struct sigaction previous = {.sa_handler = SIG_DFL};

	(void)state;
	compare_all_events(&previous, 0);
}

/* The kernel ignores a forged fault, but not a real one. Our handler cannot tell them apart. */
static void test_ignored_signals_stay_ignored_and_faults_do_not(void **state)
{
	const struct sigaction previous = {.sa_handler = SIG_IGN};

	(void)state;
	compare_all_events(&previous, 1u << T_POISON | 1u << T_UNMAPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handlers_are_called_as_by_the_kernel),
		cmocka_unit_test(test_default_action_kills_or_not_as_by_the_kernel),
		cmocka_unit_test(test_ignored_signals_stay_ignored_and_faults_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

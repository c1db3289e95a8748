/* SPDX-License-Identifier: BSD-3-Clause */
/* special.c - machine checks in unusual circumstances: twice, in two threads, chained */
#include "asm/routines.h"
#include "lab.h"
#include "landing/landing.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#define MARGIN LINE

static unsigned char arena[4 * T_PAGE];

static void arm_loads(const char *mode, const char *event, const struct lab_target *targets,
		      size_t n)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));

	memset(arena, FILL, sizeof(arena));
	lab_arm(mode, event, targets, n, insns, n_insns);
}

/* Checks what arrived of a copy that starts at `from`, with poison `good` bytes after its start. */
static void check_arrived(size_t from, size_t done, size_t good)
{
	lab_check(done <= good && good - done < MCSAFE__SHORT_BY,
		  "%zu bytes copied, poison is at %zu", done, good);
	lab_check(lab_is_fill(arena, MARGIN), "wrote before the destination");
	lab_check(lab_is_pattern(arena + MARGIN, from, done), "wrong prefix");
	lab_check(lab_is_fill(arena + MARGIN + done, sizeof(arena) - MARGIN - done),
		  "wrote past the prefix");
}

static bool is_row(const void *ip)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));

	for (size_t i = 0; i < n; i++)
		if (insns[i] == (uintptr_t)ip)
			return true;
	return false;
}

/* Only mcsafe_install(): checks the whole record, and the state around the call. */
int lab_program_plain(int argc, char **argv)
{
	unsigned char *pages = lab_pages(3);
	const size_t at = T_PAGE + 31 * LINE, before = 100, n = 300;
	struct lab_target target = lab_target(pages + at);
	struct mcsafe_fault fault = {.signo = -1, .reserved = {pages, pages, pages}};
	sigset_t mask = {{0}}, mask_after = {{0}}; /* the kernel fills in the first word only */
	struct lab_events events;
	size_t left;

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 3 * T_PAGE);
	lab_need(mcsafe_install() == 0, "mcsafe_install() fails");
	lab_kernel_log("");
	arm_loads("load", "page", &target, 1);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	errno = 4711;
	left = mcsafe_memcpy(arena + MARGIN, pages + at - before, n, &fault);
	lab_check(errno == 4711, "errno is %d", errno);
	sigprocmask(SIG_SETMASK, NULL, &mask_after);
	events = lab_disarm();

	check_arrived(at - before, n - left, before);
	lab_check(events.injected == 1 && events.touched == 0, "%u machine checks, %u reads after",
		  events.injected, events.touched);
	lab_check(memcmp(&mask, &mask_after, sizeof(mask)) == 0, "the signal mask has changed");
	lab_check(mcsafe_installed() == 1, "the handler is no longer the installed one");
	lab_check(fault.signo == SIGBUS && fault.code == BUS_MCEERR_AR, "signal %d code %d",
		  fault.signo, fault.code);
	lab_check(fault.cause == MCSAFE_CAUSE_POISON && mcsafe_fault_errno(&fault) == EHWPOISON,
		  "cause %s", mcsafe_cause_name(fault.cause));
	lab_check(fault.side == MCSAFE_SIDE_SOURCE, "wrong side");
	lab_check(fault.addr == pages + T_PAGE, "address %p", fault.addr);
	lab_check(fault.extent == T_PAGE, "extent %zu", fault.extent);
	lab_check(is_row(fault.ip), "instruction %p has no row", fault.ip);
	for (size_t i = 0; i < T_LENGTH(fault.reserved); i++)
		lab_check(fault.reserved[i] == NULL, "reserved room is not NULL");
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 1,
		  "not one machine check in the kernel's log");
	return lab_status();
}

static void check_two(const struct lab_events *events)
{
	lab_check(events->injected == 2 && events->touched == 0 && lab_signals.n == 2,
		  "%u machine checks, %u signals, %u reads after", events->injected, lab_signals.n,
		  events->touched);
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 2,
		  "not two machine checks in the kernel's log");
}

/*
 * Two poisoned lines in one source: the copy continues after the first page, up to the second one.
 */
int lab_program_twice(int argc, char **argv)
{
	unsigned char *pages = lab_pages(4);
	const size_t first = 31 * LINE, second = T_PAGE + 5 * LINE;
	const size_t start = first - 100, again = T_PAGE, n = 2 * T_PAGE;
	struct lab_target targets[2] = {lab_target(pages + first), lab_target(pages + second)};
	struct mcsafe_fault fault;
	struct lab_events events;
	size_t left;

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 4 * T_PAGE);
	lab_install();
	lab_kernel_log("");
	arm_loads("load", "page", targets, T_LENGTH(targets));

	left = mcsafe_memcpy(arena + MARGIN, pages + start, n, &fault);
	check_arrived(start, n - left, first - start);
	lab_check(fault.addr == pages, "the first is at %p", fault.addr);

	memset(arena, FILL, sizeof(arena));
	left = mcsafe_memcpy(arena + MARGIN, pages + again, n, &fault);
	check_arrived(again, n - left, second - again);
	lab_check(fault.addr == pages + again, "the second is at %p", fault.addr);

	events = lab_disarm();
	check_two(&events);
	return lab_status();
}

/*
 * The same in one call: mcsafe_memcpy_holes() continues after the first line, and meets the second.
 */
int lab_program_holes(int argc, char **argv)
{
	unsigned char *pages = lab_pages(4);
	const size_t first = T_PAGE + 31 * LINE, second = 2 * T_PAGE + 5 * LINE;
	const size_t start = T_PAGE / 2, n = 3 * T_PAGE;
	struct lab_target targets[2] = {lab_target(pages + first), lab_target(pages + second)};
	struct mcsafe_range holes[2];
	struct lab_events events;
	size_t lost, n_holes = T_LENGTH(holes);

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 4 * T_PAGE);
	lab_install();
	lab_kernel_log("");
	arm_loads("load", "page", targets, T_LENGTH(targets));
	lost = mcsafe_memcpy_holes(arena + MARGIN, pages + start, n, FILL, holes, &n_holes);
	events = lab_disarm();

	check_two(&events);
	lab_need(n_holes == 2, "%zu holes", n_holes);
	lab_check(holes[0].start == first - start && holes[0].len == 2 * T_PAGE - first,
		  "the first hole: %zu bytes from %zu on", holes[0].len, holes[0].start);
	lab_check(holes[1].start == second - start && holes[1].len == 3 * T_PAGE - second,
		  "the second hole: %zu bytes from %zu on", holes[1].len, holes[1].start);
	lab_check(lost == holes[0].len + holes[1].len, "%zu bytes lost", lost);
	for (size_t i = 0, at = 0; i <= n_holes; i++) {
		size_t end = i < n_holes ? holes[i].start : n;

		lab_check(lab_is_pattern(arena + MARGIN + at, start + at, end - at),
			  "wrong bytes between %zu and %zu", at, end);
		if (i < n_holes)
			lab_check(lab_is_fill(arena + MARGIN + end, holes[i].len),
				  "hole %zu is not filled", i);
		at = i < n_holes ? end + holes[i].len : n;
	}
	lab_check(lab_is_fill(arena, MARGIN) &&
			  lab_is_fill(arena + MARGIN + n, sizeof(arena) - MARGIN - n),
		  "wrote outside the destination");
	return lab_status();
}

struct racer {
	pthread_t thread;
	unsigned processor;
	const unsigned char *src;
	unsigned char dst[2 * LINE];
	size_t left;
	struct mcsafe_fault fault;
};

static unsigned ready; /* racers that are ready to start */

static void *race(void *arg)
{
	struct racer *racer = arg;
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(racer->processor, &processors);
	lab_need(sched_setaffinity(0, sizeof(processors), &processors) == 0, "sched_setaffinity");
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2)
		;
	racer->left = mcsafe_memcpy(racer->dst, racer->src, sizeof(racer->dst), &racer->fault);
	return NULL;
}

/* Two processors meet the same line at the same moment. */
int lab_program_race(int argc, char **argv)
{
	unsigned char *pages = lab_pages(2);
	const unsigned char *line = pages + 31 * LINE;
	struct lab_target target = lab_target(line);
	struct racer racers[2] = {{.processor = 0, .src = line}, {.processor = 1, .src = line}};
	struct lab_events events;

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 2 * T_PAGE);
	lab_install();
	lab_kernel_log("");
	arm_loads("race", "page", &target, 1);
	for (size_t i = 0; i < T_LENGTH(racers); i++) {
		memset(racers[i].dst, FILL, sizeof(racers[i].dst));
		lab_need(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0, "thread");
	}
	for (size_t i = 0; i < T_LENGTH(racers); i++)
		pthread_join(racers[i].thread, NULL);
	events = lab_disarm();

	check_two(&events);
	for (size_t i = 0; i < T_LENGTH(racers); i++) {
		const struct racer *racer = &racers[i];

		lab_check(racer->left == sizeof(racer->dst), "thread %zu: %zu bytes left", i,
			  racer->left);
		lab_check(racer->fault.cause == MCSAFE_CAUSE_POISON &&
				  racer->fault.extent == T_PAGE,
			  "thread %zu: cause %s, extent %zu", i,
			  mcsafe_cause_name(racer->fault.cause), racer->fault.extent);
		lab_check((uintptr_t)racer->fault.addr / T_PAGE == (uintptr_t)line / T_PAGE,
			  "thread %zu: address %p", i, racer->fault.addr);
		lab_check(lab_is_fill(racer->dst, sizeof(racer->dst)), "thread %zu wrote", i);
	}
	return lab_status();
}

static struct lab_signal theirs;
static unsigned n_theirs;
static sigjmp_buf after_theirs;

static void their_handler(int signo, siginfo_t *si, void *ctx)
{
	const ucontext_t *context = ctx;

	n_theirs++;
	theirs = (struct lab_signal){
		.signo = signo,
		.code = si->si_code,
		.lsb = (unsigned)si->si_addr_lsb,
		.addr = (uintptr_t)si->si_addr,
		.ip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP],
	};
	siglongjmp(after_theirs, 1);
}

extern const char lab_plain_load[];

/* A load that has no row. */
static void plain_load(const unsigned char *from)
{
	unsigned char byte;

	__asm__ volatile(".globl lab_plain_load\n"
			 "lab_plain_load: movb (%1), %0"
			 : "=q"(byte)
			 : "r"(from)
			 : "memory");
}

/*
 * Somebody else owned SIGBUS before. That handler gets every signal that is not ours, complete, and
 * no other.
 */
int lab_program_chained(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = their_handler, .sa_flags = SA_SIGINFO};
	unsigned char *pages = lab_pages(4);
	unsigned char *lines[2] = {pages + 31 * LINE, pages + 2 * T_PAGE + 31 * LINE};
	struct lab_target targets[2] = {lab_target(lines[0]), lab_target(lines[1])};
	const uintptr_t plain = (uintptr_t)lab_plain_load;
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	size_t left;

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 4 * T_PAGE);
	lab_need(sigaction(SIGBUS, &action, NULL) == 0, "sigaction");
	lab_need(mcsafe_install() == 0, "mcsafe_install() fails");
	lab_kernel_log("");

	arm_loads("load", "page", &targets[0], 1);
	left = mcsafe_memcpy(arena + MARGIN, lines[0] - 100, 300, &fault);
	events = lab_disarm();
	lab_check(events.injected == 1 && events.touched == 0, "%u machine checks, %u reads after",
		  events.injected, events.touched);
	lab_check(fault.cause == MCSAFE_CAUSE_POISON && fault.side == MCSAFE_SIDE_SOURCE &&
			  fault.extent == T_PAGE && fault.addr == pages,
		  "cause %s, extent %zu, address %p", mcsafe_cause_name(fault.cause), fault.extent,
		  fault.addr);
	check_arrived(31 * LINE - 100, 300 - left, 100);
	lab_check(n_theirs == 0, "the previous handler was called for a fault of ours");

	lab_arm("load", "page", &targets[1], 1, &plain, 1);
	if (sigsetjmp(after_theirs, 1) == 0)
		plain_load(lines[1]);
	lab_check(lab_disarm().injected == 1, "no machine check at the plain load");
	lab_check(n_theirs == 1, "the previous handler was called %u times", n_theirs);
	lab_check(theirs.signo == SIGBUS && theirs.code == BUS_MCEERR_AR && theirs.lsb == 12,
		  "it got signal %d, code %d, lsb %u", theirs.signo, theirs.code, theirs.lsb);
	lab_check(theirs.addr == (uintptr_t)pages + 2 * T_PAGE, "it got address %#lx", theirs.addr);
	lab_check(theirs.ip == plain, "it got instruction %#lx", theirs.ip);
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 2,
		  "not two machine checks in the kernel's log");
	return lab_status();
}

/* The processor cannot continue where it was (no RIPV). The kernel then sends a plain SIGBUS. */
int lab_program_noripv(int argc, char **argv)
{
	unsigned char *pages = lab_pages(2);
	const size_t at = 31 * LINE, before = 100, n = 300;
	struct lab_target target = lab_target(pages + at);
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	size_t left;

	(void)argc;
	(void)argv;
	lab_fill_pattern(pages, 0, 2 * T_PAGE);
	lab_install();
	lab_kernel_log("");
	arm_loads("load", "noripv", &target, 1);
	left = mcsafe_memcpy(arena + MARGIN, pages + at - before, n, &fault);
	events = lab_disarm();
	lab_check(events.injected == 1 && events.touched == 0, "%u machine checks, %u reads after",
		  events.injected, events.touched);
	lab_check(fault.side == MCSAFE_SIDE_SOURCE, "wrong side");
	check_arrived(at - before, n - left, before);
	lab_fact("consumed", "%s", lab_code_name(&fault));
	lab_fact("cause", "%s", mcsafe_cause_name(fault.cause));
	lab_fact("extent", "%zu", fault.extent);
	lab_fact("address", "%s", fault.addr ? "some" : "none");
	lab_fact("the same copy again", "%s", lab_outcome(pages + at - before, at - before, n));
	lab_kernel_log("");
	return lab_status();
}

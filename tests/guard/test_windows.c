/* SPDX-License-Identifier: BSD-3-Clause */
/* test_windows.c - which faults are inside which window: every kind, relation, depth and thread */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bad_page.h"
#include "child.h"
#include "event.h"
#include "tool.h"

#define WORLD   ((uintptr_t)0x600000000000) /* nothing is mapped there; a multiple of T_HUGE */
#define THREADS 4
#define DEPTH   6

struct code {
	int signo, code;
	enum mcsafe_cause cause;
	bool has_address;
};

static const struct code codes[] = {
	{SIGBUS, BUS_ADRERR, MCSAFE_CAUSE_IO, true},
	{SIGBUS, BUS_OBJERR, MCSAFE_CAUSE_IO, true},
	{SIGBUS, BUS_MCEERR_AR, MCSAFE_CAUSE_POISON, true},
	{SIGBUS, SI_KERNEL, MCSAFE_CAUSE_UNKNOWN, false},
	{SIGSEGV, SEGV_MAPERR, MCSAFE_CAUSE_UNMAPPED, true},
	{SIGSEGV, SEGV_ACCERR, MCSAFE_CAUSE_PROTECTED, true},
	{SIGSEGV, SEGV_PKUERR, MCSAFE_CAUSE_PKEY, true},
	{SIGSEGV, 10, MCSAFE_CAUSE_UNKNOWN, false}, /* SEGV_CPERR: a return to the wrong place */
};

/* A lost byte, its block, and windows around them; all relative to WORLD + 2 * T_HUGE. */
static const intptr_t places[] = {
	0, 1, 4095, 4096, 5 * 4096, 5 * 4096 + 64, (intptr_t)T_HUGE - 4096, (intptr_t)T_HUGE - 1,
};

static const unsigned lsbs[] = {0, 6, 12, 21};

/* Where windows begin and end. */
static const intptr_t edges[] = {
	-(intptr_t)T_HUGE,
	-4096,
	-1,
	0,
	1,
	64,
	4095,
	4096,
	4097,
	5 * 4096,
	5 * 4096 + 63,
	5 * 4096 + 65,
	6 * 4096,
	(intptr_t)T_HUGE - 4097,
	(intptr_t)T_HUGE - 4096,
	(intptr_t)T_HUGE - 1,
	(intptr_t)T_HUGE,
	(intptr_t)T_HUGE + 1,
	2 * (intptr_t)T_HUGE,
};

/* The oracle: is this byte lost? */
static bool is_lost(const siginfo_t *si, uintptr_t byte)
{
	uintptr_t addr = (uintptr_t)si->si_addr, block = T_PAGE;

	if (si->si_signo != SIGBUS || si->si_code != BUS_MCEERR_AR || addr % T_PAGE != 0)
		return byte == addr;
	while (block < (uintptr_t)1 << si->si_addr_lsb)
		block *= 2;
	return byte / block == addr / block;
}

/* The first lost byte of a window, or its end. All changes are at, or one before, an edge. */
static uintptr_t first_lost(const siginfo_t *si, uintptr_t from, uintptr_t to)
{
	uintptr_t addr = (uintptr_t)si->si_addr;

	for (uintptr_t byte = from; byte < to; byte++) {
		if (is_lost(si, byte))
			return byte;
		/* Only the address itself begins between here and the next page. */
		if (byte % T_PAGE == 0 && (addr < byte || addr >= byte + T_PAGE) &&
		    byte + T_PAGE < to)
			byte += T_PAGE - 1;
	}
	return to;
}

static siginfo_t forge(const struct code *code, uintptr_t addr, unsigned lsb)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = code->signo;
	si.si_code = code->code;
	si.si_addr = (void *)addr;
	si.si_addr_lsb = (short)lsb;
	return si;
}

static _Atomic unsigned passed_on;

static void count(int signo, siginfo_t *si, void *ctx)
{
	(void)signo;
	(void)si;
	(void)ctx;
	atomic_fetch_add(&passed_on, 1);
}

static void install_over_counter(void)
{
	t_set_action(SIGBUS, count, 0, 0);
	t_set_action(SIGSEGV, count, 0, 0);
	CHECK_EQ(mcsafe_install(), 0);
}

/* Whether the guard caught it. If so, the record is checked. */
static bool catches(struct mcsafe_guard *guard, const struct mcsafe_window *windows, size_t n,
		    const siginfo_t *si)
{
	memset(guard, 0x5a, sizeof(*guard));
	MCSAFE_TRY_WINDOWS(guard, windows, n) {
		t_send_to_self(si);
	}
	MCSAFE_CATCH(guard) {
		CHECK_EQ(guard->fault.signo, si->si_signo);
		CHECK_EQ(guard->fault.code, si->si_code);
		CHECK_PTR_EQ(guard->fault.addr, si->si_addr);
		CHECK_LT(guard->window, n);
		return true;
	}
	CHECK_EQ(guard->window, (size_t)0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(guard->fault.signo, 0x5a5a5a5a);
	return false;
}

/* The first byte that is lost of a window, of whose pages `lost` is the first lost byte. */
static size_t expected_offset(const siginfo_t *si, uintptr_t base, uintptr_t end, uintptr_t lost)
{
	uintptr_t inside = first_lost(si, base, end);

	if (inside < end)
		return inside - base;
	return lost > base && (lost & -T_PAGE) > base ? (lost & -T_PAGE) - base : 0;
}

static void try_window(const struct code *code, const siginfo_t *si, intptr_t from, intptr_t to)
{
	uintptr_t middle = WORLD + 2 * T_HUGE, base = middle + (uintptr_t)from;
	const struct mcsafe_window window = {(void *)base, (size_t)(to - from)};
	uintptr_t pages_end = ((middle + (uintptr_t)to - 1) | (T_PAGE - 1)) + 1;
	uintptr_t lost = first_lost(si, base & -T_PAGE, pages_end);
	bool expected = code->has_address && from < to && lost < pages_end;
	struct mcsafe_guard guard;
	unsigned before = atomic_load(&passed_on);
	bool caught = catches(&guard, &window, 1, si);

	if (caught != expected)
		fprintf(stderr, "signal %d, code %d, address %#tx, lsb %d, window [%#tx, %#tx)\n",
			si->si_signo, si->si_code, (intptr_t)((uintptr_t)si->si_addr - middle),
			si->si_addr_lsb, from, to);
	CHECK_EQ(caught, expected);
	CHECK_EQ(atomic_load(&passed_on), before + !expected);
	if (!caught)
		return;
	CHECK_EQ(guard.fault.cause, code->cause);
	CHECK_EQ(guard.offset, expected_offset(si, base, middle + (uintptr_t)to, lost));
	CHECK_LT(guard.offset, window.len);
	CHECK_EQ(guard.fault.extent, (code->cause == MCSAFE_CAUSE_POISON && si->si_addr_lsb
					      ? (size_t)1 << si->si_addr_lsb
					      : 0));
}

static void try_all_windows(const struct code *code, const siginfo_t *si)
{
	for (size_t from = 0; from < T_LENGTH(edges); from++)
		for (size_t to = from; to < T_LENGTH(edges); to++)
			try_window(code, si, edges[from], edges[to]);
}

IN_CHILD(test_every_code_is_caught_in_its_window_only)
{
	install_over_counter();
	for (size_t c = 0; c < T_LENGTH(codes); c++)
		for (size_t p = 0; p < T_LENGTH(places); p++)
			for (size_t l = 0; l < T_LENGTH(lsbs); l++) {
				siginfo_t si =
					forge(&codes[c], WORLD + 2 * T_HUGE + (uintptr_t)places[p],
					      lsbs[l]);

				if (l == 0 || codes[c].cause == MCSAFE_CAUSE_POISON)
					try_all_windows(&codes[c], &si);
			}
}

/* The processor keeps the address of the last page fault, and the kernel passes it on with a signal
 * that is about another address: then nobody knows whether it was a load or a store. */
IN_CHILD(test_the_side_is_known_only_for_the_page_fault_itself)
{
	const struct mcsafe_window anywhere = {MCSAFE_ANYWHERE};
	const struct code unmapped = {.signo = SIGSEGV, .code = SEGV_MAPERR};
	char *page = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_guard guard;
	siginfo_t si = forge(&unmapped, (uintptr_t)page + 64, 0);

	install_over_counter();
	CHECK(catches(&guard, &anywhere, 1, &si));
	CHECK_EQ(guard.fault.side, MCSAFE_SIDE_NONE);
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		*(volatile char *)(page + 32) = 1;
		UNREACHED("the page cannot be accessed");
	}
	MCSAFE_CATCH(&guard) {
		CHECK_EQ(guard.fault.side, MCSAFE_SIDE_DESTINATION);
	}
	CHECK(catches(&guard, &anywhere, 1, &si));
	CHECK_EQ(guard.fault.side, MCSAFE_SIDE_NONE);
	/* The same address: the two cannot be told apart. */
	si = forge(&unmapped, (uintptr_t)page + 32, 0);
	CHECK(catches(&guard, &anywhere, 1, &si));
	CHECK_EQ(guard.fault.side, MCSAFE_SIDE_DESTINATION);
}

/* Only MCSAFE_ANYWHERE catches a fault without an address. */
IN_CHILD(test_only_anywhere_catches_what_has_no_address)
{
	const struct mcsafe_window anywhere = {MCSAFE_ANYWHERE}, all = {(void *)1, SIZE_MAX};
	struct mcsafe_guard guard;

	install_over_counter();
	for (size_t c = 0; c < T_LENGTH(codes); c++) {
		siginfo_t si = forge(&codes[c], codes[c].has_address ? WORLD + 64 : 0, 0);

		CHECK(catches(&guard, &anywhere, 1, &si));
		CHECK_EQ(guard.offset, (uintptr_t)si.si_addr);
		CHECK_EQ(guard.window, 0);
		CHECK_EQ(guard.fault.cause, codes[c].cause);
		CHECK_EQ(catches(&guard, &all, 1, &si), codes[c].has_address);
	}
}

/*
 * What was sent, or tells of memory that nobody is using, is no fault of the body. Neither is a
 * misaligned access, nor a SIGSEGV that the kernel forces, which comes without an exception.
 */
IN_CHILD(test_signals_that_are_no_loss_never_jump)
{
	static const struct code no_loss[] = {
		{.signo = SIGBUS, .code = BUS_MCEERR_AO},
		{.signo = SIGBUS, .code = BUS_ADRALN},
		{.signo = SIGSEGV, .code = SI_KERNEL},
	};
	static const int sent[] = {SI_USER, SI_QUEUE, SI_TKILL, SI_TIMER, SI_MESGQ, SI_ASYNCIO};
	const struct mcsafe_window anywhere = {MCSAFE_ANYWHERE};
	struct mcsafe_guard guard;
	siginfo_t si;

	install_over_counter();
	for (int signo = SIGBUS; signo <= SIGSEGV; signo += SIGSEGV - SIGBUS)
		for (size_t i = 0; i < T_LENGTH(sent); i++) {
			si = forge(&(struct code){.signo = signo, .code = sent[i]}, WORLD, 0);
			CHECK(!catches(&guard, &anywhere, 1, &si));
		}
	for (size_t i = 0; i < T_LENGTH(no_loss); i++) {
		si = forge(&no_loss[i], WORLD, 12);
		CHECK(!catches(&guard, &anywhere, 1, &si));
	}
	CHECK_EQ(atomic_load(&passed_on), 2 * T_LENGTH(sent) + T_LENGTH(no_loss));
	MCSAFE_TRY(&guard, MCSAFE_ANYWHERE) {
		CHECK_EQ(raise(SIGBUS), 0);
		CHECK_EQ(kill(getpid(), SIGSEGV), 0);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("a signal that was sent has jumped");
	}
	CHECK_EQ(atomic_load(&passed_on), 2 * T_LENGTH(sent) + T_LENGTH(no_loss) + 2);
}

/* The record names the first window of the list that has the address. */
IN_CHILD(test_the_first_window_that_has_the_address_is_named)
{
	const struct mcsafe_window windows[] = {
		{NULL, 0},
		{(void *)WORLD, 0},
		{(void *)(WORLD + T_HUGE), T_PAGE},
		{(void *)WORLD, T_PAGE},
		{(void *)WORLD, 2 * T_PAGE},
		{(void *)(UINTPTR_MAX - 10), SIZE_MAX}, /* ends with the memory */
		{(void *)(WORLD + 8 * T_PAGE + 100), 10},
		{(void *)(WORLD + 8 * T_PAGE + 200), 10},
		{(void *)(WORLD + 16 * T_PAGE - 8), 16},
	};
	static const struct {
		uintptr_t addr;
		int window; /* -1: none */
		size_t offset;
	} cases[] = {
		{WORLD, 3, 0},
		{WORLD + T_PAGE - 1, 3, T_PAGE - 1},
		{WORLD + T_PAGE, 4, T_PAGE},
		{WORLD + 2 * T_PAGE, -1, 0},
		{WORLD + T_HUGE - 1, -1, 0},
		{WORLD + T_HUGE, 2, 0},
		{WORLD + T_HUGE + T_PAGE, -1, 0},
		{UINTPTR_MAX, 5, 10},
		{UINTPTR_MAX - 11, 5, 0},
		{UINTPTR_MAX - T_PAGE, -1, 0},
		/* The byte counts more than the page. */
		{WORLD + 8 * T_PAGE + 109, 6, 9},
		{WORLD + 8 * T_PAGE + 200, 7, 0},
		/* In the page: before the windows, between them, past them. */
		{WORLD + 8 * T_PAGE, 6, 0},
		{WORLD + 8 * T_PAGE + 110, 6, 0},
		{WORLD + 9 * T_PAGE - 1, 6, 0},
		{WORLD + 8 * T_PAGE - 1, -1, 0},
		{WORLD + 9 * T_PAGE, -1, 0},
		/* Of two pages, the second is lost, or the first. */
		{WORLD + 17 * T_PAGE - 1, 8, 8},
		{WORLD + 15 * T_PAGE, 8, 0},
		{WORLD + 17 * T_PAGE, -1, 0},
		{0, -1, 0},
	};
	struct mcsafe_guard guard;

	install_over_counter();
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		siginfo_t si = forge(&codes[4], cases[i].addr, 0);
		bool caught = catches(&guard, windows, T_LENGTH(windows), &si);

		CHECK_EQ(caught, (cases[i].window >= 0));
		if (caught) {
			CHECK_EQ(guard.window, cases[i].window);
			CHECK_EQ(guard.offset, cases[i].offset);
		}
		CHECK(!catches(&guard, windows, 0, &si));
	}
}

/* Real faults: a read, a write, and an access that begins in the good page. */
static void access_inside(const struct t_bad_page *m, const struct mcsafe_window *window, int how,
			  enum mcsafe_side side)
{
	static volatile uint64_t wide;
	struct mcsafe_guard guard;
	const volatile uint64_t *straddling = (const volatile uint64_t *)(const void *)(m->bad - 4);

	MCSAFE_TRY(&guard, window->base, window->len) {
		switch (how) {
		case 0:
			t_read_byte(m->bad);
			break;
		case 1:
			t_write_byte(m->bad);
			break;
		default:
			__asm__ volatile("movq (%1), %0" : "=r"(wide) : "r"(straddling) : "memory");
		}
		UNREACHED("no fault");
	}
	MCSAFE_CATCH(&guard) {
		CHECK_EQ(guard.fault.signo, t_bad_page_signo(m->kind));
		CHECK_EQ(guard.fault.code, t_bad_page_code(m->kind));
		CHECK_PTR_EQ(guard.fault.addr, m->bad);
		CHECK_EQ(guard.fault.side, side);
		CHECK_EQ(guard.fault.extent, 0);
		CHECK_PTR_NE(guard.fault.ip, NULL);
		CHECK_EQ(guard.offset, (size_t)(m->bad - (const char *)window->base));
	}
}

static void try_real(const struct t_bad_page *m)
{
	const struct mcsafe_window right[] = {
		{m->bad, 1}, {m->good, 2 * T_PAGE}, {m->bad - 1, 2}, {m->bad, T_PAGE}};

	for (size_t i = 0; i < T_LENGTH(right); i++) {
		access_inside(m, &right[i], 0, MCSAFE_SIDE_SOURCE);
		access_inside(m, &right[i], 1, MCSAFE_SIDE_DESTINATION);
		access_inside(m, &right[i], 2, MCSAFE_SIDE_SOURCE);
	}
}

/* Nested guards. The one at level `right` has the bad page; some have the memory beside it. */
/* NOLINTNEXTLINE(misc-no-recursion): the test is about nests. */
static void nest(const struct t_bad_page *m, unsigned level, unsigned depth, unsigned right,
		 struct mcsafe_guard *guards)
{
	struct mcsafe_guard *guard = &guards[level];
	const char *base = level == right ? m->bad : level % 2 ? m->good : m->bad + T_PAGE;

	MCSAFE_TRY(guard, base, T_PAGE) {
		if (level + 1 < depth)
			nest(m, level + 1, depth, right, guards);
		else
			t_read_byte(m->bad);
		CHECK_LT(level, right); /* an inner guard has caught it, or there was no fault */
	}
	MCSAFE_CATCH(guard) {
		CHECK_EQ(level, right);
		CHECK_PTR_EQ(guard->fault.addr, m->bad);
		CHECK_EQ(guard->offset, 0);
		/* The inner guards are disarmed also. Disarming them again does nothing. */
		for (unsigned i = level; i < depth; i++)
			mcsafe_guard_disarm(&guards[i]);
	}
}

static void *try_depths(void *arg)
{
	struct t_bad_page memory = t_bad_page((uintptr_t)arg % 2 ? T_PROT_NONE : T_TRUNCATED);
	struct mcsafe_guard guards[DEPTH], outermost;

	try_real(&memory);
	for (unsigned depth = 1; depth <= DEPTH; depth++)
		for (unsigned right = 0; right < depth; right++) {
			/* After the fault the outer guards are still armed. */
			MCSAFE_TRY(&outermost, memory.bad, 1) {
				nest(&memory, 0, depth, right, guards);
				t_read_byte(memory.bad);
				UNREACHED("no fault");
			}
			MCSAFE_CATCH(&outermost) {
				CHECK_PTR_EQ(outermost.fault.addr, memory.bad);
			}
		}
	return NULL;
}

IN_CHILD(test_real_faults_are_caught_at_every_depth_in_every_thread)
{
	pthread_t threads[THREADS];

	CHECK_EQ(mcsafe_install(), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, try_depths, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	try_depths(NULL);
}

IN_CHILD(test_non_canonical_addresses_are_caught_anywhere_only)
{
	const char *const wild = (const char *)0x8000000000000000;
	struct mcsafe_guard outer, inner;

	CHECK_EQ(mcsafe_install(), 0);
	MCSAFE_TRY(&outer, MCSAFE_ANYWHERE) {
		MCSAFE_TRY(&inner, wild, T_PAGE) {
			t_read_byte(wild);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&inner) {
			UNREACHED("caught by a window");
		}
	}
	MCSAFE_CATCH(&outer) {
		CHECK_EQ(outer.fault.cause, MCSAFE_CAUSE_ADDRESS);
		CHECK_PTR_EQ(outer.fault.addr, NULL);
		CHECK_EQ(outer.fault.side, MCSAFE_SIDE_NONE);
		CHECK_EQ(outer.offset, 0);
	}
}

struct call {
	const char *bad;
	volatile int began, ended;
};

static void touch(void *arg)
{
	struct call *call = arg;

	call->began++;
	if (call->bad != NULL)
		t_read_byte(call->bad);
	call->ended++;
}

static void try_call(const struct t_bad_page *m, int err)
{
	struct call call = {m->bad, 0, 0}, harmless = {NULL, 0, 0};
	const struct mcsafe_window windows[] = {{m->good, T_PAGE}, {m->good, 2 * T_PAGE}};
	struct mcsafe_fault fault;
	struct mcsafe_guard guard;

	memset(&fault, 0x5a, sizeof(fault));
	errno = 4711;
	CHECK_EQ(mcsafe_call(m->bad, T_PAGE, touch, &harmless, &fault), 0);
	CHECK_EQ(harmless.began, 1);
	CHECK_EQ(harmless.ended, 1);
	CHECK_EQ(fault.signo, 0x5a5a5a5a);
	CHECK_EQ(mcsafe_call(m->bad, T_PAGE, touch, &call, &fault), err);
	CHECK_PTR_EQ(fault.addr, m->bad);
	CHECK_EQ(-mcsafe_fault_errno(&fault), err);
	CHECK_EQ(mcsafe_call(MCSAFE_ANYWHERE, touch, &call, NULL), err);
	CHECK_EQ(mcsafe_call_windows(windows, 2, touch, &call, &guard), err);
	CHECK_EQ(guard.window, 1);
	CHECK_EQ(guard.offset, T_PAGE);
	CHECK_PTR_EQ(guard.fault.addr, m->bad);
	CHECK_EQ(mcsafe_call_windows(windows, 2, touch, &call, NULL), err);
	CHECK_EQ(call.began, 4);
	CHECK_EQ(call.ended, 0);
	CHECK_EQ(errno, 4711);
}

IN_CHILD(test_calls_return_the_error_of_the_fault)
{
	struct t_bad_page protected = t_bad_page(T_PROT_NONE), eof = t_bad_page(T_TRUNCATED);

	CHECK_EQ(mcsafe_install(), 0);
	try_call(&protected, -EFAULT);
	try_call(&eof, -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_every_code_is_caught_in_its_window_only),
		NOT_WITH_VALGRIND(test_the_side_is_known_only_for_the_page_fault_itself),
		NOT_WITH_VALGRIND(test_only_anywhere_catches_what_has_no_address),
		NOT_WITH_VALGRIND(test_signals_that_are_no_loss_never_jump),
		NOT_WITH_VALGRIND(test_the_first_window_that_has_the_address_is_named),
		cmocka_unit_test(test_real_faults_are_caught_at_every_depth_in_every_thread),
		cmocka_unit_test(test_non_canonical_addresses_are_caught_anywhere_only),
		cmocka_unit_test(test_calls_return_the_error_of_the_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

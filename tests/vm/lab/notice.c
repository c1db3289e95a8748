/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.c - the patrol scrubber finds poison that nobody has read: "action optional" */
#include "lab.h"
#include "landing/landing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 20 /* seconds until the kernel has dealt with a lost page */

/* What the function given to mcsafe_on_notice() was told. */
static struct {
	unsigned calls;
	pid_t thread;
	struct mcsafe_notice notice;
} told;

static void on_notice(const struct mcsafe_notice *notice, void *arg)
{
	lab_check(arg == &told, "the function got another argument");
	told.notice = *notice;
	told.thread = gettid();
	__atomic_add_fetch(&told.calls, 1, __ATOMIC_SEQ_CST);
}

static bool later_than(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec > PATIENCE;
}

/* ---- who gets the notice ------------------------------------------------------------------- */

static bool stop;

/* Copies good memory. No notice may stop these copies. */
static void copy_good(void)
{
	unsigned char *good = lab_pages(2), *to = lab_pages(2);

	lab_fill_pattern(good, 0, 2 * T_PAGE);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		lab_check(memcpy_mcsafe(to, good, 2 * T_PAGE) == 0, "a notice has stopped a copy");
		lab_check(lab_is_pattern(to, 0, 2 * T_PAGE), "a copy is wrong");
	}
}

struct worker {
	pthread_t thread;
	bool asks;
	pid_t id;
};

static void *work(void *arg)
{
	struct worker *worker = arg;

	if (worker->asks)
		lab_need(mcsafe_notice_thread(1) == 0, "mcsafe_notice_thread() fails");
	__atomic_store_n(&worker->id, gettid(), __ATOMIC_SEQ_CST);
	copy_good();
	return NULL;
}

static void start(struct worker *worker)
{
	lab_need(pthread_create(&worker->thread, NULL, work, worker) == 0, "no thread");
	while (__atomic_load_n(&worker->id, __ATOMIC_SEQ_CST) == 0)
		usleep(1000);
}

/* Waits until the kernel has taken the page away, and for a while after that. */
static void wait_until_lost(long corrupted)
{
	struct timespec begin;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (lab_meminfo("HardwareCorrupted") == corrupted && !later_than(&begin))
		usleep(10000);
	usleep(200000);
}

static const char *who(const struct worker *asking)
{
	if (told.calls == 0)
		return "nobody";
	return told.thread == asking->id ? "the thread that asked" : "another thread";
}

static void report_ring(const unsigned char *page)
{
	struct mcsafe_notice notices[4];
	size_t lost, n = mcsafe_notice_read(notices, T_LENGTH(notices), &lost);

	lab_fact("in the queue", "%zu", n);
	lab_check(lost == 0, "%zu notices were lost", lost);
	for (size_t i = 0; i < n; i++) {
		lab_check(notices[i].addr == page && notices[i].extent == T_PAGE,
			  "the queue has %p, %zu bytes", notices[i].addr, notices[i].extent);
		lab_check(notices[i].time.tv_sec > 0, "the queue has no time");
	}
	if (told.calls)
		lab_check(told.notice.addr == page && told.notice.extent == T_PAGE,
			  "the function was told of %p, %zu bytes", told.notice.addr,
			  told.notice.extent);
}

/* With "early" one thread in three asks for notices. Otherwise none does. */
int lab_program_notice(int argc, char **argv)
{
	struct worker workers[2] = {{.asks = false},
				    {.asks = argc > 1 && strcmp(argv[1], "early") == 0}};
	unsigned char *pages = lab_pages(3);
	long corrupted = lab_meminfo("HardwareCorrupted");

	lab_fill_pattern(pages, 0, 3 * T_PAGE);
	lab_install();
	lab_need(mcsafe_on_notice(on_notice, &told) == 0, "mcsafe_on_notice() fails");
	for (size_t i = 0; i < T_LENGTH(workers); i++)
		start(&workers[i]);
	lab_kernel_log("");
	lab_raise_now("scrub", lab_physical(pages + T_PAGE));
	wait_until_lost(corrupted);
	lab_check(lab_disarm().injected == 1, "not one machine check");
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < T_LENGTH(workers); i++)
		pthread_join(workers[i].thread, NULL);

	lab_fact("HardwareCorrupted", "%+ld kB", lab_meminfo("HardwareCorrupted") - corrupted);
	lab_fact("signals", "%u", lab_signals.n);
	for (unsigned i = 0; i < lab_signals.n && i < LAB_SIGNALS_MAX; i++)
		lab_check(lab_signals.noted[i].code == BUS_MCEERR_AO, "a signal with code %d",
			  lab_signals.noted[i].code);
	lab_fact("told", "%s", who(&workers[1]));
	lab_check(told.calls == lab_signals.n, "the function was called %u times", told.calls);
	report_ring(pages + T_PAGE);
	lab_fact("a copy of the page", "%s", lab_outcome(pages + T_PAGE, T_PAGE, T_PAGE));
	lab_fact("the page before", "%s", lab_outcome(pages, 0, T_PAGE));
	lab_check(told.calls == lab_signals.n - 1, "a failed copy of the page counted as a notice");
	lab_kernel_log("");
	return lab_status();
}

/* ---- where the notice arrives -------------------------------------------------------------- */

#define LONG_COPY ((size_t)1 << 20)
#define TRIES     8

static bool is_at_load(const struct lab_engine *engine, uintptr_t ip)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_rows(engine, MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));

	for (size_t i = 0; i < n; i++)
		if (insns[i] == ip)
			return true;
	return false;
}

/* The copying thread must not do this: the notice can come as soon as the host has been asked. */
static void *raise_event(void *page)
{
	lab_raise_now("scrub", lab_physical(page));
	return NULL;
}

/* Copies until one notice has come, and returns the place where the notice found this thread. */
static uintptr_t notice_in_copy(const struct lab_engine *engine, unsigned char *to,
				const unsigned char *from)
{
	unsigned char *page = lab_pages(1);
	struct mcsafe_fault fault;
	struct timespec begin;
	pthread_t raiser;

	lab_forget_signals();
	told.calls = 0;
	lab_need(pthread_create(&raiser, NULL, raise_event, page) == 0, "no thread");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (__atomic_load_n(&lab_signals.n, __ATOMIC_SEQ_CST) == 0 && !later_than(&begin)) {
		memset(to, FILL, T_PAGE);
		lab_check(lab_run(engine, to, from, LONG_COPY, &fault) == 0,
			  "the notice has stopped the copy");
	}
	pthread_join(raiser, NULL);
	lab_check(lab_disarm().injected == 1, "not one machine check");
	lab_need(lab_signals.n > 0, "no notice has come");
	lab_check(lab_signals.n == 1 && lab_signals.noted[0].code == BUS_MCEERR_AO &&
			  lab_signals.noted[0].addr == (uintptr_t)page,
		  "%u signals, code %d, address %#lx", lab_signals.n, lab_signals.noted[0].code,
		  lab_signals.noted[0].addr);
	lab_check(told.calls == 1 && told.notice.addr == page && told.notice.extent == T_PAGE,
		  "the function was called %u times", told.calls);
	lab_check(lab_is_pattern(to, 0, LONG_COPY), "the copy is wrong");
	return lab_signals.noted[0].ip;
}

/*
 * The notice finds the thread at a load that has a row, and must not land there. The emulator looks
 * for interrupts only between the turns of a loop, which begin with a load. Therefore the first try
 * nearly always succeeds.
 */
int lab_program_notice_at_row(int argc, char **argv)
{
	const struct lab_engine *engine = lab_engine(argc > 1 ? argv[1] : "");
	unsigned char *from = lab_pages(LONG_COPY / T_PAGE), *to = lab_pages(LONG_COPY / T_PAGE);
	bool met = false;

	lab_fill_pattern(from, 0, LONG_COPY);
	lab_install();
	lab_need(mcsafe_on_notice(on_notice, &told) == 0 && mcsafe_notice_thread(1) == 0,
		 "no notices");
	lab_kernel_log("");
	for (unsigned i = 0; i < TRIES && !met; i++)
		met = is_at_load(engine, notice_in_copy(engine, to, from));
	lab_check(met, "no notice has come at a load with a row");
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 0,
		  "the kernel took the notice for consumed poison");
	return lab_status();
}

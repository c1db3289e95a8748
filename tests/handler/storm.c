/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storm.c - everything at once: faults in copies, at rows, under guards, and faults of the host,
 * while other threads install and uninstall, register, fork and exec, and timers send signals
 *
 *	storm FAULTS
 *
 * Runs until FAULTS faults have been recovered in copies, and each thread and timer has done
 * something. Checks that no count was wrong, that no signal was lost, and that nothing has leaked.
 * Prints figures on stdout. Nothing depends on time.
 */
#include <mcsafe/mcsafe.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "async_handler.h"
#include "bad_page.h"
#include "child.h"
#include "leaks.h"
#include "module_rows.h"

#define COPIERS 3

static unsigned long goal;
static _Atomic int stop;

static _Atomic unsigned long copied, rows_hit, guarded, host_faults, host_seen, notices_sent,
	installs, changes, forks, prof_signals, alarm_signals;

/* A thread may be slow to start, so it goes on until each has done something. */
static bool have_met_all(void)
{
	return atomic_load(&copied) >= goal && atomic_load(&rows_hit) > 0 &&
	       atomic_load(&guarded) > 0 && atomic_load(&host_faults) > 0 &&
	       atomic_load(&notices_sent) > 0 && atomic_load(&installs) > 0 &&
	       atomic_load(&changes) > 0 && atomic_load(&forks) > 0 &&
	       atomic_load(&prof_signals) > 0 && atomic_load(&alarm_signals) > 0;
}

static bool is_over(void)
{
	return atomic_load(&stop);
}

/* A fault of the host at its own instruction, which the host's handler skips. */
static void host_handler(int signo, siginfo_t *si, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)signo;
	if (si->si_code == BUS_MCEERR_AO)
		return;
	CHECK_EQ((uintptr_t)regs[REG_RIP], (uintptr_t)t_read_byte);
	regs[REG_RIP] = (greg_t) * (uintptr_t *)regs[REG_RSP];
	regs[REG_RSP] += 8;
	atomic_fetch_add(&host_seen, 1);
}

T_ASYNC_HANDLER static void on_timer(int signo)
{
	atomic_fetch_add(signo == SIGPROF ? &prof_signals : &alarm_signals, 1);
}

static void expect_stopped(const struct t_bad_page *m, size_t before, size_t n)
{
	struct mcsafe_fault fault;
	char dst[256];
	size_t left;

	memset(dst, 0, sizeof(dst));
	left = mcsafe_memcpy(dst, m->bad - before, n, &fault);
	CHECK_EQ(left, n - before);
	CHECK_MEM_EQ(dst, m->bad - before, before);
	if (before + 1 < sizeof(dst))
		CHECK_EQ(dst[before], 0);
	CHECK_EQ(fault.signo, t_bad_page_signo(m->kind));
	CHECK_EQ(fault.code, t_bad_page_code(m->kind));
	CHECK_PTR_EQ(fault.addr, m->bad);
	CHECK_EQ(fault.side, MCSAFE_SIDE_SOURCE);
}

static void *copier(void *arg)
{
	struct t_bad_page m = t_bad_page((uintptr_t)arg % 2 ? T_PROT_NONE : T_TRUNCATED);
	unsigned long i = 0;

	CHECK_EQ(mcsafe_thread_prepare(), 0);
	while (!is_over()) {
		size_t before = i % 97;

		expect_stopped(&m, before, before + 1 + i % 61);
		CHECK_EQ(mcsafe_memset(m.bad - before, 7, before + 9, NULL), 9);
		i++;
		if (i % 64 != 0)
			continue;
		atomic_fetch_add(&copied, 128);
		if (have_met_all())
			atomic_store(&stop, 1);
	}
	CHECK_EQ(mcsafe_thread_release(), 0);
	return NULL;
}

/* Rows of a module that stays registered, and of one that comes and goes beside it. */
static int load(const volatile void *p, struct t_registers *registers)
{
	int failed;

	T_TRY(failed, registers, p, MCSAFE_ROW_LOAD, "movb (%[p]), %%dl");
	return failed;
}

static void *module_user(void *arg)
{
	struct t_bad_page m = t_bad_page(T_PROT_NONE);
	struct t_registers registers = {0};

	(void)arg;
	while (!is_over()) {
		CHECK_EQ(load(m.good, &registers), 0);
		CHECK_EQ(load(m.bad, &registers), 1);
		CHECK_EQ(registers.r9, (uintptr_t)m.bad);
		atomic_fetch_add(&rows_hit, 1);
	}
	return NULL;
}

/* Two guards. Sometimes the inner one has the window, and sometimes the outer one. */
static void fault_under_guards(const struct t_bad_page *m, int outer_has_it)
{
	const char *const elsewhere = m->good;
	struct mcsafe_guard outer, inner;

	MCSAFE_TRY(&outer, outer_has_it ? m->bad : elsewhere, T_PAGE) {
		MCSAFE_TRY(&inner, outer_has_it ? elsewhere : m->bad, T_PAGE) {
			t_write_byte(m->bad + 9);
			UNREACHED("no fault");
		}
		MCSAFE_CATCH(&inner) {
			CHECK(!outer_has_it);
			CHECK_PTR_EQ(inner.fault.addr, m->bad + 9);
			CHECK_EQ(inner.offset, 9);
			CHECK_EQ(inner.fault.code, t_bad_page_code(m->kind));
		}
		CHECK(!outer_has_it);
	}
	MCSAFE_CATCH(&outer) {
		CHECK(outer_has_it);
		CHECK_PTR_EQ(outer.fault.addr, m->bad + 9);
		CHECK_EQ(outer.offset, 9);
	}
}

static void *guard_user(void *arg)
{
	struct t_bad_page m = t_bad_page((uintptr_t)arg % 2 ? T_PROT_NONE : T_TRUNCATED);
	unsigned long i = 0;

	while (!is_over()) {
		fault_under_guards(&m, i++ % 2 != 0);
		expect_stopped(&m, 3, 7);
		atomic_fetch_add(&guarded, 1);
	}
	return NULL;
}

static void *module_changer(void *arg)
{
	static struct mcsafe_row table[512];

	(void)arg;
	for (size_t i = 0; i < 512; i++) {
		uintptr_t nowhere = (uintptr_t)&table[i] + i;

		table[i].insn = (int32_t)(nowhere - (uintptr_t)&table[i].insn);
		table[i].fixup = 0;
		table[i].kind = MCSAFE_ROW_LOAD;
	}
	while (!is_over()) {
		size_t n = 1 + atomic_load(&changes) % 511;

		CHECK_EQ(mcsafe_module_register(table, table + n), 0);
		CHECK_EQ(mcsafe_module_unregister(table), 0);
		atomic_fetch_add(&changes, 1);
	}
	return NULL;
}

static void *host(void *arg)
{
	struct t_bad_page m = t_bad_page((uintptr_t)arg % 2 ? T_PROT_NONE : T_TRUNCATED);

	while (!is_over()) {
		t_read_byte(m.bad);
		atomic_fetch_add(&host_faults, 1);
	}
	return NULL;
}

/*
 * Uninstalls and installs libmcsafe's handler. Other threads copy meanwhile, and would have no
 * recovery. So the host's own handler, which calls mcsafe_handle_signal(), is installed for that
 * time.
 */
static void covering_handler(int signo, siginfo_t *si, void *ctx)
{
	if (!mcsafe_handle_signal(signo, si, ctx))
		host_handler(signo, si, ctx);
}

static void *installer(void *arg)
{
	(void)arg;
	while (!is_over()) {
		CHECK_EQ(mcsafe_uninstall(), 0);
		CHECK_EQ(mcsafe_installed(), 0);
		CHECK_EQ(mcsafe_install(), 0);
		CHECK_EQ(mcsafe_installed(), 1);
		atomic_fetch_add(&installs, 1);
	}
	return NULL;
}

/*
 * A child may have been forked in the middle of an install. If the child starts the install again,
 * the install succeeds. The sigaction(2) of MemorySanitizer would wait for ever for its own lock.
 */
static void install_anew(void)
{
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_uninstall(), 0);
	CHECK_EQ(mcsafe_install(), 0);
}

static void *forker(void *arg)
{
	struct t_bad_page m = t_bad_page(T_TRUNCATED);

	(void)arg;
	while (!is_over()) {
		pid_t pid = fork();
		int status;

		CHECK_GE(pid, 0);
		if (pid == 0) {
			expect_stopped(&m, 3, 7);
			if (!T_MEMORY_SANITIZER)
				install_anew();
			expect_stopped(&m, 5, 64);
			_exit(0);
		}
		while (waitpid(pid, &status, 0) != pid)
			CHECK_EQ(errno, EINTR);
		CHECK_EQ(status, 0);
		atomic_fetch_add(&forks, 1);
	}
	return NULL;
}

static _Atomic unsigned long notices_told;

static void told(const struct mcsafe_notice *notice, void *arg)
{
	(void)notice;
	(void)arg;
	atomic_fetch_add(&notices_told, 1);
}

static void *notifier(void *arg)
{
	siginfo_t si;

	(void)arg;
	while (!is_over()) {
		memset(&si, 0, sizeof(si));
		si.si_signo = SIGBUS;
		si.si_code = BUS_MCEERR_AO;
		si.si_addr = &si;
		si.si_addr_lsb = 12;
		if (syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si) == 0)
			atomic_fetch_add(&notices_sent, 1);
	}
	return NULL;
}

static void start_timers(void)
{
	const struct itimerval profile = {{0, 1000}, {0, 1000}}, alarms = {{0, 5000}, {0, 5000}};

	t_set_plain(SIGPROF, on_timer, SA_RESTART);
	t_set_plain(SIGALRM, on_timer, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_PROF, &profile, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &alarms, NULL), 0);
}

static void stop_timers(void)
{
	const struct itimerval none = {{0, 0}, {0, 0}};

	CHECK_EQ(setitimer(ITIMER_PROF, &none, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &none, NULL), 0);
}

static void run_threads(void)
{
	static void *(*const work[])(void *) = {module_user, module_changer, guard_user,
						guard_user,  host,           host,
						installer,   forker,         notifier};
	enum { N = COPIERS + T_LENGTH(work) };
	pthread_t threads[N];

	for (uintptr_t i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, i < COPIERS ? copier : work[i - COPIERS],
					(void *)i),
			 0);
	for (size_t i = 0; i < N; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static unsigned long drain(void)
{
	struct mcsafe_notice notices[64];
	size_t n, lost;
	unsigned long all = 0;

	do {
		n = mcsafe_notice_read(notices, 64, &lost);
		all += n + lost;
	} while (n != 0);
	return all;
}

static double seconds(void)
{
	struct timespec now;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	size_t files = t_count_descriptors();
	unsigned long faults;
	double began;

	goal = strtoul(argc > 1 ? argv[1] : "200000", NULL, 10);
	t_set_action(SIGBUS, covering_handler, 0, 0);
	t_set_action(SIGSEGV, covering_handler, SA_ONSTACK, 0);
	CHECK_EQ(mcsafe_on_notice(told, NULL), 0);
	CHECK_EQ(mcsafe_module_register(MCSAFE_MODULE_ROWS, MCSAFE_MODULE_ROWS_END), 0);
	CHECK_EQ(mcsafe_install(), 0);
	began = seconds();
	start_timers();
	run_threads();
	stop_timers();

	faults = atomic_load(&copied) + atomic_load(&rows_hit) + 2 * atomic_load(&guarded) +
		 atomic_load(&host_faults);
	printf("%lu faults recovered in %.1f s: %lu in copies, %lu at rows of a module, %lu under "
	       "guards, %lu of the host\n",
	       faults, seconds() - began, atomic_load(&copied) + atomic_load(&guarded),
	       atomic_load(&rows_hit), atomic_load(&guarded), atomic_load(&host_faults));
	printf("meanwhile: %lu installs, %lu tables, %lu forks, %lu notices, %lu SIGPROF, "
	       "%lu SIGALRM\n",
	       atomic_load(&installs), atomic_load(&changes), atomic_load(&forks),
	       atomic_load(&notices_sent), atomic_load(&prof_signals), atomic_load(&alarm_signals));

	fflush(stdout);
	CHECK_EQ(atomic_load(&host_seen), atomic_load(&host_faults));
	CHECK_EQ(atomic_load(&notices_told), atomic_load(&notices_sent));
	CHECK_EQ(drain(), atomic_load(&notices_sent));
	/* The memory of the test itself: one file for each thread that has bad memory. */
	CHECK_EQ(t_count_descriptors(), files + COPIERS + 6);
	return 0;
}

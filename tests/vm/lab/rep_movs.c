/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rep_movs.c - a copy by one instruction, which the machine check stops in the middle, at the line
 */
#include "lab.h"
#include "landing/landing.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARGIN  LINE
#define AT      (31 * LINE) /* the poisoned line, in the second page */
#define PAST    ((size_t)300)
#define N_PAGES ((size_t)3)

#define TIMES_MOVED 20
#define FAR         ((size_t)4000)

static unsigned char arena[2 * T_PAGE] __attribute__((aligned(4096)));

static const size_t distances[] = {0, 1, 63, 64, 65, 100, 1000};

/* Copies from `before` bytes before the line to some bytes after it. */
static void consume(size_t before, size_t misaligned, const char *after)
{
	const struct lab_engine *erms = lab_engine("erms");
	unsigned char *pages = lab_pages(N_PAGES), *dst = arena + MARGIN + misaligned;
	struct lab_target target = lab_target(pages + T_PAGE + AT);
	const size_t start = T_PAGE + AT - before, n = before + PAST;
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	uintptr_t insn;
	size_t done;

	lab_need(lab_rows(erms, MCSAFE_ROW_BOTH, &insn, 1) == 1, "erms must have exactly one row");
	lab_fill_pattern(pages, 0, N_PAGES * T_PAGE);
	memset(arena, FILL, sizeof(arena));
	lab_forget_signals();
	lab_arm("load", "page", &target, 1, &insn, 1);
	done = n - lab_run(erms, dst, pages + start, n, &fault);
	events = lab_disarm();

	lab_check(done == before, "%zu bytes before the line%s: %zu arrived", before, after, done);
	lab_check(events.injected == 1 && events.touched == 0 && lab_signals.n == 1,
		  "%u machine checks, %u signals, %u reads after", events.injected, lab_signals.n,
		  events.touched);
	lab_check(lab_is_pattern(dst, start, done), "wrong prefix");
	lab_check(lab_is_fill(arena, (size_t)(dst - arena)) &&
			  lab_is_fill(dst + done, (size_t)(arena + sizeof(arena) - dst) - done),
		  "wrote outside the prefix");
	lab_check(fault.cause == MCSAFE_CAUSE_POISON && fault.extent == T_PAGE &&
			  fault.addr == pages + T_PAGE && (uintptr_t)fault.ip == insn,
		  "cause %s, extent %zu, address %p, instruction %p",
		  mcsafe_cause_name(fault.cause), fault.extent, fault.addr, fault.ip);
	lab_check(fault.side == MCSAFE_SIDE_SOURCE, "wrong side%s", after);
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 1,
		  "not one machine check in the kernel's log");
	munmap(pages, N_PAGES * T_PAGE);
}

/* A write fault, which leaves its marks in the kernel's record of the thread's last exception. */
static void fail_to_write(unsigned char *page)
{
	struct mcsafe_fault fault = {.signo = 0};

	lab_need(mprotect(page, T_PAGE, PROT_READ) == 0, "mprotect");
	lab_check(lab_run(lab_engine("erms"), page, arena, LINE, &fault) == LINE &&
			  fault.side == MCSAFE_SIDE_DESTINATION &&
			  fault.cause == MCSAFE_CAUSE_PROTECTED,
		  "a write to a read-only page: side %d, cause %s", (int)fault.side,
		  mcsafe_cause_name(fault.cause));
	lab_need(mprotect(page, T_PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
}

static int ended;

/* Moves the thread from one processor to the other, again and again. */
static void *move(void *thread)
{
	const pid_t tid = *(const pid_t *)thread;
	cpu_set_t processor;

	for (unsigned to = 0; !__atomic_load_n(&ended, __ATOMIC_RELAXED); to = !to) {
		CPU_ZERO(&processor);
		CPU_SET(to, &processor);
		lab_need(sched_setaffinity(tid, sizeof(processor), &processor) == 0,
			 "sched_setaffinity");
	}
	return NULL;
}

/*
 * A string may be interrupted at any byte and go on elsewhere: on a busy host that happens by
 * chance, so here it happens on purpose.
 */
int lab_program_rep_movs_moved(int argc, char **argv)
{
	pid_t self = gettid();
	pthread_t mover;

	(void)argc;
	(void)argv;
	lab_install();
	lab_kernel_log("");
	lab_need(pthread_create(&mover, NULL, move, &self) == 0, "thread");
	for (size_t i = 0; i < TIMES_MOVED; i++)
		consume(FAR, i % 2, ", moved");
	__atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
	pthread_join(mover, NULL);
	return lab_status();
}

int lab_program_rep_movs(int argc, char **argv)
{
	unsigned char *elsewhere = lab_pages(1);

	(void)argc;
	(void)argv;
	lab_install();
	lab_kernel_log("");
	for (size_t i = 0; i < T_LENGTH(distances); i++)
		consume(distances[i], i % 2, "");
	/* A machine check leaves no marks there, so those of the last fault remain. */
	fail_to_write(elsewhere);
	consume(100, 0, " after a write fault elsewhere");
	fail_to_write(arena);
	consume(100, 0, " after a write fault in the destination's page");
	return lab_status();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rows.c - every row of one engine meets real poison: loads a machine check, stores a lost page
 *
 * Which copy makes a given row the first to meet the bad line is found by trying: copies of many
 * shapes run into a page without permissions, and the handler notes the instruction. Then the same
 * shape is run against poison, in the middle of a page, so that what was copied before is lost too.
 *
 * Some loads never meet a line first: another load of the same copy always has, just before. Poison
 * can come up in between, so they get a machine check of their own; the copies that execute them
 * are found by single steps.
 */
#include "lab.h"
#include "landing.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define ARENA    (4 * PAGE)
#define MARGIN   LINE /* around the destination; must stay as it is */
#define IN_PAGE  (31 * LINE)
#define N_PAGES  ((size_t)4)
#define BOUNDARY (2 * PAGE) /* from here on a dry run has no access */

/* A copy of n bytes whose one operand begins `inside` bytes behind a boundary (or before it). */
struct shape {
	ptrdiff_t inside;
	size_t n;
	size_t other; /* alignment of the operand that is good */
};

/* Bytes of it that lie before an offset from the boundary. */
static size_t bytes_before(const struct shape *shape, size_t offset)
{
	ptrdiff_t distance = (ptrdiff_t)offset - shape->inside;

	return distance > 0 ? (size_t)distance : 0;
}

struct plan {
	uintptr_t insn;
	struct shape shape;
	size_t line; /* loads: offset of the line from the boundary */
	bool found;
	bool second; /* another load has read from the line before */
};

static const size_t lengths[] = {1,  2,  3,  4,  7,  8,  9,  15, 16,  17,  24,
				 31, 32, 33, 48, 63, 64, 65, 96, 128, 192, 257};

static unsigned char arena[ARENA] __attribute__((aligned(4096)));

static size_t run(const struct lab_engine *engine, enum mcsafe_side side, const struct shape *shape,
		  unsigned char *boundary, struct mcsafe_fault *fault)
{
	unsigned char *bad = boundary + shape->inside;
	unsigned char *good = arena + MARGIN + shape->other;
	bool load = side == MCSAFE_SIDE_SOURCE;

	lab_forget_signals();
	return lab_copy(engine, load ? good : bad, load ? bad : good, shape->n, fault);
}

/* Note in the plan which row met the boundary, unless that is known already. */
static void try_shape(const struct lab_engine *engine, enum mcsafe_side side,
		      const struct shape *shape, unsigned char *boundary, struct plan *plan,
		      size_t n)
{
	struct mcsafe_fault fault;

	(void)run(engine, side, shape, boundary, &fault);
	for (unsigned k = 0; k < lab_signals.n && k < LAB_SIGNALS_MAX; k++)
		for (size_t i = 0; i < n; i++) {
			/* A store is tried again after its fault; a load must never be. */
			if (plan[i].found || plan[i].insn != lab_signals.noted[k].ip ||
			    (k > 0 && side == MCSAFE_SIDE_SOURCE))
				continue;
			plan[i].found = true;
			plan[i].shape = *shape;
			plan[i].line =
				(lab_signals.noted[k].addr - (uintptr_t)boundary) / LINE * LINE;
		}
}

static void make_plan(const struct lab_engine *engine, enum mcsafe_side side, struct plan *plan,
		      size_t n_rows)
{
	static const size_t others[] = {0, 1};
	unsigned char *pages = lab_pages(N_PAGES);
	unsigned char *boundary = pages + BOUNDARY;

	lab_need(mprotect(boundary, (N_PAGES * PAGE) - BOUNDARY, PROT_NONE) == 0, "mprotect");
	for (ptrdiff_t inside = (ptrdiff_t)LINE - 1; inside >= -4 * (ptrdiff_t)LINE; inside--)
		for (size_t i = 0; i < LENGTH(lengths); i++)
			for (size_t k = 0; k < LENGTH(others); k++) {
				ptrdiff_t n = (ptrdiff_t)lengths[i] - (inside < 0 ? inside : 0);

				try_shape(engine, side,
					  &(struct shape){inside, (size_t)n, others[k]}, boundary,
					  plan, n_rows);
			}
	munmap(pages, N_PAGES * PAGE);
}

/* ---- single steps: which copy executes a row at all ----------------------------------------- */

#define TRAP_FLAG 0x100 /* in the flags: a trap after each instruction (Intel SDM vol. 3B, 17.3) */

static struct {
	struct plan *plan;
	size_t n;
	const struct shape *shape;
} stepped;

static void on_step(int signo, siginfo_t *si, void *ctx)
{
	uintptr_t ip = (uintptr_t)((const ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];

	(void)signo;
	(void)si;
	for (size_t i = 0; i < stepped.n; i++)
		if (!stepped.plan[i].found && stepped.plan[i].insn == ip) {
			stepped.plan[i].found = stepped.plan[i].second = true;
			stepped.plan[i].shape = *stepped.shape;
		}
}

static void set_trap_flag(bool on)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	flags = on ? flags | TRAP_FLAG : flags & ~(unsigned long)TRAP_FLAG;
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "cc", "memory");
}

static size_t missing(const struct plan *plan, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += !plan[i].found;
	return count;
}

static void plan_by_steps(const struct lab_engine *engine, struct plan *plan, size_t n)
{
	static const ptrdiff_t starts[] = {0, 1, 31, 32, 33}; /* few: each step is a signal */
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	unsigned char *pages = lab_pages(N_PAGES);
	struct mcsafe_fault fault;

	lab_need(sigaction(SIGTRAP, &action, NULL) == 0, "no handler for SIGTRAP");
	for (size_t k = 0; k < LENGTH(starts); k++)
		for (size_t i = 0; i < LENGTH(lengths) && missing(plan, n); i++) {
			struct shape shape = {starts[k], lengths[i], 0};

			stepped.plan = plan;
			stepped.n = n;
			stepped.shape = &shape;
			set_trap_flag(true);
			(void)run(engine, MCSAFE_SIDE_SOURCE, &shape, pages + BOUNDARY, &fault);
			set_trap_flag(false);
		}
	munmap(pages, N_PAGES * PAGE);
}

/* ---- against poison ------------------------------------------------------------------------- */

static void check_fault(const struct plan *plan, enum mcsafe_side side,
			const struct mcsafe_fault *fault)
{
	lab_check(fault->signo == SIGBUS && fault->code == BUS_MCEERR_AR,
		  "row %#lx: signal %d, code %d", plan->insn, fault->signo, fault->code);
	lab_check(fault->cause == MCSAFE_CAUSE_POISON, "row %#lx: cause %s", plan->insn,
		  mcsafe_cause_name(fault->cause));
	lab_check(fault->side == side, "row %#lx: wrong side", plan->insn);
	lab_check(fault->extent == PAGE, "row %#lx: extent %zu", plan->insn, fault->extent);
}

static void check_load(const struct lab_engine *engine, const struct plan *plan,
		       const unsigned char *pages, size_t left, const struct mcsafe_fault *fault)
{
	const struct shape *shape = &plan->shape;
	size_t start = (size_t)((ptrdiff_t)(PAGE + IN_PAGE) + shape->inside);
	size_t done = shape->n - left;
	size_t good = bytes_before(shape, plan->line); /* up to the poisoned line */
	const unsigned char *dst = arena + MARGIN + shape->other;

	check_fault(plan, MCSAFE_SIDE_SOURCE, fault);
	lab_check((uintptr_t)fault->ip == plan->insn, "row %#lx: stopped at %p", plan->insn,
		  fault->ip);
	lab_check(fault->addr == pages + PAGE, "row %#lx: address %p, and not the page's start",
		  plan->insn, fault->addr);
	if (!plan->second) {
		lab_check(done <= good, "row %#lx: %zu bytes copied, but poison is at %zu",
			  plan->insn, done, good);
		lab_check(good - done < engine->step || done > good,
			  "row %#lx: %zu bytes copied, poison is at %zu: more than %zu short",
			  plan->insn, done, good, engine->step);
	}
	lab_check(lab_is_pattern(dst, start, done), "row %#lx: wrong prefix", plan->insn);
	lab_check(lab_is_fill(arena, (size_t)(dst - arena)),
		  "row %#lx: wrote before the destination", plan->insn);
	lab_check(lab_is_fill(dst + done, (size_t)(arena + ARENA - dst) - done),
		  "row %#lx: wrote past the prefix", plan->insn);
}

/* One machine check, at one row. */
static void consume(const struct lab_engine *engine, const struct plan *plan)
{
	unsigned char *pages = lab_pages(N_PAGES);
	unsigned char *boundary = pages + PAGE + IN_PAGE;
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_rows(engine, MCSAFE_ROW_LOAD, insns, LENGTH(insns));
	struct lab_target target = lab_target(boundary + plan->line);
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	size_t left;

	lab_fill_pattern(pages, 0, N_PAGES * PAGE);
	memset(arena, FILL, sizeof(arena));
	if (plan->second)
		lab_arm("insn", "page", &target, 1, &plan->insn, 1);
	else
		lab_arm("load", "page", &target, 1, insns, n_insns);
	left = run(engine, MCSAFE_SIDE_SOURCE, &plan->shape, boundary, &fault);
	events = lab_disarm();

	lab_check(events.injected == 1, "row %#lx: %u machine checks", plan->insn, events.injected);
	lab_check(events.touched == 0 && lab_signals.n == 1,
		  "row %#lx: the poisoned line was read again: %u signals, %u reads", plan->insn,
		  lab_signals.n, events.touched);
	check_load(engine, plan, pages, left, &fault);
	munmap(pages, N_PAGES * PAGE);
}

/* One store into a page that is lost already: exact to the byte. */
static void store(const struct lab_engine *engine, const struct plan *plan)
{
	unsigned char *pages = lab_pages(N_PAGES);
	unsigned char *boundary = pages + BOUNDARY;
	const struct shape *shape = &plan->shape;
	struct mcsafe_fault fault = {.signo = 0};
	bool met = false;
	size_t left, done, good;

	lab_fill_pattern(arena, 0, sizeof(arena));
	lab_lose_page(boundary);
	left = run(engine, MCSAFE_SIDE_DESTINATION, shape, boundary, &fault);
	good = bytes_before(shape, 0);
	done = shape->n - left;

	for (unsigned i = 0; i < lab_signals.n && i < LAB_SIGNALS_MAX; i++)
		met |= lab_signals.noted[i].ip == plan->insn;
	lab_check(met, "row %#lx: not met on a lost page", plan->insn);
	check_fault(plan, MCSAFE_SIDE_DESTINATION, &fault);
	lab_check(done == good, "row %#lx: %zu bytes stored instead of %zu", plan->insn, done,
		  good);
	lab_check(lab_is_pattern(boundary - done, MARGIN + shape->other, done),
		  "row %#lx: wrong prefix", plan->insn);
	lab_check(lab_is_fill(pages, BOUNDARY - done) &&
			  lab_is_fill(boundary + PAGE, (N_PAGES - 1) * PAGE - BOUNDARY),
		  "row %#lx: wrote elsewhere", plan->insn);
	munmap(pages, N_PAGES * PAGE);
}

static size_t all_rows(const struct lab_engine *engine, enum mcsafe_side side, unsigned kind,
		       void (*meet)(const struct lab_engine *, const struct plan *))
{
	uintptr_t insns[LAB_ROWS_MAX];
	static struct plan plan[LAB_ROWS_MAX];
	size_t n = lab_rows(engine, kind, insns, LENGTH(insns));

	for (size_t i = 0; i < n; i++)
		plan[i] = (struct plan){.insn = insns[i]};
	make_plan(engine, side, plan, n);
	if (kind == MCSAFE_ROW_LOAD && missing(plan, n))
		plan_by_steps(engine, plan, n);
	for (size_t i = 0; i < n; i++) {
		lab_check(plan[i].found, "row %#lx: no copy that meets it was found", plan[i].insn);
		if (plan[i].found)
			meet(engine, &plan[i]);
	}
	return n;
}

int lab_program_rows(int argc, char **argv)
{
	const struct lab_engine *engine = lab_engine(argc > 1 ? argv[1] : "");
	size_t loads, stores;
	unsigned logged;

	lab_install();
	lab_kernel_log("");
	loads = all_rows(engine, MCSAFE_SIDE_SOURCE, MCSAFE_ROW_LOAD, consume);
	logged = lab_kernel_log("Uncorrected hardware memory error in user-access");
	lab_check(logged == loads, "the kernel's log has %u machine checks, not %zu", logged,
		  loads);
	stores = all_rows(engine, MCSAFE_SIDE_DESTINATION, MCSAFE_ROW_STORE, store);
	lab_check(loads > 0 && stores > 0, "%s has no rows", engine->name);
	printf("%s: %zu loads, %zu stores\n", engine->name, loads, stores);
	return lab_status();
}

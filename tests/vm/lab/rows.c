/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rows.c - every row of one engine meets real poison: loads meet a machine check, stores a lost
 * page
 *
 * Trying finds out which copy makes a given row the first to meet the bad line. Copies of many
 * shapes run into a page without permissions, and the handler notes the instruction. Then the same
 * shape runs against poison in the middle of a page, so that the bytes copied before it are also
 * lost.
 *
 * Some loads never meet a line first, because another load of the same copy always meets it just
 * before. Poison can appear between the two loads, so these loads get a machine check of their own.
 * Likewise some stores go to a page that an earlier store always meets first: the page is lost one
 * step before such a store. Single steps find both sorts. They find every instruction that touches
 * an operand, and each of them must have a row. Some stores are in a fixup, which stores the bytes
 * that were read before the load failed. They are met when both operands are bad.
 */
#include "lab.h"
#include "landing/landing.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define ARENA    (4 * T_PAGE)
#define MARGIN   LINE /* around the destination; must not change */
#define IN_PAGE  (31 * LINE)
#define N_PAGES  ((size_t)4)
#define BOUNDARY (2 * T_PAGE) /* from here on accesses are forbidden, or the page is lost */

/*
 * A copy of n bytes. Each operand begins that many bytes after its origin. The origin of a bad
 * operand is a boundary, and most of these operands begin before it (a negative number). The origin
 * of a good operand is a place in the arena.
 */
struct shape {
	ptrdiff_t src, dst;
	size_t n;
};

struct origins {
	unsigned char *src, *dst;
};

/* How many bytes of an operand lie before an offset from its boundary. */
static size_t bytes_before(ptrdiff_t start, size_t offset)
{
	ptrdiff_t distance = (ptrdiff_t)offset - start;

	return distance > 0 ? (size_t)distance : 0;
}

struct plan {
	uintptr_t insn;
	struct shape shape;
	size_t line; /* loads: offset of the line from the boundary */
	bool found;
	bool second; /* an earlier instruction has met the line, or the page */
	bool both;   /* a store: the source is also bad */
};

static const size_t lengths[] = {1,  2,  3,  4,  7,  8,  9,  15,  16,  17,  24,  31,
				 32, 33, 48, 63, 64, 65, 96, 128, 192, 257, 1200};

static unsigned char arena[ARENA] __attribute__((aligned(4096)));

/* The trial that is running: one kind of rows of one engine. */
static struct {
	const struct lab_engine *engine;
	struct plan *plan;
	size_t n;
	struct origins origins;
	bool bad_src, bad_dst;
} trial;

static size_t run(const struct lab_engine *engine, const struct shape *shape,
		  const struct origins *origins, struct mcsafe_fault *fault)
{
	lab_forget_signals();
	return lab_run(engine, origins->dst + shape->dst, origins->src + shape->src, shape->n,
		       fault);
}

static size_t missing(const struct plan *plan, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += !plan[i].found;
	return count;
}

/* Notes in the plan which row met the boundary, unless the plan already has that row. */
static void try_shape(const struct shape *shape)
{
	const struct plan *end = trial.plan + trial.n;
	struct mcsafe_fault fault;

	(void)run(trial.engine, shape, &trial.origins, &fault);
	for (unsigned k = 0; k < lab_signals.n && k < LAB_SIGNALS_MAX; k++)
		for (struct plan *plan = trial.plan; plan < end; plan++) {
			const struct lab_signal *signal = &lab_signals.noted[k];

			/* A store may be tried again after its fault. A load must never be. */
			if (plan->found || plan->insn != signal->ip || (k > 0 && !trial.bad_dst))
				continue;
			plan->found = true;
			plan->shape = *shape;
			plan->both = trial.bad_src && trial.bad_dst;
			if (!trial.bad_dst)
				plan->line =
					(signal->addr - (uintptr_t)trial.origins.src) / LINE * LINE;
		}
}

/* Pages that cannot be touched from the boundary on. */
static unsigned char *forbidden(void)
{
	unsigned char *pages = lab_pages(N_PAGES);

	lab_need(mprotect(pages + BOUNDARY, N_PAGES * T_PAGE - BOUNDARY, PROT_NONE) == 0,
		 "mprotect");
	return pages;
}

/*
 * Every distance near the boundary, and some further away. The good operand changes from one to the
 * next.
 */
static void try_one_bad_operand(void)
{
	const ptrdiff_t line = (ptrdiff_t)LINE;

	for (ptrdiff_t inside = line - 1; inside >= -4 * line; inside -= inside > -line ? 1 : 5)
		for (size_t i = 0; i < T_LENGTH(lengths) && missing(trial.plan, trial.n); i++) {
			size_t n = lengths[i] + bytes_before(inside, 0);
			ptrdiff_t other = (ptrdiff_t)i % 2;

			try_shape(trial.bad_src ? &(struct shape){inside, other, n}
						: &(struct shape){other, inside, n});
		}
}

/* The destination ends in the bytes that a fixup stores: up to 32 before the bad source. */
static void try_two_bad_operands(void)
{
	static const ptrdiff_t nearer[] = {1, 17};
	static const size_t past[] = {1, 128};

	for (ptrdiff_t before = 1; before <= 4 * (ptrdiff_t)LINE; before++)
		for (size_t i = 0; i < T_LENGTH(nearer); i++)
			for (size_t k = 0; k < T_LENGTH(past) && missing(trial.plan, trial.n); k++)
				try_shape(&(struct shape){-before, nearer[i] - before,
							  (size_t)before + past[k]});
}

static void make_plan(bool bad_src, bool bad_dst, void (*try)(void))
{
	unsigned char *src = bad_src ? forbidden() : NULL, *dst = bad_dst ? forbidden() : NULL;

	trial.bad_src = bad_src;
	trial.bad_dst = bad_dst;
	trial.origins.src = src ? src + BOUNDARY : arena + MARGIN;
	trial.origins.dst = dst ? dst + BOUNDARY : arena + MARGIN;
	try();
	if (src)
		munmap(src, N_PAGES * T_PAGE);
	if (dst)
		munmap(dst, N_PAGES * T_PAGE);
}

/* ---- single steps: every instruction that touches an operand -------------------------------- */

#define TRAP_FLAG 0x100 /* in the flags: a trap after each instruction (Intel SDM vol. 3B, 17.3) */

static struct {
	const struct shape *shape; /* the traced copy; for other uses of single steps: */
	uintptr_t insn;            /* where a page is lost */
	unsigned char *pages;
	bool open; /* the pages can be touched */
} stepped;

static void open_pages(bool open)
{
	lab_need(mprotect(stepped.pages, N_PAGES * T_PAGE,
			  open ? PROT_READ | PROT_WRITE : PROT_NONE) == 0,
		 "mprotect");
	stepped.open = open;
}

/* An instruction is done. The next one must not touch the operand unnoticed. */
static void on_step(int signo, siginfo_t *si, void *ctx)
{
	greg_t *regs = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)signo;
	(void)si;
	if (stepped.shape && stepped.open) {
		open_pages(false);
	} else if (!stepped.shape && (uintptr_t)regs[REG_RIP] == stepped.insn) {
		lab_lose_page(stepped.pages + BOUNDARY);
		regs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	}
}

/* The instruction touches the operand. It is noted and runs again, which is allowed once. */
static void on_touch(int signo, siginfo_t *si, void *ctx)
{
	uintptr_t ip = (uintptr_t)((const ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];
	struct plan *plan = trial.plan;

	(void)signo;
	(void)si;
	while (plan < trial.plan + trial.n && plan->insn != ip)
		plan++;
	lab_need(plan < trial.plan + trial.n, "%s touches an operand, and has no row",
		 lab_insn_name(ip));
	if (!plan->found) {
		plan->found = plan->second = true;
		plan->shape = *stepped.shape;
	}
	open_pages(true);
}

static void set_trap_flag(bool on)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	flags = on ? flags | TRAP_FLAG : flags & ~(unsigned long)TRAP_FLAG;
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "cc", "memory");
}

static size_t run_by_steps(const struct lab_engine *engine, const struct shape *shape,
			   const struct origins *origins, struct mcsafe_fault *fault)
{
	size_t left;

	set_trap_flag(true);
	left = run(engine, shape, origins, fault);
	set_trap_flag(false);
	return left;
}

/* Good copies of few shapes, because each step is a signal. */
static void trace(bool loads)
{
	static const ptrdiff_t starts[] = {0, 1, 32, 33};
	static const size_t few[] = {1, 2, 4, 8, 15, 16, 24, 33, 64, 65, 97, 257};
	struct sigaction ours = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO}, before;
	unsigned char *pages = lab_pages(N_PAGES), *bad = pages + BOUNDARY, *good = arena + MARGIN;
	struct origins origins = {loads ? bad : good, loads ? good : bad};
	struct mcsafe_fault fault;

	lab_need(sigaction(SIGSEGV, &ours, &before) == 0, "no handler for SIGSEGV");
	stepped.pages = pages;
	for (size_t k = 0; k < T_LENGTH(starts); k++)
		for (size_t i = 0; i < T_LENGTH(few); i++) {
			struct shape shape = {loads ? starts[k] : 0, loads ? 0 : starts[k], few[i]};

			stepped.shape = &shape;
			(void)run_by_steps(trial.engine, &shape, &origins, &fault);
			stepped.shape = NULL;
			open_pages(true);
		}
	lab_need(sigaction(SIGSEGV, &before, NULL) == 0, "no handler for SIGSEGV");
	munmap(pages, N_PAGES * T_PAGE);
}

/* ---- against poison ------------------------------------------------------------------------- */

static void check_load(const struct plan *plan, const unsigned char *pages, size_t left,
		       const struct mcsafe_fault *fault)
{
	const char *row = lab_insn_name(plan->insn);
	const struct shape *shape = &plan->shape;
	size_t start = (size_t)((ptrdiff_t)(T_PAGE + IN_PAGE) + shape->src);
	size_t done = shape->n - left;
	size_t good = bytes_before(shape->src, plan->line); /* up to the poisoned line */
	const unsigned char *dst = arena + MARGIN + shape->dst;

	lab_check_row_fault(plan->insn, MCSAFE_SIDE_SOURCE, fault);
	lab_check((uintptr_t)fault->ip == plan->insn, "row %s: stopped at %p", row, fault->ip);
	lab_check(fault->addr == pages + T_PAGE,
		  "row %s: address %p, which is not the page's start", row, fault->addr);
	/* Exact: the start of a line is a multiple of .grain of every routine (asm/engines.def). */
	if (!plan->second)
		lab_check(done == good, "row %s: %zu bytes copied, but poison is at %zu", row, done,
			  good);
	lab_check(left > 0 && left <= shape->n, "row %s: %zu of %zu bytes left", row, left,
		  shape->n);
	lab_check(lab_is_pattern(dst, start, done), "row %s: wrong prefix", row);
	lab_check(lab_is_fill(arena, (size_t)(dst - arena)), "row %s: wrote before the destination",
		  row);
	lab_check(lab_is_fill(dst + done, (size_t)(arena + ARENA - dst) - done),
		  "row %s: wrote past the prefix", row);
}

/* One machine check, at one row. */
static void consume(const struct lab_engine *engine, const struct plan *plan)
{
	unsigned char *pages = lab_pages(N_PAGES);
	struct origins origins = {pages + T_PAGE + IN_PAGE, arena + MARGIN};
	struct lab_target target = lab_target(origins.src + plan->line);
	struct mcsafe_fault fault = {.signo = 0};
	size_t left;

	lab_fill_pattern(pages, 0, N_PAGES * T_PAGE);
	memset(arena, FILL, sizeof(arena));
	lab_arm(plan->second ? "insn" : "load", "page", &target, 1, &plan->insn, 1);
	left = run(engine, &plan->shape, &origins, &fault);
	lab_check_row_consumed(plan->insn, lab_disarm());
	check_load(plan, pages, left, &fault);
	munmap(pages, N_PAGES * T_PAGE);
}

/*
 * Whether `done` bytes are what an engine stores in a copy that starts at `start` of the pattern.
 */
static bool is_result(const struct lab_engine *engine, const unsigned char *at, size_t start,
		      size_t done)
{
	if (!engine->set)
		return lab_is_pattern(at, start, done);
	for (size_t i = 0; i < done; i++)
		if (at[i] != LAB_SET)
			return false;
	return true;
}

static void check_store(const struct plan *plan, unsigned lost, const struct mcsafe_fault *fault)
{
	lab_check_row_lost(plan->insn, lost);
	lab_check_row_fault(plan->insn, MCSAFE_SIDE_DESTINATION, fault);
}

/* One store into a page that is already lost. The result is exact to the byte. */
static void store_after(const struct lab_engine *engine, const struct plan *plan)
{
	const char *row = lab_insn_name(plan->insn);
	unsigned char *pages = lab_pages(N_PAGES), *src = plan->both ? lab_pages(N_PAGES) : NULL;
	unsigned char *boundary = pages + BOUNDARY;
	const size_t origin = plan->both ? BOUNDARY : MARGIN;
	struct origins origins = {(src ? src : arena) + origin, boundary};
	const struct shape *shape = &plan->shape;
	struct mcsafe_fault fault = {.signo = 0};
	size_t start = (size_t)((ptrdiff_t)origin + shape->src);
	size_t done, good = bytes_before(shape->dst, 0);

	lab_fill_pattern(src ? src : arena, 0, ARENA);
	if (src)
		lab_lose_page(src + BOUNDARY);
	lab_lose_page(boundary);
	done = shape->n - run(engine, shape, &origins, &fault);

	check_store(plan, src ? 2 : 1, &fault);
	lab_check(done == good, "row %s: %zu bytes stored instead of %zu", row, done, good);
	lab_check(is_result(engine, boundary - done, start, done), "row %s: wrong prefix", row);
	lab_check(lab_is_fill(pages, BOUNDARY - done) &&
			  lab_is_fill(boundary + T_PAGE, (N_PAGES - 1) * T_PAGE - BOUNDARY),
		  "row %s: wrote elsewhere", row);
	munmap(pages, N_PAGES * T_PAGE);
	if (src)
		munmap(src, N_PAGES * T_PAGE);
}

/*
 * One store into a page that is lost just before it, with all bytes that were stored there before.
 */
static void store_in_between(const struct lab_engine *engine, const struct plan *plan)
{
	const char *row = lab_insn_name(plan->insn);
	unsigned char *pages = lab_pages(N_PAGES), *page = pages + BOUNDARY;
	struct origins origins = {arena + MARGIN, page};
	struct mcsafe_fault fault = {.signo = 0};
	size_t done, at;

	lab_fill_pattern(arena, 0, ARENA);
	stepped.insn = plan->insn;
	stepped.pages = pages;
	done = plan->shape.n - run_by_steps(engine, &plan->shape, &origins, &fault);
	at = lab_signals.noted[0].addr - (uintptr_t)(page + plan->shape.dst);

	check_store(plan, 1, &fault);
	lab_check(done >= at && done - at < LINE && done < plan->shape.n,
		  "row %s: %zu bytes stored, failed at %zu", row, done, at);
	lab_check(lab_is_fill(pages, BOUNDARY) &&
			  lab_is_fill(page + T_PAGE, (N_PAGES - 1) * T_PAGE - BOUNDARY),
		  "row %s: wrote elsewhere", row);
	munmap(pages, N_PAGES * T_PAGE);
}

static void store(const struct lab_engine *engine, const struct plan *plan)
{
	(plan->second ? store_in_between : store_after)(engine, plan);
}

_Static_assert(ARENA == N_PAGES * T_PAGE, "one size for either kind of source");

/* Puts all rows of a kind in the plan, and finds the shapes that meet them. */
static size_t begin(const struct lab_engine *engine, unsigned kind)
{
	static struct plan plan[LAB_ROWS_MAX];
	uintptr_t insns[LAB_ROWS_MAX];

	trial.engine = engine;
	trial.plan = plan;
	trial.n = lab_rows(engine, kind, insns, T_LENGTH(insns));
	for (size_t i = 0; i < trial.n; i++)
		plan[i] = (struct plan){.insn = insns[i]};
	return trial.n;
}

static size_t found_first(void)
{
	size_t count = 0;

	for (size_t i = 0; i < trial.n; i++)
		count += !trial.plan[i].second;
	return count;
}

static void meet_all(void (*meet)(const struct lab_engine *, const struct plan *))
{
	for (size_t i = 0; i < trial.n; i++) {
		const struct plan *plan = &trial.plan[i];

		lab_check(plan->found, "row %s: no copy that meets it was found",
			  lab_insn_name(plan->insn));
		if (plan->found)
			meet(trial.engine, plan);
	}
}

static size_t all_loads(const struct lab_engine *engine)
{
	if (engine->copy && begin(engine, MCSAFE_ROW_LOAD)) {
		make_plan(true, false, try_one_bad_operand);
		trace(true);
		meet_all(consume);
		printf("%zu loads, of which %zu can be the first to meet a line\n", trial.n,
		       found_first());
		return trial.n;
	}
	return 0;
}

static size_t all_stores(const struct lab_engine *engine)
{
	begin(engine, MCSAFE_ROW_STORE);
	make_plan(false, true, try_one_bad_operand);
	if (engine->copy)
		make_plan(true, true, try_two_bad_operands);
	trace(false);
	meet_all(store);
	printf("%zu stores, of which %zu can be the first to meet a page\n", trial.n,
	       found_first());
	return trial.n;
}

int lab_program_rows(int argc, char **argv)
{
	const struct lab_engine *engine = lab_engine(argc > 1 ? argv[1] : "");
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	size_t loads, stores;

	lab_need(lab_can_run(engine), "the guest's processor cannot run %s", engine->name);
	lab_install();
	lab_need(sigaction(SIGTRAP, &action, NULL) == 0, "no handler for SIGTRAP");
	lab_kernel_log("");
	loads = all_loads(engine);
	stores = all_stores(engine);
	lab_check((loads > 0 || !engine->copy) && stores > 0, "%s has no rows", engine->name);
	return lab_status();
}

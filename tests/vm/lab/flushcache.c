/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flushcache.c - mcsafe_memcpy_flushcache() with every engine: poison in the source, and a lost
 * page
 */
#include "copy/route.h"
#include "lab.h"
#include "landing/landing.h"

#include <string.h>
#include <sys/mman.h>

#define N_PAGES ((size_t)3)
#define BEFORE  ((size_t)2000) /* long enough for stores that bypass the caches to have begun */
#define N       ((size_t)4500) /* and for them to be used on every processor */
#define START   (2 * T_PAGE - BEFORE) /* offset in the pages, of which the third is bad */

static unsigned char arena[N + 2 * LINE] __attribute__((aligned(64)));

static void check_record(const struct mcsafe_fault *fault, enum mcsafe_side side,
			 const unsigned char *page)
{
	lab_check(fault->cause == MCSAFE_CAUSE_POISON && fault->side == side &&
			  fault->extent == T_PAGE && fault->addr == page,
		  "%s: cause %s, side %d, extent %zu, address %p", mcsafe_engine_name(),
		  mcsafe_cause_name(fault->cause), (int)fault->side, fault->extent, fault->addr);
}

static void poisoned_source(void)
{
	unsigned char *pages = lab_pages(N_PAGES), *dst = arena + LINE;
	struct lab_target target = lab_target(pages + 2 * T_PAGE);
	uintptr_t insns[LAB_ROWS_MAX];
	size_t done, n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;

	lab_fill_pattern(pages, 0, N_PAGES * T_PAGE);
	memset(arena, FILL, sizeof(arena));
	lab_forget_signals();
	lab_arm("approach", "page", &target, 1, insns, n_insns);
	done = N - mcsafe_memcpy_flushcache(dst, pages + START, N, &fault);
	events = lab_disarm();

	lab_check(events.injected == 1 && events.touched == 0 && lab_signals.n == 1,
		  "%s: %u machine checks, %u signals, %u reads after", mcsafe_engine_name(),
		  events.injected, lab_signals.n, events.touched);
	lab_check(done == BEFORE, "%s: %zu bytes copied", mcsafe_engine_name(), done);
	lab_check(lab_is_pattern(dst, START, done) && lab_is_fill(dst + done, N + LINE - done) &&
			  lab_is_fill(arena, LINE),
		  "%s: wrong contents", mcsafe_engine_name());
	check_record(&fault, MCSAFE_SIDE_SOURCE, pages + 2 * T_PAGE);
	munmap(pages, N_PAGES * T_PAGE);
}

static void lost_destination(void)
{
	unsigned char *pages = lab_pages(N_PAGES);
	struct mcsafe_fault fault = {.signo = 0};
	size_t done;

	lab_fill_pattern(arena, 0, sizeof(arena));
	lab_lose_page(pages + 2 * T_PAGE);
	done = N - mcsafe_memcpy_flushcache(pages + START, arena, N, &fault);

	lab_check(done == BEFORE, "%s: %zu bytes stored", mcsafe_engine_name(), done);
	lab_check(lab_is_pattern(pages + START, 0, done) && lab_is_fill(pages, START),
		  "%s: wrong contents", mcsafe_engine_name());
	check_record(&fault, MCSAFE_SIDE_DESTINATION, pages + 2 * T_PAGE);
	munmap(pages, N_PAGES * T_PAGE);
}

int lab_program_flushcache(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	lab_install();
	lab_kernel_log("");
	for (size_t i = 0; i < mcsafe__n_engines; i++) {
		if (!mcsafe__engine_is_possible(&mcsafe__engines[i]))
			continue; /* the scenario "routines" reports it */
		lab_need(mcsafe_engine_set(mcsafe__engines[i].name) == 0, "mcsafe_engine_set");
		poisoned_source();
		lost_destination();
	}
	lab_kernel_log("");
	return lab_status();
}

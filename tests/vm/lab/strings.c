/* SPDX-License-Identifier: BSD-3-Clause */
/* strings.c - a long copy: the ends by vectors, the rest by REP MOVSB, and poison in each part */
#include "copy/route.h"
#include "lab.h"
#include "landing/landing.h"

#include <string.h>
#include <sys/mman.h>

#define MARGIN  LINE
#define N_PAGES ((size_t)9)
#define SIZE    (N_PAGES * T_PAGE)

static unsigned char arena[SIZE + 2 * MARGIN] __attribute__((aligned(4096)));

enum part { BY_VECTORS, BY_STRINGS };

/*
 * Copies everything from byte `from` of the pages on, except for the last `short_of` bytes. Line
 * `line` of the pages has poison, which only `part` of the copy may meet: the machine check is
 * raised only there.
 */
static void consume(const char *where, size_t from, size_t short_of, size_t line, enum part part)
{
	unsigned char *pages = lab_pages(N_PAGES), *dst = arena + MARGIN + 3;
	struct lab_target target = lab_target(pages + line * LINE);
	const size_t n = SIZE - from - short_of;
	const size_t before = line * LINE > from ? line * LINE - from : 0;
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns, done;

	if (part == BY_STRINGS)
		n_insns = lab_rows(lab_engine("erms"), MCSAFE_ROW_BOTH, insns, T_LENGTH(insns));
	else
		n_insns = lab_rows(lab_engine("avx2"), MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	lab_need(n >= mcsafe__route.long_from, "%s: too short for REP MOVSB", where);
	lab_fill_pattern(pages, 0, SIZE);
	memset(arena, FILL, sizeof(arena));
	lab_forget_signals();
	lab_arm("load", "page", &target, 1, insns, n_insns);
	done = n - mcsafe_memcpy(dst, pages + from, n, &fault);
	events = lab_disarm();

	lab_check(done == before, "%s: %zu bytes arrived, not %zu", where, done, before);
	lab_check(events.injected == 1 && events.touched == 0 && lab_signals.n == 1,
		  "%s: %u machine checks, %u signals, %u reads after", where, events.injected,
		  lab_signals.n, events.touched);
	lab_check(lab_is_pattern(dst, from, done), "%s: wrong prefix", where);
	lab_check(lab_is_fill(arena, (size_t)(dst - arena)) &&
			  lab_is_fill(dst + done, (size_t)(arena + sizeof(arena) - dst) - done),
		  "%s: wrote outside the prefix", where);
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 1,
		  "%s: not one machine check in the kernel's log", where);
	lab_check(fault.cause == MCSAFE_CAUSE_POISON && fault.side == MCSAFE_SIDE_SOURCE,
		  "%s: cause %s, side %d", where, mcsafe_cause_name(fault.cause), (int)fault.side);
	munmap(pages, SIZE);
}

int lab_program_strings(int argc, char **argv)
{
	const size_t lines = SIZE / LINE;

	(void)argc;
	(void)argv;
	lab_install();
	lab_kernel_log("");
	lab_need(mcsafe_engine_set("avx2_erms") == 0, "no engine avx2_erms");
	consume("at the start", 0, 0, 0, BY_STRINGS);
	consume("in the head", 5, 0, 0, BY_VECTORS);
	consume("after the head", 5, 0, 1, BY_STRINGS);
	consume("in the middle", 63, 9, lines / 2 + 7, BY_STRINGS);
	consume("before the tail", 0, 0, lines - 2, BY_STRINGS);
	consume("before a long tail", 1, 3, lines - 3, BY_STRINGS);
	consume("in a long tail", 1, 3, lines - 2, BY_VECTORS);
	consume("in the last line", 17, 0, lines - 1, BY_VECTORS);
	consume("in a part of the last line", 17, 40, lines - 1, BY_VECTORS);
	return lab_status();
}

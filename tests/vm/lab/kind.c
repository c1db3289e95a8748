/* SPDX-License-Identifier: BSD-3-Clause */
/* kind.c - a machine check in one kind of memory, and everything that can be observed afterwards */
#include "asm/routines.h"
#include "lab.h"
#include "landing/landing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEFORE ((size_t)100)
#define N      ((size_t)300)
#define MARGIN LINE

static const char *place(const void *addr, const unsigned char *line)
{
	uintptr_t at = (uintptr_t)addr, exact = (uintptr_t)line;

	if (at == exact / T_HUGE * T_HUGE)
		return "the start of the 2 MiB";
	if (at == exact / T_PAGE * T_PAGE)
		return "the start of the page";
	return at >= exact && at < exact + LINE ? "in the line" : "elsewhere";
}

/* What mcsafe_explain() says: the reason, the error, and the path. */
static void explain(const char *key, const struct mcsafe_fault *fault,
		    const struct lab_mapping *mapping)
{
	static struct mcsafe_explanation e;
	const unsigned char *line = mapping->base + LAB_MAPPING_LINE, *lost;
	const char *error;

	lab_need(mcsafe_explain(fault, &e) == 0, "mcsafe_explain() fails");
	lost = e.addr;
	error = strerrorname_np(e.error);
	lab_fact(key, "%s, %s%s%s", mcsafe_reason_name(e.reason), error != NULL ? error : "?",
		 e.path[0] != '\0' ? ", " : "", e.path);
	if (e.reason == MCSAFE_REASON_POISON)
		lab_check(lost <= line && line < lost + e.len, "another block is lost");
	if (mapping->fd != -1)
		lab_check(e.offset == lost - mapping->base, "offset %lld", (long long)e.offset);
	lab_check(mapping->fd == -1 || e.path[0] != '\0', "no path");
}

/* The same copy again: a page fault now. */
static void explain_again(const struct lab_mapping *mapping)
{
	const unsigned char *src = mapping->base + LAB_MAPPING_LINE - BEFORE;
	static unsigned char dst[N];
	struct mcsafe_fault fault;

	if (mcsafe_memcpy(dst, src, N, &fault) != 0)
		explain("explained again", &fault, mapping);
}

/* The copy that meets the machine check. The line is BEFORE bytes after the copy's start. */
static void consume(const struct lab_mapping *mapping, const char *event)
{
	const unsigned char *line = mapping->base + LAB_MAPPING_LINE;
	static unsigned char arena[N + 2 * MARGIN];
	unsigned char *dst = arena + MARGIN;
	const unsigned char *src = line - BEFORE;
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	struct lab_target target = lab_target(line);
	struct mcsafe_fault fault = {.signo = 0};
	struct lab_events events;
	size_t left, done;

	memset(arena, FILL, sizeof(arena));
	lab_forget_signals();
	lab_arm("load", event, &target, 1, insns, n_insns);
	left = mcsafe_memcpy(dst, src, N, &fault);
	events = lab_disarm();
	done = N - left;

	lab_check(events.injected == 1, "%u machine checks", events.injected);
	lab_check(lab_is_pattern(dst, LAB_MAPPING_LINE - BEFORE, done), "wrong prefix");
	lab_check(lab_is_fill(dst + done, left + MARGIN) && lab_is_fill(arena, MARGIN),
		  "wrote outside the prefix");
	lab_fact("consumed", "%s",
		 left ? lab_code_name(&fault) : lab_contents(dst, LAB_MAPPING_LINE - BEFORE, N));
	lab_fact("signals", "%u", lab_signals.n);
	lab_fact("the line after it", "%s", events.touched ? "read again" : "not read again");
	if (!left)
		return;
	lab_check(done <= BEFORE && BEFORE - done < MCSAFE__SHORT_BY, "%zu bytes copied", done);
	lab_check(fault.side == MCSAFE_SIDE_SOURCE, "wrong side");
	lab_check(fault.cause == MCSAFE_CAUSE_POISON, "cause %s", mcsafe_cause_name(fault.cause));
	lab_fact("extent", "%zu", fault.extent);
	lab_fact("address", "%s", place(fault.addr, line));
	explain("explained", &fault, mapping);
}

static void look_at_file(const struct lab_mapping *mapping)
{
	const size_t page = LAB_MAPPING_LINE / T_PAGE * T_PAGE;

	lab_fact("a new mapping", "%s",
		 lab_outcome(lab_mapping_again(mapping) + page, page, T_PAGE));
	lab_fact("pread() of the page", "%s", lab_pread_outcome(mapping->fd, page, T_PAGE));
	lab_fact("pread() from the page before", "%s",
		 lab_pread_outcome(mapping->fd, page - T_PAGE, 3 * T_PAGE));
}

int lab_program_kind(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping(argc > 1 ? argv[1] : "");
	unsigned char *line = mapping.base + LAB_MAPPING_LINE;
	const size_t page = LAB_MAPPING_LINE / T_PAGE * T_PAGE;
	uint64_t physical = lab_physical(line);
	long corrupted = lab_meminfo("HardwareCorrupted");

	lab_install();
	lab_kernel_log("");
	consume(&mapping, argc > 2 ? argv[2] : "page");
	if (mapping.pmem) {
		lab_wait_bad_blocks(physical);
		lab_fact("bad blocks", "%s", lab_bad_blocks_at(physical));
	}
	lab_fact("HardwareCorrupted", "%+ld kB", lab_meminfo("HardwareCorrupted") - corrupted);

	lab_fact("the same copy again", "%s",
		 lab_outcome(line - BEFORE, LAB_MAPPING_LINE - BEFORE, N));
	explain_again(&mapping);
	lab_fact("the start of the page", "%s", lab_outcome(mapping.base + page, page, LINE));
	lab_fact("the next page", "%s",
		 lab_outcome(mapping.base + page + T_PAGE, page + T_PAGE, T_PAGE));
	lab_fact("the next 2 MiB", "%s",
		 lab_outcome(mapping.base + 2 * T_HUGE, 2 * T_HUGE, T_PAGE));
	if (mapping.fd != -1 && strcmp(argv[1], "devdax") != 0)
		look_at_file(&mapping);
	lab_fact("a store to the line", "%s", lab_store_outcome(line, 8));
	lab_check(lab_kernel_log("Uncorrected hardware memory error in user-access") == 1,
		  "not one machine check in the kernel's log");
	return lab_status();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* lists.c - what the kernel's lists say about a file or device, and what a scrub finds in memory */
#include "lab.h"
#include "landing/landing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WINDOW \
 (4 * T_PAGE) /* size of the scrubbed memory: the debugger looks at each load near the poison */

static struct mcsafe_badblocks *new_registry(void)
{
	struct mcsafe_badblocks *badblocks = NULL;

	lab_need(mcsafe_badblocks_create(&badblocks) == 0, "no memory");
	return badblocks;
}

static void ask(const char *when, int fd, size_t from)
{
	struct mcsafe_badblocks *badblocks = new_registry();
	struct mcsafe_badblocks_answer answer;
	char key[64];
	int err = mcsafe_badblocks_ask(badblocks, fd, &answer);

	lab_check(err == 0 || answer.state == MCSAFE_BADBLOCKS_NOT_ASKED, "result %d", err);
	snprintf(key, sizeof(key), "%s: state", when);
	lab_fact(key, "%s", lab_answer(&answer));
	snprintf(key, sizeof(key), "%s: bad sectors", when);
	lab_fact(key, "%s", lab_bad_sectors(badblocks, from));
	mcsafe_badblocks_destroy(badblocks);
}

/*
 * Arms the loads of all rows of the library, so that the load of a copy raises the machine check.
 */
static void arm(const char *mode, const struct lab_target *target)
{
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));

	lab_arm(mode, "page", target, 1, insns, n);
}

static void meet(const struct lab_target *target)
{
	unsigned char contents[LINE];

	arm("load", target);
	lab_check(memcpy_mcsafe(contents, target->at, LINE) == LINE, "poison can be read");
	lab_check(lab_disarm().injected == 1, "no machine check");
	lab_wait_bad_blocks(target->physical);
}

static void rewrite(int fd, size_t page)
{
	unsigned char contents[T_PAGE];

	lab_fill_pattern(contents, page, T_PAGE);
	lab_check(pwrite(fd, contents, T_PAGE, (off_t)page) == (ssize_t)T_PAGE, "pwrite() fails");
}

/*
 * First the answer of sysfs, because this program is static. Then those of libndctl and of ndctl.
 */
static void ask_in_all_ways(const char *when, int fd, size_t from)
{
	ask(when, fd, from);
	lab_with_ndctl("ask '%s' %zu", when, from);
}

static int lists_of_device(const struct lab_mapping *mapping, size_t page, size_t other)
{
	struct lab_target target = lab_target(mapping->base + LAB_MAPPING_LINE);

	ask_in_all_ways("at first", mapping->fd, page);
	lab_inject(lab_physical(mapping->base + other) + 2 * LAB_SECTOR, 3);
	ask_in_all_ways("after an injection", mapping->fd, other);
	meet(&target);
	ask_in_all_ways("after a machine check", mapping->fd, page);
	lab_kernel_log("");
	return lab_status();
}

/*
 * The kernel's lists: before anything is bad, after ndctl injected errors, after a machine check,
 * and after all of it was repaired.
 */
int lab_program_lists(int argc, char **argv)
{
	const size_t page = LAB_MAPPING_LINE - LAB_MAPPING_LINE % T_PAGE,
		     other = page + 64 * T_PAGE;
	const char *kind = argc > 1 ? argv[1] : "";
	struct lab_mapping mapping;
	struct lab_target target;

	if (strcmp(kind, "devdax") == 0)
		lab_need_with_ndctl();
	mapping = lab_mapping(kind);
	lab_install();
	lab_kernel_log("");
	if (strcmp(kind, "devdax") == 0)
		return lists_of_device(&mapping, page, other);
	target = lab_target(mapping.base + LAB_MAPPING_LINE);
	ask("at first", mapping.fd, page);
	lab_inject(lab_physical(mapping.base + other) + 2 * LAB_SECTOR, 3);
	ask("after an injection", mapping.fd, other);
	meet(&target);
	ask("after a machine check", mapping.fd, page);
	rewrite(mapping.fd, page);
	ask("after a repair", mapping.fd, other);
	rewrite(mapping.fd, other);
	ask("after both", mapping.fd, page);
	lab_kernel_log("");
	return lab_status();
}

/* What is scrubbed: from here on, of this mapping. */
struct scrubbed {
	const struct lab_mapping *mapping;
	size_t from;
};

/* Before Linux 6.6 an access to a bad block that the kernel knows is an I/O error, with DAX. The
 * file proves that it does not pass. */
static int prove(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	const struct scrubbed *scrubbed = arg;
	char byte;

	if (fault->cause == MCSAFE_CAUSE_IO && scrubbed->mapping->fd >= 0 &&
	    pread(scrubbed->mapping->fd, &byte, 1, (off_t)(scrubbed->from + bad->start)) < 0 &&
	    errno == EIO)
		return MCSAFE_SCRUB_ADD;
	return MCSAFE_SCRUB_DECIDE;
}

static void scrub(const char *which, const struct lab_mapping *mapping,
		  struct mcsafe_badblocks *badblocks, size_t from)
{
	struct scrubbed scrubbed = {mapping, from};
	struct mcsafe_scrub_options options = {.found = prove, .arg = &scrubbed};
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *made;
	char key[64];
	int err;

	lab_forget_signals();
	lab_need(mcsafe_scrub_create(&made, mapping->base + from, WINDOW, badblocks, &options) == 0,
		 "no memory");
	err = mcsafe_scrub_run(made);
	mcsafe_scrub_get_progress(made, &progress);
	mcsafe_scrub_destroy(made);
	snprintf(key, sizeof(key), "%s: result", which);
	lab_fact(key, "%d, %zu bytes bad, %zu skipped, %u signals", err, progress.bad,
		 progress.skipped, lab_signals.n);
	snprintf(key, sizeof(key), "%s: bad sectors", which);
	lab_fact(key, "%s", lab_bad_sectors(badblocks, 0));
}

/*
 * Scrubs memory with poison that nobody has met, then with a registry that knows it, then without
 * one.
 */
int lab_program_scrub(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping(argc > 1 ? argv[1] : "");
	const size_t page = LAB_MAPPING_LINE - LAB_MAPPING_LINE % T_PAGE, from = page - WINDOW / 2;
	struct lab_target target = lab_target(mapping.base + LAB_MAPPING_LINE);
	struct mcsafe_badblocks *badblocks = new_registry();
	struct lab_events events;

	lab_install();
	lab_kernel_log("");
	arm("approach", &target);
	scrub("latent poison", &mapping, badblocks, from);
	scrub("known to us", &mapping, badblocks, from);
	events = lab_disarm();
	lab_check(events.injected == 1, "%u machine checks", events.injected);
	lab_check(events.touched == 0, "the line was read %u times more", events.touched);
	if (mapping.pmem)
		lab_wait_bad_blocks(target.physical);
	mcsafe_badblocks_destroy(badblocks);
	badblocks = new_registry();
	scrub("known to the kernel", &mapping, badblocks, from);
	mcsafe_badblocks_destroy(badblocks);
	lab_kernel_log("");
	return lab_status();
}

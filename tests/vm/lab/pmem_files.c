/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_files.c - pmem.h and the kernel read the same files on real poison, call by call; and repair
 */
#include "lab.h"
#include "landing/landing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Each case has two lines of its own, because poison can be met for the first time only once. */
#define APART    (64 * T_PAGE)
#define IN_APART (20 * T_PAGE + 31 * LINE)
#define CAPACITY ((size_t)65536)

static const struct {
	size_t before; /* bytes from the start of the read to the line */
	size_t n;
} cases[] = {
	{4 * T_PAGE + 256, 65536},
	{256, 4096},
	{0, 4096},
	{T_PAGE, 2 * T_PAGE},
};

static struct lab_mapping mapping;
static struct mcsafe_pmem *pmem;
static unsigned char *buffer;
static bool has_read;      /* the kernel's read(2) works on the file, */
static bool survives_read; /* and uses copies in which the lab can raise machine checks: DAX */

static void open_kind(const char *kind)
{
	mapping = lab_mapping(kind);
	has_read = strcmp(kind, "devdax") != 0;
	survives_read = has_read && mapping.pmem;
	buffer = malloc(LAB_MAPPING_SIZE);
	lab_need(buffer != NULL, "no memory");
	lab_install();
	lab_kernel_log("");
	lab_need(mcsafe_pmem_open_fd(&pmem, mapping.fd, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
	/* Touches all pages, so that they have physical addresses. */
	for (size_t at = 0; at < LAB_MAPPING_SIZE; at += T_PAGE)
		lab_need(mcsafe_pmem_pread(pmem, buffer, 1, (off_t)at, NULL) == 1, "no page");
}

static unsigned char *mapped(size_t offset)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	return (unsigned char *)info.base + offset;
}

static const char *bytes_or_error(ssize_t got, int error)
{
	static char text[32];

	if (got < 0)
		return strerrorname_np(error);
	snprintf(text, sizeof(text), "%zd", got);
	return text;
}

/* Reports the result of a call, the kernel's or ours. */
static void told(const char *what, const char *call, ssize_t got)
{
	int error = got == -1 ? errno : 0;
	char key[128];

	if (got < -1 || strncmp(call, "mcsafe", 6) == 0)
		error = (int)-got;
	snprintf(key, sizeof(key), "%s: %s", what, call);
	lab_fact(key, "%s", bytes_or_error(got, error));
}

static void check_bytes(ssize_t got, size_t from, size_t n)
{
	size_t done = got > 0 ? (size_t)got : 0;

	lab_check(lab_is_pattern(buffer, from, done) && lab_is_fill(buffer + done, n - done),
		  "%zd of %zu bytes at %zu are not right", got, n, from);
}

static void clear_buffer(size_t n)
{
	memset(buffer, FILL, n);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void kernel_reads(const char *what, size_t from, size_t n)
{
	ssize_t got;

	clear_buffer(n);
	got = pread(mapping.fd, buffer, n, (off_t)from);
	told(what, "pread()", got);
	lab_check(got <= 0 || lab_is_pattern(buffer, from, (size_t)got), "pread() is wrong");
}

static void we_read(const char *what, size_t from, size_t n)
{
	ssize_t got;

	clear_buffer(n);
	got = mcsafe_pmem_pread(pmem, buffer, n, (off_t)from, NULL);
	told(what, "mcsafe_pmem_pread()", got);
	check_bytes(got, from, n);
}

static void vectors(const char *what, size_t from, size_t n)
{
	struct iovec iov[2] = {{buffer, n / 3}, {buffer + n / 3, n - n / 3}};
	ssize_t got;

	if (has_read) {
		clear_buffer(n);
		told(what, "preadv()", preadv(mapping.fd, iov, 2, (off_t)from));
	}
	clear_buffer(n);
	got = mcsafe_pmem_preadv(pmem, iov, 2, (off_t)from, NULL);
	told(what, "mcsafe_pmem_preadv()", got);
	check_bytes(got, from, n);
}

static bool is_known(struct mcsafe_pmem *of, size_t page)
{
	struct mcsafe_range bad;

	return mcsafe_badblocks_next(mcsafe_pmem_badblocks(of), page, page + T_PAGE, &bad) &&
	       bad.start == page && bad.len == T_PAGE;
}

static void one_case(size_t i)
{
	const size_t line[2] = {2 * i * APART + IN_APART, (2 * i + 1) * APART + IN_APART};
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	struct lab_target target = lab_target(mapped(line[1]));
	size_t from = line[1] - cases[i].before;
	char what[64];

	snprintf(what, sizeof(what), "first: %zu bytes, the line %zu on", cases[i].n,
		 cases[i].before);
	if (survives_read) {
		lab_arm_kernel("page", lab_physical(mapped(line[0])));
		kernel_reads(what, line[0] - cases[i].before, cases[i].n);
		lab_check(lab_disarm().injected > 0, "the kernel has not met the line");
	}
	lab_arm(cases[i].before ? "approach" : "load", "page", &target, 1, insns, n_insns);
	we_read(what, from, cases[i].n);
	lab_check(lab_disarm().injected == 1, "we have not met the line");
	lab_check(is_known(pmem, line[1] / T_PAGE * T_PAGE), "the page is not in the registry");

	if (mapping.pmem)
		lab_wait_bad_blocks(target.physical);
	snprintf(what, sizeof(what), "later: %zu bytes, the line %zu on", cases[i].n,
		 cases[i].before);
	if (has_read)
		kernel_reads(what, from, cases[i].n);
	lab_forget_signals();
	we_read(what, from, cases[i].n);
	vectors(what, from, cases[i].n);
	lab_check(lab_signals.n == 0, "known poison was touched");
}

/* The bytes after the bad page can be read at once. */
static void after_it(void)
{
	const size_t page = (APART + IN_APART) / T_PAGE * T_PAGE + T_PAGE;

	we_read("the page after it", page, T_PAGE);
}

static const char *state_name(enum mcsafe_badblocks_state state)
{
	static const char *const names[] = {"none", "found", "not asked"};

	return names[state];
}

static bool same_registry(struct mcsafe_pmem *a, struct mcsafe_pmem *b)
{
	struct mcsafe_range in_a, in_b;
	size_t at = 0;
	bool more;

	do {
		more = mcsafe_badblocks_next(mcsafe_pmem_badblocks(a), at, LAB_MAPPING_SIZE, &in_a);
		if (more !=
		    mcsafe_badblocks_next(mcsafe_pmem_badblocks(b), at, LAB_MAPPING_SIZE, &in_b))
			return false;
		if (more && (in_a.start != in_b.start || in_a.len != in_b.len))
			return false;
		at = more ? in_a.start + in_a.len : at;
	} while (more);
	return true;
}

static size_t known_bytes(struct mcsafe_pmem *of)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(of));
}

/* Our list, the kernel's list, and the list of somebody who opens the file now. */
static void lists(const char *when)
{
	struct mcsafe_badblocks_answer answer;
	struct mcsafe_pmem *fresh;
	char key[64];
	int err;

	lab_need(mcsafe_pmem_open_fd(&fresh, mapping.fd, 0) == 0, "cannot open it again");
	snprintf(key, sizeof(key), "%s: the kernel's list", when);
	err = mcsafe_pmem_ask(pmem, &answer);
	lab_fact(key, "%s", err ? strerrorname_np(-err) : state_name(answer.state));
	snprintf(key, sizeof(key), "%s: known to us", when);
	lab_fact(key, "%zu bytes", known_bytes(pmem));
	snprintf(key, sizeof(key), "%s: known when opened anew", when);
	lab_fact(key, "%zu bytes", known_bytes(fresh));
	if (!err)
		lab_check(same_registry(pmem, fresh), "the lists differ");
	mcsafe_pmem_close(fresh);
}

static void salvage(void)
{
	struct mcsafe_range holes[2 * T_LENGTH(cases)];
	size_t n = T_LENGTH(holes), lost = 0, at = 0;
	ssize_t got = mcsafe_pmem_salvage(pmem, buffer, LAB_MAPPING_SIZE, 0, FILL, holes, &n);

	lab_check(got == (ssize_t)LAB_MAPPING_SIZE, "salvage gives %zd", got);
	lab_need(n <= T_LENGTH(holes), "%zu holes", n);
	for (size_t i = 0; i < n; i++) {
		lab_check(lab_is_pattern(buffer + at, at, holes[i].start - at) &&
				  lab_is_fill(buffer + holes[i].start, holes[i].len),
			  "hole %zu is in the wrong place", i);
		at = holes[i].start + holes[i].len;
		lost += holes[i].len;
	}
	lab_check(lab_is_pattern(buffer + at, at, LAB_MAPPING_SIZE - at), "the rest is wrong");
	lab_fact("salvage", "%zu holes, %zu bytes", n, lost);
}

/* A store does not clear poison, so we do not try one. Nor does a write of less than a page. */
static void writes(void)
{
	const size_t page = (APART + IN_APART) / T_PAGE * T_PAGE;

	memset(buffer, 0, T_PAGE);
	lab_forget_signals();
	if (has_read)
		told("64 bytes into it", "pwrite()", pwrite(mapping.fd, buffer, LINE, (off_t)page));
	told("64 bytes into it", "mcsafe_pmem_pwrite()",
	     mcsafe_pmem_pwrite(pmem, buffer, LINE, (off_t)page, NULL));
	lab_fill_pattern(buffer, page - LINE, 2 * LINE);
	told("128 bytes, 64 before it", "mcsafe_pmem_pwrite()",
	     mcsafe_pmem_pwrite(pmem, buffer, 2 * LINE, (off_t)(page - LINE), NULL));
	lab_check(lab_signals.n == 0, "known poison was touched by a store");
}

static void repair_all(void)
{
	struct mcsafe_range bad;
	ssize_t put = 0;
	size_t at = 0;

	while (put >= 0 &&
	       mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), at, LAB_MAPPING_SIZE, &bad)) {
		/* The kernel counts in sectors, and repairs whole pages. */
		bad.len = (bad.start % T_PAGE + bad.len + T_PAGE - 1) / T_PAGE * T_PAGE;
		bad.start -= bad.start % T_PAGE;
		lab_fill_pattern(buffer, bad.start, bad.len);
		put = mcsafe_pmem_repair(pmem, buffer, bad.len, (off_t)bad.start);
		lab_check(put < 0 || put == (ssize_t)bad.len, "repaired %zd bytes", put);
		at = bad.start + bad.len;
	}
	lab_fact("repair", "%s", put < 0 ? strerrorname_np((int)-put) : "ok");
}

static void all_is_well(void)
{
	ssize_t got;

	clear_buffer(LAB_MAPPING_SIZE);
	got = mcsafe_pmem_pread(pmem, buffer, LAB_MAPPING_SIZE, 0, NULL);
	lab_check(got == (ssize_t)LAB_MAPPING_SIZE && lab_is_pattern(buffer, 0, LAB_MAPPING_SIZE),
		  "the mapping has changed: %zd", got);
	clear_buffer(LAB_MAPPING_SIZE);
	got = pread(mapping.fd, buffer, LAB_MAPPING_SIZE, 0);
	lab_check(got == (ssize_t)LAB_MAPPING_SIZE && lab_is_pattern(buffer, 0, LAB_MAPPING_SIZE),
		  "the file has changed: %zd", got);
}

/* pmem-files KIND */
int lab_program_pmem_files(int argc, char **argv)
{
	open_kind(argc > 1 ? argv[1] : "");
	for (size_t i = 0; i < T_LENGTH(cases); i++)
		one_case(i);
	after_it();
	lists("before");
	salvage();
	writes();
	repair_all();
	lists("after");
	if (known_bytes(pmem) == 0)
		all_is_well();
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	return lab_status();
}

/* ---- poison that nobody has met -------------------------------------------------------------- */

/* Injects into the first sector of each page, because the lab's firmware has room for eight. */
static void inject_pages(size_t page, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lab_inject(lab_physical(mapped(page + i * T_PAGE)), 1);
}

/* pmem-injected KIND */
int lab_program_pmem_injected(int argc, char **argv)
{
	const size_t page = APART;

	open_kind(argc > 1 ? argv[1] : "");
	inject_pages(page, 2);
	lab_forget_signals();
	lists("injected");
	kernel_reads("from the page before", page - T_PAGE, 3 * T_PAGE);
	we_read("from the page before", page - T_PAGE, 3 * T_PAGE);
	we_read("from the page", page, T_PAGE);
	we_read("the page after it", page + 2 * T_PAGE, T_PAGE);
	lab_fact("signals", "%u", lab_signals.n);
	repair_all();
	lists("repaired");
	all_is_well();
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	return lab_status();
}

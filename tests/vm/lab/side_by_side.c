/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * side_by_side.c - the kernel's pread() and our copy from the mapping, on poison of the same kind
 */
#include "lab.h"
#include "landing/landing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static unsigned char *buffer;

static const char *bytes_or_error(ssize_t got)
{
	static char text[32];

	if (got < 0)
		return strerrorname_np(errno);
	snprintf(text, sizeof(text), "%zd", got);
	return text;
}

static ssize_t theirs(const struct lab_mapping *mapping, size_t from, size_t n)
{
	ssize_t got;

	memset(buffer, FILL, n);
	got = pread(mapping->fd, buffer, n, (off_t)from);
	lab_check(got <= 0 || lab_is_pattern(buffer, from, (size_t)got),
		  "pread() gives wrong bytes");
	return got;
}

static ssize_t ours(const struct lab_mapping *mapping, size_t from, size_t n)
{
	size_t done;

	memset(buffer, FILL, n);
	done = n - memcpy_mcsafe(buffer, mapping->base + from, n);
	lab_check(lab_is_pattern(buffer, from, done) && lab_is_fill(buffer + done, n - done),
		  "the copy gives wrong bytes");
	return (ssize_t)done;
}

/* How many bytes are good, including those past the bad block. */
static size_t all_good(const struct lab_mapping *mapping, size_t from, size_t n)
{
	struct mcsafe_range hole = {n, 0};
	size_t lost, end, room = 1;

	memset(buffer, 0, n);
	lost = mcsafe_memcpy_holes(buffer, mapping->base + from, n, FILL, &hole, &room);
	end = hole.start + hole.len;
	lab_check(room == 1 && lost == hole.len, "%zu holes, %zu bytes lost", room, lost);
	lab_check(lab_is_pattern(buffer, from, hole.start) &&
			  lab_is_fill(buffer + hole.start, hole.len) &&
			  lab_is_pattern(buffer + end, from + end, n - end),
		  "the copy with holes gives wrong bytes");
	return n - lost;
}

static void compare(const char *when, size_t i, ssize_t kernel, ssize_t us)
{
	char key[128];
	int n = snprintf(key, sizeof(key), "%s: %zu bytes, the line %zu on: ", when, cases[i].n,
			 cases[i].before);

	lab_check(us >= kernel, "%sthe kernel gives %zd bytes, we %zd", key, kernel, us);
	snprintf(key + n, sizeof(key) - (size_t)n, "pread()");
	lab_fact(key, "%s", bytes_or_error(kernel));
	snprintf(key + n, sizeof(key) - (size_t)n, "memcpy_mcsafe()");
	lab_fact(key, "%zd", us);
}

static void one_case(const struct lab_mapping *mapping, size_t i)
{
	const size_t line[2] = {2 * i * APART + IN_APART, (2 * i + 1) * APART + IN_APART};
	uintptr_t insns[LAB_ROWS_MAX];
	size_t n_insns = lab_all_rows(MCSAFE_ROW_LOAD, insns, T_LENGTH(insns));
	struct lab_target target = lab_target(mapping->base + line[1]);
	struct lab_events events;
	ssize_t kernel, us;
	char key[128];
	int error;

	lab_arm_kernel("page", lab_physical(mapping->base + line[0]));
	kernel = theirs(mapping, line[0] - cases[i].before, cases[i].n);
	error = errno;
	lab_check(lab_disarm().injected > 0, "the kernel has not met the line");

	/* The way is long, so the driver must not stop at every load before the line. */
	lab_arm(cases[i].before ? "approach" : "load", "page", &target, 1, insns, n_insns);
	us = ours(mapping, line[1] - cases[i].before, cases[i].n);
	events = lab_disarm();
	lab_check(events.injected == 1 && events.touched == 0, "%u machine checks, %u reads after",
		  events.injected, events.touched);
	errno = error;
	compare("first", i, kernel, us);

	lab_wait_bad_blocks(target.physical);
	kernel = theirs(mapping, line[1] - cases[i].before, cases[i].n);
	error = errno;
	us = ours(mapping, line[1] - cases[i].before, cases[i].n);
	errno = error;
	compare("later", i, kernel, us);
	snprintf(key, sizeof(key), "later: %zu bytes, the line %zu on: mcsafe_memcpy_holes()",
		 cases[i].n, cases[i].before);
	lab_fact(key, "%zu", all_good(mapping, line[1] - cases[i].before, cases[i].n));
}

int lab_program_side_by_side(int argc, char **argv)
{
	struct lab_mapping mapping = lab_mapping(argc > 1 ? argv[1] : "");

	buffer = malloc(CAPACITY);
	lab_need(buffer != NULL, "no memory");
	lab_install();
	lab_kernel_log("");
	for (size_t i = 0; i < T_LENGTH(cases); i++)
		one_case(&mapping, i);
	lab_kernel_log("");
	return lab_status();
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmem_cat.c - write a mapped file or device to standard output, with zeros for bad ranges
 *
 *	pmem_cat [-k KNOWN] [-s SAVE] FILE
 *
 * The program does not touch ranges that the kernel lists as bad. It does not touch ranges in the
 * list KNOWN either, which an earlier run has saved. It leaves out ranges that turn out to be bad
 * when they are read. It reports each hole in a line on standard error, with what the kernel says
 * about its first byte. -s saves all known bad ranges to the file SAVE. Exit status: 0 everything
 * was read; 1 there are holes, or nothing could be read; 2 wrong usage.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#define EXIT_USAGE 2
#define CHUNK      ((size_t)1 << 20)
#define MOST_HOLES (CHUNK / 64) /* at most every second cache line begins a hole */

static int fail(const char *what, int err)
{
	fprintf(stderr, "pmem_cat: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return EXIT_FAILURE;
}

static int load(struct mcsafe_pmem *pmem, const char *path)
{
	FILE *from = fopen(path, "re");
	size_t line = 0;
	int err;

	if (from == NULL)
		return fail(path, errno);
	err = mcsafe_badblocks_load(mcsafe_pmem_badblocks(pmem), from, &line);
	fclose(from);
	if (err == 0)
		return EXIT_SUCCESS;
	if (line != 0)
		fprintf(stderr, "pmem_cat: %s: line %zu is not a range\n", path, line);
	return fail(path, err);
}

static int save(struct mcsafe_pmem *pmem, const char *path)
{
	FILE *to = fopen(path, "we");
	int err;

	if (to == NULL)
		return fail(path, errno);
	err = mcsafe_badblocks_save(mcsafe_pmem_badblocks(pmem), to);
	if (fclose(to) != 0 && err == 0)
		err = -errno;
	return err == 0 ? EXIT_SUCCESS : fail(path, err);
}

/*
 * A salvage lists holes, but gives no fault record. A read of the first byte of a hole gives one.
 * It does not touch memory that is known to be bad. Nothing more is said about a range of the list
 * KNOWN that is good here.
 */
static void report(struct mcsafe_pmem *pmem, const char *path, const struct mcsafe_range *hole)
{
	static struct mcsafe_explanation explanation;
	struct mcsafe_fault fault = {0};
	char byte, why[512] = "";

	if (mcsafe_pmem_pread(pmem, &byte, 1, (off_t)hole->start, &fault) < 0 &&
	    mcsafe_explain(&fault, &explanation) == 0 &&
	    explanation.reason != MCSAFE_REASON_UNKNOWN)
		mcsafe_explain_text(&explanation, why, sizeof(why));
	fprintf(stderr, "pmem_cat: %s: %zu bytes at %zu are lost%s%s\n", path, hole->len,
		hole->start, why[0] != '\0' ? ": " : "", why);
}

/* Copies everything. A hole that crosses the end of a chunk is reported in two parts. */
static int cat(struct mcsafe_pmem *pmem, const char *path)
{
	static struct mcsafe_range holes[MOST_HOLES];
	static char chunk[CHUNK];
	int status = EXIT_SUCCESS;
	size_t n;
	ssize_t got;

	for (off_t at = 0;; at += got) {
		n = MOST_HOLES;
		got = mcsafe_pmem_salvage(pmem, chunk, sizeof(chunk), at, 0, holes, &n);
		if (got < 0)
			return fail(path, (int)got);
		if (got == 0)
			return status;
		for (size_t i = 0; i < n; i++)
			report(pmem, path, &holes[i]);
		if (n != 0)
			status = EXIT_FAILURE;
		if (fwrite(chunk, 1, (size_t)got, stdout) != (size_t)got)
			return fail("standard output", errno);
	}
}

static void describe(const struct mcsafe_pmem *pmem, const char *path)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	fprintf(stderr, "pmem_cat: %s: %zu bytes%s%s, pages of %zu bytes\n", path, info.size,
		info.dax ? ", DAX" : "", info.sync ? ", MAP_SYNC" : "", info.page_size);
}

int main(int argc, char **argv)
{
	const char *known = NULL, *list = NULL;
	struct mcsafe_pmem *pmem;
	int option, err, status = EXIT_SUCCESS;

	while ((option = getopt(argc, argv, "k:s:")) != -1) {
		if (option == 'k')
			known = optarg;
		else if (option == 's')
			list = optarg;
		else
			return EXIT_USAGE;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: pmem_cat [-k KNOWN] [-s SAVE] FILE\n");
		return EXIT_USAGE;
	}
	err = mcsafe_install();
	if (err == 0)
		err = mcsafe_pmem_open(&pmem, argv[optind], 0);
	if (err != 0)
		return fail(argv[optind], err);
	describe(pmem, argv[optind]);
	if (known != NULL)
		status = load(pmem, known);
	if (status == EXIT_SUCCESS)
		status = cat(pmem, argv[optind]);
	if (list != NULL && save(pmem, list) != EXIT_SUCCESS)
		status = EXIT_FAILURE;
	mcsafe_pmem_close(pmem);
	return status;
}

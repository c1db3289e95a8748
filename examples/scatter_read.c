/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scatter_read.c - read the header and the payload of a record in one call, past poison
 *
 * A record is mapped memory: a header, and directly after it a payload of some pages. The reader
 * wants them in two places, so it scatters the mapping over two segments. One page of the payload
 * fails. The copy stops there with an exact count, and the iterator stands at the first missing
 * byte. The reader writes zeros in place of the lost bytes, reports the hole, and continues.
 *
 *	scatter_read [hwpoison | uffd | truncate]
 *
 * The argument says how the page fails. The default is the first way that the machine allows. Exit
 * status: 0 the reader read all that can be read; 1 it did not; 2 wrong usage; 77 this machine
 * cannot make the page fail.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "poison.h"

#define PAYLOAD     ((size_t)20000)
#define EXIT_USAGE  2
#define EXIT_CANNOT 77

struct header {
	char magic[8];
	uint64_t payload;
	uint64_t reserved[6];
};

static const struct header written = {"record1", PAYLOAD, {0}};

/* Never 0, so that a hole differs from the payload. */
static unsigned char pattern(size_t i)
{
	return (unsigned char)(i % 255 + 1);
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* ---- a record, and how it fails ---------------------------------------------------------- */

static struct mapping make_record(size_t page)
{
	struct mapping record;

	record.size = (sizeof(written) + PAYLOAD + page - 1) / page * page;
	record.fd = memfd_create("scatter_read", MFD_CLOEXEC);
	if (record.fd == -1 || ftruncate(record.fd, (off_t)record.size) == -1)
		die("memfd_create");
	record.start = mmap(NULL, record.size, PROT_READ | PROT_WRITE, MAP_SHARED, record.fd, 0);
	if (record.start == MAP_FAILED)
		die("mmap");
	memcpy(record.start, &written, sizeof(written));
	for (size_t i = 0; i < PAYLOAD; i++)
		record.start[sizeof(written) + i] = pattern(i);
	return record;
}

/* Makes the third page of the record fail, in the wanted way, or in any way if `wanted` is NULL. */
static enum poison_kind spoil(const struct mapping *record, size_t page, const char *wanted)
{
	char why[256] = "no such kind of failure";
	bool known = wanted == NULL;

	for (int i = 0; i < POISON_KINDS; i++) {
		enum poison_kind kind = (enum poison_kind)i;

		if (wanted != NULL && strcmp(wanted, poison_kind_name(kind)) != 0)
			continue;
		known = true;
		if (poison_inject(kind, record, 2 * page, page, why, sizeof(why)) == 0)
			return kind;
	}
	fprintf(stderr, "scatter_read: %s\n", why);
	exit(known ? EXIT_CANNOT : EXIT_USAGE);
}

/* ---- the reader -------------------------------------------------------------------------- */

/* Bytes from `at` to the end of the lost extent, which is a page if the kernel does not name it. */
static size_t lost_from(const unsigned char *at, const struct mcsafe_fault *fault, size_t page)
{
	size_t extent = fault->extent > page ? fault->extent : page;

	return extent - (uintptr_t)at % extent;
}

/* Which file, which offset, and why. */
static const char *reason_of(const struct mcsafe_fault *fault)
{
	static struct mcsafe_explanation explanation;
	static char line[512];

	if (mcsafe_explain(fault, &explanation) != 0)
		return mcsafe_cause_name(fault->cause);
	mcsafe_explain_text(&explanation, line, sizeof(line));
	return line;
}

/* Fills the iterator from the record. Returns how many bytes were lost and are zeros instead. */
static size_t read_record(struct mcsafe_iter *it, const unsigned char *record, size_t page)
{
	size_t done = 0, lost = 0;

	for (;;) {
		struct mcsafe_fault fault = {0};
		size_t hole;

		done += mcsafe_copy_to_iter(record + done, SIZE_MAX, it, &fault);
		if (mcsafe_iter_count(it) == 0)
			return lost;
		if (fault.side != MCSAFE_SIDE_SOURCE) {
			fprintf(stderr, "scatter_read: the reader's own memory is bad\n");
			exit(EXIT_FAILURE);
		}
		hole = lost_from(record + done, &fault, page);
		hole = mcsafe_iter_zero(hole, it, NULL);
		printf("hole: bytes %zu to %zu of the record: %s\n", done, done + hole - 1,
		       reason_of(&fault));
		done += hole;
		lost += hole;
	}
}

static size_t count_wrong(const unsigned char *payload)
{
	size_t wrong = 0;

	for (size_t i = 0; i < PAYLOAD; i++)
		wrong += payload[i] != pattern(i) && payload[i] != 0;
	return wrong;
}

int main(int argc, char **argv)
{
	static unsigned char payload[PAYLOAD];
	struct header header;
	struct iovec segments[] = {{&header, sizeof(header)}, {payload, sizeof(payload)}};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), lost, wrong, zeros = 0;
	struct mcsafe_iter it;
	struct mapping record;
	enum poison_kind kind;

	if (argc > 2) {
		fprintf(stderr, "usage: scatter_read [hwpoison | uffd | truncate]\n");
		return EXIT_USAGE;
	}
	record = make_record(page);
	kind = spoil(&record, page, argv[1]);
	printf("made bad: %s\n", poison_kind_means(kind));

	if (mcsafe_install() != 0 ||
	    mcsafe_iter_iovec(&it, MCSAFE_SIDE_DESTINATION, segments, 2, SIZE_MAX) != 0) {
		fprintf(stderr, "scatter_read: libmcsafe is not available\n");
		return EXIT_FAILURE;
	}
	lost = read_record(&it, record.start, page);

	wrong = count_wrong(payload);
	for (size_t i = 0; i < PAYLOAD; i++)
		zeros += payload[i] == 0;
	printf("header: %s\npayload: %zu bytes read, %zu lost, %zu wrong\n",
	       memcmp(&header, &written, sizeof(header)) == 0 ? "read" : "WRONG", PAYLOAD - lost,
	       lost, wrong);
	return memcmp(&header, &written, sizeof(header)) == 0 && lost >= page && zeros == lost &&
			       wrong == 0
		       ? EXIT_SUCCESS
		       : EXIT_FAILURE;
}

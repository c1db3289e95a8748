/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * poisoned_read.c - read a mapped file of which one page fails, and prove what the copy did
 *
 * This is the work of a storage server on a small scale: the program maps a file, part of the
 * memory fails, and a copy meets it. The page fails in a private copy of the file in memory
 * (memfd_create(2)). The program only reads the file itself, so the file is safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "poison.h"
#include "report.h"

/* The value of bytes that were never written. The pattern does not contain it. */
#define UNTOUCHED 0xee

#define MADE_PAGES     8
#define DEFAULT_LENGTH (UINT64_C(1) << 20)
#define LENGTH_MAX     (UINT64_C(1) << 30) /* the range is in memory twice */

#define EXIT_USAGE  2
#define EXIT_CANNOT 77 /* this machine cannot make a page fail in that way */

static const char usage[] =
	"usage: poisoned_read [OPTION]... [FILE]\n"
	"Map FILE, make one page of the mapping fail, copy across it, and prove what the copy "
	"did.\n"
	"Without FILE, make a file of 8 pages in which each byte depends on its offset.\n"
	"FILE itself is never changed: the page fails in a private copy of the range.\n"
	"\n"
	"  -k, --kind=KIND      how the page fails:\n"
	"                         hwpoison  as after a machine check, with MADV_HWPOISON; needs "
	"root\n"
	"                                   and CONFIG_MEMORY_FAILURE; the machine cannot use\n"
	"                                   that page again until it restarts\n"
	"                         uffd      a marker in the page table, with UFFDIO_POISON\n"
	"                         truncate  the file ends before the page\n"
	"                         auto      the first of these that this machine allows (default)\n"
	"  -o, --offset=BYTES   where in the file the copy begins (default: 0)\n"
	"  -l, --length=BYTES   how much to copy (default: the rest of the file, up to 1 MiB)\n"
	"  -p, --poison=BYTES   an offset in the page that fails (default: the middle of the "
	"copy)\n"
	"  -j, --json           print the report as one JSON object\n"
	"  -h, --help           print this help\n"
	"\n"
	"Exit status: 0 the copy stopped at the page and kept every promise; 1 it did not, or\n"
	"an error occurred; 2 wrong usage; 77 this machine cannot make a page fail in that way.\n";

struct options {
	const char *path;
	bool any_kind;
	enum poison_kind kind;
	uint64_t offset;
	uint64_t length; /* 0: the default */
	bool poison_given;
	uint64_t poison;
	bool json;
};

__attribute__((format(printf, 2, 3), noreturn)) static void die(int status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "poisoned_read: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(status);
}

/* ---- options ----------------------------------------------------------------------------- */

static uint64_t bytes(const char *option, const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL ||
	    value > INT64_MAX)
		die(EXIT_USAGE, "--%s: \"%s\" is not a number of bytes", option, text);
	return value;
}

static void set_kind(struct options *options, const char *name)
{
	options->any_kind = strcmp(name, "auto") == 0;
	if (options->any_kind)
		return;
	for (int kind = 0; kind < POISON_KINDS; kind++)
		if (strcmp(name, poison_kind_name((enum poison_kind)kind)) == 0) {
			options->kind = (enum poison_kind)kind;
			return;
		}
	die(EXIT_USAGE, "--kind: \"%s\" is not one of hwpoison, uffd, truncate, auto", name);
}

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{"kind", required_argument, NULL, 'k'},
		{"offset", required_argument, NULL, 'o'},
		{"length", required_argument, NULL, 'l'},
		{"poison", required_argument, NULL, 'p'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.any_kind = true};
	int option;

	while ((option = getopt_long(argc, argv, "k:o:l:p:jh", names, NULL)) != -1) {
		switch (option) {
		case 'k':
			set_kind(&options, optarg);
			break;
		case 'o':
			options.offset = bytes("offset", optarg);
			break;
		case 'l':
			options.length = bytes("length", optarg);
			if (options.length == 0 || options.length > LENGTH_MAX)
				die(EXIT_USAGE, "--length: must be 1 to %" PRIu64, LENGTH_MAX);
			break;
		case 'p':
			options.poison = bytes("poison", optarg);
			options.poison_given = true;
			break;
		case 'j':
			options.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			die(EXIT_USAGE, "try --help");
		}
	}
	if (argc - optind > 1)
		die(EXIT_USAGE, "more than one file; try --help");
	options.path = argv[optind];
	return options;
}

/* ---- the file in memory ------------------------------------------------------------------ */

struct source {
	const char *name; /* to print in messages */
	int file;         /* the given file; -1 if there is none */
	uint64_t size;
	uint64_t base; /* the offset in the file at which the mapping starts */
	struct mapping mapping;
};

/* Never UNTOUCHED. */
static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)((uint32_t)offset * UINT32_C(2654435761) >> 25);
}

static void read_exactly(const struct source *source, int fd, unsigned char *to, size_t n,
			 uint64_t at)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)at);

		if (got == -1)
			die(EXIT_FAILURE, "%s: offset %" PRIu64 ": pread(): %s", source->name, at,
			    strerror(errno));
		if (got == 0)
			die(EXIT_FAILURE, "%s: offset %" PRIu64 ": the file has shrunk",
			    source->name, at);
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
}

static void open_file(struct source *source, const char *path)
{
	struct stat status;

	source->name = path;
	source->file = open(path, O_RDONLY | O_CLOEXEC);
	if (source->file == -1 || fstat(source->file, &status) == -1)
		die(EXIT_FAILURE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		die(EXIT_FAILURE, "%s: not a regular file", path);
	source->size = (uint64_t)status.st_size;
}

static void open_source(struct source *source, const char *path, size_t page)
{
	if (path != NULL) {
		open_file(source, path);
		return;
	}
	source->name = "the made file";
	source->file = -1;
	source->size = MADE_PAGES * page;
}

/* Makes a shared mapping, like that of a file on persistent memory, with a copy of the file. */
static void map_source(struct source *source, size_t n)
{
	struct mapping *mapping = &source->mapping;
	size_t in_file = n;

	mapping->size = n;
	mapping->fd = memfd_create("poisoned_read", MFD_CLOEXEC);
	if (mapping->fd == -1 || ftruncate(mapping->fd, (off_t)n) == -1)
		die(EXIT_FAILURE, "%s: %zu bytes of memory: %s", source->name, n, strerror(errno));
	mapping->start = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, mapping->fd, 0);
	if (mapping->start == MAP_FAILED)
		die(EXIT_FAILURE, "%s: mmap(): %s", source->name, strerror(errno));

	if (in_file > source->size - source->base)
		in_file = (size_t)(source->size - source->base);
	if (source->file != -1) {
		read_exactly(source, source->file, mapping->start, in_file, source->base);
		return;
	}
	for (size_t i = 0; i < n; i++)
		mapping->start[i] = pattern(source->base + i);
}

/* ---- the request ------------------------------------------------------------------------- */

/* Turns the options into a range of the file and a page in it, or ends with the reason. */
static void plan(struct report *report, const struct options *options, const struct source *source,
		 size_t page)
{
	uint64_t length = options->length;
	uint64_t poison;

	if (options->offset >= source->size)
		die(EXIT_FAILURE, "%s: offset %" PRIu64 ": the file has only %" PRIu64 " bytes",
		    source->name, options->offset, source->size);
	if (length == 0) {
		length = source->size - options->offset;
		if (length > DEFAULT_LENGTH)
			length = DEFAULT_LENGTH;
	}
	if (length > source->size - options->offset)
		die(EXIT_FAILURE,
		    "%s: offset %" PRIu64 ": %" PRIu64
		    " bytes from there reach past the end, %" PRIu64,
		    source->name, options->offset, length, source->size);
	poison = options->poison_given ? options->poison : options->offset + length / 2;
	if (poison < options->offset || poison - options->offset >= length)
		die(EXIT_FAILURE, "%s: offset %" PRIu64 ": must fail, but is not in the copy",
		    source->name, poison);

	report->path = options->path;
	report->offset = options->offset;
	report->length = (size_t)length;
	report->poison = poison - poison % page;
	report->poison_size = page;
	if (report->poison > report->offset)
		report->expected = (size_t)(report->poison - report->offset);
}

static void inject(struct report *report, const struct options *options,
		   const struct source *source)
{
	size_t at = (size_t)(report->poison - source->base);
	int kind = options->any_kind ? 0 : (int)options->kind;

	for (; kind < POISON_KINDS; kind++) {
		char *why = report->refused[kind];

		report->kind = (enum poison_kind)kind;
		if (poison_inject(report->kind, &source->mapping, at, report->poison_size, why,
				  sizeof(report->refused[kind])) == 0)
			return;
		if (!options->any_kind)
			die(EXIT_CANNOT, "SKIP: %s: offset %" PRIu64 ": %s", source->name,
			    report->poison, why);
	}
	die(EXIT_FAILURE, "%s: offset %" PRIu64 ": %s", source->name, report->poison,
	    report->refused[POISON_KINDS - 1]);
}

/* ---- the copy, and the proof --------------------------------------------------------------- */

/* Reads the good bytes a second time, in another way, and compares. */
static bool prefix_right(const struct report *report, const struct source *source,
			 const unsigned char *copy)
{
	size_t done = report->length - report->remaining;
	int fd = source->file != -1 ? source->file : source->mapping.fd;
	uint64_t start = source->file != -1 ? 0 : source->base;
	unsigned char again[4096];
	size_t n;

	for (size_t i = 0; i < done; i += n) {
		n = done - i < sizeof(again) ? done - i : sizeof(again);
		read_exactly(source, fd, again, n, report->offset + i - start);
		if (memcmp(copy + i, again, n) != 0)
			return false;
	}
	if (source->file == -1)
		for (size_t i = 0; i < done; i++)
			if (copy[i] != pattern(report->offset + i))
				return false;
	return true;
}

static bool rest_untouched(const struct report *report, const unsigned char *copy)
{
	for (size_t i = report->length - report->remaining; i < report->length; i++)
		if (copy[i] != UNTOUCHED)
			return false;
	return true;
}

/* The place is in the private copy. Its offsets begin where the range of the copy begins. */
static void explain(struct report *report)
{
	static struct mcsafe_explanation explanation;

	if (report->remaining != 0 && mcsafe_explain(&report->fault, &explanation) == 0)
		mcsafe_explain_text(&explanation, report->explained, sizeof(report->explained));
}

static void copy_and_check(struct report *report, const struct source *source)
{
	const unsigned char *start = source->mapping.start;
	unsigned char *copy = malloc(report->length);
	uintptr_t in_mapping;
	int err = mcsafe_install();

	if (err != 0)
		die(EXIT_FAILURE, "mcsafe_install(): %s", strerror(-err));
	if (copy == NULL)
		die(EXIT_FAILURE, "%s: %zu bytes of memory: %s", source->name, report->length,
		    strerror(errno));
	memset(copy, UNTOUCHED, report->length);

	report->remaining = mcsafe_memcpy(copy, start + (report->offset - source->base),
					  report->length, &report->fault);

	in_mapping = (uintptr_t)report->fault.addr - (uintptr_t)start;
	report->fault_in_file = report->remaining != 0 && in_mapping < source->mapping.size;
	report->fault_at = source->base + in_mapping;
	explain(report);
	report->prefix_right = prefix_right(report, source, copy);
	report->rest_untouched = rest_untouched(report, copy);
	free(copy);
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct source source = {0};
	struct report report = {0};
	uint64_t end;

	open_source(&source, options.path, page);
	plan(&report, &options, &source, page);
	source.base = report.offset - report.offset % page;
	end = report.offset + report.length + page - 1;
	map_source(&source, (size_t)(end - end % page - source.base));
	inject(&report, &options, &source);
	copy_and_check(&report, &source);

	if (options.json)
		report_json(&report, stdout);
	else
		report_text(&report, stdout);
	if (fflush(stdout) != 0)
		die(EXIT_FAILURE, "standard output: %s", strerror(errno));
	return report_survived(&report) ? EXIT_SUCCESS : EXIT_FAILURE;
}

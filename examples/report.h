/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - the report of poisoned_read, and functions that print it */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <mcsafe/mcsafe.h>

#include "poison.h"

#define REASON_MAX    160
#define EXPLAINED_MAX 512

struct report {
	const char *path; /* NULL: the file was made for this run */
	uint64_t offset;  /* in the file, like every offset here */
	size_t length;

	/* The page that fails, how it was made to fail, and why stronger ways were refused. */
	enum poison_kind kind;
	char refused[POISON_KINDS][REASON_MAX]; /* "" if it was not tried, or worked */
	uint64_t poison;
	size_t poison_size;

	size_t remaining;
	struct mcsafe_fault fault;
	bool fault_in_file;            /* whether fault.addr is in the mapping */
	uint64_t fault_at;             /* if so, the offset of fault.addr in the file */
	char explained[EXPLAINED_MAX]; /* the line of mcsafe_explain_text() */

	/* The proof, byte by byte. */
	size_t expected; /* good bytes before the page */
	bool prefix_right;
	bool rest_untouched;
};

/* Whether the copy kept every promise. */
bool report_survived(const struct report *report);

void report_text(const struct report *report, FILE *out);
void report_json(const struct report *report, FILE *out);

#endif /* REPORT_H */

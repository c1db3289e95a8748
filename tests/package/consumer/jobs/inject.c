/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Test my error paths" */
#include "frame.h"

#include <mcsafe/inject.h>

static int calls;

/* The code under test. */
static int read_record(const char *page)
{
	char record[64];

	calls++;
	return memcpy_mcsafe(record, page, sizeof(record)) == 0 ? 0 : -EIO;
}

int main(void)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(page != MAP_FAILED);
	fill(page, PAGE);
	NEED(mcsafe_install() == 0);
#include "lines.inc"
	NEED(calls == 2 && is_good(page, PAGE));
	return 0;
}

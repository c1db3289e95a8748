/* SPDX-License-Identifier: BSD-3-Clause */
/* cxl.h - the media errors that cxl-list(1) writes as JSON */
#ifndef MCSAFE_TOOLS_CXL_H
#define MCSAFE_TOOLS_CXL_H

#include <stddef.h>

#include <mcsafe/badblocks.h>

/* Whose media errors are taken. */
struct cxl {
	const char
		*of; /* this region or memdev; NULL: there must be no more than one with errors */
	size_t base; /* where the file or device begins: it is subtracted from the offsets */
	char *found; /* who has errors: cxl_load() sets it, also for the next file */
};

/*
 * Add the ranges of "cxl list --media-errors". Their offsets are those of the region, or the
 * addresses in the device. What lies before `base` is left out. The path "-" is standard input.
 *
 * Ends the program with a message if the text is not of that kind.
 */
void cxl_load(struct mcsafe_badblocks *bad, const char *path, struct cxl *cxl);

#endif /* MCSAFE_TOOLS_CXL_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* cxl.h - the media errors that cxl-list(1) writes as JSON */
#ifndef MCSAFE_TOOLS_CXL_H
#define MCSAFE_TOOLS_CXL_H

#include <stddef.h>

#include <mcsafe/badblocks.h>

/*
 * Add the ranges of "cxl list --media-errors". Their offsets are those of the region, or the
 * addresses in the device: `base` is subtracted, and what lies before it is left out.
 *
 * @param path  The file; "-" is standard input.
 * @param from  The name of a region or memdev: only its errors are taken. NULL: there must be no
 *              more than one that has errors.
 *
 * Ends the program with a message if the text is not of that kind.
 */
void cxl_load(struct mcsafe_badblocks *bad, const char *path, const char *from, size_t base);

#endif /* MCSAFE_TOOLS_CXL_H */

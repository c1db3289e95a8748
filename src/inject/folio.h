/* SPDX-License-Identifier: BSD-3-Clause */
/* folio.h - take a page out of a large folio */
#ifndef MCSAFE_SRC_INJECT_FOLIO_H
#define MCSAFE_SRC_INJECT_FOLIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A mapping of a file. */
struct mcsafe__file_part {
	uintptr_t start;
	uintptr_t end;
	off_t offset;  /* of the byte at start, in the file */
	char link[64]; /* /proc/self/map_files/..., see proc_pid_map_files(5) */
};

/* Split the large folio that a page of the mapping is in. False: it is in none, or that failed.
 * After a split the page is clean, or not in memory. Needs CAP_SYS_ADMIN. */
bool mcsafe__split_folio(const struct mcsafe__file_part *part, uintptr_t page);

#endif /* MCSAFE_SRC_INJECT_FOLIO_H */

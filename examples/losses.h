/* SPDX-License-Identifier: BSD-3-Clause */
/* losses.h - put a shield over the mapping of another library, and say what was lost */
#ifndef LOSSES_H
#define LOSSES_H

#include <stdbool.h>
#include <stddef.h>

#include <mcsafe/mcsafe.h>

/* Open a shield on the first mapping of a file in this process. False: there is none, or it cannot
 * be shielded. */
bool shield_mapping_of(const char *path, struct mcsafe_shield **shield);

/*
 * Print a line for each range that is a stand-in, with its offset from the start of the shield, and
 * close the shield. NULL: there is none. Returns the number of bytes that stand-ins have replaced.
 */
size_t close_and_tell(struct mcsafe_shield *shield);

#endif /* LOSSES_H */

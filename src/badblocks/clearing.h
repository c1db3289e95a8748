/* SPDX-License-Identifier: BSD-3-Clause */
/* clearing.h - have the firmware clear poison from a range of a region */
#ifndef MCSAFE_SRC_BADBLOCKS_CLEARING_H
#define MCSAFE_SRC_BADBLOCKS_CLEARING_H

#include <stdint.h>

/* In clearing.c; or in clearing_none.c of a library without libndctl, which clears nothing. */
struct mcsafe__clearing;

/*
 * Find out whether the firmware can clear n bytes from a physical address on; nothing is changed. 0
 * and *clearing, which must be given back by mcsafe__clearing_end(); -ENOSYS if libndctl cannot be
 * loaded, or the library was built without it; -ENODEV if libndctl knows of no such region;
 * -EOPNOTSUPP if the firmware cannot clear; -EINVAL if the range is not made of the units in which
 * the firmware clears; -EIO if the firmware refuses to say; or -errno of the kernel, for example
 * -EACCES.
 */
int mcsafe__clearing_begin(struct mcsafe__clearing **clearing, const char *region, uint64_t address,
			   uint64_t n);
/* Clear the range: 0 if all of it is cleared; -EIO if the firmware refuses a part; or -errno. */
int mcsafe__clearing_run(const struct mcsafe__clearing *clearing);
/* NULL: nothing is done. */
void mcsafe__clearing_end(struct mcsafe__clearing *clearing);

#endif /* MCSAFE_SRC_BADBLOCKS_CLEARING_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * medium.h - what the kernel says now about the file of a mapping
 *
 * A SIGBUS does not tell why a page cannot be accessed: the medium has lost it, the file was
 * truncated, there is no space for it, or a pager or a server has not brought it. These functions
 * ask the kernel by system calls on the file. They say so if the file is no longer there: the
 * program may have closed the descriptor, and opened another file with that number.
 *
 * Offsets are those of the mapping. All functions may change errno. Calls must not be cancelled in
 * them (base/no_cancel.h).
 */
#ifndef MCSAFE_SRC_PMEM_MEDIUM_H
#define MCSAFE_SRC_PMEM_MEDIUM_H

#include "pmem.h"

/* The size that the file has now, counted from its start. SIZE_MAX: it is a character device, which
 * does not tell. 0; or -errno: -EBADF, it is no longer the file that was opened. */
int mcsafe__medium_size(const struct mcsafe_pmem *pmem, size_t *size);

/* Where the last page of the file ends now, as an offset in the mapping. SIZE_MAX if nobody
 * knows. */
size_t mcsafe__medium_end(const struct mcsafe_pmem *pmem);

/* Whether the file has a page at an offset now. True if nobody knows. */
bool mcsafe__medium_has_page(const struct mcsafe_pmem *pmem, size_t at);

/*
 * Whether the medium has lost the byte at an offset, where an access met an I/O error. Only if
 * pread(2) fails too, and the file is the same and has the same size before that and after it.
 * Without a file nobody knows: false. An error of a server or of a user-space file system is not a
 * loss either.
 */
bool mcsafe__medium_has_lost(const struct mcsafe_pmem *pmem, size_t at);

/*
 * Have the file system give the file the page at an offset, where a store met an I/O error. 0: the
 * file has the page, so that a store may succeed now. -ENOSPC: there is no space. -EIO: it is
 * something else, for example that the file was truncated. The file does not grow.
 */
int mcsafe__medium_make_room(const struct mcsafe_pmem *pmem, size_t at);

/*
 * The number of bytes, of n at an offset, that are all in a hole of the file, or all not. *hole
 * says which. Reading a hole through a mapping of tmpfs takes memory for it; no other file system
 * does that. So a hole is found in files of tmpfs only, and only if the library has mapped them.
 * The file position of the caller does not move. At most one call in many makes a system call, if
 * there are no holes before the end of what is read.
 */
size_t mcsafe__medium_run(struct mcsafe_pmem *pmem, size_t offset, size_t n, bool *hole);
/* The file may have holes where it had none. */
void mcsafe__medium_has_holes(struct mcsafe_pmem *pmem);

/* Close what the functions above keep. */
void mcsafe__medium_forget(struct mcsafe_pmem *pmem);

#endif /* MCSAFE_SRC_PMEM_MEDIUM_H */

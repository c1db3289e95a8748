/* SPDX-License-Identifier: BSD-3-Clause */
/* injection.h - what the files of the injection component know of each other */
#ifndef MCSAFE_SRC_INJECT_INJECTION_H
#define MCSAFE_SRC_INJECT_INJECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/inject.h>

#define MCSAFE_INJECT_PAGE ((size_t)4096)

/* A piece of one mapping that was made bad. */
struct mcsafe__injection {
	struct mcsafe__injection *next;
	uintptr_t start;
	size_t len;
	enum mcsafe_inject_kind kind;
	int prot;    /* of the mapping */
	bool shared; /* MAP_SHARED */

	/* Flags of the mapping (VmFlags in proc_pid_smaps(5)), as far as the kernel gives them. */
	bool watched;   /* by userfaultfd(2) */
	bool dont_fork; /* MADV_DONTFORK */
	bool dont_dump; /* MADV_DONTDUMP */

	void *aside; /* where the memory itself waits; NULL: it stayed in its place */
	void *copy;  /* its bytes, if it could neither stay nor be moved; or NULL */
};

/* kind.c: one piece. 0 or -errno, with a reason; on failure the memory is as it was. */
int mcsafe__inject_make(struct mcsafe__injection *piece);
int mcsafe__inject_undo(struct mcsafe__injection *piece);

/* hwpoison.c: the same for HWPOISON; make() cuts piece->len down to what was really lost. */
int mcsafe__hwpoison_make(struct mcsafe__injection *piece);
int mcsafe__hwpoison_undo(struct mcsafe__injection *piece);
int mcsafe__hwpoison_supported(void);

/* userfault.c: put poison markers on empty memory of this process; or ask whether that works. */
int mcsafe__userfault_poison(uintptr_t start, size_t len);
int mcsafe__userfault_supported(void);

/* mappings.c: the piece of a mapping that begins at `start` and ends at `end` or before. 0, -ENOMEM
 * if nothing is mapped there, or -errno. */
int mcsafe__inject_mapping_at(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end);

/* reason.c: note why, for mcsafe_inject_reason(); returns error. */
int mcsafe__inject_fail(int error, const char *why);

/* mremap(2) and madvise(2) as the kernel has them, for constants that the headers may lack. */
#ifndef MREMAP_DONTUNMAP
# define MREMAP_DONTUNMAP 4 /* Linux 5.7 */
#endif
#ifndef MADV_POPULATE_READ
# define MADV_POPULATE_READ  22 /* Linux 5.14 */
# define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_GUARD_INSTALL
# define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#endif /* MCSAFE_SRC_INJECT_INJECTION_H */

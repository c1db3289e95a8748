/* SPDX-License-Identifier: BSD-3-Clause */
/* injection.h - shared by the files of the injection component */
#ifndef MCSAFE_SRC_INJECT_INJECTION_H
#define MCSAFE_SRC_INJECT_INJECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/inject.h>

#include "base/page.h"
#include "base/populate.h"
#include "folio.h"

/* A part of one mapping that was made bad. */
struct mcsafe__injection {
	struct mcsafe__injection *next;
	uintptr_t start;
	size_t len;
	enum mcsafe_inject_kind kind;
	int prot;                       /* of the mapping */
	bool shared;                    /* MAP_SHARED */
	struct mcsafe__file_part whole; /* the mapping; the link is missing */

	/* Flags of the mapping (VmFlags in proc_pid_smaps(5)), as far as the kernel gives them. */
	bool watched;   /* by userfaultfd(2) */
	bool dont_fork; /* MADV_DONTFORK */
	bool dont_dump; /* MADV_DONTDUMP */
	bool is_huge;   /* hugetlb */

	void *aside;  /* where the memory was moved; NULL: it stayed in its place */
	void *copy;   /* a copy of its bytes, if it could neither stay nor be moved; or NULL */
	bool emptied; /* POISON: its bytes are only in the copy, or in the shared object */
};

/* kind.c: make one piece bad, or undo that. 0; or -errno with a reason, and the memory is as
 * it was. */
int mcsafe__inject_make(struct mcsafe__injection *piece);
int mcsafe__inject_undo(struct mcsafe__injection *piece);

/* hwpoison.c: the same for HWPOISON. mcsafe__hwpoison_make() reduces piece->len to the bytes that
 * were really lost. */
int mcsafe__hwpoison_make(struct mcsafe__injection *piece);
int mcsafe__hwpoison_undo(struct mcsafe__injection *piece);
int mcsafe__hwpoison_supported(void);

/* userfault.c: put poison markers on empty memory of this process; find out whether that works. */
int mcsafe__userfault_poison(uintptr_t start, size_t len);
int mcsafe__userfault_supported(void);

/* mappings.c: describe the part of a mapping that begins at `start` and ends at `end` or before. 0;
 * -ENOMEM if nothing is mapped at `start`; or -errno. */
int mcsafe__inject_mapping_at(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end);

/* reason.c: store the reason for mcsafe_inject_reason(), and return error. */
int mcsafe__inject_fail(int error, const char *why);

/* Constants of the kernel that the headers of the C library may lack. */
#ifndef MREMAP_DONTUNMAP
# define MREMAP_DONTUNMAP 4 /* Linux 5.7 */
#endif
#ifndef MADV_GUARD_INSTALL
# define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#endif /* MCSAFE_SRC_INJECT_INJECTION_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kind.c - make one piece of a mapping bad, and good again
 *
 * The memory itself is never lost. First it is made inaccessible, so that a thread which uses it
 * meanwhile meets a fault and not an empty page. Then its pages are moved to another address by
 * mremap(2) with MREMAP_DONTUNMAP, which leaves no hole that another mmap(2) could take. Then bad
 * memory is mapped in its place. To undo that, the pages are moved back, which replaces the bad
 * memory in one step. So every kind of bad memory works with every type of memory that can be
 * moved.
 */
#include "injection.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static void *at(const struct mcsafe__injection *piece)
{
	return (void *)piece->start;
}

static int set_prot(const struct mcsafe__injection *piece, int prot)
{
	if (mprotect(at(piece), piece->len, prot) == 0)
		return 0;
	if (errno == EINVAL) /* mappings of huge pages cannot be split within one */
		return mcsafe__inject_fail(-EINVAL, "addr or len is not aligned to the huge page");
	return mcsafe__inject_fail(-errno, "mprotect(2) failed");
}

/* ---- bad memory in the place of the piece ------------------------------------------------- */

static int map_bad(const struct mcsafe__injection *piece, int prot, int flags, int fd)
{
	if (mmap(at(piece), piece->len, prot, MAP_PRIVATE | MAP_FIXED | flags, fd, 0) != MAP_FAILED)
		return 0;
	return mcsafe__inject_fail(-errno, "mmap(2) failed");
}

static int map_poison(const struct mcsafe__injection *piece)
{
	int error = map_bad(piece, PROT_NONE, MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (error == 0)
		error = mcsafe__userfault_poison(piece->start, piece->len);
	return error != 0 ? error : set_prot(piece, piece->prot);
}

static int map_guard(const struct mcsafe__injection *piece)
{
	int error = map_bad(piece, PROT_NONE, MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (error != 0)
		return error;
	if (madvise(at(piece), piece->len, MADV_GUARD_INSTALL) != 0)
		return errno == EINVAL
			       ? mcsafe__inject_fail(-EOPNOTSUPP,
						     "this kernel has no MADV_GUARD_INSTALL, which "
						     "came with Linux 6.13, or locks all memory "
						     "(mlockall(2))")
			       : mcsafe__inject_fail(-errno, "MADV_GUARD_INSTALL failed");
	return set_prot(piece, piece->prot);
}

/* A mapping of an empty file lies completely beyond the end of the file. */
static int map_eof(const struct mcsafe__injection *piece)
{
	int fd = memfd_create("mcsafe-inject-eof", MFD_CLOEXEC), error;

	if (fd < 0)
		return mcsafe__inject_fail(-errno, "memfd_create(2) failed");
	error = map_bad(piece, piece->prot, 0, fd);
	close(fd);
	return error;
}

/* A child of fork(2) and a core dump have the bad memory only where they had the good. */
static int take_over_advice(const struct mcsafe__injection *piece)
{
	if ((piece->dont_fork && madvise(at(piece), piece->len, MADV_DONTFORK) != 0) ||
	    (piece->dont_dump && madvise(at(piece), piece->len, MADV_DONTDUMP) != 0))
		return mcsafe__inject_fail(-errno, "madvise(2) failed");
	return 0;
}

/* ---- memory that can be moved ------------------------------------------------------------- */

static int move_aside(struct mcsafe__injection *piece)
{
	void *aside =
		mremap(at(piece), piece->len, piece->len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	if (aside != MAP_FAILED) {
		piece->aside = aside;
		return 0;
	}
	if (errno == EINVAL)
		return mcsafe__inject_fail(-EOPNOTSUPP, "this memory cannot be moved aside: "
							"hugetlb, device memory, or a kernel "
							"before Linux 5.13");
	return mcsafe__inject_fail(-errno, "mremap(2) failed");
}

static int move_back(struct mcsafe__injection *piece)
{
	if (mremap(piece->aside, piece->len, piece->len, MREMAP_MAYMOVE | MREMAP_FIXED,
		   at(piece)) == MAP_FAILED)
		return mcsafe__inject_fail(-errno, "mremap(2) failed");
	piece->aside = NULL;
	return set_prot(piece, piece->prot);
}

static int replace(struct mcsafe__injection *piece, int (*map)(const struct mcsafe__injection *))
{
	int error, undone;

	/* Memory that moves is not watched any more, and the program is not told, unless its
	 * userfaultfd has UFFD_FEATURE_EVENT_REMAP (ioctl_userfaultfd(2)). Then mremap(2) waits for
	 * the program, which may be waiting for us. */
	if (piece->watched)
		return mcsafe__inject_fail(-EBUSY, "a userfaultfd(2) of the program watches the "
						   "range, and would lose it");
	error = move_aside(piece);
	if (error != 0)
		return error;
	error = map(piece);
	if (error == 0)
		error = take_over_advice(piece);
	if (error != 0) {
		undone = move_back(piece);
		return undone != 0 ? undone : error;
	}
	return 0;
}

/* ---- hugetlb memory, which can be emptied but not moved ----------------------------------- */

/* Keep a copy of a private mapping. Its pages are brought in first: reading a huge page that is not
 * there raises SIGBUS if there is no free huge page. That returns with every kernel (see
 * base/populate.h): huge pages are not read from a disk. */
static int save(struct mcsafe__injection *piece)
{
	void *copy;

	if (set_prot(piece, piece->prot | PROT_READ) != 0 ||
	    madvise(at(piece), piece->len, MADV_POPULATE_READ) != 0)
		return mcsafe__inject_fail(-ENOMEM, "the content cannot be read to keep it");
	copy = mmap(NULL, piece->len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return mcsafe__inject_fail(-ENOMEM, "no memory to keep the content");
	piece->copy = memcpy(copy, at(piece), piece->len);
	return 0;
}

static int empty(const struct mcsafe__injection *piece)
{
	if (madvise(at(piece), piece->len, MADV_DONTNEED) == 0)
		return 0;
	return mcsafe__inject_fail(-errno, "MADV_DONTNEED failed");
}

/*
 * Drop the poison of a piece, and restore its bytes. Those of a shared piece are in its file. If
 * only the protection cannot be restored, the piece is not emptied again.
 */
static int refill(struct mcsafe__injection *piece)
{
	int error = empty(piece);

	if (error == 0 && piece->copy != NULL) {
		error = set_prot(piece, RW);
		if (error == 0 && madvise(at(piece), piece->len, MADV_POPULATE_WRITE) != 0)
			error = mcsafe__inject_fail(-errno,
						    "no huge page to give the content back");
		if (error != 0)
			return error;
		memcpy(at(piece), piece->copy, piece->len);
		munmap(piece->copy, piece->len);
		piece->copy = NULL;
	}
	if (error != 0)
		return error;
	piece->emptied = false;
	return set_prot(piece, piece->prot);
}

static int poison_in_place(struct mcsafe__injection *piece)
{
	int error = piece->shared ? 0 : save(piece), undone;

	if (error != 0)
		return error;
	piece->emptied = true;
	error = set_prot(piece, PROT_NONE);
	if (error == 0)
		error = empty(piece);
	if (error == 0)
		error = mcsafe__userfault_poison(piece->start, piece->len);
	if (error != 0) {
		undone = refill(piece);
		return undone != 0 ? undone : error;
	}
	return set_prot(piece, piece->prot);
}

static int poison(struct mcsafe__injection *piece)
{
	int error = replace(piece, map_poison);

	return error == -EOPNOTSUPP && mcsafe__userfault_supported() == 0 ? poison_in_place(piece)
									  : error;
}

/* ---- the kinds ---------------------------------------------------------------------------- */

static int make(struct mcsafe__injection *piece)
{
	switch (piece->kind) {
	case MCSAFE_INJECT_POISON:
		return poison(piece);
	case MCSAFE_INJECT_GUARD:
		return replace(piece, map_guard);
	case MCSAFE_INJECT_EOF:
		return replace(piece, map_eof);
	default:
		return 0; /* PROTECT: it is inaccessible already */
	}
}

static int make_one(struct mcsafe__injection *piece)
{
	int error;

	if (piece->kind == MCSAFE_INJECT_HWPOISON)
		return mcsafe__hwpoison_make(piece);
	error = set_prot(piece, PROT_NONE);
	if (error != 0)
		return error;
	error = make(piece);
	if (error != 0 && piece->aside == NULL) {
		const char *why = mcsafe_inject_reason();

		set_prot(piece, piece->prot);
		mcsafe__inject_fail(error, why);
	}
	return error;
}

static int make_auto(struct mcsafe__injection *piece)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
							MCSAFE_INJECT_PROTECT};
	int error = 0;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		piece->kind = kinds[i];
		error = make_one(piece);
		if (error == 0)
			return 0;
	}
	return error;
}

int mcsafe__inject_make(struct mcsafe__injection *piece)
{
	return piece->kind == MCSAFE_INJECT_AUTO ? make_auto(piece) : make_one(piece);
}

int mcsafe__inject_undo(struct mcsafe__injection *piece)
{
	if (piece->kind == MCSAFE_INJECT_HWPOISON)
		return mcsafe__hwpoison_undo(piece);
	if (piece->aside != NULL)
		return move_back(piece);
	if (piece->emptied)
		return refill(piece);
	return set_prot(piece, piece->prot);
}

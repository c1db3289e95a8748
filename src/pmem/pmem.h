/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem.h - shared by the files of this folder: the mapping, its views, running calls, faults */
#ifndef MCSAFE_SRC_PMEM_PMEM_H
#define MCSAFE_SRC_PMEM_PMEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <mcsafe/pmem.h>
#include <mcsafe/shield.h>

#include "base/kept_fd.h"
#include "base/page.h"
#include "base/running.h"

/* One mapping of the file, from offset 0 on. When the file grows, a larger view replaces it. Views
 * are unmapped only by mcsafe_pmem_close(), because a reader may still use an older one. */
struct mcsafe__view {
	unsigned char *base;
	size_t mapped;
	struct mcsafe__view *older;
};

/* A mapping for code that wants a pointer, with its shield. Nothing else uses that mapping: reads
 * and writes must find bad memory, and not a stand-in. */
struct mcsafe__shielded {
	struct mcsafe__view view;
	struct mcsafe_shield *shield;
	/* A bit for each page: its loss is not in the registry yet; and whether it was poison. */
	_Atomic uint64_t *lost, *poison;
};

struct mcsafe_pmem {
	struct mcsafe__running running; /* calls, for which mcsafe_pmem_close() waits */

	struct mcsafe__view *_Atomic view;
	_Atomic size_t size; /* stored after a view that is large enough for it */
	struct mcsafe_badblocks *bad;

	int fd;                      /* -1: none. Ask mcsafe__pmem_has_file() before it is used */
	_Atomic int seeker;          /* medium.c: another descriptor, with its own position */
	struct mcsafe__file_id file; /* which file fd was when it was opened */
	size_t fd_offset;            /* where base is in the file */
	size_t in_file;              /* memory of the caller: how much the file had of it at open */
	int flags;
	enum mcsafe_pmem_kind kind;
	bool dax, sync, flush;
	bool memory_file; /* tmpfs, memfd, hugetlbfs: the data do not outlive the machine */
	bool hugetlb;
	bool own_position; /* nobody else uses the file position of fd */
	atomic_bool closed;
	atomic_bool has_lost; /* the shield has lost pages: see shielded.c */
	size_t page_size;
	size_t align; /* start and length of a repair are multiples of it */
	struct mcsafe__view first;

	_Atomic size_t no_hole; /* medium.c: no hole of the file was found before this offset */
	_Atomic size_t holders; /* the mapping itself, and calls that have stepped aside */

	pthread_mutex_t change; /* held while views or contents change: refresh, repair */
	pthread_mutex_t noting; /* held while a fault is noted, and while `seeker` is opened; taken
				 * after `change` */
	_Atomic unsigned long repairs;

	struct mcsafe__shielded *shielded; /* NULL: none. Changed under `change` and `noting` */
};

/* ---- running calls, for which mcsafe_pmem_close() waits -------------------------------------- */

static inline void mcsafe__pmem_enter(struct mcsafe_pmem *pmem)
{
	mcsafe__running_enter(&pmem->running);
}

static inline void mcsafe__pmem_leave(struct mcsafe_pmem *pmem)
{
	mcsafe__running_leave(&pmem->running);
}

/*
 * A call must not be counted as running while it stores to memory of the caller that it trusts
 * (KVEC): the fault of such a store belongs to the program, whose handler or guard may jump, so
 * that the call never ends. The call steps aside before the store. mcsafe_pmem_close() does not
 * wait for it then, but leaves the structure to it, which remains allocated if the call never comes
 * back.
 */
static inline void mcsafe__pmem_step_aside(struct mcsafe_pmem *pmem)
{
	atomic_fetch_add(&pmem->holders, 1);
	mcsafe__pmem_leave(pmem);
}

/* Count the call as running again. False: the mapping was closed meanwhile, and *pmem is no
 * more. */
bool mcsafe__pmem_step_back(struct mcsafe_pmem *pmem);
/* Give the structure up. The last one to do so frees it. */
void mcsafe__pmem_drop(struct mcsafe_pmem *pmem);

/* ---- the file -------------------------------------------------------------------------------- */

/* Whether fd is still the file that was opened. Otherwise the program has closed the number, and it
 * is unused or somebody else's: -EBADF, and nothing must be done with it. Keeps errno. */
static inline bool mcsafe__pmem_has_file(const struct mcsafe_pmem *pmem)
{
	return mcsafe__fd_is_same(pmem->fd, &pmem->file);
}

/* ---- map.c ----------------------------------------------------------------------------------- */

/* The present size of a file or block device. 0, or -errno. */
int mcsafe__pmem_file_size(int fd, size_t *size);
/* The same for the status of fd, from fstat(2). */
int mcsafe__pmem_size_of(int fd, const struct stat *st, size_t *size);
/* Map `size` bytes into *view, and set pmem->sync. 0, or -errno. */
int mcsafe__pmem_map(struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t size);
/* If the flag MCSAFE_PMEM_RESERVE is set, have the file system keep space for the bytes from `from`
 * to `to` of the file. 0, or -errno. */
int mcsafe__pmem_reserve(const struct mcsafe_pmem *pmem, size_t from, size_t to);
/* Map [offset, offset + n) of the file again, in each view. 0, or -errno. */
int mcsafe__pmem_map_anew(struct mcsafe_pmem *pmem, size_t offset, size_t n);

/* Map n bytes of the file once more. 0, or -errno. */
int mcsafe__pmem_map_again(const struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t n);

/* ---- shielded.c ------------------------------------------------------------------------------ */

/* Add to the registry what the shield has lost. */
void mcsafe__pmem_add_lost(struct mcsafe_pmem *pmem);

static inline void mcsafe__pmem_take_lost(struct mcsafe_pmem *pmem)
{
	if (atomic_load_explicit(&pmem->has_lost, memory_order_relaxed))
		mcsafe__pmem_add_lost(pmem);
}

/* A range was repaired: forget its losses. The caller holds `noting`. */
void mcsafe__pmem_forget_lost(struct mcsafe_pmem *pmem, size_t offset, size_t n);

/* Give the pages of a range back in the shielded mapping, if there is one. The caller holds
 * `change`. */
void mcsafe__pmem_give_back(struct mcsafe_pmem *pmem, size_t offset, size_t n);

/* The same for all pages that are not known to be bad. */
void mcsafe__pmem_give_all_back(struct mcsafe_pmem *pmem);

/* Close the shield and unmap its mapping, if there is one. No other call runs, or the caller holds
 * `change`. 0, or -errno of mcsafe_shield_close(). */
int mcsafe__pmem_end_shield(struct mcsafe_pmem *pmem);

/* ---- access.c: common to reads and writes ---------------------------------------------------- */

/* An access to a part of the mapping. */
struct mcsafe__access {
	struct mcsafe_pmem *pmem;
	unsigned char *base; /* of the view */
	size_t mapped;
	size_t offset;
	size_t wanted;         /* bytes to access, limited by the end of the file */
	size_t n;              /* of these, the bytes before the first that is known to be bad */
	unsigned long repairs; /* pmem->repairs when the access began */
	size_t room_at;        /* where a store has asked for space; SIZE_MAX: nowhere */
	bool no_space;         /* and there was none */
	enum mcsafe_side side; /* the side of a copy on which the mapping is */
};

/* The number of bytes, of n at an offset, before the first cache line that is known to be bad. */
size_t mcsafe__pmem_good(const struct mcsafe_pmem *pmem, size_t offset, size_t n);
/* Begin an access to n bytes: take a view, and limit the access by the end of the file and by known
 * bad ranges. */
void mcsafe__pmem_begin(struct mcsafe__access *access, struct mcsafe_pmem *pmem, size_t n,
			size_t offset, enum mcsafe_side side);
/* Stores that were flushed are durable only after this (Intel SDM vol. 2, CLWB). */
void mcsafe__pmem_fence(void);
/* End an access after `done` bytes. `stopped` is the fault that stopped it, or NULL. Returns the
 * result of the public call. */
ssize_t mcsafe__pmem_end(struct mcsafe__access *access, size_t done,
			 const struct mcsafe_fault *stopped, struct mcsafe_fault *fault);
/* End an access by an iterator. If a fault stopped it, stopped->cause is set. */
ssize_t mcsafe__pmem_end_iter(struct mcsafe__access *access, size_t done,
			      const struct mcsafe_iter *it, const struct mcsafe_fault *stopped,
			      struct mcsafe_fault *fault);

/* ---- note.c ---------------------------------------------------------------------------------- */

/* Note the loss of an access that stopped at an offset. Returns the number of bytes from `at` to
 * the end of what is lost. Keeps errno. */
size_t mcsafe__pmem_note(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
			 size_t at);

#endif /* MCSAFE_SRC_PMEM_PMEM_H */

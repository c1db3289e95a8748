/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem.h - what the files of this folder share: the mapping, its views, calls that run, faults */
#ifndef MCSAFE_SRC_PMEM_PMEM_H
#define MCSAFE_SRC_PMEM_PMEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <mcsafe/pmem.h>

#include "base/page.h"
#include "base/stripe.h"

/* One mapping of it, from offset 0 on. A larger one takes its place when the file grows; none is
 * unmapped before the end, since a reader may have taken its address. */
struct mcsafe__view {
	unsigned char *base;
	size_t mapped;
	struct mcsafe__view *older;
};

/* Calls that run, counted in several places so that threads do not fight for one line. */
struct mcsafe__stripe {
	_Alignas(MCSAFE__LINE) _Atomic size_t running;
};

struct mcsafe_pmem {
	struct mcsafe__stripe stripes[MCSAFE__STRIPES];

	struct mcsafe__view *_Atomic view;
	_Atomic size_t size; /* published after the view that is large enough for it */
	struct mcsafe_badblocks *bad;

	int fd;           /* -1: none */
	size_t fd_offset; /* of base in the file */
	int flags;
	enum mcsafe_pmem_kind kind;
	bool dax, sync, flush;
	bool memory_file; /* tmpfs, memfd, hugetlbfs: nothing of it survives the machine */
	bool hugetlb;
	size_t page_size;
	size_t align; /* of a repair */
	struct mcsafe__view first;

	pthread_mutex_t change; /* of views and contents: refresh, repair */
	pthread_mutex_t noting; /* of faults; taken within `change` */
	_Atomic unsigned long repairs;
};

/* ---- calls that run: mcsafe_pmem_close() waits for them --------------------------------------- */

static inline struct mcsafe__stripe *mcsafe__pmem_enter(struct mcsafe_pmem *pmem)
{
	struct mcsafe__stripe *stripe = &pmem->stripes[mcsafe__stripe_of_thread()];

	atomic_fetch_add_explicit(&stripe->running, 1, memory_order_relaxed);
	return stripe;
}

static inline void mcsafe__pmem_leave(struct mcsafe__stripe *stripe)
{
	atomic_fetch_sub_explicit(&stripe->running, 1, memory_order_release);
}

/* ---- map.c ------------------------------------------------------------------------------------ */

/* How large the file or block device is now: 0, or -errno. */
int mcsafe__pmem_file_size(int fd, size_t *size);
/* Map `size` bytes into *view. 0, or -errno. Settles pmem->sync by the way. */
int mcsafe__pmem_map(struct mcsafe_pmem *pmem, struct mcsafe__view *view, size_t size);
/* Put fresh pages of the file at [offset, offset + n) of each view. */
int mcsafe__pmem_map_anew(struct mcsafe_pmem *pmem, size_t offset, size_t n);

/* ---- access.c: what is common to reads and writes --------------------------------------------- */

/* A part of the mapping that is going to be accessed. */
struct mcsafe__access {
	struct mcsafe_pmem *pmem;
	struct mcsafe__stripe *stripe;
	unsigned char *base; /* of the view */
	size_t mapped;
	size_t offset;
	size_t wanted;         /* up to the end of the file */
	size_t n;              /* up to the first byte of it that is known to be bad */
	unsigned long repairs; /* so many there were before */
	enum mcsafe_side side; /* on which the mapping is */
};

/* How many of the n bytes at offset come before the first line that is known to be bad. */
size_t mcsafe__pmem_good(const struct mcsafe_pmem *pmem, size_t offset, size_t n);
/* Take a view, and as many of n bytes as come before the end and before known bad ones. */
void mcsafe__pmem_begin(struct mcsafe__access *access, struct mcsafe_pmem *pmem, size_t n,
			size_t offset, enum mcsafe_side side);
/* It is over after `done` bytes; `stopped` is what stopped it, or NULL. The result of the call. */
ssize_t mcsafe__pmem_end(struct mcsafe__access *access, size_t done,
			 const struct mcsafe_fault *stopped, struct mcsafe_fault *fault);
/* The same of an access by an iterator; *stopped has a cause if memory stopped it. */
ssize_t mcsafe__pmem_end_iter(struct mcsafe__access *access, size_t done,
			      const struct mcsafe_iter *it, const struct mcsafe_fault *stopped,
			      struct mcsafe_fault *fault);

/* ---- note.c ----------------------------------------------------------------------------------- */

/* An access stopped `at` an offset. Returns how many bytes are lost there. Keeps errno. */
size_t mcsafe__pmem_note(const struct mcsafe__access *access, const struct mcsafe_fault *fault,
			 size_t at);

/* Whether the file has a page there now. Keeps nothing of errno. */
bool mcsafe__pmem_is_in_file(const struct mcsafe_pmem *pmem, size_t at);

#endif /* MCSAFE_SRC_PMEM_PMEM_H */

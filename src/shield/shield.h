/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield.h - the private part of shields
 *
 * A fault enters claim.c, finds its shield in table.c without a lock, and has stand_in.c replace
 * the page. mapped.c tells what is mapped there. fill.c makes what is more than zeros. What was
 * replaced stands in a bitmap (lost.c). A lock of the shield makes a thread wait while another
 * thread replaces or restores a page of the same shield.
 *
 * Whoever holds that lock, or has found a shield in the table, is in a section: all signals are
 * blocked, and the thread cannot be cancelled. So nothing can take the thread out of the section,
 * not even by a jump out of another handler. A child of fork(2) finds all locks free, and nobody in
 * a section (table.c).
 */
#ifndef MCSAFE_SRC_SHIELD_H
#define MCSAFE_SRC_SHIELD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <mcsafe/shield.h>

#include "base/kept_fd.h"
#include "base/page.h"
#include "base/vma.h"
#include "landing/landing.h"

/* Where memory comes from: a file, and what would be the file's offset of address 0. Two mappings
 * are of one origin if all members are equal. */
struct mcsafe__origin {
	uint64_t inode;
	dev_t device;
	uint64_t shift; /* 0 if there is no file */
	bool is_shared;
};

struct mcsafe__kept {
	int fd; /* -1: none */
	struct mcsafe__file_id id;
};

/* Called in a section, under the lock of the shield, for each range that is lost. AS-Safe. Its
 * argument remains valid until the shield is closed. */
typedef void (*mcsafe__shield_note_fn)(const struct mcsafe_range *lost, bool is_poison, void *arg);

struct mcsafe_shield {
	uintptr_t start, end;
	size_t granule; /* bytes of a page of the mapping, as far as that is known */
	struct mcsafe__origin origin;
	enum mcsafe_shield_fill fill;
	int byte;
	struct mcsafe__kept mirror;
	off_t mirror_offset;
	mcsafe_shield_fn on_loss;
	void *arg;
	mcsafe__shield_note_fn note; /* NULL: not wanted */
	void *note_arg;
	struct mcsafe__kept file; /* opened with O_PATH: closing it removes no record locks */
	/* The same of a file of huge pages, opened for reading and, if that is allowed, writing.
	 * Closing it removes record locks. */
	struct mcsafe__kept reader;
	struct mcsafe__shield_file *kept_file; /* file.c; NULL: the file is not known */
	void *first_page; /* another mapping of the file's page at start; NULL: there is none */
	unsigned lock;    /* the number of its lock */
	char *staging;    /* fill.c; NULL: none yet, or it cannot be had */
	int staging_prot;
	bool cannot_stage; /* for this fault: the kernel has refused to move pages out of it */
	_Atomic size_t lost, carried;
	_Atomic uint64_t *pages; /* a bit for each page: whether a stand-in is there */
	/* A bit for each page: whether its stand-in holds the bytes of the file. It means nothing
	 * where no stand-in is. NULL: there is no such page. */
	_Atomic uint64_t *carried_pages;
};

/* ---- table.c --------------------------------------------------------------------------------- */

/* Prepare the page of locks. 0, or -errno. The caller holds the control lock. */
int mcsafe__shield_prepare(void);

/* Add a shield. 0; -EEXIST: it overlaps another one; -ENOMEM. The caller holds the control lock. */
int mcsafe__shield_add(struct mcsafe_shield *shield);

/*
 * Remove a shield, and wait until no section uses it. 0. -ENOMEM: the spare table, which has room
 * for what is left, was lost when the process was forked during a change. The caller holds the
 * control lock.
 */
int mcsafe__shield_remove(const struct mcsafe_shield *shield);

struct mcsafe__shield_section {
	uint64_t mask; /* of blocked signals, as it was */
	int cancel_state;
	unsigned parity;
};

/* AS-Safe. */
void mcsafe__shield_enter(struct mcsafe__shield_section *section);
void mcsafe__shield_leave(const struct mcsafe__shield_section *section);

/* The shield of an address, or NULL. It stays as long as the section. AS-Safe: never waits. */
struct mcsafe_shield *mcsafe__shield_at(uintptr_t addr);

/* The lock of a shield, in a section. AS-Safe. */
void mcsafe__shield_lock(const struct mcsafe_shield *shield);
void mcsafe__shield_unlock(const struct mcsafe_shield *shield);

/* The lock of what mapped.c keeps, in a section or with all signals blocked. No thread that holds
 * it takes another lock. fd is 0 if nothing is kept, and at first in a child of fork(2). */
struct mcsafe__kept *mcsafe__shield_lock_maps(void);
void mcsafe__shield_unlock_maps(void);

/* Whether there are locks: at latest when there is a shield. AS-Safe. */
bool mcsafe__shield_is_prepared(void);

/* Whether all is prepared, and no shield is open. The caller holds the control lock. */
bool mcsafe__shield_is_idle(void);

/* ---- mapped.c -------------------------------------------------------------------------------- */

/* The file /proc/self/maps of this process. */
struct mcsafe__maps {
	int fd; /* -1: it cannot be opened */
	bool is_kept;
};

/* Keep a descriptor. 0; -EMFILE, -ENFILE; -ENODATA: the file cannot be opened. The caller holds the
 * control lock. */
int mcsafe__shield_keep_maps(void);

/* Close it. The caller holds the control lock, and no section uses it. */
void mcsafe__shield_drop_maps(void);

/* In a section. AS-Safe, but for errno. */
void mcsafe__shield_open_maps(struct mcsafe__maps *maps);
void mcsafe__shield_close_maps(const struct mcsafe__maps *maps);

/* The mapping of an address; and the first mapping that ends after it, which is MCSAFE__NOT_MAPPED
 * if there is none. In a section. AS-Safe, but for errno. */
enum mcsafe__mapped mcsafe__shield_ask(const struct mcsafe__maps *maps, uintptr_t addr,
				       struct mcsafe__vma *vma);
enum mcsafe__mapped mcsafe__shield_ask_next(const struct mcsafe__maps *maps, uintptr_t addr,
					    struct mcsafe__vma *vma);

/* ---- room.c ---------------------------------------------------------------------------------- */

/* Count the mappings of the process, if it is time to. */
void mcsafe__shield_look_at_room(void);

/* [start, end) of the mapping `before` is a stand-in now, or is given back, and `after` is the
 * mapping there. A stand-in is counted if the limit is near. AS-Safe. */
void mcsafe__shield_note_stand_in(const struct mcsafe__vma *before, const struct mcsafe__vma *after,
				  uintptr_t start, uintptr_t end);
void mcsafe__shield_note_given_back(const struct mcsafe__vma *before,
				    const struct mcsafe__vma *after, uintptr_t start,
				    uintptr_t end);

/* ---- lost.c ---------------------------------------------------------------------------------- */

/* Mark pages as stand-ins, or no longer. The caller holds the lock. AS-Safe. */
void mcsafe__shield_mark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end);
void mcsafe__shield_unmark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end);

/* Whether the page at an address of the shield is marked. AS-Safe. */
bool mcsafe__shield_is_marked(const struct mcsafe_shield *shield, uintptr_t addr);

/* Say of pages that the next stand-ins there hold the bytes of the file, or that they do not. The
 * caller holds the lock, and marks the pages after this. AS-Safe. */
void mcsafe__shield_set_carried(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end,
				bool carried);

/* Whether that was said of a page. AS-Safe. */
bool mcsafe__shield_is_carried(const struct mcsafe_shield *shield, uintptr_t addr);

/* As mcsafe_shield_next(), but of all stand-ins, also those with the bytes of the file. */
bool mcsafe__shield_next_stand_in(const struct mcsafe_shield *shield, size_t start,
				  struct mcsafe_range *range);

/* ---- file.c ---------------------------------------------------------------------------------- */

/* Have the shield know its file. The caller holds the control lock. */

/* By the program's descriptor. O_PATH needs no permission, and closing it later removes no record
 * locks. 0, or -errno. */
int mcsafe__shield_keep_file(struct mcsafe_shield *shield, int fd);

/* By the path that the kernel tells, if it still leads to that file. Some file systems show another
 * device in /proc/self/maps than fstat(2) does: then the file is not known. */
void mcsafe__shield_find_file(struct mcsafe_shield *shield, const char *path);

/* Open the file, which is known, once more: a descriptor and its identity, or an error. It does not
 * wait until somebody gives a lease up, who may be this thread: signals are blocked (F_SETLEASE in
 * fcntl(2)). */
int mcsafe__shield_open_again(const struct mcsafe_shield *shield, int flags,
			      struct mcsafe__file_id *id);

/* Open a file of huge pages, which is known, for what is healthy in a page that fails: then a
 * process without free descriptors, or in a sandbox, has it too. A failure is left to the fault,
 * which tries again. */
void mcsafe__shield_keep_reader(struct mcsafe_shield *shield);

/* Close what was kept, unless another shield uses it. */
void mcsafe__shield_end_file(struct mcsafe_shield *shield);

/* Whether a file is in hugetlbfs, and the size of its pages. */
bool mcsafe__shield_is_hugetlbfs(int fd, size_t *page);

/* ---- fill.c ---------------------------------------------------------------------------------- */

/* Stand-ins that are filled at another address. [start, needed) must be filled, the rest can be
 * left: then `end` gets less. */
struct mcsafe__filling {
	uintptr_t start, needed, end;
	bool carry;     /* in: take what the file still has of the pages */
	size_t carried; /* out: so many bytes */
	char *memory;   /* out: what is filled */
	size_t room;    /* out: its length */
	bool is_staged; /* out: it is in the staging memory of the shield */
	bool is_empty;  /* out: it holds zeros, which take no memory */
};

/* Whether the file is kept open for reading, as far as the program has not closed that number.
 * AS-Safe. */
bool mcsafe__shield_has_reader(const struct mcsafe_shield *shield);

/* Learn whether the kernel can move pages out of a mapping that stays. */
void mcsafe__shield_ask_staging(void);

/* Fill memory. 0, or -errno: there is nothing to drop. AS-Safe, but for errno. */
int mcsafe__shield_fill(struct mcsafe_shield *shield, struct mcsafe__filling *filling);

/* Have memory that holds zeros, takes none, and is not locked. `memory` is NULL if there is none.
 * AS-Safe, but for errno. */
void mcsafe__shield_take_room(struct mcsafe__filling *filling);

/* Move it to its place. 0, or -errno. AS-Safe, but for errno. */
int mcsafe__shield_move(struct mcsafe_shield *shield, struct mcsafe__filling *filling, int prot);

/* Unmap the staging memory. */
void mcsafe__shield_end_staging(struct mcsafe_shield *shield);

/* Drop what was not moved. AS-Safe, but for errno. */
void mcsafe__shield_drop(const struct mcsafe__filling *filling);

/* ---- stand_in.c ------------------------------------------------------------------------------ */

struct mcsafe__failed {
	uintptr_t addr;
	size_t extent; /* of the poison, as the kernel tells it; 0: it does not */
	bool was_store;
	bool is_poison; /* BUS_MCEERR_AR */
	bool is_known;  /* replace it untouched. The note is not wanted */
	bool is_asked;  /* nothing has faulted: replace it if the kernel says that it fails */
	bool is_new;    /* the processor has met the poison. The page may still be mapped */
	struct mcsafe__maps maps; /* stand_in.c */
};

#define MCSAFE__RANGES_TOLD 32

/* What was replaced, as offsets, and what of it is lost. If a huge page has more lost ranges, the
 * last one goes up to the end of the last. */
struct mcsafe__replaced {
	size_t start, end;
	size_t lost, carried; /* bytes */
	unsigned n;
	struct mcsafe_range ranges[MCSAFE__RANGES_TOLD];
};

/*
 * Put a stand-in where an access has failed. 1: done, and *replaced is what was replaced. 0:
 * nothing was replaced, and the access will either succeed or fail with SIGSEGV. -errno: it cannot
 * be replaced. In a section, with the lock. AS-Safe, but for errno.
 */
int mcsafe__shield_replace(struct mcsafe_shield *shield, struct mcsafe__failed *failed,
			   struct mcsafe__replaced *replaced);

/* Tell of what was replaced: counters, probe, and the program's function. Not in a section. */
void mcsafe__shield_tell(const void *start, const struct mcsafe__replaced *replaced,
			 mcsafe_shield_fn fn, void *arg);

/* ---- try.c ----------------------------------------------------------------------------------- */

/* Learn from a good page how the kernel can tell what the last of these functions asks. */
void mcsafe__shield_ask_kernel(void *page);

/* From now on ask as if the kernel were older than Linux 6.9. For tests. */
void mcsafe__shield_avoid_populate(void);

/* Whether all pages of a range can be accessed now: 0, or -errno. -EOPNOTSUPP: the kernel cannot
 * tell. AS-Safe, but for errno. */
int mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store);

/* Whether a page of the range fails for certain. No byte of it is read. False if all are good, and
 * if the kernel cannot tell without reading. AS-Safe, but for errno. */
bool mcsafe__shield_has_failure(uintptr_t start, uintptr_t end);

/* Whether that error says that the memory has failed. Other errors do not say what the memory is
 * like. AS-Safe. */
bool mcsafe__shield_is_failure(int err);

/* Where memory comes from. */
struct mcsafe__origin mcsafe__shield_origin(const struct mcsafe__vma *vma);

/* The size of the file; -1: it is not known. AS-Safe, but for errno. */
off_t mcsafe__shield_file_size(const struct mcsafe_shield *shield);

/* ---- open.c ---------------------------------------------------------------------------------- */

/* Copy the options of a program that may know more of them than this library, or none. 0, or
 * -errno. */
int mcsafe__shield_take_options(struct mcsafe_shield_options *to,
				const struct mcsafe_shield_options *from);

/* As mcsafe_shield_open(), with a note. */
int mcsafe__shield_open(struct mcsafe_shield **shield, void *base, size_t len,
			const struct mcsafe_shield_options *options, mcsafe__shield_note_fn note,
			void *note_arg);

/* ---- restore.c ------------------------------------------------------------------------------- */

/* Put stand-ins in place without touching what is there. 0, or the first error. */
int mcsafe__shield_put(struct mcsafe_shield *shield, size_t start, size_t len);

/* ---- claim.c --------------------------------------------------------------------------------- */

/* The hook of the handler (handler/shield_hook.h). */
bool mcsafe__shield_claim(const struct mcsafe__landing *landing, const ucontext_t *uc);

#endif /* MCSAFE_SRC_SHIELD_H */

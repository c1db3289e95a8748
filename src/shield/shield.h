/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shield.h - the private part of shields
 *
 * A fault enters claim.c, finds its shield in table.c without a lock, and has stand_in.c replace
 * the page. What was replaced stands in a bitmap (lost.c). A lock of the shield makes a thread wait
 * while another thread replaces or restores a page of the same shield.
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
	struct mcsafe__kept file; /* opened with O_PATH: closing it removes no record locks */
	void *first_page; /* another mapping of the file's page at start; NULL: there is none */
	unsigned lock;    /* the number of its lock */
	_Atomic size_t lost;
	_Atomic uint64_t *pages; /* a bit for each page: whether a stand-in is there */
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

/* ---- lost.c ---------------------------------------------------------------------------------- */

/* Mark pages as stand-ins, or no longer. The caller holds the lock. AS-Safe. */
void mcsafe__shield_mark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end);
void mcsafe__shield_unmark(struct mcsafe_shield *shield, uintptr_t start, uintptr_t end);

/* Whether the page at an address of the shield is marked. AS-Safe. */
bool mcsafe__shield_is_marked(const struct mcsafe_shield *shield, uintptr_t addr);

/* ---- stand_in.c ------------------------------------------------------------------------------ */

struct mcsafe__failed {
	uintptr_t addr;
	bool was_store;
	bool is_poison; /* BUS_MCEERR_AR */
	bool is_new;    /* the processor has met the poison. The page may still be mapped */
};

/*
 * Put a stand-in where an access has failed. 1: done, and *range is what was replaced, as offsets.
 * 0: nothing was replaced, and the access will either succeed or fail with SIGSEGV. -errno: it
 * cannot be replaced. In a section, with the lock. AS-Safe, but for errno.
 */
int mcsafe__shield_replace(struct mcsafe_shield *shield, const struct mcsafe__failed *failed,
			   struct mcsafe_range *range);

/* Tell of what was replaced: counter, probe, and the program's function. Not in a section. */
void mcsafe__shield_tell(const void *start, const struct mcsafe_range *range, mcsafe_shield_fn fn,
			 void *arg);

/* ---- try.c ----------------------------------------------------------------------------------- */

/* Learn from a good page how the kernel can tell what the last of these functions asks. */
void mcsafe__shield_ask_kernel(void *page);

/* From now on ask as if the kernel were older than Linux 6.9. For tests. */
void mcsafe__shield_avoid_populate(void);

/* Whether all pages of a range can be accessed now: 0, or -errno. -EOPNOTSUPP: the kernel cannot
 * tell. AS-Safe, but for errno. */
int mcsafe__shield_try(uintptr_t start, uintptr_t end, bool for_store);

/* Where memory comes from. */
struct mcsafe__origin mcsafe__shield_origin(const struct mcsafe__vma *vma);

/* The size of the file; -1: it is not known. AS-Safe, but for errno. */
off_t mcsafe__shield_file_size(const struct mcsafe_shield *shield);

/* ---- claim.c --------------------------------------------------------------------------------- */

/* The hook of the handler (handler/shield_hook.h). */
bool mcsafe__shield_claim(const struct mcsafe__landing *landing, const ucontext_t *uc);

#endif /* MCSAFE_SRC_SHIELD_H */

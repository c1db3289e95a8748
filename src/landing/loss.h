/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loss.h - which memory is lost where an access stopped
 *
 * Memory is lost in granules: aligned blocks of a power of two bytes. The first granule that is
 * lost need not be the one in which the access stopped. If a memory error stopped a load, up to 7
 * good bytes before the bad line may not have been copied (rule C5). If REP MOVSB met the error
 * (MCSAFE_FAULT_MAY_FALL_SHORT), their number is not known; a page is taken as the limit. And
 * si_addr does not always say where the error is: it can be the start of the page, or an address in
 * another mapping of the same memory.
 */
#ifndef MCSAFE_SRC_LANDING_LOSS_H
#define MCSAFE_SRC_LANDING_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

/* A granule that is lost. */
struct mcsafe__loss {
	uintptr_t start; /* if the access stopped before that, the bytes between are good */
	size_t len;
	/* It is not known whether this granule or the next one is lost. This one is good if the
	 * byte at which the access stopped can be read. The kernel has unmapped the lost page, so
	 * that reading the byte is a page fault at worst. */
	bool may_be_next;
};

/*
 * The granule that is lost for an access which stopped with n bytes to go, the first of them at
 * `at`. With cause ADDRESS all n bytes are lost: no user memory follows an address that is not
 * canonical.
 */
struct mcsafe__loss mcsafe__loss_at(const struct mcsafe_fault *fault, uintptr_t at, size_t n,
				    size_t granule);

/* The first granule has turned out to be good. */
static inline void mcsafe__loss_is_next(struct mcsafe__loss *loss)
{
	loss->start += loss->len;
	loss->may_be_next = false;
}

/* The size of a granule: the extent that the kernel has told, but `least` if that is larger. */
static inline size_t mcsafe__granule(const struct mcsafe_fault *fault, size_t least)
{
	return fault->extent > least ? fault->extent : least;
}

#endif /* MCSAFE_SRC_LANDING_LOSS_H */

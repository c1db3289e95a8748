/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vma.h - the mapping of this process that an address is in, asked quickly
 *
 * Linux 6.11 finds a mapping by its address (PROCMAP_QUERY of /proc/self/maps). Before that, the
 * text is read, which takes longer the more mappings there are.
 */
#ifndef MCSAFE_SRC_BASE_VMA_H
#define MCSAFE_SRC_BASE_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "maps.h"

/* A "virtual memory area" of the kernel. */
struct mcsafe__vma {
	uintptr_t start, end;
	uint64_t offset; /* in the file */
	uint64_t inode;
	dev_t device;
	size_t page; /* bytes of a page; 0: not known */
	int prot;    /* of mmap(2) */
	bool is_shared;
};

/* Find the mapping that holds addr. Needs a free descriptor. AS-Safe, but for errno; a cancellation
 * point. */
enum mcsafe__mapped mcsafe__vma_at(uintptr_t addr, struct mcsafe__vma *vma);

/* The same, with the path or name of the mapping, which is empty if there is none or no room. If
 * the text was read, newlines in it are \012. */
enum mcsafe__mapped mcsafe__vma_at_path(uintptr_t addr, struct mcsafe__vma *vma, char *path,
					size_t room);

/*
 * Open /proc/self/maps. A descriptor, or -1 and errno. The file tells of the memory of the process
 * that has opened it: in a child of fork(2) it gives answers about the parent.
 */
int mcsafe__maps_open(void);

/*
 * The same by PROCMAP_QUERY only, of the open file /proc/self/maps. If path is not NULL, its `room`
 * bytes, which are not 0, receive the path or name of the mapping, or an empty string. 0, or an
 * errno value: ENOENT says that nothing is mapped there; ENAMETOOLONG, that there is no room.
 */
int mcsafe__vma_ask(int maps, uintptr_t addr, struct mcsafe__vma *vma, char *path, size_t room);

/* The first mapping that ends after addr: by PROCMAP_QUERY, as mcsafe__vma_ask(). */
int mcsafe__vma_ask_next(int maps, uintptr_t addr, struct mcsafe__vma *vma);

/* The same from the text of the open file. Nobody may read the file meanwhile. */
enum mcsafe__mapped mcsafe__vma_next_from_text(int maps, uintptr_t addr, struct mcsafe__vma *vma);

/* As mcsafe__vma_at(), from the text. */
enum mcsafe__mapped mcsafe__vma_from_text(uintptr_t addr, struct mcsafe__vma *vma);

#endif /* MCSAFE_SRC_BASE_VMA_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vma.c - the mapping of this process that an address is in, asked quickly
 *
 * Of libc it calls open, fcntl, ioctl and close, and what maps.c calls.
 */
#include "vma.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "descriptor.h"
#include "memcheck.h"
#include "msan.h"

/* struct procmap_query of linux/fs.h, which older headers lack. The kernel writes less or more of
 * it, by the member size (Documentation/filesystems/proc.rst, PROCMAP_QUERY). */
struct query {
	uint64_t size;
	uint64_t flags;
	uint64_t addr;
	uint64_t start, end;
	uint64_t vma_flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t name_size; /* in: room; out: bytes written, with the 0; 0: no name */
	uint32_t build_id_size;
	uint64_t name, build_id;
};

_Static_assert(sizeof(struct query) == 104, "as in the kernel");

#define QUERY _IOWR('f', 17, struct query)

/* Of query.flags: the mapping at the address or, if there is none, the next one. */
#define OR_NEXT 0x10u

#define VMA_READABLE   0x1u
#define VMA_WRITABLE   0x2u
#define VMA_EXECUTABLE 0x4u
#define VMA_SHARED     0x8u

static int prot_of(bool r, bool w, bool x)
{
	return (r ? PROT_READ : 0) | (w ? PROT_WRITE : 0) | (x ? PROT_EXEC : 0);
}

static void take_text(const struct mcsafe__mapping *mapping, struct mcsafe__vma *vma)
{
	const char *perms = mapping->perms;

	*vma = (struct mcsafe__vma){
		.start = mapping->start,
		.end = mapping->end,
		.offset = mapping->offset,
		.inode = mapping->inode,
		.device = mapping->device,
		.prot = prot_of(perms[0] == 'r', perms[1] == 'w', perms[2] == 'x'),
		.is_shared = perms[3] == 's',
	};
}

enum mcsafe__mapped mcsafe__vma_from_text(uintptr_t addr, struct mcsafe__vma *vma)
{
	struct mcsafe__mapping mapping;
	enum mcsafe__mapped found = mcsafe__mapping_find(addr, &mapping);

	if (found == MCSAFE__MAPPED)
		take_text(&mapping, vma);
	return found;
}

enum mcsafe__mapped mcsafe__vma_next_from_text(int maps, uintptr_t addr, struct mcsafe__vma *vma)
{
	struct mcsafe__mapping mapping;
	enum mcsafe__mapped found = mcsafe__mapping_next_in(maps, addr, &mapping);

	if (found == MCSAFE__MAPPED)
		take_text(&mapping, vma);
	return found;
}

/* 0, or an errno value. */
static int ask(int maps, struct query *query, struct mcsafe__vma *vma)
{
	if (ioctl(maps, QUERY, query) != 0)
		return errno;
	*vma = (struct mcsafe__vma){
		.start = query->start,
		.end = query->end,
		.offset = query->offset,
		.inode = query->inode,
		.device = makedev(query->dev_major, query->dev_minor),
		.page = query->page_size,
		.prot = prot_of(query->vma_flags & VMA_READABLE, query->vma_flags & VMA_WRITABLE,
				query->vma_flags & VMA_EXECUTABLE),
		.is_shared = query->vma_flags & VMA_SHARED,
	};
	return 0;
}

int mcsafe__vma_ask(int maps, uintptr_t addr, struct mcsafe__vma *vma, char *path, size_t room)
{
	struct query query = {.size = sizeof(query), .addr = addr};
	int err;

	if (path != NULL) {
		query.name_size = room < PATH_MAX ? (uint32_t)room : PATH_MAX;
		query.name = (uintptr_t)path;
	}
	err = ask(maps, &query, vma);
	if (err != 0 || path == NULL)
		return err;
	if (query.name_size == 0)
		path[0] = '\0';
	/* The tools know no such ioctl, so they do not see what it writes. */
	mcsafe__msan_written(path, query.name_size);
	mcsafe__memcheck_written(path, query.name_size);
	return 0;
}

int mcsafe__vma_ask_next(int maps, uintptr_t addr, struct mcsafe__vma *vma)
{
	struct query query = {.size = sizeof(query), .addr = addr, .flags = OR_NEXT};

	return ask(maps, &query, vma);
}

int mcsafe__maps_open(void)
{
	return mcsafe__above_standard(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
}

static enum mcsafe__mapped path_from_text(uintptr_t addr, struct mcsafe__vma *vma, char *path,
					  size_t room)
{
	struct mcsafe__mapping mapping;
	enum mcsafe__mapped found = mcsafe__mapping_find_path(addr, &mapping, path, room);

	if (found != MCSAFE__MAPPED)
		return found;
	take_text(&mapping, vma);
	if (mapping.is_cut)
		path[0] = '\0';
	return found;
}

enum mcsafe__mapped mcsafe__vma_at_path(uintptr_t addr, struct mcsafe__vma *vma, char *path,
					size_t room)
{
	int maps = mcsafe__maps_open(), err;

	if (maps < 0)
		return MCSAFE__MAPPED_UNKNOWN;
	err = mcsafe__vma_ask(maps, addr, vma, path, room);
	close(maps);
	if (err == 0)
		return MCSAFE__MAPPED;
	if (err == ENOENT)
		return MCSAFE__NOT_MAPPED;
	return path != NULL ? path_from_text(addr, vma, path, room)
			    : mcsafe__vma_from_text(addr, vma);
}

enum mcsafe__mapped mcsafe__vma_at(uintptr_t addr, struct mcsafe__vma *vma)
{
	return mcsafe__vma_at_path(addr, vma, NULL, 0);
}

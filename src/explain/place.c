/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * place.c - the mapping that an address is in, and what the page table says about a page
 *
 * Since Linux 6.11, ioctl(2) of /proc/self/maps answers for one address. Before, the text of all
 * mappings must be read.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/page.h"
#include "base/populate.h"
#include "base/vma.h"
#include "numbers.h"

/* ---- the mapping ----------------------------------------------------------------------------- */

/* 0, or an errno value, as of mcsafe__vma_ask(). */
static int query(int maps, uintptr_t addr, struct mcsafe__place *place, char *path, size_t room)
{
	struct mcsafe__vma vma;
	int err = mcsafe__vma_ask(maps, addr, &vma, path, room);

	if (err == 0)
		*place = (struct mcsafe__place){
			.start = vma.start,
			.end = vma.end,
			.offset = vma.offset,
			.device = vma.device,
			.inode = vma.inode,
			.page_size = vma.page,
			.is_shared = vma.is_shared,
		};
	return err;
}

void mcsafe__place_link(const struct mcsafe__place *place, char name[MCSAFE__PLACE_LINK])
{
	char *end = mcsafe__append(name, "/proc/self/map_files/");

	end = mcsafe__append_number(end, place->start, 16);
	end = mcsafe__append(end, "-");
	(void)mcsafe__append_number(end, place->end, 16);
}

/* In the text, newlines are \012, but backslashes are as they are. The link has the very path. To
 * read it needs no privilege. It fails if there is no file, or if the path is too long. */
static void read_link(struct mcsafe__place *place, char *to, size_t room)
{
	char link[MCSAFE__PLACE_LINK];
	ssize_t n;

	mcsafe__place_link(place, link);
	n = readlink(link, to, room - 1);
	if (n > 0) {
		to[n] = '\0';
		place->is_cut = false;
	}
}

static enum mcsafe__mapped read_text(uintptr_t addr, struct mcsafe__place *place, char *path,
				     size_t room)
{
	struct mcsafe__mapping mapping;
	enum mcsafe__mapped result = mcsafe__mapping_find_path(addr, &mapping, path, room);

	if (result != MCSAFE__MAPPED)
		return result;
	*place = (struct mcsafe__place){
		.start = mapping.start,
		.end = mapping.end,
		.offset = mapping.offset,
		.device = mapping.device,
		.inode = mapping.inode,
		.is_shared = mapping.perms[3] == 's',
		.is_cut = mapping.is_cut,
	};
	read_link(place, path, room);
	return result;
}

enum mcsafe__mapped mcsafe__place_find(uintptr_t addr, struct mcsafe__place *place, char *path,
				       size_t room)
{
	int maps = mcsafe__above_standard(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
	int err;

	if (maps < 0)
		return MCSAFE__MAPPED_UNKNOWN;
	err = query(maps, addr, place, path, room);
	close(maps);
	if (err == 0)
		return MCSAFE__MAPPED;
	/* Also ENAMETOOLONG: the text has a path of any length. */
	return err == ENOENT ? MCSAFE__NOT_MAPPED : read_text(addr, place, path, room);
}

/* ---- the page table -------------------------------------------------------------------------- */

/* Documentation/admin-guide/mm/pagemap.rst */
#define IN_SWAP \
 (UINT64_C(1) << 62) /* not present, and not empty either: swapped out, or a marker */
#define IS_GUARD (UINT64_C(1) << 58)

/* The entry of a page; 0 if it cannot be read. */
static uint64_t entry_of(uintptr_t addr)
{
	int fd = mcsafe__above_standard(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = pread(fd, &entry, sizeof(entry), (off_t)(addr / MCSAFE__PAGE * sizeof(entry)));
	close(fd);
	return n == sizeof(entry) ? entry : 0;
}

bool mcsafe__page_is_guard(uintptr_t addr)
{
	return (entry_of(addr) & IS_GUARD) != 0;
}

/*
 * Before Linux 6.9, MADV_POPULATE_READ may never return for a page that the kernel must read from a
 * file. Such a page has an empty entry. An entry that stays while a probe fails is that of poison,
 * or of swap. If the kernel was moving the page, the probe has waited for it.
 */
static bool may_populate(uintptr_t page)
{
	if (!(entry_of(page) & IN_SWAP))
		return false;
	return mcsafe__populate_returns() ||
	       (!mcsafe__probe_read(page) && (entry_of(page) & IN_SWAP));
}

/*
 * madvise(2): MADV_POPULATE_READ fails with EHWPOISON if the entry of the page says that the page
 * is poisoned. It reads no byte of the page. Only a page that has such an entry is asked about: for
 * another page the call could take memory.
 */
bool mcsafe__page_is_poisoned(uintptr_t addr)
{
	uintptr_t page = mcsafe__down(addr, MCSAFE__PAGE);

	return may_populate(page) && madvise((void *)page, MCSAFE__PAGE, MADV_POPULATE_READ) != 0 &&
	       errno == EHWPOISON;
}

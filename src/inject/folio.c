/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * folio.c - take a page out of a large folio
 *
 * File systems keep neighbouring pages of a file together, in a large folio. The kernel splits it
 * before it takes away a page that is poisoned. It cannot split one that is dirty on ext4 or XFS.
 * Then the page is marked as poisoned, and madvise(2) fails with EHWPOISON, but every process can
 * still read the page. (Seen with Linux 7.2: "recovery action for unsplit thp: Failed".)
 *
 * These functions run in a process with memory of its parent: they use system calls only.
 */
#include "folio.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/page.h"

/* Documentation/admin-guide/mm/pagemap.rst: an entry of pagemap, and flags of kpageflags. */
#define FRAME         ((UINT64_C(1) << 55) - 1)
#define IS_PRESENT    (UINT64_C(1) << 63)
#define COMPOUND_HEAD (UINT64_C(1) << 15)
#define COMPOUND_TAIL (UINT64_C(1) << 16)

/* The entry of a file with 8 bytes for each page; 0 if it cannot be read. */
static uint64_t entry_of(const char *name, uint64_t index)
{
	uint64_t entry = 0;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (off_t)(index * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

static bool is_in_large_folio(uintptr_t page)
{
	uint64_t entry = entry_of("/proc/self/pagemap", page / MCSAFE__PAGE);

	return (entry & IS_PRESENT) &&
	       (entry_of("/proc/kpageflags", entry & FRAME) & (COMPOUND_HEAD | COMPOUND_TAIL));
}

/*
 * The page is written to the disk by a descriptor of its own, because an error of msync(2) would
 * not be reported to the program again. MADV_COLD of a part of a folio splits it, if nobody else
 * maps it.
 */
bool mcsafe__split_folio(const struct mcsafe__file_part *part, uintptr_t page)
{
	int fd;

	if (!is_in_large_folio(page))
		return false;
	fd = open(part->link, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)sync_file_range(fd, (off_t)(page - part->start) + part->offset, MCSAFE__PAGE,
				      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					      SYNC_FILE_RANGE_WAIT_AFTER);
		close(fd);
	}
	return madvise((void *)page, MCSAFE__PAGE, MADV_COLD) == 0;
}

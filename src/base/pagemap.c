/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pagemap.c - what the page table of this process says about its pages
 *
 * Of libc it calls open, fcntl, pread, close and madvise, and what populate.h calls.
 */
#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptor.h"
#include "page.h"
#include "populate.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define IN_SWAP \
 (UINT64_C(1) << 62) /* not present, and not empty either: swapped out, or a marker */
#define IS_GUARD (UINT64_C(1) << 58)

#define AT_ONCE 32

/* Read the entries of pages from one on. Returns their number; 0 if they cannot be read. */
static size_t read_entries(uintptr_t page, uint64_t *entries, size_t n)
{
	int fd = mcsafe__above_standard(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	ssize_t got;

	if (fd < 0)
		return 0;
	got = pread(fd, entries, n * sizeof(*entries),
		    (off_t)(page / MCSAFE__PAGE * sizeof(*entries)));
	close(fd);
	return got > 0 ? (size_t)got / sizeof(*entries) : 0;
}

/* The entry of a page; 0 if it cannot be read. */
static uint64_t entry_of(uintptr_t page)
{
	uint64_t entry;

	return read_entries(page, &entry, 1) == 1 ? entry : 0;
}

bool mcsafe__page_is_guard(uintptr_t addr)
{
	return (entry_of(addr) & IS_GUARD) != 0;
}

/*
 * Of a page whose entry is not empty. Before Linux 6.9, MADV_POPULATE_READ may never return for a
 * page that the kernel must read from a file. Such a page has an empty entry. An entry that stays
 * while a probe fails is that of poison, or of swap. If the kernel was moving the page, the probe
 * has waited for it.
 */
static bool may_populate(uintptr_t page)
{
	return mcsafe__populate_returns() ||
	       (!mcsafe__probe_read(page) && (entry_of(page) & IN_SWAP));
}

/* madvise(2): MADV_POPULATE_READ fails with EHWPOISON if the entry of the page says that the page
 * is poisoned. It reads no byte of the page. Where the entry is empty it could take memory. */
static bool is_poisoned(uintptr_t page)
{
	return may_populate(page) && madvise((void *)page, MCSAFE__PAGE, MADV_POPULATE_READ) != 0 &&
	       errno == EHWPOISON;
}

bool mcsafe__has_poisoned_page(uintptr_t start, uintptr_t end)
{
	uintptr_t page = mcsafe__down(start, MCSAFE__PAGE);
	uint64_t entries[AT_ONCE];

	while (page < end) {
		size_t left = (end - page - 1) / MCSAFE__PAGE + 1;
		size_t n = read_entries(page, entries, left < AT_ONCE ? left : AT_ONCE);

		if (n == 0)
			return false;
		for (size_t i = 0; i < n; i++, page += MCSAFE__PAGE)
			if ((entries[i] & IN_SWAP) && is_poisoned(page))
				return true;
	}
	return false;
}

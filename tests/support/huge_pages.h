/* SPDX-License-Identifier: BSD-3-Clause */
/* huge_pages.h - pages of the hugetlb pool (Documentation/admin-guide/mm/hugetlbpage.rst) */
#ifndef MCSAFE_TESTS_HUGE_PAGES_H
#define MCSAFE_TESTS_HUGE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether so many huge pages are available. Root may have to reserve some first, until this process
 * ends. Tests of other builds that call this wait until then.
 */
bool t_reserve_huge_pages(size_t n);

/* How many can be promised to new mappings: those that are free, and not promised to others. */
size_t t_huge_pages_left(void);

#endif /* MCSAFE_TESTS_HUGE_PAGES_H */

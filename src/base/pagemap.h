/* SPDX-License-Identifier: BSD-3-Clause */
/* pagemap.h - what the page table of this process says about its pages */
#ifndef MCSAFE_SRC_BASE_PAGEMAP_H
#define MCSAFE_SRC_BASE_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a page is a guard page (MADV_GUARD_INSTALL). A cancellation point. */
bool mcsafe__page_is_guard(uintptr_t addr);

/* Whether a page of [start, end) is poisoned in the page table: by memory that this process had
 * mapped when it was lost, or by UFFDIO_POISON. False if that cannot be found out. Touches only a
 * page whose entry may be that of poison. A cancellation point. Changes errno. */
bool mcsafe__has_poisoned_page(uintptr_t start, uintptr_t end);

#endif /* MCSAFE_SRC_BASE_PAGEMAP_H */

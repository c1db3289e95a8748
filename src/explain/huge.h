/* SPDX-License-Identifier: BSD-3-Clause */
/* huge.h - why there was no huge page */
#ifndef MCSAFE_SRC_EXPLAIN_HUGE_H
#define MCSAFE_SRC_EXPLAIN_HUGE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether one more huge page of this size would pass a limit of the cgroup of this process, or of
 * one of the groups that it is in. False also if that is not known. */
bool mcsafe__huge_over_limit(uint64_t page_size);

/* Whether no page of this size is free in the pool of the machine. False also if not known. */
bool mcsafe__huge_none_free(uint64_t page_size);

#endif /* MCSAFE_SRC_EXPLAIN_HUGE_H */

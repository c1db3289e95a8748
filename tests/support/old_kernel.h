/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * old_kernel.h - a kernel that may never return from MADV_POPULATE_READ and MADV_POPULATE_WRITE
 *
 * The program is linked with --wrap=madvise,--wrap=uname.
 */
#ifndef MCSAFE_TESTS_OLD_KERNEL_H
#define MCSAFE_TESTS_OLD_KERNEL_H

#include <stddef.h>

/* What uname(2) tells; NULL: the truth. */
extern const char *t_release;

/* The number of calls that populate. */
extern size_t t_populated;

#endif /* MCSAFE_TESTS_OLD_KERNEL_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* leaks.h - counts in which a leak shows */
#ifndef MCSAFE_TESTS_LEAKS_H
#define MCSAFE_TESTS_LEAKS_H

#include <stddef.h>

/* Mappings of the process. Always 0 with a sanitizer, which maps memory at any time. */
size_t t_count_mappings(void);

/* Open descriptors. Includes those that the call itself opens, the same number each time. */
size_t t_count_descriptors(void);

#endif /* MCSAFE_TESTS_LEAKS_H */

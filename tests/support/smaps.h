/* SPDX-License-Identifier: BSD-3-Clause */
/* smaps.h - what the kernel says of a mapping */
#ifndef MCSAFE_TESTS_SMAPS_H
#define MCSAFE_TESTS_SMAPS_H

#define T_MAPPING_ROOM 1024

/*
 * What /proc/self/smaps says of the mapping that holds an address, as far as it does not change by
 * itself: "rw-p name", then the lines of the protection key, if there is one, and of the flags.
 */
void t_describe_mapping(const void *at, char text[T_MAPPING_ROOM]);

#endif /* MCSAFE_TESTS_SMAPS_H */

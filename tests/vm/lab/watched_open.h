/* SPDX-License-Identifier: BSD-3-Clause */
/* watched_open.h - finds out who reads the region's list of bad blocks, and can refuse it */
#ifndef MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H
#define MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H

#include <stdbool.h>

/* The object that opened a file called "badblocks". */
enum {
	LIBMCSAFE = 1,
	LIBNDCTL = 2,
	OTHERS = 4,
};

/* From now on the objects in `refused` get EACCES for the list. */
void watched_open_begin(unsigned refused);
/* The objects that have opened the list, or tried to, since watched_open_begin(). */
unsigned watched_open_end(void);

#endif /* MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* watched_open.h - who reads the region's list of bad blocks; and it is kept from some */
#ifndef MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H
#define MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H

#include <stdbool.h>

/* What opened a file called "badblocks". */
enum {
	LIBMCSAFE = 1,
	LIBNDCTL = 2,
	OTHERS = 4,
};

/* To those in `refused` it is as if they might not read it: EACCES. */
void watched_open_begin(unsigned refused);
/* Who has opened it, or tried to, since then. */
unsigned watched_open_end(void);

#endif /* MCSAFE_TESTS_VM_LAB_WATCHED_OPEN_H */

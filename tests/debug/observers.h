/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * observers.h - functions for mcsafe__debug_observe(), which run between two instructions of a
 * routine
 *
 * The routine keeps data in vector registers, so an observer must not change any. The compiler may
 * use them for any C code, and the runtime of a sanitizer does. Therefore all observers are in
 * observers.c, which is compiled like src/copy/debug.c, and call no functions but those of that
 * file and syscall(2). A test looks at what they have recorded after the routine has returned.
 */
#ifndef MCSAFE_TESTS_DEBUG_OBSERVERS_H
#define MCSAFE_TESTS_DEBUG_OBSERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access {
	unsigned kind; /* MCSAFE_ROW_* */
	uintptr_t addr;
	size_t size;
	uintptr_t ip;
};

struct recording {
	unsigned kinds; /* accesses of other kinds are not recorded */
	size_t n;
	struct access accesses[20000];
	bool is_full; /* there was no room for more */
	/* After that many accesses, stores past the address fail. 0: no store fails. */
	size_t lose_after;
	uintptr_t lost;
};

/* Records accesses in the struct recording. */
void record_access(void *recording, unsigned kind, uintptr_t addr, size_t size, uintptr_t ip);

struct departure {
	size_t accesses; /* so far */
	size_t last; /* before the access with this number, counted from 0, its page goes away */
	int error;   /* of mprotect(2); 0: none */
};

/* Takes the page of one access away, as the struct departure says. */
void take_page_away(void *departure, unsigned kind, uintptr_t addr, size_t size, uintptr_t ip);

#endif /* MCSAFE_TESTS_DEBUG_OBSERVERS_H */

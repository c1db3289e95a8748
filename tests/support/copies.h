/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.h - every routine that has rows in the landing table, and the functions that call them */
#ifndef MCSAFE_TESTS_COPIES_H
#define MCSAFE_TESTS_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "asm/routines.h"

enum t_work {
	T_COPIES,  /* fn(dst, src, n, record) */
	T_SETS,    /* fn(dst, c, n, record) */
	T_FLUSHES, /* fn(dst, n, record); it fails where a load fails */
};

/* The type of the last argument, by which a function reports a fault. */
enum t_record {
	T_RECORD_FAULT,   /* struct mcsafe_fault * */
	T_RECORD_ROUTINE, /* the same, and this is a routine of asm/x86_64 */
	T_RECORD_NONE,    /* there is no such argument */
};

struct t_copy {
	const char *name;
	void (*fn)(void);
	enum t_work work;
	enum t_record record;
	/* How many good bytes before a poisoned line the copy may leave out if its own load raises
	 * the machine check. */
	size_t shortfall;
	struct mcsafe__routine is;
};

extern const struct t_copy t_copies[];
extern const size_t t_n_copies;

bool t_copy_is_engine(const struct t_copy *copy);

/* Whether this processor can run it. */
bool t_copy_is_possible(const struct t_copy *copy);

/* A fill sets bytes to this value. The rest of the int must not count. */
#define T_SET_TO 0x7f

/* The arguments of fn. If the function has a record, that is the last one. */
void t_copy_arguments(const struct t_copy *copy, uint64_t args[4], const void *dst, const void *src,
		      size_t n, void *record);

/* The routine that holds the instruction: the last one that begins at or before ip; or NULL. */
const struct t_copy *t_engine_of(uintptr_t ip);

/* Whether the routine is no copy. Its rows are not tested where those of copies are. */
bool t_is_no_copy(const struct t_copy *routine);

#endif /* MCSAFE_TESTS_COPIES_H */

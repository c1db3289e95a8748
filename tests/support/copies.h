/* SPDX-License-Identifier: BSD-3-Clause */
/* copies.h - everything that has rows in the landing table: entry points, and engines behind them */
#ifndef MCSAFE_TESTS_COPIES_H
#define MCSAFE_TESTS_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum t_work {
	T_COPIES,  /* fn(dst, src, n, record) */
	T_SETS,    /* fn(dst, c, n, record) */
	T_FLUSHES, /* fn(dst, n, record); it fails where a load fails */
};

/* What the last argument is, through which it tells of a fault. */
enum t_record {
	T_RECORD_FAULT,   /* struct mcsafe_fault * */
	T_RECORD_LANDING, /* struct mcsafe__landing *: this is an engine */
	T_RECORD_NONE,    /* there is none */
};

struct t_copy {
	const char *name;
	void (*fn)(void);
	enum t_work work;
	enum t_record record;
	/* How many good bytes before a poisoned line may be left out when the machine check is
	 * raised by this very copy. */
	size_t shortfall;
	unsigned needs; /* of the processor: MCSAFE__CPU_* */
};

extern const struct t_copy t_copies[];
extern const size_t t_n_copies;

bool t_copy_is_engine(const struct t_copy *copy);

/* Whether this processor can run it. */
bool t_copy_is_possible(const struct t_copy *copy);

/* Whether some of its accesses touch what it has just touched. Memory that stays as it is cannot
 * fail there; tests/asmcheck takes it away in between. */
bool t_copy_touches_again(const struct t_copy *copy);

/* Of the value that is given to those that set; the rest of the int must not count. */
#define T_SET_TO 0x7f

/* The arguments of fn; record is the last one of them, for a function that has one. */
void t_copy_arguments(const struct t_copy *copy, uint64_t args[4], const void *dst, const void *src,
		      size_t n, void *record);

/* The routine that holds the instruction: the last one that begins at or before ip; or NULL. */
const struct t_copy *t_engine_of(uintptr_t ip);

/* Whether that is no copy: its rows are not tested where copies are. */
bool t_is_no_copy(const struct t_copy *routine);

#endif /* MCSAFE_TESTS_COPIES_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - every operation of access.h on every size, behind one type of function */
#ifndef MCSAFE_TESTS_ACCESS_WORDS_H
#define MCSAFE_TESTS_ACCESS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

/* What an operation does to memory that holds `before`; the second half of those that compare. */
enum t_what { T_LOAD, T_STORE, T_XCHG, T_CMPXCHG };

/*
 * Stores value, where it stores; *got is what a load or an exchange gives. fault is NULL, or for an
 * operation that makes no record left alone.
 */
typedef enum mcsafe_cause t_word_fn(volatile void *p, uint64_t value, uint64_t expected,
				    uint64_t *got, struct mcsafe_fault *fault);

struct t_word {
	const char *name;
	t_word_fn *fn;
	enum t_what what;
	size_t size;
	bool makes_record;
	bool tells_cause; /* not only whether it failed */
};

extern const struct t_word t_words[];
extern const size_t t_n_words;

#endif /* MCSAFE_TESTS_ACCESS_WORDS_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - every operation of access.h on every size, behind one type of function */
#ifndef MCSAFE_TESTS_ACCESS_WORDS_H
#define MCSAFE_TESTS_ACCESS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

/* What an operation does to memory. */
enum t_what { T_LOAD, T_STORE, T_XCHG, T_CMPXCHG };

/*
 * Stores value, if it stores; *got receives what a load or an exchange gives, and is as it was after
 * a fault. fault may be NULL, and is left alone by an operation that makes no record.
 */
typedef enum mcsafe_cause t_word_fn(volatile void *p, uint64_t value, uint64_t expected,
				    uint64_t *got, struct mcsafe_fault *fault);

struct t_word {
	const char *name;
	t_word_fn *fn;
	size_t size;
	enum t_what what;
	bool makes_record;
	bool tells_cause; /* not only whether it failed */
};

extern const struct t_word t_words[];
extern const size_t t_n_words;

#endif /* MCSAFE_TESTS_ACCESS_WORDS_H */

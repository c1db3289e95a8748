/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - every operation of access.h on every size, as functions of one type */
#ifndef MCSAFE_TESTS_ACCESS_WORDS_H
#define MCSAFE_TESTS_ACCESS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/fault.h>

/* What an operation does to memory. */
enum t_what { T_LOAD, T_STORE, T_XCHG, T_CMPXCHG };

/*
 * An operation that stores, stores value. A load or an exchange puts its result in *got; after a
 * fault *got is unchanged. fault may be NULL. An operation that makes no record does not change it.
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

/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_script.h - bytes as a script of operations on iterators, compared with the model */
#ifndef MCSAFE_TESTS_ITER_SCRIPT_H
#define MCSAFE_TESTS_ITER_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Counts how often scripts met each thing that they are meant to meet. A test that never meets it
 * proves nothing.
 */
struct script_tally {
	unsigned long copies;
	unsigned long source_faults;
	unsigned long destination_faults;
	unsigned long faults_by_flavour[8]; /* enum model_flavour of the iterator */
	unsigned long copies_by_flavour[8];
	unsigned long refused; /* ranges that wrap around, and iterators of the wrong side */
	unsigned long end_of_file;
	unsigned long would_block;
};

extern struct script_tally script_tally;

/* Call once, before the first script. Ends the process with a message on failure. */
void script_open(void);

/*
 * Runs a script. Any string of bytes is a valid script, which ends where the bytes end. Returns
 * NULL on success. Otherwise returns what went wrong (a static string), and no more scripts can be
 * run.
 */
const char *script_run(const uint8_t *bytes, size_t n);

#endif /* MCSAFE_TESTS_ITER_SCRIPT_H */

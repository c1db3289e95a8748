/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_script.h - a string of bytes as a script of operations on iterators, compared with the model */
#ifndef MCSAFE_TESTS_ITER_SCRIPT_H
#define MCSAFE_TESTS_ITER_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/* How often scripts have met what they are meant to meet: a test that never does proves nothing. */
struct script_tally {
	unsigned long copies;
	unsigned long source_faults;
	unsigned long destination_faults;
	unsigned long faults_by_flavour[8]; /* enum model_flavour of the iterator */
	unsigned long copies_by_flavour[8];
	unsigned long refused; /* ranges that wrap, and wrong sides */
	unsigned long end_of_file;
	unsigned long would_block;
};

extern struct script_tally script_tally;

/* Once, before the first script; ends the process with a message if that fails. */
void script_open(void);

/*
 * Run the script that the bytes are. Any bytes are one; it ends where they do. NULL, or what went
 * wrong (a static string), after which nothing more can be run.
 */
const char *script_run(const uint8_t *bytes, size_t n);

#endif /* MCSAFE_TESTS_ITER_SCRIPT_H */

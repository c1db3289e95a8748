/* SPDX-License-Identifier: BSD-3-Clause */
/* witness.h - a handler on top of the library's that sees every SIGBUS and SIGSEGV go by */
#ifndef MCSAFE_TESTS_WITNESS_H
#define MCSAFE_TESTS_WITNESS_H

#include <signal.h>
#include <stdint.h>

#define T_WITNESS_ROOM 8

struct t_sighting {
	int signo;
	int code;
	uintptr_t addr;
	uintptr_t ip;
};

struct t_witness {
	unsigned n; /* signals seen, even if more than there is room for */
	struct t_sighting seen[T_WITNESS_ROOM];
};

/* What this thread has seen; a test sets n to 0. */
extern _Thread_local struct t_witness t_witness;

/*
 * Puts the witness on top of the handlers that are live now, to which it passes every signal on.
 * CMocka takes it away at the end of the test; t_witness_stop() does so earlier.
 */
void t_witness_start(void);
void t_witness_stop(void);

/*
 * Called for each signal before it is passed on: what another thread, or another process, might
 * do between a fault and its recovery. NULL: nothing. AS-Safe functions only.
 */
extern void (*t_witness_hook)(void);

#endif /* MCSAFE_TESTS_WITNESS_H */

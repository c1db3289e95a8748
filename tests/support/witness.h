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
	unsigned n; /* signals seen, even if there was no room for all of them */
	struct t_sighting seen[T_WITNESS_ROOM];
};

/* What this thread has seen. A test sets n to 0. */
extern _Thread_local struct t_witness t_witness;

/*
 * Installs the witness over the live handlers, and passes every signal on to them. CMocka removes
 * the witness at the end of the test; t_witness_stop() removes it earlier.
 */
void t_witness_start(void);
void t_witness_stop(void);

/*
 * If not NULL, it is called for each signal before the signal is passed on. It does what another
 * thread or process might do between a fault and its recovery. It may call only async-signal-safe
 * functions.
 */
extern void (*t_witness_hook)(void);

#endif /* MCSAFE_TESTS_WITNESS_H */

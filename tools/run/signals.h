/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signals.h - signals that mcsafe run itself gets
 *
 * The program is in the process group of mcsafe run. The terminal sends its signals to both, so
 * mcsafe run leaves them to the program. What kill(2) sends to mcsafe run is passed on.
 */
#ifndef MCSAFE_TOOLS_RUN_SIGNALS_H
#define MCSAFE_TOOLS_RUN_SIGNALS_H

#include <sys/types.h>

/* Begin, after the program was started: its signal actions must be those that mcsafe run got. */
void signals_begin(pid_t program);

/* A signal of job control has stopped a thread. If all threads in the process group have stopped,
 * stop by this signal too: then the shell sees it. Returns when SIGCONT has come. */
void signals_stop_together(int number);

/* Stop by this signal, as the program did: the shell shows it. Returns when SIGCONT has come. */
void signals_stop_by(int number);

/* The program has ended: pass nothing on any more. */
void signals_end(void);

/* End as the program did: by the same signal, but without a core dump. */
_Noreturn void signals_die(int number);

#endif /* MCSAFE_TOOLS_RUN_SIGNALS_H */

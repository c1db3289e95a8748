/* SPDX-License-Identifier: BSD-3-Clause */
/* log.h - lines for those who watch a program from outside: its failing copies */
#ifndef MCSAFE_SRC_INJECT_LOG_H
#define MCSAFE_SRC_INJECT_LOG_H

#include <stddef.h>

#include <mcsafe/inject.h>

/*
 * Take the files that the environment names: for a log (MCSAFE_INJECT_LOG), and for a trace
 * (MCSAFE_INJECT_TRACE). Called once, before the schedule of the environment is set.
 */
void mcsafe__log_begin(void);

/* Write the beginning of the trace: how copies fail, and which program it is. */
void mcsafe__log_program(enum mcsafe_inject_kind kind);

/*
 * Write that a copy has failed, to the log and the trace. `order` is its number in the process,
 * from 1 on, and `caller` is where it returns to. Does not change errno. AS-Safe, unless there is a
 * trace.
 */
void mcsafe__log_copy(size_t order, const char *function, size_t n, size_t offset,
		      const void *caller);

#endif /* MCSAFE_SRC_INJECT_LOG_H */

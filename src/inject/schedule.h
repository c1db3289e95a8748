/* SPDX-License-Identifier: BSD-3-Clause */
/* schedule.h - the schedule, for the functions that obey it */
#ifndef MCSAFE_SRC_INJECT_SCHEDULE_H
#define MCSAFE_SRC_INJECT_SCHEDULE_H

#include <stddef.h>

/*
 * Count a copy of n > 0 bytes. Not 0: it must fail at *offset, which is below n, and the result is
 * its number. AS-Safe.
 */
size_t mcsafe__schedule_next(size_t n, size_t *offset);

/* Count a copy that was made to fail, and log it if there is a log (log.h). `caller` is where the
 * copy returns to. AS-Safe, unless there is a trace. */
void mcsafe__schedule_failed(size_t order, const char *function, size_t n, size_t offset,
			     const void *caller);

/* A byte that cannot be accessed. It exists before any copy must fail. */
void *mcsafe__schedule_bad_byte(void);

/* A copy of no bytes from this address to itself finds out whether copies are intercepted. */
extern char mcsafe__schedule_probe;
void mcsafe__schedule_intercepted(void);

#endif /* MCSAFE_SRC_INJECT_SCHEDULE_H */

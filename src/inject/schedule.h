/* SPDX-License-Identifier: BSD-3-Clause */
/* schedule.h - between the schedule and the functions that obey it */
#ifndef MCSAFE_SRC_INJECT_SCHEDULE_H
#define MCSAFE_SRC_INJECT_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

/* Count a copy of n > 0 bytes; true: it shall fail, at *offset < n. AS-Safe. */
bool mcsafe__schedule_next(size_t n, size_t *offset);

/* Note that this copy was made to fail, in the log if there is one. AS-Safe. */
void mcsafe__schedule_failed(const char *function, size_t n, size_t offset);

/* A byte that cannot be accessed. There is one whenever a copy shall fail. */
void *mcsafe__schedule_bad_byte(void);

/* A copy of no bytes from this address to itself asks whether it is intercepted. */
extern char mcsafe__schedule_probe;
void mcsafe__schedule_intercepted(void);

#endif /* MCSAFE_SRC_INJECT_SCHEDULE_H */

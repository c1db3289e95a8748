/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.h - one line on standard error that tells how far a long command has come
 *
 * The line is written only if standard error is a terminal, and at most ten times a second. On a
 * narrow terminal it has fewer words.
 */
#ifndef MCSAFE_TOOLS_PROGRESS_H
#define MCSAFE_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Begin. `total` is in bytes, or 0: unknown. `wanted` false: no line is ever written. */
void progress_begin(uint64_t total, bool wanted);

/* `done` bytes of the total are done, and `lost` of them are lost. */
void progress_show(uint64_t done, uint64_t lost);

/* Take the line away: something else is to be written. The next progress_show() brings it back. */
void progress_hide(void);

/* The work is done: take the line away. */
void progress_end(void);

#endif /* MCSAFE_TOOLS_PROGRESS_H */

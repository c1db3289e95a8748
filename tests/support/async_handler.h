/* SPDX-License-Identifier: BSD-3-Clause */
/* async_handler.h - a handler of signals that come from outside, such as a timer's */
#ifndef ASYNC_HANDLER_H
#define ASYNC_HANDLER_H

/*
 * ThreadSanitizer keeps such a signal back, and runs its handler at the next call or atomic
 * operation that it watches, with all signals blocked meanwhile. When the handler itself does one,
 * and another signal has come in between, it does that a second time inside the first, and saves
 * the mask where the first has saved its own (ProcessPendingSignalsImpl() of its runtime; seen with
 * gcc 12 and clang 14). The thread then goes on with all signals blocked, and its next fault kills.
 * So these handlers are not watched. clang watches atomic operations in no_sanitize functions as
 * well, but for those with an attribute of its own.
 */
#if defined(__clang__)
# define T_ASYNC_HANDLER __attribute__((disable_sanitizer_instrumentation))
#else
# define T_ASYNC_HANDLER __attribute__((no_sanitize("thread")))
#endif

#endif

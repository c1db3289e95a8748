/* SPDX-License-Identifier: BSD-3-Clause */
/* async_handler.h - a handler of signals that come from outside, such as a timer's */
#ifndef ASYNC_HANDLER_H
#define ASYNC_HANDLER_H

/*
 * ThreadSanitizer holds such a signal back. It runs the handler at the next call or atomic
 * operation that it watches, and blocks all signals meanwhile. If the handler makes a watched call
 * itself, and another signal has arrived, the runtime runs that handler inside the first one. It
 * then saves the signal mask in the place where the first run has saved its own
 * (ProcessPendingSignalsImpl() of the runtime; seen with gcc 12 and clang 14). The thread goes on
 * with all signals blocked, and its next fault kills the process. Therefore these handlers are not
 * watched. clang watches atomic operations even in functions with no_sanitize; only an attribute of
 * its own prevents that.
 */
#if defined(__clang__)
# define T_ASYNC_HANDLER __attribute__((disable_sanitizer_instrumentation))
#else
# define T_ASYNC_HANDLER __attribute__((no_sanitize("thread")))
#endif

#endif

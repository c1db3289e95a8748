/* SPDX-License-Identifier: BSD-3-Clause */
/* signal_editor.h - a parent that rewrites the signals of its child, which needs no privilege */
#ifndef MCSAFE_TESTS_SIGNAL_EDITOR_H
#define MCSAFE_TESTS_SIGNAL_EDITOR_H

#include <signal.h>

/*
 * Runs run(arg) in a child. Before a SIGBUS or SIGSEGV is delivered to the child, the parent calls
 * edit(arg, si), which may change the siginfo. The child must not use CMocka. Returns the wait
 * status of the child; the exit status is 0 if run() returned. Skips the test if ptrace(2) is
 * forbidden.
 */
int t_edit_signals(void (*run)(void *arg), void (*edit)(void *arg, siginfo_t *si), void *arg);

#endif /* MCSAFE_TESTS_SIGNAL_EDITOR_H */

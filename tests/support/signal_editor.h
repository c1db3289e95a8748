/* SPDX-License-Identifier: BSD-3-Clause */
/* signal_editor.h - a parent that rewrites the signals of its child, which needs no privilege */
#ifndef MCSAFE_TESTS_SIGNAL_EDITOR_H
#define MCSAFE_TESTS_SIGNAL_EDITOR_H

#include <signal.h>

/*
 * Runs run(arg) in a child; each SIGBUS and SIGSEGV that comes to it is first given to edit(arg),
 * in the parent, as a siginfo which it may change. The child must not use CMocka. Returns the
 * child's wait status: exit status 0 when run() returned. Skips the test where ptrace(2) is
 * forbidden.
 */
int t_edit_signals(void (*run)(void *arg), void (*edit)(void *arg, siginfo_t *si), void *arg);

#endif /* MCSAFE_TESTS_SIGNAL_EDITOR_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* fatal_signals.h - the two signals by which the kernel reports a bad access */
#ifndef MCSAFE_SRC_BASE_FATAL_SIGNALS_H
#define MCSAFE_SRC_BASE_FATAL_SIGNALS_H

#include <signal.h>

#define MCSAFE__N_FATAL_SIGNALS 2

static const int mcsafe__fatal_signals[MCSAFE__N_FATAL_SIGNALS] = {SIGBUS, SIGSEGV};

#endif /* MCSAFE_SRC_BASE_FATAL_SIGNALS_H */

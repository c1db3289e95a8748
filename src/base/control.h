/* SPDX-License-Identifier: BSD-3-Clause */
/* control.h - the lock of all functions that change what the handler does */
#ifndef MCSAFE_SRC_CONTROL_H
#define MCSAFE_SRC_CONTROL_H

#include <signal.h>

struct mcsafe__section {
	sigset_t mask;
	int cancel_state;
	int saved_errno;
};

/*
 * Take and release the lock. All signals are blocked in between, because a signal handler may call
 * a function that takes the lock, for example after fork(2). The thread cannot be cancelled in
 * between (pthread_cancel(3)): open(2), close(2) and write(2) are cancellation points, and the lock
 * would stay held. errno is the same after the release. A child of fork(2) finds the lock free,
 * even if its parent held it. Therefore the holder must do only what can be interrupted at any
 * point and begun again.
 */
void mcsafe__control_enter(struct mcsafe__section *section);
void mcsafe__control_leave(const struct mcsafe__section *section);

#endif /* MCSAFE_SRC_CONTROL_H */

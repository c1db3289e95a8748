/* SPDX-License-Identifier: BSD-3-Clause */
/* control.h - the lock that all functions take that change what the handler does */
#ifndef MCSAFE_SRC_CONTROL_H
#define MCSAFE_SRC_CONTROL_H

#include <signal.h>

struct mcsafe__section {
	sigset_t mask;
	int cancel_state;
	int saved_errno;
};

/*
 * Take the lock, with all signals blocked: a handler may want it too, by fork(2) say. The thread
 * cannot be cancelled meanwhile (pthread_cancel(3)), so that the lock does not stay behind: open(2),
 * close(2) and write(2) are cancellation points. Gives errno back at the end. A child of fork(2) whose parent was at it takes over, so what is done under the
 * lock must be such that it can be interrupted at any point and begun anew.
 */
void mcsafe__control_enter(struct mcsafe__section *section);
void mcsafe__control_leave(const struct mcsafe__section *section);

#endif /* MCSAFE_SRC_CONTROL_H */

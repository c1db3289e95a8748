/* SPDX-License-Identifier: BSD-3-Clause */
/* child_setup.h - what a child that writes a report needs, prepared before it can be needed */
#ifndef MCSAFE_SRC_REPORT_CHILD_SETUP_H
#define MCSAFE_SRC_REPORT_CHILD_SETUP_H

#include <stdbool.h>

#include "base/kept_fd.h"

/*
 * The child is started in a signal handler, so its stack and its descriptor must exist before. The
 * stack stays for the life of the process, since a handler may be using it at any time. The child
 * has a table of descriptors of its own, in which it looks whether fd is still our file. So the
 * descriptor may be closed at any time.
 */
struct mcsafe__child_setup {
	int fd; /* our duplicate of the caller's descriptor; -1: there is none */
	struct mcsafe__file_id file; /* what fd is, unless the program has reused the number */
	char *stack_end;             /* stacks of children lie below; NULL: there is none so far */
};

/* How many children may be started at the same time, and how much clone(2) of libc may store at the
 * end of the stack of each. */
#define MCSAFE__CHILD_STACK_ENDS 512
#define MCSAFE__CHILD_ARGUMENTS  32

/* Whether fd is open for writing. */
bool mcsafe__is_writable(int fd);

/* Map the stack, let setup->fd be a duplicate of fd, and close the one before. 0, or -errno and
 * nothing was changed. */
int mcsafe__child_prepare(struct mcsafe__child_setup *setup, int fd);

/* Close setup->fd, so that a reader of a pipe sees its end. A number that the program has reused is
 * left alone. */
void mcsafe__child_let_go(struct mcsafe__child_setup *setup);

/*
 * Use libunwind once in the life of the process. Its first use allocates, takes locks and makes a
 * pipe that it keeps, which a child must not do. 0, -ENOSYS without libunwind, or another -errno.
 */
int mcsafe__warm_up_unwinder(void);

#endif /* MCSAFE_SRC_REPORT_CHILD_SETUP_H */

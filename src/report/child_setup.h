/* SPDX-License-Identifier: BSD-3-Clause */
/* child_setup.h - what a child that writes a report needs, prepared before it can be needed */
#ifndef MCSAFE_SRC_REPORT_CHILD_SETUP_H
#define MCSAFE_SRC_REPORT_CHILD_SETUP_H

#include <stdbool.h>

/*
 * The child is started in a signal handler, so its stack and its descriptor must exist before. Both
 * stay for the life of the process, since a handler may be using them at any time.
 */
struct mcsafe__child_setup {
	int fd;          /* our duplicate of the caller's descriptor; -1: there was none so far */
	char *stack_end; /* the child's stack lies below; NULL: there was none so far */
};

/* Whether fd is open for writing. */
bool mcsafe__is_writable(int fd);

/* Map the stack, and let setup->fd be a duplicate of fd. 0 or -errno. */
int mcsafe__child_prepare(struct mcsafe__child_setup *setup, int fd);

/*
 * Let setup->fd be /dev/null. That closes the file that it was, so that a reader of a pipe sees its
 * end. 0, or -errno if there is no /dev/null. *dup_error is 0, or -errno if the descriptor could
 * not be changed: the program may have closed it, or lowered RLIMIT_NOFILE below it.
 */
int mcsafe__child_let_go(struct mcsafe__child_setup *setup, int *dup_error);

/*
 * Use libunwind once. Its first use allocates and takes locks, which a child must not do. 0,
 * -ENOSYS without libunwind, or another -errno.
 */
int mcsafe__warm_up_unwinder(void);

#endif /* MCSAFE_SRC_REPORT_CHILD_SETUP_H */

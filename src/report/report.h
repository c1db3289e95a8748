/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - the report before death: set up, started by the dying thread, written by a child */
#ifndef MCSAFE_SRC_REPORT_H
#define MCSAFE_SRC_REPORT_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

/* The signal, as the child that writes about it gets it. */
struct mcsafe__death {
	int signo;
	const siginfo_t *si;
	const void *ctx;
	pid_t pid, tid;
};

/* What mcsafe_set_report() has prepared; fd < 0: never. Only fd's file and flags change later. */
struct mcsafe__report_setup {
	int fd; /* ours */
	dev_t dev;
	ino_t ino;
	unsigned flags;
	char *stack; /* of the child */
	size_t stack_size;
	/* mcsafe__report_write(), by a pointer: whoever links the archive and wants no reports needs
	 * neither that object nor libunwind. */
	void (*write)(const void *death);
};

extern struct mcsafe__report_setup mcsafe__report_setup;
extern _Atomic int mcsafe__report_wanted;
extern _Atomic unsigned long mcsafe__reporter; /* pid << 32 | tid of who has begun one; 0 */

/*
 * Lands a fault of a protected access: mcsafe_handle_signal(), by a pointer, since the handler is a
 * layer above.
 */
typedef int mcsafe__land_fn(int signo, siginfo_t *si, void *ctx);

/* Report a signal that is going to kill, and come back. AS-Safe. */
void mcsafe__report(int signo, const siginfo_t *si, const void *ctx, mcsafe__land_fn *land);

/* report_text.c: write all of it to the set-up's fd. arg: struct mcsafe__death. Runs in the
 * child. */
void mcsafe__report_write(const void *arg);

/*
 * Run work(arg) in a copy of this process, on the copy of a stack, and wait for it, but not for
 * long. Loads of work() may fault and land. All signals must be blocked. AS-Safe.
 */
void mcsafe__in_copy(void (*work)(const void *), const void *arg, char *stack_end,
		     mcsafe__land_fn *land);

/*
 * backtrace_libunwind.c, or backtrace_none.c. Call step for each frame from the context on until
 * it returns 0: ip; and if names is not 0 the rest as well, as far as it is known, with the name of
 * its function and the offset in that. -ENOSYS without libunwind.
 */
struct mcsafe__frame {
	unsigned number;
	unsigned long ip;
	const char *name; /* NULL: not known */
	unsigned long offset;
	unsigned long sp;
	int is_known;              /* there is unwind information for it */
	int is_signal;             /* the kernel's, of a signal handler */
	int has_cleanup;           /* an exception would run code here (it has an LSDA) */
	unsigned long personality; /* the function that would; 0: none */
};

int mcsafe__backtrace(const void *ctx, int names, int (*step)(const struct mcsafe__frame *, void *),
		      void *arg);

#endif /* MCSAFE_SRC_REPORT_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report.h - the report of a dying process
 *
 * mcsafe_set_report() sets it up, the dying thread starts it, and a child writes it.
 */
#ifndef MCSAFE_SRC_REPORT_H
#define MCSAFE_SRC_REPORT_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "child_setup.h"

/* The signal that the child writes about. */
struct mcsafe__death {
	int signo;
	const siginfo_t *si;
	const void *ctx;
	pid_t pid, tid;
};

/* What mcsafe_set_report() has prepared. Later calls change only the descriptor and the flags. */
struct mcsafe__report_setup {
	struct mcsafe__child_setup child;
	unsigned flags;
	/* mcsafe__report_write(). A pointer, so that a program that links the archive and wants no
	 * reports needs neither that object nor libunwind. */
	void (*write)(const void *death);
};

extern struct mcsafe__report_setup mcsafe__report_setup;
extern _Atomic bool mcsafe__report_wanted;
/*
 * pid << 32 | tid of the thread whose death is reported, or 0; and the same of the last one whose
 * report is done. The process counts, since a child of vfork(2) or clone(2) may share this memory
 * and die alone. Each process has a place of its own, by its number: the child must not take the
 * place of a parent that is dying too. (If there are more than so many, two may have the same.)
 */
#define MCSAFE__REPORTERS 64
extern _Atomic unsigned long mcsafe__reporter[MCSAFE__REPORTERS],
	mcsafe__reported[MCSAFE__REPORTERS];

/*
 * Lands a fault of a protected access. This is mcsafe_handle_signal(); a pointer, since the handler
 * is a layer above.
 */
typedef int mcsafe__land_fn(int signo, siginfo_t *si, void *ctx);

/* Report a signal that is about to kill the process, and return. AS-Safe. */
void mcsafe__report(int signo, const siginfo_t *si, const void *ctx, mcsafe__land_fn *land);

/* report_text.c: write the whole report to the descriptor of the setup. arg is a struct
 * mcsafe__death. Runs in the child. */
void mcsafe__report_write(const void *arg);

/* What a thread must not do while it waits for a copy: handle a signal, or be cancelled. */
struct mcsafe__quiet {
	sigset_t mask;
	int cancel_state;
};

/* AS-Safe. */
void mcsafe__quiet_begin(struct mcsafe__quiet *quiet);
void mcsafe__quiet_end(const struct mcsafe__quiet *quiet);

/*
 * Run work(arg) in a copy of this process, and wait for the copy, for two seconds at most. If the
 * descriptor of the setup is no longer our file, the copy ends at once. Loads of work() may fault
 * and land. The caller must be quiet. AS-Safe.
 */
void mcsafe__in_copy(void (*work)(const void *), const void *arg,
		     const struct mcsafe__child_setup *setup, mcsafe__land_fn *land);

/*
 * In the child, before a backtrace: close all descriptors but fd, and return its number, which may
 * be another one then. libunwind keeps a pipe. If the program has closed that pipe and reused its
 * numbers, libunwind would read from the program's file and write to it. Once its numbers are
 * closed, it makes a new pipe.
 */
int mcsafe__close_others(int fd);

/* A frame of a backtrace. */
struct mcsafe__frame {
	unsigned number;
	unsigned long ip;
	const char *name;     /* of the function; NULL: not known */
	unsigned long offset; /* from the start of the function */
	unsigned long sp;
	bool is_known;             /* it has unwind information */
	bool is_signal;            /* the kernel made it, for a signal handler */
	bool has_cleanup;          /* an exception would run code here: it has an LSDA */
	unsigned long personality; /* the function that would choose that code; 0: none */
};

/* False: walk no further. */
typedef bool mcsafe__step_fn(const struct mcsafe__frame *frame, void *arg);

/*
 * backtrace_libunwind.c, or backtrace_none.c: call step for each frame, from the interrupted one
 * outwards. The number and ip of the frame are always set. The other members are set, as far as
 * they are known, only if names is true. 0, or -ENOSYS without libunwind.
 */
int mcsafe__backtrace(const void *ctx, bool names, mcsafe__step_fn *step, void *arg);

#endif /* MCSAFE_SRC_REPORT_H */

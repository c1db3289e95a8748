/* SPDX-License-Identifier: BSD-3-Clause */
/* stand_in.h - answer the SIGBUS of a thread: put pages in the place of those that were lost */
#ifndef MCSAFE_TOOLS_RUN_STAND_IN_H
#define MCSAFE_TOOLS_RUN_STAND_IN_H

#include <signal.h>
#include <stdbool.h>

#include "run/recovers.h"
#include "run/tasks.h"

struct stand_in_options {
	enum handlers handlers;
	const char *mirror; /* NULL: zeros */
	int mirror_fd;
	bool stops; /* replace nothing: the program will be killed */
};

extern struct stand_in_options stand_in_options;

enum answer {
	ANSWER_DELIVER, /* give the thread its signal */
	ANSWER_AGAIN,   /* let the instruction run again */
	ANSWER_STOP,    /* something was lost, and the program must stop */
	ANSWER_GONE,    /* the thread has ended meanwhile */
};

/* Answer a SIGBUS, in whose stop the thread is. */
enum answer stand_in_answer(struct task *task, const siginfo_t *info);

/* The same for a page that a system call could not read. ANSWER_DELIVER: nothing stands in. */
enum answer stand_in_for_call(struct task *task, uintptr_t at);

#endif /* MCSAFE_TOOLS_RUN_STAND_IN_H */

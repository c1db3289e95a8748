/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inside.h - the library that mcsafe run --preload puts into each process
 *
 * actions.c answers the calls of the program about SIGBUS, and has the signal handler. answer.c
 * decides what stands in. log.c tells the command what was lost. memory.c keeps the program from
 * mapping something else where a page is being replaced.
 *
 * The handler allocates nothing, and calls nothing of the program. All of it runs under one lock,
 * with all signals blocked, so that what is large need not be on a stack that may be small.
 */
#ifndef MCSAFE_TOOLS_RUN_INSIDE_H
#define MCSAFE_TOOLS_RUN_INSIDE_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "run/shared.h"

/* Functions that take the place of those of libc. */
#define INSIDE_EXPORT __attribute__((visibility("default")))

/* The function of libc of this name, or of another library in its place. It is looked for when it
 * is needed first. */
#define INSIDE_NEXT(name)                         \
 __extension__(                                   \
	 {                                        \
static __typeof__(&(name)) next;                      \
if (next == NULL)                                     \
next = (__typeof__(&(name)))dlsym(RTLD_NEXT, #name); \
next;                                                 \
	 })

/* ---- log.c ----------------------------------------------------------------------------------- */

/* What the command wants; NULL: the process is not under mcsafe run. */
extern struct shared *inside_shared;

/* Find the command. */
void inside_find_command(void);

/* All of these need the lock. */

/* Add a file, or find it. UINT32_MAX: there is no room. */
uint32_t inside_add_file(const struct lost_file *file);

void inside_add_range(uint32_t file, const struct lost_range *range);

/* Tell something once. */
void inside_tell(enum told told, int error, uint64_t at);

/* Whether the mirror is of this file. */
bool inside_is_mirrored(uint32_t file);

/* Have the command kill all. Does not return. */
_Noreturn void inside_stop(void);

/* ---- lock.c ---------------------------------------------------------------------------------- */

/* Prepare it. A child of fork(2) finds the lock free. False: no memory. */
bool inside_prepare_lock(void);

/* Block all signals but SIGBUS, and take the lock. The same thread may take it again. */
void inside_lock(sigset_t *mask);
void inside_unlock(const sigset_t *mask);

/* Memory that a child of fork(2) finds empty. */
#define RETRIES   8
#define OWN_FILES 8

struct inside_process {
	_Atomic int owner; /* the id of the thread that has the lock; 0: none */
	_Atomic int waiting;
	unsigned depth;
	struct shared_range *last; /* the last one of this process */
	unsigned told;             /* bits: enum told */
	enum { RECOVERS_UNKNOWN, RECOVERS_NOT, RECOVERS } recovers;
	/* The last faults after which the instruction just ran again. */
	struct {
		uintptr_t page, instruction;
		int thread;
	} retried[RETRIES];
	unsigned retries;
	/* Whether files are executed. */
	struct {
		uint64_t inode;
		dev_t device;
		bool is_executed;
	} own[OWN_FILES];
	unsigned own_count;
};

extern struct inside_process *inside_process;

int inside_thread(void);

/* ---- answer.c -------------------------------------------------------------------------------- */

/* Whether something stands in, so that the instruction can run again. Needs the lock. */
bool inside_answer(const siginfo_t *info, const ucontext_t *context, bool has_handler);

/* ---- actions.c ------------------------------------------------------------------------------- */

/* Take SIGBUS. */
void inside_take_signal(void);

#endif /* MCSAFE_TOOLS_RUN_INSIDE_H */

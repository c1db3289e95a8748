/* SPDX-License-Identifier: BSD-3-Clause */
/* tasks.h - the threads that are traced, and the address spaces that they share */
#ifndef MCSAFE_TOOLS_RUN_TASKS_H
#define MCSAFE_TOOLS_RUN_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a file is, in one address space. */
struct own_file {
	uint64_t inode;
	dev_t device;
	bool is_executed;
};

#define OWN_FILES 8

/* An address space: that of a process, or of several that share it (vfork(2), clone(2)). */
struct space {
	unsigned users;
	uintptr_t syscall_at, syscall_32_at; /* a system call instruction; 0: not looked for yet */
	enum { RECOVERS_UNKNOWN, RECOVERS_NOT, RECOVERS } recovers;
	unsigned said; /* bits of what was told once: enum told */
	struct own_file own[OWN_FILES];
	unsigned own_count;
};

#define RETRIES 8

struct task {
	pid_t tid, pid;       /* pid: of the process; 0: not asked yet */
	struct space *space;  /* NULL: the thread that made this one has not told of it yet */
	bool is_held;         /* its first stop has been seen, and it waits for its space */
	bool is_in_stop;      /* in a stop of job control */
	bool has_sigsys;      /* its filter has queued SIGSYS for a call that was not its own */
	uintptr_t give_up_at; /* the page whose next SIGBUS is the program's; 0: none */
	/* The last faults after which the instruction just ran again. */
	struct {
		uintptr_t page, instruction;
	} retried[RETRIES];
	unsigned retries;
	struct task *next; /* in its list of the table */
};

/* Find a thread. NULL: it is not known. */
struct task *tasks_find(pid_t tid);

/* Add a thread without a space. */
struct task *tasks_add(pid_t tid);

/* The thread is gone. */
void tasks_remove(struct task *task);

/* How many are known. */
size_t tasks_count(void);

/* Call fn for each thread. It must not add or remove one. */
void tasks_each(void (*fn)(struct task *task, void *arg), void *arg);

/* The id of the process of a thread. */
pid_t tasks_pid(struct task *task);

/* Give the thread a new space, or that of another one. */
void tasks_give_space(struct task *task);
void tasks_share_space(struct task *task, struct space *space);

#endif /* MCSAFE_TOOLS_RUN_TASKS_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* syscalls.h - system calls that fail because their buffer has a lost page (--system-calls) */
#ifndef MCSAFE_TOOLS_RUN_SYSCALLS_H
#define MCSAFE_TOOLS_RUN_SYSCALLS_H

#include "run/stand_in.h"
#include "run/tasks.h"

/*
 * Answer a stop at a system call. If write(2), pwrite(2) or send(2) has just failed with EFAULT
 * because of a lost page, a stand-in takes its place, and the call is made again. That is safe: a
 * call that fails with EFAULT has taken nothing from the buffer. Returns ANSWER_AGAIN, ANSWER_STOP
 * or ANSWER_GONE.
 */
enum answer syscalls_answer(struct task *task);

#endif /* MCSAFE_TOOLS_RUN_SYSCALLS_H */

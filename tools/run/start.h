/* SPDX-License-Identifier: BSD-3-Clause */
/* start.h - start the program: traced from its first instruction on, or as it is */
#ifndef MCSAFE_TOOLS_RUN_START_H
#define MCSAFE_TOOLS_RUN_START_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* As env(1) and shells do. */
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND      127

/* The process of a program, which waits before execve(2). */
struct started {
	pid_t pid;
	int go;    /* a byte lets it go on */
	int error; /* here it tells why execve(2) failed; a pipe that execve(2) closes */
};

/* Find the file that execvp(3) will execute. False: it will find none. */
bool start_find_program(const char *name, char path[PATH_MAX]);

/* Whether execve(2) of the file changes the user, the group or the capabilities. */
bool start_gains_privileges(const char *path);

/* Make the process. */
void start_process(struct started *started, char **program);

/* The same, and trace it. Ends mcsafe with a message if the program cannot be traced. */
void start_traced(struct started *started, char **program);

/* Let it execute the program. */
void start_go(struct started *started);

/* After the end: the errno value of execve(2), or 0. */
int start_error(struct started *started);

/* Tell what is known to go wrong with a program that a process has just begun to execute. */
void start_check_exec(pid_t pid);

#endif /* MCSAFE_TOOLS_RUN_START_H */

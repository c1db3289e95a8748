/* SPDX-License-Identifier: BSD-3-Clause */
/* proc.c - what /proc says about a thread */
#include "run/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool proc_read_file(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (n > 0 && done < room - 1) {
		n = read(fd, text + done, room - 1 - done);
		if (n > 0)
			done += (size_t)n;
	}
	close(fd);
	text[done] = '\0';
	return n >= 0;
}

/* The number of a line "Name: number"; 0: there is no such line. `name` has the colon. */
static uint64_t number(const char *text, const char *name, int base)
{
	const char *line = strstr(text, name);

	return line != NULL ? strtoull(line + strlen(name), NULL, base) : 0;
}

bool proc_read(pid_t tid, struct proc *proc)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (!proc_read_file(path, text, sizeof(text)))
		return false;
	/* The first line has the name of the thread, which can be any text without a newline. */
	*proc = (struct proc){
		.pid = (pid_t)number(text, "\nTgid:", 10),
		.tracer = (pid_t)number(text, "\nTracerPid:", 10),
		.ignored = number(text, "\nSigIgn:", 16),
		.caught = number(text, "\nSigCgt:", 16),
		.effective = number(text, "\nCapEff:", 16),
		.seccomp = (int)number(text, "\nSeccomp:", 10),
	};
	return proc->pid != 0;
}

bool proc_has(uint64_t set, int signal)
{
	return (set >> (signal - 1)) & 1;
}

void proc_pid(char text[PROC_PID], pid_t pid)
{
	if (pid != 0)
		snprintf(text, PROC_PID, "%d", pid);
	else
		memcpy(text, "self", sizeof("self"));
}

void proc_name(pid_t pid, char name[COMM])
{
	char path[64], process[PROC_PID];

	proc_pid(process, pid);
	snprintf(path, sizeof(path), "/proc/%s/comm", process);
	if (!proc_read_file(path, name, COMM) || name[0] == '\0')
		snprintf(name, COMM, "?");
	name[strcspn(name, "\n")] = '\0';
}

/* The letter of the state in /proc/PID/stat, after the name in brackets; "": not known. */
static void read_state(pid_t tid, char state[2])
{
	char path[64], text[512];
	const char *end;

	state[0] = state[1] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (!proc_read_file(path, text, sizeof(text)))
		return;
	end = strrchr(text, ')');
	if (end != NULL && end[1] == ' ')
		state[0] = end[2];
}

/* Whether the thread is in a call that changes what is mapped. execve(2) is none: it makes another
 * address space, after all other threads have ended. It sleeps until they have been waited for. */
static bool is_mapping(pid_t tid)
{
	static const long calls[] = {SYS_mmap,   SYS_munmap, SYS_mremap, SYS_mprotect,
				     SYS_brk,    SYS_shmat,  SYS_shmdt,  SYS_remap_file_pages,
				     SYS_madvise};
	char path[64], text[256], *end;
	long call;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	if (!proc_read_file(path, text, sizeof(text)))
		return false;
	call = strtol(text, &end, 10);
	for (size_t i = 0; end != text && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (call == calls[i])
			return true;
	return false;
}

bool proc_is_idle(pid_t tid)
{
	char state[2];

	read_state(tid, state);
	/* Gone, a zombie, or asleep where only the end of the wait, or SIGKILL, wakes it. */
	return strchr("ZX", state[0]) != NULL || (state[0] == 'D' && !is_mapping(tid));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* start.c - start the program, traced from its first instruction on */
#include "run/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/page.h"
#include "common/tool.h"
#include "run/events.h"
#include "run/lost.h"
#include "run/proc.h"
#include "run/tracee.h"
#include "run/tracer.h"

/* ---- programs that gain privileges ----------------------------------------------------------- */

bool start_find_program(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH"), *end;

	if (strchr(name, '/') != NULL)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	for (list = list != NULL ? list : "/bin:/usr/bin"; list != NULL;
	     list = *end == ':' ? end + 1 : NULL) {
		end = strchrnul(list, ':');
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - list), list,
			     end > list ? "/" : "", name) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* Whether the kernel gives a program its privileges although this process traces it. */
static bool may_trace_all(void)
{
	static int known = -1;
	struct proc proc;

	if (known < 0)
		known = proc_read(getpid(), &proc) && ((proc.effective >> CAP_SYS_PTRACE) & 1);
	return known;
}

bool start_gains_privileges(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	return ((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
	       ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		st.st_gid != getegid()) ||
	       getxattr(path, "security.capability", NULL, 0) > 0;
}

static void refuse_privileges(const char *name)
{
	char path[PATH_MAX];

	if (!may_trace_all() && start_find_program(name, path) && start_gains_privileges(path))
		tool_fail("%s: execve(2) gives it privileges (setuid, setgid or capabilities), and "
			  "the kernel takes them from a traced program: run mcsafe as root",
			  path);
}

/* ---- other tracers --------------------------------------------------------------------------- */

static _Noreturn void fail_to_trace(pid_t pid, int error)
{
	char name[COMM];
	struct proc proc;

	if (proc_read(pid, &proc) && proc.tracer != 0 && proc.tracer != getpid()) {
		proc_name(proc.tracer, name);
		tool_fail("%s (%d) traces mcsafe run and what it starts, and a process has only "
			  "one tracer",
			  name, proc.tracer);
	}
	tool_fail("ptrace(2) is forbidden here: %s (a container's seccomp filter, or "
		  "/proc/sys/kernel/yama/ptrace_scope): --preload may serve, which needs no "
		  "ptrace(2)",
		  strerror(error));
}

static bool is_tracer(const char *name)
{
	static const char *const tracers[] = {"strace", "ltrace", "gdb", "gdbserver", "lldb", "rr"};

	for (size_t i = 0; i < sizeof(tracers) / sizeof(tracers[0]); i++)
		if (strcmp(name, tracers[i]) == 0)
			return true;
	return false;
}

/* The name by which a program was called, which has just begun: the first word of its stack. That
 * takes a third of the time that /proc takes. */
static void read_name(pid_t pid, char name[COMM])
{
	struct user_regs_struct regs;
	char word[PATH_MAX], *last;
	uint64_t start[2]; /* how many words there are, and where the first is */
	size_t n;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0 || regs.cs == TRACEE_CODE_32 ||
	    !tracee_read(pid, regs.rsp, start, sizeof(start)) || start[0] == 0) {
		proc_name(pid, name);
		return;
	}
	/* The words end before the stack does, so the rest of its page is there. */
	n = MCSAFE__PAGE - start[1] % MCSAFE__PAGE;
	if (!tracee_read(pid, start[1], word, n) || memchr(word, '\0', n) == NULL) {
		proc_name(pid, name);
		return;
	}
	last = strrchr(word, '/');
	snprintf(name, COMM, "%.*s", COMM - 1, last != NULL ? last + 1 : word);
}

void start_check_exec(pid_t pid)
{
	char link[64], name[COMM];

	read_name(pid, name);
	if (is_tracer(name))
		lost_note("%s (%d) cannot trace what it starts: mcsafe run is the tracer of all",
			  name, pid);
	if (may_trace_all())
		return;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	if (!start_gains_privileges(link))
		return;
	proc_name(pid, name);
	lost_note("%s (%d) runs without the privileges of its file (setuid, setgid or "
		  "capabilities), because it is traced",
		  name, pid);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Which memory a thread has lost stands in /proc only. */
static void check_proc(void)
{
	struct proc proc;

	if (!proc_read(getpid(), &proc))
		lost_note("/proc is not mounted, or hides processes, so nothing can stand in");
}

static _Noreturn void be_program(int go, int error, char **program)
{
	char byte;
	int err;

	/* The end of the pipe means that mcsafe has ended: it has told why. */
	while (read(go, &byte, 1) != 1)
		if (errno != EINTR)
			_exit(STATUS_ERROR);
	execvp(program[0], program);
	err = errno;
	(void)!write(error, &err, sizeof(err));
	_exit(err == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

void start_process(struct started *started, char **program)
{
	int go[2], error[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0)
		tool_fail("pipe: %s", strerror(errno));
	check_proc();
	events_begin();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tool_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		close(go[1]);
		close(error[0]);
		be_program(go[0], error[1], program);
	}
	close(go[0]);
	close(error[1]);
	*started = (struct started){.pid = pid, .go = go[1], .error = error[0]};
}

void start_traced(struct started *started, char **program)
{
	refuse_privileges(program[0]);
	start_process(started, program);
	if (ptrace(PTRACE_SEIZE, started->pid, NULL, (void *)(uintptr_t)TRACER_OPTIONS) != 0)
		fail_to_trace(started->pid, errno);
}

void start_go(struct started *started)
{
	(void)!write(started->go, "", 1);
	close(started->go);
}

int start_error(struct started *started)
{
	int err = 0;
	ssize_t n = read(started->error, &err, sizeof(err));

	close(started->error);
	return n == sizeof(err) ? err : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_filter.c - truncate a file when a program maps it, whatever way it makes system calls
 *
 * run_filter PROGRAM [ARGUMENT]...: the file that MCSAFE_TEST_FILE names is truncated to
 * MCSAFE_TEST_SIZE bytes when the program maps more than that of it. A seccomp filter stops the
 * program at mmap(2) of a file, until a child of this process has looked at the file. That needs
 * neither a loader nor libc in the program, and no tracer: mcsafe run is one already. The mapping
 * is made after the truncation. The program asked for the length before.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "run_truncate.h"

#define ERROR 99 /* the status if the filter cannot be used */

static pid_t watcher;

static _Noreturn void fail(const char *what)
{
	perror(what);
	if (watcher > 0)
		kill(watcher, SIGKILL);
	_exit(ERROR);
}

/* Only maps of files: mcsafe run makes maps without a file in the name of the program. */
static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail("prctl");
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &program);
	if (fd < 0)
		fail("seccomp");
	return (int)fd;
}

static void look_at(const struct seccomp_notif *call)
{
	char path[64];
	struct stat mapped;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", call->pid, (int)call->data.args[4]);
	if (stat(path, &mapped) == 0)
		truncate_mapped(&mapped, call->data.args[1]);
}

/* Let each call go on, until no process is left that has the filter. */
static void watch(int listener)
{
	struct pollfd ready = {.fd = listener, .events = POLLIN};

	while (poll(&ready, 1, -1) >= 0 || errno == EINTR) {
		struct seccomp_notif call = {0};
		struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		if (!(ready.revents & POLLIN))
			break;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
			continue; /* it has been killed meanwhile */
		look_at(&call);
		answer.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

int main(int argc, char **argv)
{
	int began[2], listener = -1;

	if (argc < 2)
		return ERROR;
	if (pipe(began) != 0)
		fail("pipe");
	/* The child has no filter, and shares the descriptors until this process calls exec. */
	watcher = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (watcher < 0)
		fail("clone");
	if (watcher == 0) {
		if (read(began[0], &listener, sizeof(listener)) == (ssize_t)sizeof(listener))
			watch(listener);
		_exit(0);
	}
	listener = install_filter();
	if (write(began[1], &listener, sizeof(listener)) != (ssize_t)sizeof(listener))
		fail("write");
	/* The kernel closes the listener in the program, and not in the child. */
	execvp(argv[1], argv + 1);
	fail(argv[1]);
}

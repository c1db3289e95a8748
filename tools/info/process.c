/* SPDX-License-Identifier: BSD-3-Clause */
/* process.c - limits of a process of this user here, and what it may do */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/handler.h>

#include "common/size.h"
#include "common/tool.h"
#include "info/items.h"

#define GROUP     "process"
/* CAP_SYS_ADMIN of linux/capability.h, in the masks of /proc/self/status. */
#define SYS_ADMIN (UINT64_C(1) << 21)

static void add_limit(struct items *items, const char *name, __rlimit_resource_t resource,
		      bool in_bytes)
{
	struct rlimit limit;
	char size[SIZE_TEXT];

	if (getrlimit(resource, &limit) != 0)
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "%s", strerror(errno));
	else if (limit.rlim_cur == RLIM_INFINITY)
		items_add(items, GROUP, name, ITEM_VALUE, NULL, "no limit");
	else if (in_bytes)
		items_add(items, GROUP, name, ITEM_VALUE, NULL, "%s",
			  size_text(limit.rlim_cur, size));
	else
		items_add(items, GROUP, name, ITEM_VALUE, NULL, "%ju", (uintmax_t)limit.rlim_cur);
}

static void add_limits(struct items *items)
{
	add_limit(items, "RLIMIT_AS", RLIMIT_AS, true);
	add_limit(items, "RLIMIT_DATA", RLIMIT_DATA, true);
	add_limit(items, "RLIMIT_STACK", RLIMIT_STACK, true);
	add_limit(items, "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, true);
	add_limit(items, "RLIMIT_FSIZE", RLIMIT_FSIZE, true);
	add_limit(items, "RLIMIT_CORE", RLIMIT_CORE, true);
	add_limit(items, "RLIMIT_NOFILE", RLIMIT_NOFILE, false);
	add_limit(items, "RLIMIT_NPROC", RLIMIT_NPROC, false);
	add_limit(items, "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING, false);
}

static void add_setting(struct items *items, const char *name, const char *path)
{
	char *value = item_line(path);

	if (value == NULL)
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "%s: %s", path, strerror(errno));
	else
		items_add(items, GROUP, name, ITEM_VALUE, NULL, "%s", value);
	free(value);
}

static void add_max_map_count(struct items *items)
{
	static const char name[] = "vm.max_map_count";
	char *value = item_line("/proc/sys/vm/max_map_count");
	bool is_low = value != NULL && strtoul(value, NULL, 10) < 65530;

	if (value == NULL)
		items_add(items, GROUP, name, ITEM_UNKNOWN, "mount /proc", "%s", strerror(errno));
	else
		items_add(items, GROUP, name, is_low ? ITEM_NO : ITEM_YES,
			  is_low ? "each stand-in and injected page may take a mapping: sysctl "
				   "vm.max_map_count=65530"
				 : NULL,
			  "%s", value);
	free(value);
}

static void add_seccomp(struct items *items)
{
	char *mode = item_field("/proc/self/status", "Seccomp");

	if (mode == NULL)
		items_add(items, GROUP, "seccomp filter", ITEM_UNKNOWN, NULL,
			  "/proc/self/status does not tell");
	else if (strcmp(mode, "0") == 0)
		items_add(items, GROUP, "seccomp filter", ITEM_NO, NULL, "%s", "");
	else
		items_add(items, GROUP, "seccomp filter", ITEM_YES, NULL,
			  "mode %s: it may refuse system calls", mode);
	free(mode);
}

static void add_capability(struct items *items)
{
	char *mask = item_field("/proc/self/status", "CapEff");

	if (mask == NULL)
		items_add(items, GROUP, "CAP_SYS_ADMIN", ITEM_UNKNOWN, NULL,
			  "/proc/self/status does not tell");
	else if (strtoull(mask, NULL, 16) & SYS_ADMIN)
		items_add(items, GROUP, "CAP_SYS_ADMIN", ITEM_YES, NULL, "%s", "");
	else
		items_add(items, GROUP, "CAP_SYS_ADMIN", ITEM_NO, NULL,
			  "real poison (MADV_HWPOISON) and lists of device-dax need it");
	free(mask);
}

/* Trace a child. That is what mcsafe run does, and what sandboxes forbid. */
static void add_ptrace(struct items *items)
{
	static const char name[] = "ptrace(2) of an own child";
	pid_t child = fork();
	int error = 0;

	if (child == 0)
		for (;;)
			pause();
	if (child < 0) {
		items_add(items, GROUP, name, ITEM_UNKNOWN, NULL, "fork(2): %s", strerror(errno));
		return;
	}
	if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0)
		error = errno;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	items_add(items, GROUP, name, error == 0 ? ITEM_YES : ITEM_NO,
		  error == 0 ? NULL : "mcsafe run needs it, or its option --preload", "tried%s%s",
		  error == 0 ? "" : ": ", error == 0 ? "" : strerror(error));
}

static void add_ptrace_scope(struct items *items)
{
	static const char path[] = "/proc/sys/kernel/yama/ptrace_scope";
	char *scope = item_line(path);

	if (scope != NULL)
		items_add(items, GROUP, "kernel.yama.ptrace_scope", ITEM_VALUE, NULL, "%s", scope);
	else if (errno == ENOENT && access("/proc/sys/kernel", F_OK) == 0)
		items_add(items, GROUP, "kernel.yama.ptrace_scope", ITEM_VALUE, NULL,
			  "not there: Yama is not in this kernel");
	else
		items_add(items, GROUP, "kernel.yama.ptrace_scope", ITEM_UNKNOWN, NULL, "%s: %s",
			  path, strerror(errno));
	free(scope);
}

static void add_policy(struct items *items)
{
	static const char *const names[] = {
		[PR_MCE_KILL_LATE] = "late: told when it accesses lost memory",
		[PR_MCE_KILL_EARLY] = "early: told when memory is lost",
		[PR_MCE_KILL_DEFAULT] = "as vm.memory_failure_early_kill says",
	};
	int policy = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);

	if (policy < 0 || (size_t)policy >= sizeof(names) / sizeof(names[0]))
		items_add(items, GROUP, "early notices (PR_MCE_KILL)", ITEM_UNKNOWN, NULL, "%s",
			  policy < 0 ? strerror(errno) : "an unknown policy");
	else
		items_add(items, GROUP, "early notices (PR_MCE_KILL)", ITEM_VALUE, NULL, "%s",
			  names[policy]);
}

static int lack_at_start;

void info_unblock(void)
{
	lack_at_start = mcsafe_thread_check();
	if (mcsafe_thread_prepare() != 0)
		tool_fail("no memory for an alternate stack");
}

bool info_can_fault(void)
{
	return mcsafe_installed() == 1;
}

/* The kernel kills a process for a fault whose signal is blocked. */
static void add_blocked(struct items *items)
{
	bool blocked =
		lack_at_start & (MCSAFE_THREAD_SIGBUS_BLOCKED | MCSAFE_THREAD_SIGSEGV_BLOCKED);

	items_add(items, GROUP, "SIGBUS and SIGSEGV unblocked", blocked ? ITEM_NO : ITEM_YES,
		  blocked ? "programs inherit this: unblock them where programs are started" : NULL,
		  "%s", "");
}

void info_process(struct items *items)
{
	add_limits(items);
	add_max_map_count(items);
	add_setting(items, "vm.overcommit_memory", "/proc/sys/vm/overcommit_memory");
	add_setting(items, "vm.overcommit_ratio", "/proc/sys/vm/overcommit_ratio");
	add_seccomp(items);
	add_capability(items);
	add_ptrace(items);
	add_ptrace_scope(items);
	add_policy(items);
	add_blocked(items);
}

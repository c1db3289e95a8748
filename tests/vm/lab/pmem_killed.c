/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem_killed.c - a repair that is killed at each of its system calls */
#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED_AT    (64 * T_PAGE)
#define KILLED_PAGES ((size_t)2)
#define MOST_STOPS   1000u

static struct lab_mapping mapping;
static struct mcsafe_pmem *pmem;
static unsigned char *buffer;
/*
 * For a device-dax node only ioctls count: libndctl makes hundreds of calls, and only these change
 * something.
 */
static bool ioctls_only;

static void open_kind(const char *kind)
{
	mapping = lab_mapping(kind);
	ioctls_only = strcmp(kind, "devdax") == 0;
	buffer = malloc(2 * KILLED_PAGES * T_PAGE);
	lab_need(buffer != NULL, "no memory");
	lab_install();
	lab_kernel_log("");
	lab_need(mcsafe_pmem_open_fd(&pmem, mapping.fd, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
}

/*
 * The last sector of one page and the first of the next, because ndctl takes long for each sector.
 */
static void inject_pages(void)
{
	uint64_t border = lab_physical(mapping.base + KILLED_AT + T_PAGE);

	lab_need(lab_physical(mapping.base + KILLED_AT) + T_PAGE == border,
		 "the pages are not neighbours");
	lab_inject(border - LAB_SECTOR, 2);
	lab_wait_bad_blocks(border);
}

/* Data that differs in each byte from the content before. */
static void new_data(unsigned char *to, size_t from, size_t n)
{
	lab_fill_pattern(to, from, n);
	for (size_t i = 0; i < n; i++)
		to[i] ^= 0x2a;
}

static bool repair(void)
{
	return mcsafe_pmem_repair(pmem, buffer, KILLED_PAGES * T_PAGE, (off_t)KILLED_AT) ==
	       (ssize_t)(KILLED_PAGES * T_PAGE);
}

static void repair_in_child(void)
{
	new_data(buffer, KILLED_AT, KILLED_PAGES * T_PAGE);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit(repair() ? 0 : 1);
}

static bool is_of_interest(pid_t child)
{
	return !ioctls_only || ptrace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.orig_rax),
				      NULL) == SYS_ioctl;
}

/*
 * Kills the child at its n-th stop. It stops at the entry and the exit of each system call. Returns
 * true if the child was killed.
 */
static bool killed_at(pid_t child, unsigned n)
{
	int status;

	lab_need(waitpid(child, &status, 0) == child && WIFSTOPPED(status), "no child");
	for (unsigned i = 0; i < n; i += is_of_interest(child)) {
		lab_need(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0, "ptrace");
		lab_need(waitpid(child, &status, 0) == child, "waitpid");
		if (WIFEXITED(status)) {
			lab_check(WEXITSTATUS(status) == 0, "an undisturbed repair fails");
			return false;
		}
		lab_need(WIFSTOPPED(status), "the child died without being killed");
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return true;
}

/*
 * Checks that each page is in the kernel's list or holds the new data. *bad and *good count the
 * pages.
 */
static void check_pages(size_t *bad, size_t *good)
{
	unsigned char *wanted = buffer + KILLED_PAGES * T_PAGE;
	struct mcsafe_pmem *fresh;

	lab_need(mcsafe_pmem_open_fd(&fresh, mapping.fd, 0) == 0, "cannot open it again");
	for (size_t page = KILLED_AT; page < KILLED_AT + KILLED_PAGES * T_PAGE; page += T_PAGE) {
		ssize_t got = mcsafe_pmem_pread(fresh, buffer, T_PAGE, (off_t)page, NULL);

		if (got != (ssize_t)T_PAGE) {
			lab_check(mcsafe_badblocks_next(mcsafe_pmem_badblocks(fresh), page,
							page + T_PAGE, NULL),
				  "a bad page is in no list");
			++*bad;
			continue;
		}
		new_data(wanted, page, T_PAGE);
		lab_check(memcmp(buffer, wanted, T_PAGE) == 0,
			  "a page that can be read does not have the new data");
		++*good;
	}
	mcsafe_pmem_close(fresh);
}

/* pmem-killed KIND */
int lab_program_pmem_killed(int argc, char **argv)
{
	size_t bad = 0, good = 0;
	unsigned n = 0;
	bool killed;

	open_kind(argc > 1 ? argv[1] : "");
	do {
		struct mcsafe_badblocks_answer answer;
		pid_t child;

		inject_pages();
		lab_need(mcsafe_pmem_ask(pmem, &answer) == 0, "the kernel cannot be asked");
		child = fork();
		if (child == 0)
			repair_in_child();
		lab_need(child > 0, "fork");
		killed = killed_at(child, ++n);
		check_pages(&bad, &good);
		/* The data for the next round. */
		lab_fill_pattern(buffer, KILLED_AT, KILLED_PAGES * T_PAGE);
		lab_need(repair(), "cannot repair it again");
	} while (killed && n < MOST_STOPS);
	lab_check(!killed, "the repair does not end");
	lab_fact("killed before it was over", "%s",
		 n > 4 ? "at several system calls" : "too seldom");
	lab_fact("pages that were bad still", "%s", bad ? "some" : "none");
	lab_fact("pages with the new data", "%s", good ? "some" : "none");
	mcsafe_pmem_close(pmem);
	lab_kernel_log("");
	return lab_status();
}

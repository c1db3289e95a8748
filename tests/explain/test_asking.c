/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_asking.c - what asking the kernel leaves as it was, and what is not claimed
 *
 * test_reasons.c has every reason. This is about privilege, locks, children and stacks, and about
 * answers that the kernel does not have.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "child.h"
#include "leaks.h"
#include "tool.h"

#define NOBODY 65534

static struct mcsafe_fault fault;
static struct mcsafe_explanation e;

#define NAME 64

/* A file of 4 pages, with a name that must be removed. */
static int open_file(char *name)
{
	static char page[T_PAGE];
	int fd;

	snprintf(name, NAME, "/tmp/mcsafe-explain-XXXXXX");
	fd = mkostemp(name, O_CLOEXEC);
	CHECK_GE(fd, 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(write(fd, page, sizeof(page)), (ssize_t)sizeof(page));
	return fd;
}

static unsigned char *map(int fd)
{
	void *at = mmap(NULL, 4 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

/* Let a copy from page 2 fail, because the file ends before. */
static unsigned char *fail_past_end(int fd)
{
	unsigned char *at = map(fd), byte;

	CHECK_EQ(ftruncate(fd, (off_t)T_PAGE), 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_memcpy(&byte, at + 2 * T_PAGE, 1, &fault), 1u);
	return at + 2 * T_PAGE;
}

/* The file has the page again: nothing explains the fault any more, but the byte is read. */
static void heal(int fd)
{
	CHECK_EQ(ftruncate(fd, 4 * (off_t)T_PAGE), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 2 * (off_t)T_PAGE), 1);
}

IN_CHILD(test_refuses_what_is_no_fault)
{
	struct mcsafe_explanation before;

	memset(&e, 0x5a, sizeof(e));
	before = e;
	CHECK_EQ(mcsafe_explain(NULL, &e), -EINVAL);
	fault = (struct mcsafe_fault){.cause = MCSAFE_CAUSE_NONE};
	CHECK_EQ(mcsafe_explain(&fault, &e), -EINVAL);
	fault.cause = MCSAFE_CAUSE_IO;
	CHECK_EQ(mcsafe_explain(&fault, NULL), -EINVAL);
	CHECK_MEM_EQ(&e, &before, sizeof(e));
}

IN_CHILD(test_claims_nothing_if_the_memory_is_good)
{
	char name[NAME];
	int fd = open_file(name);

	(void)fail_past_end(fd);
	heal(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e.error, EIO);
	CHECK_STR_EQ(e.path, name);
	CHECK_EQ(e.offset, 2 * (off_t)T_PAGE);
	CHECK_EQ(e.len, T_PAGE);
}

/* On a file system with space, a hole does not explain why a store failed. */
IN_CHILD(test_claims_no_lack_of_space_if_there_is_space)
{
	char name[NAME];
	int fd = open_file(name);

	(void)fail_past_end(fd);
	CHECK_EQ(ftruncate(fd, 4 * (off_t)T_PAGE), 0);
	fault.side = MCSAFE_SIDE_DESTINATION;
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e.error, EIO);
}

IN_CHILD(test_explains_a_cause_that_is_unknown_by_nothing)
{
	fault = (struct mcsafe_fault){.signo = SIGBUS,
				      .code = SI_KERNEL,
				      .cause = MCSAFE_CAUSE_UNKNOWN,
				      .side = MCSAFE_SIDE_SOURCE};
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e.error, EFAULT);
	CHECK_EQ(e.memory, MCSAFE_MEMORY_UNKNOWN);
	CHECK_EQ(e.offset, -1);
	CHECK_EQ(e.len, 0u);
}

IN_CHILD(test_names_no_memory_that_came_after_the_fault)
{
	char name[NAME];
	int fd = open_file(name);
	unsigned char *at = map(fd), byte;

	CHECK_EQ(munmap(at, 4 * T_PAGE), 0);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_memcpy(&byte, at, 1, &fault), 1u);
	CHECK(mmap(at, 4 * T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_NOT_MAPPED);
	CHECK_STR_EQ(e.path, "");
	CHECK_EQ(e.offset, -1);
	CHECK_EQ(e.memory, MCSAFE_MEMORY_UNKNOWN);
}

/* The extent of poison can begin before the mapping. */
IN_CHILD(test_poison_goes_no_further_than_the_mapping)
{
	char name[NAME];
	int fd = open_file(name);
	unsigned char *at = map(fd);
	uintptr_t extent = 2 * T_HUGE;

	CHECK_EQ(munmap(at, T_PAGE), 0);
	at += T_PAGE;
	fault = (struct mcsafe_fault){.signo = SIGBUS,
				      .code = BUS_MCEERR_AR,
				      .cause = MCSAFE_CAUSE_POISON,
				      .side = MCSAFE_SIDE_SOURCE,
				      .addr = at + T_PAGE,
				      .extent = extent};
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_POISON);
	CHECK_EQ(e.error, EHWPOISON);
	if ((uintptr_t)at % extent != 0) {
		CHECK_PTR_EQ(e.addr, at);
		CHECK_EQ(e.offset, (off_t)T_PAGE);
		CHECK_EQ(e.len, extent - (uintptr_t)at % extent);
	}
	fault.extent = T_PAGE;
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	CHECK_PTR_EQ(e.addr, at + T_PAGE);
	CHECK_EQ(e.offset, 2 * (off_t)T_PAGE);
	CHECK_EQ(e.len, T_PAGE);
}

/* ---- what must stay -------------------------------------------------------------------------- */

static bool is_locked(const char *name)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		_exit(fcntl(open(name, O_RDWR | O_CLOEXEC), F_GETLK, &lock) == 0 &&
		      lock.l_type != F_UNLCK);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status) != 0;
}

IN_CHILD(test_record_locks_stay)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char name[NAME];
	int fd = open_file(name);

	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	(void)fail_past_end(fd);
	heal(fd);
	CHECK(is_locked(name));
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	CHECK(is_locked(name));
	/* The test sees a lock that is gone. */
	close(open(name, O_RDONLY | O_CLOEXEC));
	CHECK(!is_locked(name));
	unlink(name);
}

static volatile sig_atomic_t ended;

static void count_child(int signo)
{
	(void)signo;
	ended++;
}

/* The child that reads is nobody's business: no SIGCHLD, and nothing for wait(2). */
IN_CHILD(test_host_does_not_see_the_child)
{
	char name[NAME];
	int fd = open_file(name);

	t_set_plain(SIGCHLD, count_child, 0);
	(void)fail_past_end(fd);
	heal(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(ended, 0);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
}

/* Another thread's fault can come while a SIGCHLD is ignored. */
IN_CHILD(test_works_while_children_are_ignored)
{
	char name[NAME];
	int fd = open_file(name);

	t_set_plain(SIGCHLD, SIG_IGN, 0);
	(void)fail_past_end(fd);
	heal(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_STR_EQ(e.path, name);
}

/* Pages of all mappings: mappings that touch may be counted as one. 0 with a sanitizer. */
static unsigned long mapped_pages(void)
{
	unsigned long pages = 0;
	FILE *file;

	if (T_SANITIZER)
		return 0;
	file = fopen("/proc/self/statm", "re");
	CHECK(file != NULL);
	CHECK_EQ(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages;
}

IN_CHILD(test_leaves_no_descriptor_and_no_mapping)
{
	char name[NAME];
	int fd = open_file(name);
	size_t descriptors;
	unsigned long pages;

	(void)fail_past_end(fd);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(mcsafe_explain(&fault, &e), 0);
		descriptors = t_count_descriptors();
		pages = mapped_pages();
		for (int n = 0; n < 10; n++)
			CHECK_EQ(mcsafe_explain(&fault, &e), 0);
		CHECK_EQ(t_count_descriptors(), descriptors);
		CHECK_EQ(mapped_pages(), pages);
		heal(fd); /* the second time a byte is read */
	}
	unlink(name);
}

/* A program that has closed its standard descriptors must not get another file there. */
IN_CHILD(test_uses_no_standard_descriptor)
{
	char name[NAME];
	int fd = open_file(name);

	(void)fail_past_end(fd);
	close(STDIN_FILENO);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_PAST_END);
	CHECK_EQ(fcntl(STDIN_FILENO, F_GETFD), -1);
}

static void *explain_here(void *arg)
{
	(void)arg;
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	return NULL;
}

static void explain_on_small_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN), 0);
	CHECK_EQ(pthread_create(&thread, &attr, explain_here, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

IN_CHILD(test_the_smallest_stack_suffices)
{
	char name[NAME];
	int fd = open_file(name);

	if (T_SANITIZER)
		return; /* its code needs more */
	(void)fail_past_end(fd);
	explain_on_small_stack();
	CHECK_EQ(e.reason, MCSAFE_REASON_PAST_END);
	heal(fd);
	explain_on_small_stack();
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	unlink(name);
}

/* ---- without privilege ----------------------------------------------------------------------- */

/* After that the links of /proc/self/map_files cannot be followed. The process stays dumpable, as
 * one that was started without privilege is. */
static void drop_privilege(void)
{
	if (geteuid() != 0)
		return;
	CHECK_EQ(setresgid(NOBODY, NOBODY, NOBODY), 0);
	CHECK_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

IN_CHILD(test_finds_a_file_without_a_name_by_its_descriptor)
{
	int fd;

	drop_privilege();
	fd = memfd_create("frames", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(fd, 4 * (off_t)T_PAGE), 0);
	(void)fail_past_end(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	CHECK_EQ(e.reason, MCSAFE_REASON_PAST_END);
	CHECK_EQ(e.memory, MCSAFE_MEMORY_SHARED);
	CHECK_EQ(e.file_size, (off_t)T_PAGE);
	CHECK_STR_EQ(e.path, "memfd:frames");
	CHECK_EQ(e.flags, 0u);
}

IN_CHILD(test_claims_nothing_about_a_file_that_it_cannot_find)
{
	int fd;

	drop_privilege();
	fd = memfd_create("frames", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(fd, 4 * (off_t)T_PAGE), 0);
	(void)fail_past_end(fd);
	close(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e.error, EIO);
	CHECK_EQ(e.memory, MCSAFE_MEMORY_SHARED);
	CHECK_EQ(e.file_size, -1);
	CHECK_STR_EQ(e.path, "memfd:frames");
}

/* Let another file have the path of the mapped one, and explain. */
static void replace_file(char *name)
{
	char other[NAME];
	int fd = open_file(name);

	(void)fail_past_end(fd);
	close(fd);
	close(open_file(other));
	CHECK_EQ(rename(other, name), 0);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_STR_EQ(e.path, name);
	CHECK_EQ(e.flags, (unsigned)MCSAFE_EXPLANATION_DELETED);
}

IN_CHILD(test_does_not_take_another_file_for_the_mapped_one)
{
	char name[NAME];

	drop_privilege();
	replace_file(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_UNKNOWN);
	CHECK_EQ(e.file_size, -1);
}

/* With the link of /proc/self/map_files the mapped file itself is found. */
IN_CHILD(test_finds_a_file_whose_path_another_file_has)
{
	char name[NAME];

	replace_file(name);
	if (geteuid() == 0)
		CHECK_EQ(e.reason, MCSAFE_REASON_PAST_END);
}

/* A file by its path, as most programs have it. */
IN_CHILD(test_finds_a_file_by_its_path)
{
	char name[NAME];
	int fd;

	drop_privilege();
	fd = open_file(name);
	(void)fail_past_end(fd);
	close(fd);
	CHECK_EQ(mcsafe_explain(&fault, &e), 0);
	unlink(name);
	CHECK_EQ(e.reason, MCSAFE_REASON_PAST_END);
	CHECK_EQ(e.memory, MCSAFE_MEMORY_FILE);
	CHECK_EQ(e.flags, 0u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_is_no_fault),
		cmocka_unit_test(test_claims_nothing_if_the_memory_is_good),
		cmocka_unit_test(test_claims_no_lack_of_space_if_there_is_space),
		cmocka_unit_test(test_explains_a_cause_that_is_unknown_by_nothing),
		cmocka_unit_test(test_names_no_memory_that_came_after_the_fault),
		cmocka_unit_test(test_poison_goes_no_further_than_the_mapping),
		cmocka_unit_test(test_record_locks_stay),
		cmocka_unit_test(test_host_does_not_see_the_child),
		cmocka_unit_test(test_works_while_children_are_ignored),
		NOT_WITH_VALGRIND(test_leaves_no_descriptor_and_no_mapping),
		cmocka_unit_test(test_uses_no_standard_descriptor),
		cmocka_unit_test(test_the_smallest_stack_suffices),
		cmocka_unit_test(test_finds_a_file_without_a_name_by_its_descriptor),
		cmocka_unit_test(test_claims_nothing_about_a_file_that_it_cannot_find),
		cmocka_unit_test(test_does_not_take_another_file_for_the_mapped_one),
		cmocka_unit_test(test_finds_a_file_whose_path_another_file_has),
		cmocka_unit_test(test_finds_a_file_by_its_path),
	};

	return t_run("explain.asking", tests, T_LENGTH(tests));
}

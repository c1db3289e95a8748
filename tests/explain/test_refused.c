/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: less is said, and nothing that is not so */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "child.h"
#include "refusal.h"
#include "run.h"
#include "tool.h"

#define SIZE (4 * T_PAGE)

static struct mcsafe_fault fault;
static struct mcsafe_explanation e;
static enum mcsafe_reason right; /* what is said if no call fails */
static const char *what;

static int explain(void)
{
	return mcsafe_explain(&fault, &e);
}

static void check(int result, const char *refused)
{
	assert_int_equal(result, 0);
	if (e.reason != right && e.reason != MCSAFE_REASON_UNKNOWN)
		fail_msg("%s: reason %d is said, it is %d; %s was refused", what, (int)e.reason,
			 (int)right, refused != NULL ? refused : "nothing");
}

/* The calls that ask about one byte. */
static void refuse_each_at(const char *name, void *at, enum mcsafe_side side)
{
	/* Not EIO, which would be the answer of the medium. */
	static const int errors[] = {EACCES, ENOMEM, EMFILE, EINTR}, others[] = {0};
	const struct t_attempt attempt = {name, NULL, explain, check};
	unsigned n = 0;

	what = name;
	fault = (struct mcsafe_fault){.cause = MCSAFE_CAUSE_IO,
				      .side = side,
				      .signo = SIGBUS,
				      .code = BUS_ADRERR,
				      .addr = at};
	assert_int_equal(explain(), 0);
	right = e.reason;
	for (size_t i = 0; i < T_LENGTH(errors); i++)
		n = t_refuse_each(&attempt, errors[i], others);
	print_message("%s: reason %d, %u calls were refused\n", name, (int)right, n);
	assert_true(n >= 2);
}

static unsigned char *map(int fd, int flags)
{
	unsigned char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);

	assert_true((void *)at != MAP_FAILED);
	return at;
}

static int make_file(char *path)
{
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	return fd;
}

static void test_files(void **state)
{
	char path[] = "/tmp/mcsafe-explain-refused-XXXXXX", other[64];
	int fd = make_file(path);
	unsigned char *at = map(fd, MAP_SHARED), *copy;

	(void)state;
	t_install();
	refuse_each_at("a hole of a file", at + 2 * T_PAGE, MCSAFE_SIDE_DESTINATION);
	refuse_each_at("a hole that is read", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	assert_int_equal(pwrite(fd, "x", 1, 2 * (off_t)T_PAGE), 1);
	refuse_each_at("a file", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	copy = map(fd, MAP_PRIVATE);
	refuse_each_at("a copy of a file", copy + 2 * T_PAGE, MCSAFE_SIDE_DESTINATION);
	munmap(copy, SIZE);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	refuse_each_at("past the end of a file", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	close(fd);
	refuse_each_at("of a file that is closed", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	(void)snprintf(other, sizeof(other), "%s-2", path);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(unlink(path), 0);
	refuse_each_at("of a file that is removed", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	assert_true((e.flags & MCSAFE_EXPLANATION_DELETED) != 0);
	/* The kernel goes on saying that it is removed. */
	assert_int_equal(link(other, path), 0);
	refuse_each_at("of a file that is there again", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	assert_string_equal(e.path, path);
	assert_int_equal(e.flags, 0);
	munmap(at, SIZE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
}

static void test_memory_without_a_name(void **state)
{
	int fd = memfd_create("refused", MFD_CLOEXEC);
	unsigned char *at, *shared;

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, SIZE), 0);
	at = map(fd, MAP_SHARED);
	/* There is no limit of space for memfds. */
	refuse_each_at("a hole of a memfd", at, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(e.reason, MCSAFE_REASON_UNKNOWN);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	refuse_each_at("past the end of a memfd", at + 2 * T_PAGE, MCSAFE_SIDE_DESTINATION);
	munmap(at, SIZE);
	close(fd);
	shared = map(-1, MAP_SHARED | MAP_ANONYMOUS);
	refuse_each_at("shared memory", shared, MCSAFE_SIDE_SOURCE);
	assert_int_equal(e.memory, MCSAFE_MEMORY_SHARED);
	/* The kernel may have been built without names for memory. */
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, shared, SIZE, "refused");
	refuse_each_at("shared memory that the program has named", shared, MCSAFE_SIDE_SOURCE);
	assert_int_equal(e.memory, MCSAFE_MEMORY_SHARED);
	munmap(shared, SIZE);
	refuse_each_at("the stack", &shared, MCSAFE_SIDE_SOURCE);
	assert_string_equal(e.path, "[stack]");
	assert_int_equal(e.memory, MCSAFE_MEMORY_ANONYMOUS);
	assert_int_equal(e.offset, -1);
	at = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);
	refuse_each_at("private memory", at, MCSAFE_SIDE_SOURCE);
	munmap(at, SIZE);
	refuse_each_at("no memory", at, MCSAFE_SIDE_SOURCE);
}

#define DEPTH 18 /* directories; the path is longer than PATH_MAX */

/* The end of a path says more than its beginning. */
static void test_a_path_that_is_too_long(void **state)
{
	char path[] = "/tmp/mcsafe-explain-long-XXXXXX", name[NAME_MAX + 1];
	int directories[DEPTH + 1], fd;
	unsigned char *at;

	(void)state;
	t_install();
	memset(name, 'd', NAME_MAX);
	name[NAME_MAX] = '\0';
	assert_non_null(mkdtemp(path));
	directories[0] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(directories[i], name, 0700), 0);
		directories[i + 1] =
			openat(directories[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	fd = openat(directories[DEPTH], "frames", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	at = map(fd, MAP_SHARED);
	close(fd);
	refuse_each_at("past the end of a file with a long path", at, MCSAFE_SIDE_SOURCE);
	munmap(at, SIZE);
	assert_int_equal(unlinkat(directories[DEPTH], "frames", 0), 0);
	close(directories[DEPTH]);
	for (size_t i = DEPTH; i-- > 0;) {
		assert_int_equal(unlinkat(directories[i], name, AT_REMOVEDIR), 0);
		close(directories[i]);
	}
	assert_int_equal(rmdir(path), 0);
	assert_true((e.flags & MCSAFE_EXPLANATION_CUT) != 0);
	assert_string_equal(e.path + strlen(e.path) - 8, "d/frames");
}

/* What the kernel says when the byte is read is the reason. */
static void test_the_answer_to_a_read_is_the_reason(void **state)
{
	static const struct {
		int error;
		enum mcsafe_reason reason;
	} answers[] = {{EIO, MCSAFE_REASON_MEDIA},
		       {EHWPOISON, MCSAFE_REASON_POISON},
		       {ETIMEDOUT, MCSAFE_REASON_SERVER_AWAY},
		       {EACCES, MCSAFE_REASON_UNKNOWN}};
	int fd = memfd_create("answer", MFD_CLOEXEC);
	unsigned char *at;

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, "x", 1, 2 * (off_t)T_PAGE), 1);
	at = map(fd, MAP_SHARED);
	fault.addr = at + 2 * T_PAGE;
	for (size_t i = 0; i < T_LENGTH(answers); i++) {
		unsigned nth = 0, said = 0;

		do {
			t_refuse_only("pread", ++nth, answers[i].error);
			assert_int_equal(explain(), 0);
			said += e.reason == answers[i].reason;
			/* Other calls read what is known about the page. */
			assert_true(e.reason == answers[i].reason ||
				    e.reason == MCSAFE_REASON_UNKNOWN);
		} while (t_refuse_no_more() != NULL);
		assert_true(said >= 1);
	}
	munmap(at, SIZE);
	close(fd);
}

/* None of the pool need be free. */
static void test_a_huge_page(void **state)
{
	void *at = mmap(NULL, T_HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);

	(void)state;
	if (at == MAP_FAILED)
		t_skip("this kernel has no huge pages");
	t_install();
	refuse_each_at("a huge page", at, MCSAFE_SIDE_DESTINATION);
	munmap(at, T_HUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		NOT_WITH_VALGRIND(test_memory_without_a_name),
		cmocka_unit_test(test_a_path_that_is_too_long),
		cmocka_unit_test(test_the_answer_to_a_read_is_the_reason),
		cmocka_unit_test(test_a_huge_page),
	};

	return t_run("explain.refused", tests, T_LENGTH(tests));
}

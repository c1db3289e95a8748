/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: less is said, and nothing that is not so */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "refusal.h"
#include "run.h"

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
	static const int errors[] = {EACCES, ENOMEM, EMFILE}, others[] = {0};
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
	char path[] = "/tmp/mcsafe-explain-refused-XXXXXX";
	int fd = make_file(path);
	unsigned char *at = map(fd, MAP_SHARED);

	(void)state;
	t_install();
	refuse_each_at("a hole of a file", at + 2 * T_PAGE, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(pwrite(fd, "x", 1, 2 * (off_t)T_PAGE), 1);
	refuse_each_at("a file", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	refuse_each_at("past the end of a file", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	close(fd);
	refuse_each_at("of a file that is closed", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	assert_int_equal(unlink(path), 0);
	refuse_each_at("of a file that is removed", at + 2 * T_PAGE, MCSAFE_SIDE_SOURCE);
	munmap(at, SIZE);
}

static void test_memory_without_a_name(void **state)
{
	int fd = memfd_create("refused", MFD_CLOEXEC);
	unsigned char *at, *shared;

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	at = map(fd, MAP_SHARED);
	refuse_each_at("past the end of a memfd", at + 2 * T_PAGE, MCSAFE_SIDE_DESTINATION);
	munmap(at, SIZE);
	close(fd);
	shared = map(-1, MAP_SHARED | MAP_ANONYMOUS);
	refuse_each_at("shared memory", shared, MCSAFE_SIDE_SOURCE);
	munmap(shared, SIZE);
	at = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);
	refuse_each_at("private memory", at, MCSAFE_SIDE_SOURCE);
	munmap(at, SIZE);
	refuse_each_at("no memory", at, MCSAFE_SIDE_SOURCE);
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
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_memory_without_a_name),
		cmocka_unit_test(test_a_huge_page),
	};

	return t_run("explain.refused", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_small_stack.c - each call in a thread with the smallest stack that there is
 *
 * tests/objects/test_stack.py says what a single function needs. This also counts what it calls,
 * and the signal frame of a fault. Below the stack is a page that cannot be accessed.
 */
#include <mcsafe/mcsafe.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"

#define SIZE (4 * T_PAGE)

static char name[] = "/tmp/mcsafe-small-stack-XXXXXX";
static int fd, device;
static unsigned char *gone; /* a page that cannot be accessed */
static unsigned char buf[SIZE];
static struct mcsafe_pmem *pmem;

/* ---- calls: 0 if the result is right --------------------------------------------------------- */

static int open_path(void)
{
	struct mcsafe_pmem *other;
	int err = mcsafe_pmem_open(&other, name, MCSAFE_PMEM_WRITE | MCSAFE_PMEM_RESERVE);

	if (err == 0)
		mcsafe_pmem_close(other);
	return err;
}

static int open_fd(void)
{
	struct mcsafe_pmem *other;
	int err = mcsafe_pmem_open_fd(&other, fd, 0);

	if (err == 0)
		mcsafe_pmem_close(other);
	return err;
}

static int open_device(void)
{
	struct mcsafe_pmem *other;

	return mcsafe_pmem_open_fd(&other, device, 0) != -ENODEV;
}

/* What the answer is depends on the machine. */
static int ask(void)
{
	struct mcsafe_badblocks_answer answer = {.count = 4711};

	(void)mcsafe_pmem_ask(pmem, &answer);
	return answer.count == 4711;
}

static int ask_about_device(void)
{
	struct mcsafe_badblocks_answer answer;

	return mcsafe_badblocks_ask(mcsafe_pmem_badblocks(pmem), device, &answer) != -EOPNOTSUPP;
}

static int refresh(void)
{
	return mcsafe_pmem_refresh(pmem);
}

static int scrub(void)
{
	struct mcsafe_scrub_progress progress;

	return mcsafe_pmem_scrub(pmem, NULL, &progress) || progress.offset != SIZE;
}

static int repair(void)
{
	return mcsafe_pmem_repair(pmem, buf, T_PAGE, 0) != T_PAGE;
}

static int persist(void)
{
	return mcsafe_pmem_persist(pmem, 0, SIZE);
}

static int read_and_write(void)
{
	return mcsafe_pmem_pread(pmem, buf, SIZE, 0, NULL) != SIZE ||
	       mcsafe_pmem_pwrite(pmem, buf, SIZE, 0, NULL) != SIZE;
}

static int salvage(void)
{
	struct mcsafe_range hole;
	size_t n = 1;

	return mcsafe_pmem_salvage(pmem, buf, SIZE, 0, 0, &hole, &n) != SIZE || n != 0;
}

/* The buffer of the caller is bad: a fault, with the signal frame on this stack. */
static int read_to_bad_memory(void)
{
	return mcsafe_pmem_pread(pmem, gone, T_PAGE, 0, NULL) != -EFAULT;
}

/* The file is truncated: a fault, and the kernel is asked about it. */
static int read_past_the_end(void)
{
	int wrong;

	if (ftruncate(fd, T_PAGE) != 0)
		return 1;
	wrong = mcsafe_pmem_pread(pmem, buf, SIZE, 0, NULL) != T_PAGE ||
		mcsafe_pmem_scrub(pmem, NULL, NULL) != 0;
	return ftruncate(fd, SIZE) != 0 || wrong;
}

static int from_fd_to_fd(void)
{
	struct mcsafe_iter from, to;

	if (mcsafe_iter_fd(&from, MCSAFE_SIDE_SOURCE, fd, 0, SIZE) != 0 ||
	    mcsafe_iter_fd(&to, MCSAFE_SIDE_DESTINATION, fd, 0, SIZE) != 0)
		return 1;
	return mcsafe_iter_to_iter(&to, &from, SIZE, NULL) != SIZE;
}

static int from_bad_memory_to_fd(void)
{
	struct iovec iov[2] = {{buf, 10}, {gone, 10}};
	struct mcsafe_iter from, to;

	if (mcsafe_iter_iovec(&from, MCSAFE_SIDE_SOURCE, iov, 2, SIZE) != 0 ||
	    mcsafe_iter_fd(&to, MCSAFE_SIDE_DESTINATION, fd, 0, SIZE) != 0)
		return 1;
	return mcsafe_iter_to_iter(&to, &from, SIZE, NULL) != 10;
}

static int read_to_fd(void)
{
	int sink = memfd_create("sink", MFD_CLOEXEC), wrong;
	struct mcsafe_iter to;

	wrong = sink < 0 || mcsafe_iter_fd(&to, MCSAFE_SIDE_DESTINATION, sink, 0, SIZE) != 0 ||
		mcsafe_pmem_read_iter(pmem, &to, SIZE, 0, NULL) != SIZE;
	close(sink);
	return wrong;
}

static int holes(void)
{
	struct mcsafe_range hole;
	size_t n = 1;

	return mcsafe_memcpy_holes(buf, gone, 100, 0, &hole, &n) != 100;
}

/* Streams without a buffer are the worst case. */
static int save_and_load(void)
{
	struct mcsafe_badblocks *other;
	FILE *file = tmpfile();
	size_t line;
	int wrong;

	if (file == NULL || mcsafe_badblocks_create(&other) != 0)
		return 1;
	setvbuf(file, NULL, _IONBF, 0);
	wrong = mcsafe_badblocks_add(other, 1, 2) != 0 || mcsafe_badblocks_save(other, file) != 0;
	rewind(file);
	wrong = wrong || mcsafe_badblocks_load(other, file, &line) != 0;
	mcsafe_badblocks_destroy(other);
	fclose(file);
	return wrong;
}

static int a_scrub_of_its_own(void)
{
	struct mcsafe_scrub *other;
	int wrong;

	if (mcsafe_scrub_create(&other, buf, sizeof(buf), mcsafe_pmem_badblocks(pmem), NULL) != 0)
		return 1;
	wrong = mcsafe_scrub_run(other) != 0 || mcsafe_scrub_start(other) != 0 ||
		mcsafe_scrub_wait(other) != 0;
	mcsafe_scrub_destroy(other);
	return wrong;
}

static int prepare_thread(void)
{
	return mcsafe_thread_prepare() != 0 || mcsafe_thread_check() != 0 ||
	       mcsafe_thread_release() != 0;
}

static int install(void)
{
	return mcsafe_install() != 0 || mcsafe_installed() != 1;
}

static const struct {
	const char *name;
	int (*call)(void);
} calls[] = {
	{"open", open_path},
	{"open_fd", open_fd},
	{"open a device", open_device},
	{"ask", ask},
	{"ask about a device", ask_about_device},
	{"refresh", refresh},
	{"scrub", scrub},
	{"repair", repair},
	{"persist", persist},
	{"pread, pwrite", read_and_write},
	{"salvage", salvage},
	{"pread to bad memory", read_to_bad_memory},
	{"pread past the end", read_past_the_end},
	{"descriptor to descriptor", from_fd_to_fd},
	{"bad memory to descriptor", from_bad_memory_to_fd},
	{"mapping to descriptor", read_to_fd},
	{"holes", holes},
	{"save, load", save_and_load},
	{"scrub", a_scrub_of_its_own},
	{"thread_prepare", prepare_thread},
	{"install", install},
};

static void *run(void *arg)
{
	size_t i = *(size_t *)arg;

	return calls[i].call() == 0 ? arg : NULL;
}

static void test_each_call_works_with_the_smallest_stack(void **state)
{
	pthread_attr_t attr;

	(void)state;
	t_install();
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN), 0);
	for (size_t i = 0; i < T_LENGTH(calls); i++) {
		pthread_t thread;
		void *result;

		print_message("%s\n", calls[i].name);
		assert_int_equal(pthread_create(&thread, &attr, run, &i), 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, &i);
	}
	pthread_attr_destroy(&attr);
}

static int set_up(void **state)
{
	(void)state;
	fd = mkostemp(name, O_CLOEXEC);
	device = open("/dev/null", O_RDWR | O_CLOEXEC);
	gone = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || device < 0 || gone == MAP_FAILED || ftruncate(fd, SIZE) != 0)
		return -1;
	return mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE);
}

static int tear_down(void **state)
{
	(void)state;
	mcsafe_pmem_close(pmem);
	munmap(gone, T_PAGE);
	close(device);
	close(fd);
	return unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_call_works_with_the_smallest_stack,
						set_up, tear_down),
	};

	return t_run("pmem.small_stack", tests, T_LENGTH(tests));
}

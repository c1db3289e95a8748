/* SPDX-License-Identifier: BSD-3-Clause */
/* test_open.c - what can be opened, what info says about it, and what is refused */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "badblocks/devdax.h"
#include "pmem/pmem.h"
#include "run.h"
#include "tool.h"

#define NO_ASK  MCSAFE_PMEM_NO_ASK
#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)

/* The linker (--wrap) replaces this function of the library: what the kernel says, if not NULL. */
int __real_mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				struct mcsafe_badblocks_answer *answer);
int __wrap_mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				struct mcsafe_badblocks_answer *answer);

static const struct mcsafe_range *answers;
static size_t n_answers;

int __wrap_mcsafe_badblocks_ask(struct mcsafe_badblocks *badblocks, int fd,
				struct mcsafe_badblocks_answer *answer)
{
	if (answers == NULL)
		return __real_mcsafe_badblocks_ask(badblocks, fd, answer);
	for (size_t i = 0; i < n_answers; i++)
		assert_int_equal(mcsafe_badblocks_add(badblocks, answers[i].start, answers[i].len),
				 0);
	*answer = (struct mcsafe_badblocks_answer){.state = MCSAFE_BADBLOCKS_FOUND,
						   .count = n_answers};
	return 0;
}

static int file_of(const char *text)
{
	int fd = memfd_create("open", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void test_says_what_a_file_is(void **state)
{
	int fd = file_of("hello");
	struct mcsafe_pmem *pmem;
	struct mcsafe_pmem_info info;

	(void)state;
	t_install();
	errno = 4711;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, 0), 0);
	assert_int_equal(errno, 4711);
	close(fd);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.kind, MCSAFE_PMEM_FILE);
	assert_int_equal(info.persistence, MCSAFE_PMEM_BY_MSYNC);
	assert_int_equal(info.dax, 0);
	assert_int_equal(info.sync, 0);
	assert_int_equal(info.writable, 0);
	assert_non_null(info.base);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.page_size, T_PAGE);
	assert_int_equal(info.align, T_PAGE);
	for (size_t i = 0; i < T_LENGTH(info.reserved); i++)
		assert_null(info.reserved[i]);
	mcsafe_pmem_close(pmem);
	assert_int_equal(errno, 4711);
}

static void test_says_what_memory_is(void **state)
{
	unsigned char *memory =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_pmem *pmem;
	struct mcsafe_pmem_info info;

	(void)state;
	t_install();
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 2 * T_PAGE - 1, -1, 0,
						 MCSAFE_PMEM_FLUSH | MCSAFE_PMEM_WRITE),
			 0);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.kind, MCSAFE_PMEM_MEMORY);
	assert_int_equal(info.persistence, MCSAFE_PMEM_BY_FLUSH);
	assert_int_equal(info.sync, 1);
	assert_int_equal(info.writable, 1);
	assert_ptr_equal(info.base, memory);
	assert_int_equal(info.size, 2 * T_PAGE - 1);
	mcsafe_pmem_close(pmem);
	/* The memory still belongs to the caller. */
	memory[0] = 1;
	munmap(memory, 2 * T_PAGE);
}

static void test_refuses_what_it_cannot_map(void **state)
{
	unsigned char *memory = mmap(NULL, T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_pmem *pmem = (struct mcsafe_pmem *)memory;
	int fds[2], fd = file_of("x"), reading;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(mcsafe_pmem_open(&pmem, "/", 0), -ENODEV);
	assert_int_equal(mcsafe_pmem_open(&pmem, "/dev/null", 0), -ENODEV);
	assert_int_equal(mcsafe_pmem_open(&pmem, "/nowhere/at/all", 0), -ENOENT);
	assert_int_equal(mcsafe_pmem_open(&pmem, path, 16), -EINVAL);
	assert_int_equal(mcsafe_pmem_open(&pmem, path, MCSAFE_PMEM_FLUSH), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, -1, 0), -EBADF);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fds[0], 0), -ENODEV);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fds[1], 0), -EACCES);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, reading, MCSAFE_PMEM_WRITE), -EACCES);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, NULL, T_PAGE, -1, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory + 1, 1, -1, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 0, -1, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, -1, 4096, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, fd, 1, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE_MAX, -1, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, -2, 0, 0), -EBADF);
	assert_ptr_equal(pmem, memory);
	mcsafe_pmem_close(NULL);
	munmap(memory, T_PAGE);
	close(fds[0]);
	close(fds[1]);
	close(reading);
	close(fd);
}

static void test_an_empty_file_is_all_end(void **state)
{
	int fd = file_of("");
	struct mcsafe_pmem *pmem;
	struct mcsafe_range hole;
	size_t nholes = 1;
	char byte = 'x';

	(void)state;
	t_install();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, &byte, 1, 0, NULL), -ENOSPC);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, &byte, 0, 0, NULL), 0);
	assert_int_equal(mcsafe_pmem_salvage(pmem, &byte, 1, 0, 0, &hole, &nholes), 0);
	assert_int_equal(nholes, 0);
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, SIZE_MAX), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 0, 0), 0);
	assert_int_equal(write(fd, "grown", 5), 5);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, 4, NULL), 0);
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, 4, NULL), 1);
	assert_int_equal(byte, 'n');
	mcsafe_pmem_close(pmem);
	close(fd);
}

/* Trusted memory takes what can be read. */
static void test_a_read_into_trusted_memory_stops_at_bad_memory(void **state)
{
	static unsigned char room[2 * T_PAGE];
	const struct iovec trusted = {room, sizeof(room)};
	int fd = file_of("");
	struct mcsafe_pmem *pmem;
	struct mcsafe_pmem_info info;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe_iter it;

	(void)state;
	t_install();
	memset(room, 'x', sizeof(room));
	assert_int_equal(pwrite(fd, room, sizeof(room), 0), sizeof(room));
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(mprotect((char *)info.base + T_PAGE, T_PAGE, PROT_NONE), 0);
	memset(room, 'o', sizeof(room));
	assert_int_equal(mcsafe_iter_kvec(&it, MCSAFE_SIDE_DESTINATION, &trusted, 1, sizeof(room)),
			 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, sizeof(room), 0, &fault), T_PAGE);
	assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_PROTECTED);
	assert_int_equal(room[T_PAGE - 1], 'x');
	assert_int_equal(room[T_PAGE], 'o');
	mcsafe_pmem_close(pmem);
	close(fd);
}

/* The memory of the caller is bad: what was stored before it counts, or it is an error. */
static void test_salvage_stops_at_bad_memory_of_the_caller(void **state)
{
	int fd = file_of("0123456789");
	unsigned char *memory =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *bad = memory + T_PAGE;
	struct mcsafe_pmem *pmem;
	struct mcsafe_range hole;
	size_t n = 1;

	(void)state;
	t_install();
	assert_true((void *)memory != MAP_FAILED);
	assert_int_equal(mprotect(bad, T_PAGE, PROT_NONE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(mcsafe_pmem_salvage(pmem, bad - 4, 10, 0, 'h', &hole, &n), 4);
	assert_memory_equal(bad - 4, "0123", 4);
	assert_int_equal(n, 0);
	assert_int_equal(mcsafe_pmem_salvage(pmem, bad, 10, 0, 'h', &hole, &n), -EFAULT);
	assert_int_equal(n, 0);
	/* The same where the bytes are known to be lost. */
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, 10), 0);
	n = 1;
	assert_int_equal(mcsafe_pmem_salvage(pmem, bad - 4, 10, 0, 'h', &hole, &n), 4);
	assert_memory_equal(bad - 4, "hhhh", 4);
	assert_int_equal(n, 1);
	assert_int_equal(hole.start, 0);
	assert_int_equal(hole.len, 4);
	assert_int_equal(mcsafe_pmem_salvage(pmem, bad, 10, 0, 'h', &hole, &n), -EFAULT);
	assert_int_equal(n, 0);
	mcsafe_pmem_close(pmem);
	munmap(memory, 2 * T_PAGE);
	close(fd);
}

static void test_arguments_out_of_range_are_refused(void **state)
{
	int fd = file_of("0123456789");
	struct mcsafe_pmem *pmem;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	struct mcsafe_iter it;
	struct iovec huge[2] = {{NULL, SSIZE_MAX}, {NULL, 1}};
	char buf[16];
	const struct iovec trusted = {buf, 4};
	size_t nholes = 77;

	(void)state;
	t_install();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, 1, -1, &fault), -EINVAL);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, -1, &fault), -EINVAL);
	assert_int_equal(mcsafe_pmem_salvage(pmem, buf, 1, -1, 0, NULL, &nholes), -EINVAL);
	assert_int_equal(nholes, 77);
	assert_int_equal(mcsafe_pmem_persist(pmem, -1, 1), -EINVAL);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_PAGE, -1), -EINVAL);
	assert_int_equal(mcsafe_pmem_preadv(pmem, huge, 2, 0, &fault), -EINVAL);
	assert_int_equal(mcsafe_pmem_pwritev(pmem, huge, 2, 0, &fault), -EINVAL);
	assert_int_equal(mcsafe_pmem_preadv(pmem, NULL, 0, 0, &fault), 0);
	assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_SOURCE, buf, 4), 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, 4, 0, &fault), -EINVAL);
	assert_int_equal(mcsafe_iter_kvec(&it, MCSAFE_SIDE_SOURCE, &trusted, 1, 4), 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, 4, 0, &fault), -EINVAL);
	assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_DESTINATION, buf, 4), 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, 4, -1, &fault), -EINVAL);
	assert_int_equal(mcsafe_pmem_write_iter(pmem, &it, 4, 0, &fault), -EINVAL);
	assert_int_equal(mcsafe_iter_fd(&it, MCSAFE_SIDE_DESTINATION, 4711, 0, 4), 0);
	assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, 4, 0, &fault), -EBADF);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, SIZE_MAX, 3, &fault), 7);
	assert_memory_equal(buf, "3456789", 7);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, 1, INT64_MAX, &fault), 0);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_NONE);
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_reading_is_not_writing(void **state)
{
	int fd = file_of("0123456789");
	struct mcsafe_pmem *pmem;
	struct iovec iov = {NULL, 0};

	(void)state;
	t_install();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, NO_ASK), 0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, "x", 1, 0, NULL), -EBADF);
	assert_int_equal(mcsafe_pmem_pwritev(pmem, &iov, 1, 0, NULL), -EBADF);
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, 1), -EBADF);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 10, 0), -EBADF);
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_a_known_range_is_not_touched(void **state)
{
	unsigned char *memory =
		mmap(NULL, 4 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_pmem *pmem;
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_NONE};
	static unsigned char buf[4 * T_PAGE];

	(void)state;
	t_install();
	memset(memory, 'm', 4 * T_PAGE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 4 * T_PAGE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), T_PAGE + 100, 1), 0);
	/* The read is good up to the bad line. There was no signal, or the record would show it. */
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, sizeof(buf), 0, &fault), T_PAGE + 64);
	assert_int_equal(fault.signo, 0);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_IO);
	assert_int_equal(fault.side, MCSAFE_SIDE_SOURCE);
	assert_ptr_equal(fault.addr, memory + T_PAGE + 64);
	for (size_t at = T_PAGE + 64; at < T_PAGE + 128; at++)
		assert_int_equal(mcsafe_pmem_pread(pmem, buf, 1, (off_t)at, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_pread(pmem, buf, 1, T_PAGE + 128, NULL), 1);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, T_PAGE, T_PAGE, &fault), 64);
	assert_int_equal(fault.side, MCSAFE_SIDE_DESTINATION);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, T_PAGE, T_PAGE + 99, NULL), -EIO);
	assert_int_equal(memory[T_PAGE + 64], 'm');
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, 4 * T_PAGE), 0);
	mcsafe_pmem_close(pmem);
	munmap(memory, 4 * T_PAGE);
}

/* A flush fails on memory that has gone away, and passes over memory that is known to be bad. */
static void test_flushing_says_what_it_cannot_flush(void **state)
{
	int fd = memfd_create("flush", MFD_CLOEXEC);
	struct mcsafe_pmem *pmem;
	unsigned char *memory;

	(void)state;
	if (t_with_valgrind())
		t_skip("a flush is no access");
	t_install();
	assert_int_equal(ftruncate(fd, 4 * T_PAGE), 0);
	memory = mmap(NULL, 4 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 4 * T_PAGE, -1, 0,
						 MCSAFE_PMEM_FLUSH | MCSAFE_PMEM_WRITE),
			 0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, "flushed", 7, 4090, NULL), 7);
	assert_memory_equal(memory + 4090, "flushed", 7);
	assert_int_equal(mcsafe_pmem_persist(pmem, 1, 4 * T_PAGE), 0);
	assert_int_equal(ftruncate(fd, 2 * T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, 2 * T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, 2 * T_PAGE + 1), -EIO);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 2 * T_PAGE, 2 * T_PAGE),
			 0);
	assert_int_equal(mcsafe_pmem_persist(pmem, 0, 4 * T_PAGE), 0);
	mcsafe_pmem_close(pmem);
	munmap(memory, 4 * T_PAGE);
	close(fd);
}

/* Memory that is neither anonymous nor of a known file must not be replaced. */
static void test_repair_refuses_what_it_cannot_replace(void **state)
{
	int fd = memfd_create("shared", MFD_CLOEXEC);
	struct mcsafe_pmem *pmem;
	unsigned char *memory;

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	memory = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_PAGE, 0), -EOPNOTSUPP);
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), T_PAGE);
	mcsafe_pmem_close(pmem);
	munmap(memory, T_PAGE);
	close(fd);

	/* A device that is not device-dax: the repair stores nothing there. */
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	memory = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memory[0] = 'Z';
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, fd, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_PAGE, 0), -EOPNOTSUPP);
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), T_PAGE);
	assert_int_equal(memory[0], 'Z');
	mcsafe_pmem_close(pmem);
	munmap(memory, T_PAGE);
	close(fd);
}

/*
 * The second of three pages cannot be written. One page is then good, and the others are as bad as
 * before.
 */
static void test_repair_stays_where_it_belongs(void **state)
{
	unsigned char *memory =
		mmap(NULL, 2 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static unsigned char data[T_PAGE] = "new";
	int fd = file_of("hello");
	struct mcsafe_pmem *pmem;
	struct stat st;

	(void)state;
	t_install();
	/* The memory ends inside a page. Others may store to the rest of that page at any time. */
	memset(memory, 'Z', 2 * T_PAGE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE + 904, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, 904, (off_t)T_PAGE), -EINVAL);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE + 904, 0), -EINVAL);
	for (size_t i = 0; i < 2 * T_PAGE; i++)
		assert_int_equal(memory[i], 'Z');
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 0), T_PAGE);
	assert_memory_equal(memory, data, T_PAGE);
	mcsafe_pmem_close(pmem);
	munmap(memory, 2 * T_PAGE);

	/* Memory of a file that is shorter than the memory. */
	memory = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, fd, 0, WRITING), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 0), -EINVAL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 5);
	mcsafe_pmem_close(pmem);
	munmap(memory, T_PAGE);

	/* A descriptor in append mode ignores the offset of a write. */
	assert_int_equal(ftruncate(fd, (off_t)T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 0), -EINVAL);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 0), T_PAGE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, T_PAGE);
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_partial_repair_is_reported(void **state)
{
	unsigned char *map =
		mmap(NULL, 3 * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_pmem *pmem;
	unsigned char byte;

	(void)state;
	t_install();
	/* A page of a file in the middle of anonymous memory is not anonymous. */
	int fd = memfd_create("middle", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	assert_true(mmap(map + T_PAGE, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 0) == map + T_PAGE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, 3 * T_PAGE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, 3 * T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 3 * T_PAGE, 0), T_PAGE);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 2 * T_PAGE, T_PAGE), -EOPNOTSUPP);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 1);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, T_PAGE, NULL), -EIO);
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), 2 * T_PAGE);
	mcsafe_pmem_close(pmem);
	munmap(map, 3 * T_PAGE);
	close(fd);
}

/* The new data cannot be read, so nothing is repaired with it. */
static void test_repair_with_bad_data_repairs_nothing(void **state)
{
	int fd = file_of("");
	struct mcsafe_pmem *pmem;
	unsigned char *data =
		mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, 0), -EFAULT);
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), T_PAGE);
	mcsafe_pmem_close(pmem);
	munmap(data, T_PAGE);
	close(fd);
}

/* Nobody keeps a list of such memory. This is not the same as an empty list. */
static void test_the_kernel_is_asked(void **state)
{
	unsigned char *memory = mmap(NULL, T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_badblocks_answer answer = {.state = MCSAFE_BADBLOCKS_FOUND};
	struct mcsafe_pmem *pmem;
	int fd = file_of("x");

	(void)state;
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, -1, 0, 0), 0);
	assert_int_equal(mcsafe_pmem_ask(pmem, &answer), -ENOTSUP);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_NOT_ASKED);
	assert_int_equal(answer.error, ENOTSUP);
	mcsafe_pmem_close(pmem);
	answer.state = MCSAFE_BADBLOCKS_FOUND;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, 0), 0);
	assert_int_equal(mcsafe_pmem_ask(pmem, &answer), -ENODEV);
	assert_int_equal(answer.state, MCSAFE_BADBLOCKS_NOT_ASKED);
	assert_int_equal(answer.error, ENODEV);
	mcsafe_pmem_close(pmem);
	munmap(memory, T_PAGE);
	close(fd);
}

/* The kernel counts from the start of the file, and the memory begins inside it. */
static void test_the_answer_of_the_kernel_is_about_the_mapping(void **state)
{
	static const struct mcsafe_range in_file[] = {
		{T_PAGE, 3 * T_PAGE + 512}, /* begins before the memory */
		{5 * T_PAGE + 1024, 512},
		{6 * T_PAGE - 512, 2 * T_PAGE}, /* ends past it */
		{9 * T_PAGE, T_PAGE},
	};
	static const struct mcsafe_range in_memory[] = {
		{0, T_PAGE + 512},
		{2 * T_PAGE + 1024, 512},
		{3 * T_PAGE - 512, 512},
	};
	unsigned char *memory =
		mmap(NULL, 3 * T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_badblocks_answer answer = {.state = MCSAFE_BADBLOCKS_NOT_ASKED};
	struct mcsafe_pmem *pmem;
	struct mcsafe_range bad;
	size_t at = 0;
	int fd = file_of("x");

	(void)state;
	answers = in_file;
	n_answers = T_LENGTH(in_file);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, 3 * T_PAGE, fd, 3 * T_PAGE, 0), 0);
	for (int asked = 0; asked < 2; asked++) {
		assert_int_equal(mcsafe_badblocks_count(mcsafe_pmem_badblocks(pmem)),
				 T_LENGTH(in_memory));
		at = 0;
		for (size_t i = 0; i < T_LENGTH(in_memory); i++) {
			assert_true(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), at, SIZE_MAX,
							  &bad));
			assert_int_equal(bad.start, in_memory[i].start);
			assert_int_equal(bad.len, in_memory[i].len);
			at = bad.start + bad.len;
		}
		assert_int_equal(mcsafe_badblocks_clear(mcsafe_pmem_badblocks(pmem), 0, SIZE_MAX),
				 0);
		assert_int_equal(mcsafe_pmem_ask(pmem, &answer), 0);
		assert_int_equal(answer.state, MCSAFE_BADBLOCKS_FOUND);
	}
	answers = NULL;
	mcsafe_pmem_close(pmem);
	munmap(memory, 3 * T_PAGE);
	close(fd);
}

/* The linker (--wrap) replaces this function of the library: the error of a read, or 0. */
ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);

static int pread_error;

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
	if (pread_error == 0)
		return __real_pread(fd, buf, n, offset);
	errno = pread_error;
	return -1;
}

static int verdict;

static int say(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	(void)bad;
	(void)fault;
	return *(int *)arg;
}

/* A scrub finds bad pages within the file, and does not report the part that was cut off. */
static void test_scrub_finds_what_is_bad(void **state)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_EOF};
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub_options options = {.start = 9 * T_PAGE};
	struct mcsafe_range bad;
	struct mcsafe_pmem *pmem;
	struct mcsafe_pmem_info info;
	static const unsigned char data[8 * T_PAGE];
	int fd = file_of(""), err = -1;

	(void)state;
	t_install();
	/* There are no holes: a scrub would leave them out. */
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	mcsafe_pmem_get_info(pmem, &info);
	for (size_t i = 0; i < T_LENGTH(kinds) && err != 0; i++)
		err = mcsafe_inject((unsigned char *)info.base + 2 * T_PAGE, T_PAGE, kinds[i]);
	if (err != 0)
		t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
	assert_int_equal(mcsafe_pmem_scrub(pmem, &options, &progress), -EINVAL);
	assert_int_equal(ftruncate(fd, 6 * T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
	assert_int_equal(progress.offset, 8 * T_PAGE);
	assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), T_PAGE);
	assert_true(mcsafe_badblocks_next(mcsafe_pmem_badblocks(pmem), 0, SIZE_MAX, &bad));
	assert_int_equal(bad.start, 2 * T_PAGE);
	assert_int_equal(mcsafe_inject_clear((unsigned char *)info.base + 2 * T_PAGE, T_PAGE), 0);
	mcsafe_pmem_close(pmem);
	close(fd);
}

/* A page that cannot be read is lost if pread(2) fails too. The program may decide otherwise. */
static void test_a_scrub_proves_an_io_error(void **state)
{
	static const struct {
		int error; /* of pread(2) */
		int verdict;
		size_t bad, failed;
	} cases[] = {
		{0, MCSAFE_SCRUB_DECIDE, 0, T_PAGE},
		{EIO, MCSAFE_SCRUB_DECIDE, T_PAGE, 0},
		{EHWPOISON, MCSAFE_SCRUB_DECIDE, T_PAGE, 0},
		{ENOMEM, MCSAFE_SCRUB_DECIDE, 0, T_PAGE},
		{EIO, MCSAFE_SCRUB_LEAVE, 0, 0},
		{EIO, -1, 0, 0},
		{0, MCSAFE_SCRUB_ADD, T_PAGE, 0},
	};
	static const unsigned char data[8 * T_PAGE];
	int fd = file_of("");

	(void)state;
	t_install();
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct mcsafe_scrub_options options = {.found = say};
		struct mcsafe_scrub_progress progress;
		struct mcsafe_pmem *pmem;
		struct mcsafe_pmem_info info;

		verdict = cases[i].verdict;
		options.arg = &verdict;
		assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
		mcsafe_pmem_get_info(pmem, &info);
		if (mcsafe_inject((unsigned char *)info.base + 2 * T_PAGE, T_PAGE,
				  MCSAFE_INJECT_EOF) != 0)
			t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
		pread_error = cases[i].error;
		assert_int_equal(mcsafe_pmem_scrub(pmem, &options, &progress), 0);
		assert_int_equal(progress.bad, cases[i].bad);
		assert_int_equal(progress.failed, cases[i].failed);
		if (verdict == MCSAFE_SCRUB_DECIDE) {
			assert_int_equal(
				mcsafe_badblocks_clear(mcsafe_pmem_badblocks(pmem), 0, SIZE_MAX),
				0);
			assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
			assert_int_equal(progress.bad, cases[i].bad);
		}
		assert_int_equal(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)), cases[i].bad);
		pread_error = 0;
		assert_int_equal(
			mcsafe_inject_clear((unsigned char *)info.base + 2 * T_PAGE, T_PAGE), 0);
		mcsafe_pmem_close(pmem);
	}
	close(fd);
}

static void *scrub_cancelled(void *arg)
{
	pthread_cancel(pthread_self());
	(void)!mcsafe_pmem_scrub(arg, NULL, NULL);
	return NULL;
}

/* The mapping is not in use any more: mcsafe_pmem_close() would wait for ever. */
static void test_a_scrub_that_is_cancelled_leaves_nothing(void **state)
{
	int fd = file_of("0123456789");
	struct mcsafe_scrub_progress progress;
	struct mcsafe_pmem *pmem;
	pthread_t thread;
	void *result;

	(void)state;
	t_install();
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(pthread_create(&thread, NULL, scrub_cancelled, pmem), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_false(mcsafe__running_any(&pmem->running));
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
	assert_int_equal(progress.offset, 10);
	mcsafe_pmem_close(pmem);
	close(fd);
}

/* The repair is longer than one write, and includes the end of the file. */
static void test_a_long_repair_puts_each_byte_in_its_place(void **state)
{
	static unsigned char data[600 * 1024 + 77], back[sizeof(data)];
	int fd = file_of("");
	struct mcsafe_pmem *pmem;

	(void)state;
	t_install();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i % 251);
	assert_int_equal(ftruncate(fd, (off_t)(T_PAGE + sizeof(data))), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	/* All of the last page is bad, including the part past the end of the file. */
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, 200 * T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, sizeof(data), T_PAGE), sizeof(data));
	assert_int_equal(mcsafe_pmem_pread(pmem, back, sizeof(back), T_PAGE, NULL), sizeof(back));
	assert_memory_equal(back, data, sizeof(data));
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, 0, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_PAGE + sizeof(data), 0),
			 T_PAGE + sizeof(data));
	assert_int_equal(pread(fd, back, sizeof(back), T_PAGE), sizeof(back));
	memset(data, 0, sizeof(data));
	assert_memory_equal(back, data, sizeof(data));
	mcsafe_pmem_close(pmem);
	close(fd);
}

/* A reader met a bad page, but notes it only after the page has been repaired. */
static void test_a_fault_is_noted_too_late(void **state)
{
	static const enum mcsafe_cause causes[] = {MCSAFE_CAUSE_IO, MCSAFE_CAUSE_POISON};
	int fd = file_of("");

	(void)state;
	t_install();
	assert_int_equal(ftruncate(fd, 4 * T_PAGE), 0);
	for (size_t i = 0; i < T_LENGTH(causes); i++) {
		struct mcsafe__access access;
		struct mcsafe_fault fault;
		struct mcsafe_pmem *pmem;
		unsigned char byte;

		assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
		mcsafe__pmem_begin(&access, pmem, T_PAGE, T_PAGE, MCSAFE_SIDE_SOURCE);
		if (mcsafe_inject(access.base + T_PAGE, T_PAGE, MCSAFE_INJECT_POISON) != 0 &&
		    mcsafe_inject(access.base + T_PAGE, T_PAGE, MCSAFE_INJECT_EOF) != 0)
			t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
		assert_int_equal(mcsafe_memcpy(&byte, access.base + T_PAGE, 1, &fault), 1);
		fault.cause = causes[i];
		assert_int_equal(mcsafe_pmem_repair(pmem, NULL, T_PAGE, T_PAGE), T_PAGE);
		mcsafe__pmem_note(&access, &fault, T_PAGE);
		assert_int_equal(mcsafe_badblocks_count(mcsafe_pmem_badblocks(pmem)), 0);
		assert_int_equal(mcsafe_inject_clear(access.base + T_PAGE, T_PAGE), 0);
		mcsafe__pmem_leave(pmem);
		mcsafe_pmem_close(pmem);
	}
	close(fd);
}

/* ---- device-dax, in a tree of our own like /sys ---------------------------------------------- */

static char tree[] = "/tmp/mcsafe-sysfs-XXXXXX";

static void put(const char *file, const char *text)
{
	char path[256];
	FILE *to;

	snprintf(path, sizeof(path), "%s/dev/char/250:3/%s", tree, file);
	to = fopen(path, "we");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static int make_tree(void **state)
{
	static const char *const dirs[] = {"/dev", "/dev/char", "/dev/char/250:3"};
	char path[256];

	(void)state;
	if (mkdtemp(tree) == NULL)
		return -1;
	for (size_t i = 0; i < T_LENGTH(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", tree, dirs[i]);
		if (mkdir(path, 0700) != 0)
			return -1;
	}
	return 0;
}

static int remove_tree(void **state)
{
	static const char *const all[] = {"/dev/char/250:3/size",
					  "/dev/char/250:3/align",
					  "/dev/char/250:3/subsystem",
					  "/dev/char/250:3",
					  "/dev/char",
					  "/dev",
					  ""};
	char path[256];

	(void)state;
	for (size_t i = 0; i < T_LENGTH(all); i++) {
		snprintf(path, sizeof(path), "%s%s", tree, all[i]);
		remove(path);
	}
	return 0;
}

static void test_sysfs_tells_size_and_alignment(void **state)
{
	static const struct {
		const char *size, *align;
		int result;
	} cases[] = {
		{"132120576\n", "2097152\n", 0},
		{"132120576", "0x200000", 0},
		{"132120576\n", "2097153\n", -EBADMSG},
		{"132120577\n", "2097152\n", -EBADMSG},
		{"12288\n", "12288\n", -EBADMSG},
		{"0\n", "2097152\n", -EBADMSG},
		{"132120576\n", "0\n", -EBADMSG},
		{"132120576\n", "2048\n", -EBADMSG},
		{"-4096\n", "4096\n", -EBADMSG},
		{"18446744073709547520\n", "4096\n", -EBADMSG},
		{"99999999999999999999999\n", "4096\n", -EBADMSG},
		{"4096 4096\n", "4096\n", -EBADMSG},
		{"", "4096\n", -EBADMSG},
		{"size\n", "4096\n", -EBADMSG},
	};
	dev_t device = makedev(250, 3);
	size_t size = 1, align = 1;
	char path[256];

	(void)state;
	assert_int_equal(mcsafe__devdax(tree, device, &size, &align), -ENODEV);
	snprintf(path, sizeof(path), "%s/dev/char/250:3/subsystem", tree);
	assert_int_equal(symlink("../../../bus/other", path), 0);
	assert_int_equal(mcsafe__devdax(tree, device, &size, &align), -ENODEV);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../../bus/dax", path), 0);
	assert_int_equal(mcsafe__devdax(tree, device, &size, &align), -EBADMSG);
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		put("size", cases[i].size);
		put("align", cases[i].align);
		assert_int_equal(mcsafe__devdax(tree, device, &size, &align), cases[i].result);
		assert_int_equal(size, cases[i].result == 0 || i > 0 ? 132120576 : 1);
		assert_int_equal(align, cases[i].result == 0 || i > 0 ? 2097152 : 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_a_file_is),
		cmocka_unit_test(test_says_what_memory_is),
		cmocka_unit_test(test_refuses_what_it_cannot_map),
		cmocka_unit_test(test_an_empty_file_is_all_end),
		cmocka_unit_test(test_a_read_into_trusted_memory_stops_at_bad_memory),
		cmocka_unit_test(test_salvage_stops_at_bad_memory_of_the_caller),
		cmocka_unit_test(test_arguments_out_of_range_are_refused),
		cmocka_unit_test(test_reading_is_not_writing),
		cmocka_unit_test(test_a_known_range_is_not_touched),
		cmocka_unit_test(test_flushing_says_what_it_cannot_flush),
		cmocka_unit_test(test_repair_refuses_what_it_cannot_replace),
		cmocka_unit_test(test_repair_stays_where_it_belongs),
		cmocka_unit_test(test_partial_repair_is_reported),
		cmocka_unit_test(test_repair_with_bad_data_repairs_nothing),
		cmocka_unit_test(test_a_long_repair_puts_each_byte_in_its_place),
		cmocka_unit_test(test_a_fault_is_noted_too_late),
		cmocka_unit_test(test_the_kernel_is_asked),
		cmocka_unit_test(test_the_answer_of_the_kernel_is_about_the_mapping),
		cmocka_unit_test(test_scrub_finds_what_is_bad),
		cmocka_unit_test(test_a_scrub_proves_an_io_error),
		cmocka_unit_test(test_a_scrub_that_is_cancelled_leaves_nothing),
		cmocka_unit_test_setup_teardown(test_sysfs_tells_size_and_alignment, make_tree,
						remove_tree),
	};

	return t_run("pmem.open", tests, T_LENGTH(tests));
}

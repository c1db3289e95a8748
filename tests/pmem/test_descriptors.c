/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_descriptors.c - the descriptor of a mapping: its number, whose file it is, locks, leases and
 * space
 */
#include <mcsafe/mcsafe.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "leaks.h"
#include "pmem/pmem.h"
#include "run.h"
#include "small_tmpfs.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)
#define ALL     64 /* pages of the small tmpfs */
#define SMALL   (16 * T_PAGE)

/* ---- which numbers the library's files get (--wrap) ------------------------------------------ */

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap___openat_2(int directory, const char *path, int flags);

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

static _Atomic unsigned opened, opened_low;
static bool let_others_run; /* meanwhile */
static int opens_instead;   /* this file; -1: nothing; 0: what is asked for */

/* The C library opens the file, not by the function above. */
FILE *__wrap_fopen(const char *path, const char *mode)
{
	FILE *file = __real_fopen(path, mode);

	opened++;
	opened_low += file != NULL && fileno(file) < 3;
	return file;
}

int __wrap_openat(int directory, const char *path, int flags, ...)
{
	int fd;

	errno = ENOENT; /* if it is said to open nothing */
	fd = opens_instead < 0    ? -1
	     : opens_instead == 0 ? __real_openat(directory, path, flags)
				  : fcntl(opens_instead, F_DUPFD_CLOEXEC, 0);

	opened++;
	opened_low += fd >= 0 && fd < 3;
	for (int i = 0; let_others_run && i < 20; i++)
		sched_yield();
	return fd;
}

/* With _FORTIFY_SOURCE, as distributions build, openat() is this function. */
int __wrap___openat_2(int directory, const char *path, int flags)
{
	return __wrap_openat(directory, path, flags);
}

/* IN_CHILD() for a test that the machine may not allow. It then ends by t_skip_all(). */
#define IN_CHILD_OR_SKIPPED(name)                     \
 static void name##_in_child(void *arg);              \
 static void name(void **state)                       \
 {                                                    \
  int status = t_in_child(name##_in_child, NULL);     \
                                                      \
  (void)state;                                        \
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) \
   t_skip("as the child says");                       \
  t_expect_exit(status, #name, __FILE__, __LINE__);   \
 }                                                    \
 static void name##_in_child(void *arg __attribute__((unused)))

/* ---- files ----------------------------------------------------------------------------------- */

static int new_file(char name[64])
{
	int fd;

	(void)snprintf(name, 64, "/tmp/mcsafe-descriptors-XXXXXX");
	fd = mkostemp(name, O_CLOEXEC);
	CHECK_GE(fd, 0);
	CHECK_EQ(ftruncate(fd, 4 * T_PAGE), 0);
	return fd;
}

static int new_memfd(size_t size)
{
	int fd = memfd_create("descriptors", MFD_CLOEXEC);

	CHECK_GE(fd, 0);
	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void *map_shared(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	return map;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool repairs_memory(void)
{
	void *memory =
		mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_pmem *pmem;
	bool repaired;

	if (memory == MAP_FAILED ||
	    mcsafe_pmem_open_memory(&pmem, memory, T_PAGE, -1, 0, WRITING) != 0)
		return false;
	repaired = mcsafe_pmem_repair(pmem, NULL, T_PAGE, 0) == T_PAGE;
	mcsafe_pmem_close(pmem);
	return munmap(memory, T_PAGE) == 0 && repaired;
}

/* A daemon has closed 0, 1 and 2, and other code still writes to 2. */
IN_CHILD(test_no_descriptor_is_one_of_the_standard_ones)
{
	struct mcsafe_badblocks_answer answer;
	struct mcsafe_pmem *pmem[3];
	int kept_error = dup(2), fd;
	char name[64];
	void *map;

	CHECK_GT(kept_error, 2);
	fd = new_file(name);
	map = map_shared(fd, T_PAGE);
	for (int low = 0; low < 3; low++)
		CHECK_EQ(close(low), 0);
	opened = opened_low = 0;
	int opened_all = mcsafe_pmem_open(&pmem[0], name, MCSAFE_PMEM_WRITE) == 0 &&
			 mcsafe_pmem_open_fd(&pmem[1], fd, MCSAFE_PMEM_WRITE) == 0 &&
			 mcsafe_pmem_open_memory(&pmem[2], map, T_PAGE, fd, 0, 0) == 0;
	bool none_open = true;

	for (int low = 0; low < 3; low++)
		none_open = none_open && fcntl(low, F_GETFD) < 0 && errno == EBADF;
	if (opened_all)
		(void)mcsafe_pmem_ask(pmem[0], &answer);
	opened_all = opened_all && repairs_memory();
	for (int low = 0; low < 3; low++)
		none_open = none_open && fcntl(low, F_GETFD) < 0 && errno == EBADF;
	/* So that what fails can be seen. */
	CHECK_EQ(dup2(kept_error, 2), 2);
	CHECK(opened_all);
	CHECK(none_open);
	CHECK_GT(opened, 0);
	CHECK_EQ(opened_low, 0);
	for (size_t i = 0; i < T_LENGTH(pmem); i++) {
		CHECK_GT(pmem[i]->fd, 2);
		CHECK_EQ(fcntl(pmem[i]->fd, F_GETFD), FD_CLOEXEC);
		mcsafe_pmem_close(pmem[i]);
	}
	CHECK_EQ(unlink(name), 0);
}

/* The program closes a number that is not its own, and gets it for another file. */
IN_CHILD(test_a_number_that_is_another_file_is_left_alone)
{
	char byte, stolen[] = "theirs";

	CHECK_EQ(mcsafe_install(), 0);
	for (int ours = 0; ours < 3; ours++) {
		int fd = new_memfd(4 * T_PAGE), other = new_memfd(0);
		struct mcsafe_pmem *pmem;
		struct mcsafe_pmem_info info;
		void *map = map_shared(fd, 4 * T_PAGE);
		struct stat st;
		int number;

		CHECK_EQ(pwrite(other, stolen, 6, 0), 6);
		CHECK_EQ(ours == 2 ? mcsafe_pmem_open_memory(&pmem, map, 4 * T_PAGE, fd, 0, WRITING)
				   : mcsafe_pmem_open_fd(&pmem, fd, WRITING),
			 0);
		number = pmem->fd;
		if (ours == 0)
			CHECK_EQ(close(number), 0);
		else
			CHECK_EQ(dup2(other, number), number);
		CHECK_EQ(mcsafe_pmem_pwrite(pmem, "x", 1, 0, NULL), 1);
		CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, 3 * T_PAGE, NULL), 1);
		CHECK_EQ(ftruncate(fd, 2 * T_PAGE), 0);
		CHECK_EQ(mcsafe_pmem_refresh(pmem), ours == 2 ? 0 : -EBADF);
		mcsafe_pmem_get_info(pmem, &info);
		CHECK_EQ(info.size, 4 * T_PAGE);
		CHECK_EQ(mcsafe__pmem_map_anew(pmem, 0, T_PAGE), -EBADF);
		mcsafe_pmem_close(pmem);
		/* Their number is still open, and is still their file. */
		if (ours != 0) {
			CHECK_EQ(fstat(number, &st), 0);
			CHECK_EQ(st.st_size, 6);
			CHECK_EQ(close(number), 0);
		}
		munmap(map, 4 * T_PAGE);
		close(fd);
		close(other);
	}
}

/* All members of the identity count. */
IN_CHILD(test_a_file_is_told_from_all_others)
{
	static const char *const devices[] = {"/dev/null", "/dev/zero"};
	struct mcsafe__file_id id, same;
	int fds[2], fd, copy;

	fd = open(devices[0], O_RDWR | O_CLOEXEC);
	CHECK_EQ(mcsafe__fd_identify(fd, &id), 0);
	copy = mcsafe__fd_duplicate(fd, &same);
	CHECK_GT(copy, 2);
	CHECK_NE(copy, fd);
	CHECK(mcsafe__fd_is_same(copy, &id));
	CHECK(mcsafe__fd_is_same(fd, &same));
	errno = 4711;
	for (int i = 0; i < 4; i++) {
		struct mcsafe__file_id other = id;

		other.dev += i == 0;
		other.ino += i == 1;
		other.rdev += i == 2;
		other.type = i == 3 ? S_IFREG : other.type;
		CHECK(!mcsafe__fd_is_same(fd, &other));
	}
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK(!mcsafe__fd_is_same(fds[0], &id));
	CHECK(!mcsafe__fd_is_same(-1, &id));
	CHECK_EQ(errno, 4711);
	mcsafe__fd_close(fds[0], &id);
	CHECK_GE(fcntl(fds[0], F_GETFD), 0);
	mcsafe__fd_close(copy, &id);
	CHECK_LT(fcntl(copy, F_GETFD), 0);
	CHECK_EQ(mcsafe__fd_duplicate(copy, &id), -EBADF);
	CHECK_EQ(mcsafe__fd_open(AT_FDCWD, "/nowhere/at/all", O_RDONLY, NULL), -ENOENT);
}

/* ---- locks and leases ------------------------------------------------------------------------ */

static bool is_locked(const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pid_t child = fork();
	int status;

	if (child == 0) {
		int fd = open(name, O_RDWR | O_CLOEXEC);

		_exit(fcntl(fd, F_SETLK, &lock) != 0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status) != 0;
}

static pthread_barrier_t begun;

static void *read_hole(void *pmem)
{
	char byte = 1;

	pthread_barrier_wait(&begun);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, T_PAGE, NULL), 1);
	CHECK_EQ(byte, 0);
	return NULL;
}

/* The descriptor that looks for holes stays open: a close would remove the locks. */
IN_CHILD(test_first_reads_of_several_threads_keep_record_locks)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = new_memfd(4 * T_PAGE);
	pthread_t threads[4];
	char path[64];

	CHECK_EQ(mcsafe_install(), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	pthread_barrier_init(&begun, NULL, T_LENGTH(threads));
	let_others_run = true;
	for (int round = 0; round < 20; round++) {
		struct mcsafe_pmem *pmem;

		CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE), 0);
		CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
		opened = 0;
		for (size_t i = 0; i < T_LENGTH(threads); i++)
			CHECK_EQ(pthread_create(&threads[i], NULL, read_hole, pmem), 0);
		for (size_t i = 0; i < T_LENGTH(threads); i++)
			CHECK_EQ(pthread_join(threads[i], NULL), 0);
		CHECK_EQ(opened, 1);
		CHECK(is_locked(path));
		mcsafe_pmem_close(pmem);
	}
	close(fd);
}

/* Without a descriptor of its own a read cannot look for holes. It fills them. */
IN_CHILD(test_a_file_that_cannot_be_opened_again_is_read)
{
	int fd = new_memfd(4 * T_PAGE), other = new_memfd(4 * T_PAGE);
	const int instead[] = {-1, other};

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	for (size_t i = 0; i < T_LENGTH(instead); i++) {
		struct mcsafe_pmem *pmem;
		char bytes[2 * T_PAGE];
		size_t descriptors;

		CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_NO_ASK), 0);
		descriptors = t_count_descriptors();
		opens_instead = instead[i];
		opened = 0;
		for (int again = 0; again < 2; again++) {
			memset(bytes, 'o', sizeof(bytes));
			CHECK_EQ(mcsafe_pmem_pread(pmem, bytes, sizeof(bytes), 0, NULL),
				 sizeof(bytes));
			CHECK_EQ(bytes[0], 'x');
			for (size_t at = 1; at < sizeof(bytes); at++)
				CHECK_EQ(bytes[at], 0);
		}
		CHECK_EQ(opened, 1); /* it is not tried again */
		opens_instead = 0;
		CHECK_EQ(t_count_descriptors(), descriptors);
		mcsafe_pmem_close(pmem);
	}
}

/* Reading a hole of hugetlbfs takes memory, but such files have no SEEK_HOLE that tells. */
IN_CHILD(test_holes_of_hugetlbfs_are_not_looked_for)
{
	int fd = new_memfd(4 * T_PAGE);
	struct mcsafe_pmem *pmem;
	char byte = 'o';

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_NO_ASK), 0);
	pmem->hugetlb = true; /* it is treated like one */
	opened = 0;
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, T_PAGE, NULL), 1);
	CHECK_EQ(byte, 0);
	CHECK_EQ(opened, 0);
	mcsafe_pmem_close(pmem);
}

static void borrow(int fd, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int flags = MCSAFE_PMEM_WRITE | MCSAFE_PMEM_BORROW;
	void *map = map_shared(fd, 4 * T_PAGE);
	char byte;

	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK(is_locked(name));
	for (int memory = 0; memory < 2; memory++) {
		struct mcsafe_badblocks_answer answer;
		struct mcsafe_pmem *pmem;

		CHECK_EQ(memory ? mcsafe_pmem_open_memory(&pmem, map, 4 * T_PAGE, fd, 0, flags)
				: mcsafe_pmem_open_fd(&pmem, fd, flags),
			 0);
		CHECK_EQ(pmem->fd, fd);
		CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 1);
		CHECK_EQ(mcsafe_pmem_pwrite(pmem, "x", 1, 0, NULL), 1);
		CHECK_EQ(mcsafe_pmem_repair(pmem, NULL, T_PAGE, 0), T_PAGE);
		CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
		CHECK_EQ(mcsafe_pmem_scrub(pmem, NULL, NULL), 0);
		(void)mcsafe_pmem_ask(pmem, &answer);
		mcsafe_pmem_close(pmem);
		CHECK(is_locked(name));
		CHECK_GE(fcntl(fd, F_GETFD), 0);
		/* What cannot be opened does not lose the lock either. */
		CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, flags | 1 << 30), -EINVAL);
		CHECK(is_locked(name));
	}
	munmap(map, 4 * T_PAGE);
}

/* On a disk; and in tmpfs, where holes are looked for. */
IN_CHILD(test_a_borrowed_descriptor_keeps_record_locks)
{
	char name[64];
	int fd = new_file(name);

	CHECK_EQ(mcsafe_install(), 0);
	borrow(fd, name);
	CHECK_EQ(unlink(name), 0);
	fd = new_memfd(4 * T_PAGE);
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), fd);
	borrow(fd, name);
}

static int leased;

static void give_lease_up(int signo)
{
	(void)signo;
	fcntl(leased, F_SETLEASE, F_UNLCK);
}

/* open(2) waits until the lease is given up. It does so at the first of our attempts. */
IN_CHILD_OR_SKIPPED(test_a_lease_is_waited_for)
{
	struct mcsafe_pmem *pmem;
	char name[64];

	leased = new_file(name);
	t_set_plain(SIGIO, give_lease_up, SA_RESTART);
	if (fcntl(leased, F_SETLEASE, F_WRLCK) != 0)
		t_skip_all("this file system has no leases");
	CHECK_EQ(mcsafe_pmem_open(&pmem, name, MCSAFE_PMEM_WRITE), 0);
	CHECK_EQ(fcntl(leased, F_GETLEASE), F_UNLCK);
	mcsafe_pmem_close(pmem);
	CHECK_EQ(unlink(name), 0);
}

/* ---- space ----------------------------------------------------------------------------------- */

static bool has_small_tmpfs;

static void begin_small_tmpfs(void)
{
	if (!has_small_tmpfs)
		t_skip("no tmpfs may be mounted");
	t_install();
	small_tmpfs_fill(ALL);
}

static int file_in_small_tmpfs(size_t size)
{
	int fd = small_tmpfs_file();

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static size_t blocks_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (size_t)st.st_blocks * 512;
}

static void test_space_is_reserved_at_open_and_refresh(void **state)
{
	const int flags = WRITING | MCSAFE_PMEM_RESERVE;
	static char data[2 * SMALL];
	struct mcsafe_pmem_info info;
	struct mcsafe_pmem *pmem;
	struct stat st;
	int fd;

	(void)state;
	begin_small_tmpfs();
	fd = file_in_small_tmpfs(SMALL);
	memset(data, 'd', sizeof(data));
	small_tmpfs_fill(0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), -ENOSPC);
	small_tmpfs_fill(ALL);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), 0);
	assert_int_equal(blocks_of(fd), SMALL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SMALL);
	small_tmpfs_fill(0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, SMALL, 0, NULL), SMALL);

	/* The file grows while there is no space, and is truncated. */
	assert_int_equal(ftruncate(fd, 2 * SMALL), 0);
	assert_int_equal(mcsafe_pmem_refresh(pmem), -ENOSPC);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.size, SMALL);
	small_tmpfs_fill(ALL);
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	small_tmpfs_fill(0);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, 2 * SMALL, 0, NULL), 2 * SMALL);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	assert_int_equal(mcsafe__pmem_reserve(pmem, 0, SMALL), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_space_is_reserved_for_the_memory_of_the_caller(void **state)
{
	const int flags = WRITING | MCSAFE_PMEM_RESERVE;
	struct mcsafe_pmem *pmem;
	struct stat st;
	void *map;
	int fd;

	(void)state;
	begin_small_tmpfs();
	fd = file_in_small_tmpfs(SMALL);
	map = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(SMALL / 2));
	assert_true(map != MAP_FAILED);
	/* Half of the memory is past the end of the file, which does not grow. */
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SMALL, fd, (off_t)(SMALL / 2), flags),
			 0);
	assert_int_equal(blocks_of(fd), SMALL / 2);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SMALL);
	mcsafe_pmem_close(pmem);
	assert_int_equal(ftruncate(fd, 2 * SMALL), 0);
	small_tmpfs_fill(0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SMALL, fd, (off_t)(SMALL / 2), flags),
			 -ENOSPC);
	/* Space is reserved for stores only. */
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_RESERVE), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SMALL, fd, 0, MCSAFE_PMEM_RESERVE),
			 -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SMALL, -1, 0, flags), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SMALL, -1, 0, MCSAFE_PMEM_BORROW),
			 -EINVAL);
	munmap(map, SMALL);
	close(fd);
}

/* Somebody else fills the file system. What cannot be read then is not lost. */
static void test_a_scrub_of_a_full_file_system_notes_nothing(void **state)
{
	struct mcsafe_scrub_progress progress;
	struct mcsafe_pmem *pmem;
	void *map;
	int fd;

	(void)state;
	begin_small_tmpfs();
	fd = file_in_small_tmpfs(SMALL);
	assert_int_equal(pwrite(fd, "data", 4, (off_t)(SMALL / 2)), 4);
	map = map_shared(fd, SMALL);
	small_tmpfs_fill(0);
	for (int memory = 0; memory < 2; memory++) {
		assert_int_equal(memory ? mcsafe_pmem_open_memory(&pmem, map, SMALL, fd, 0, WRITING)
					: mcsafe_pmem_open_fd(&pmem, fd, WRITING),
				 0);
		assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
		assert_int_equal(progress.offset, SMALL);
		assert_int_equal(progress.bad, 0);
		/* The library does not know the holes of memory that it has not mapped. */
		assert_int_equal(progress.failed, memory ? SMALL - T_PAGE : 0);
		assert_int_equal(mcsafe_badblocks_count(mcsafe_pmem_badblocks(pmem)), 0);
		mcsafe_pmem_close(pmem);
	}
	munmap(map, SMALL);
	close(fd);
}

IN_CHILD(test_a_scrub_leaves_holes_alone)
{
	struct mcsafe_scrub_progress progress;
	struct mcsafe_pmem *pmem;

	CHECK_EQ(mcsafe_install(), 0);
	for (int opened_anew = 0; opened_anew < 2; opened_anew++) {
		int fd = new_memfd(4 * SMALL);
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		for (size_t page = 3; page < 4 * SMALL / T_PAGE; page += 12)
			CHECK_EQ(pwrite(fd, "data", 4, (off_t)(page * T_PAGE)), 4);
		CHECK_EQ(lseek(fd, 4711, SEEK_SET), 4711);
		CHECK_EQ(blocks_of(fd), 6 * T_PAGE);
		CHECK_EQ(opened_anew ? mcsafe_pmem_open(&pmem, path, WRITING)
				     : mcsafe_pmem_open_fd(&pmem, fd, WRITING),
			 0);
		CHECK_EQ(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 60 * T_PAGE, 1), 0);
		CHECK_EQ(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
		CHECK_EQ(progress.offset, 4 * SMALL);
		CHECK_EQ(progress.failed, 0);
		CHECK_EQ(progress.skipped, 1);
		CHECK_EQ(blocks_of(fd), 6 * T_PAGE);
		CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4711);
		mcsafe_pmem_close(pmem);
		close(fd);
	}
}

/* ---- the size -------------------------------------------------------------------------------- */

/* All memory that is mapped from now on is locked, and little may be. The room to grow does not
 * fit. */
IN_CHILD_OR_SKIPPED(test_where_room_to_grow_must_not_be_locked_there_is_none)
{
	struct rlimit limit = {60 << 10, 60 << 10};
	struct mcsafe_pmem *pmem;
	struct mcsafe_pmem_info info;
	int fd = new_memfd(2 * T_PAGE), empty = new_memfd(0);
	char byte;

	CHECK_EQ(mcsafe_install(), 0);
	/* What malloc(3) needs is there already. */
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	mcsafe_pmem_close(pmem);
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	/* Root may lock all. In a user namespace of small_tmpfs.c nobody may, and there is no other
	 * user. */
	if (geteuid() == 0 && seteuid(65534) != 0)
		CHECK_EQ(errno, EINVAL);
	if (mlockall(MCL_FUTURE) != 0)
		t_skip_all("memory cannot be locked");
	if (mmap(NULL, 64 << 10, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
		t_skip_all("memory is not locked");
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	CHECK_EQ(pmem->first.mapped, 2 * T_PAGE);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, 2 * T_PAGE - 1, NULL), 1);
	mcsafe_pmem_close(pmem);
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, empty, WRITING), 0);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 0);
	CHECK_EQ(ftruncate(empty, T_PAGE), 0);
	CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
	mcsafe_pmem_get_info(pmem, &info);
	CHECK_EQ(info.size, T_PAGE);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, T_PAGE - 1, NULL), 1);
	mcsafe_pmem_close(pmem);
}

static void sanitizers_lock_nothing(void **state)
{
	(void)state;
	print_message("left out: mlockall(2) of a sanitizer does nothing\n");
	skip();
}

IN_CHILD(test_nothing_past_the_end_stays_known_to_be_bad)
{
	int fd = new_memfd(4 * T_PAGE);
	struct mcsafe_badblocks *bad;
	struct mcsafe_range range;
	struct mcsafe_pmem *pmem;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	bad = mcsafe_pmem_badblocks(pmem);
	/* Bad ranges on both sides of the new end, and across it. */
	CHECK_EQ(mcsafe_badblocks_add(bad, 100, 100), 0);
	CHECK_EQ(mcsafe_badblocks_add(bad, T_PAGE, T_PAGE), 0);
	CHECK_EQ(mcsafe_badblocks_add(bad, 3 * T_PAGE, 1), 0);
	CHECK_EQ(mcsafe_badblocks_add(bad, 100 * T_PAGE, 1), 0);
	CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
	CHECK_EQ(mcsafe_badblocks_count(bad), 3);
	CHECK_EQ(ftruncate(fd, T_PAGE + 10), 0);
	CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
	CHECK_EQ(mcsafe_badblocks_count(bad), 2);
	CHECK_EQ(mcsafe_badblocks_bytes(bad), 110);
	CHECK(!mcsafe_badblocks_next(bad, T_PAGE + 10, SIZE_MAX, &range));
	CHECK_EQ(ftruncate(fd, 4 * T_PAGE), 0);
	CHECK_EQ(mcsafe_pmem_refresh(pmem), 0);
	CHECK_EQ(mcsafe_badblocks_bytes(bad), 110);
	mcsafe_pmem_close(pmem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_descriptor_is_one_of_the_standard_ones),
		cmocka_unit_test(test_a_number_that_is_another_file_is_left_alone),
		cmocka_unit_test(test_a_file_is_told_from_all_others),
		cmocka_unit_test(test_a_file_that_cannot_be_opened_again_is_read),
		cmocka_unit_test(test_holes_of_hugetlbfs_are_not_looked_for),
		cmocka_unit_test(test_a_borrowed_descriptor_keeps_record_locks),
		cmocka_unit_test(test_first_reads_of_several_threads_keep_record_locks),
		cmocka_unit_test(test_a_lease_is_waited_for),
		cmocka_unit_test(test_space_is_reserved_at_open_and_refresh),
		cmocka_unit_test(test_space_is_reserved_for_the_memory_of_the_caller),
		cmocka_unit_test(test_a_scrub_of_a_full_file_system_notes_nothing),
		cmocka_unit_test(test_a_scrub_leaves_holes_alone),
		{"test_where_room_to_grow_must_not_be_locked_there_is_none",
		 T_SANITIZER ? sanitizers_lock_nothing
			     : test_where_room_to_grow_must_not_be_locked_there_is_none,
		 NULL, NULL, NULL},
		cmocka_unit_test(test_nothing_past_the_end_stays_known_to_be_bad),
	};

	int result;

	has_small_tmpfs = small_tmpfs_mount();
	result = t_run("pmem.descriptors", tests, T_LENGTH(tests));
	small_tmpfs_unmount();
	return result;
}

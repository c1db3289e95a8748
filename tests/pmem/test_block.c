/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_block.c - block devices, and devices that do not tell their size
 *
 * The linker replaces fstat(2) and ioctl(2) of the library (--wrap): a file in memory looks like a
 * device. The lab has real ones (pmem-disk).
 */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "run.h"

#define PAGES   ((size_t)8)
#define SIZE    (PAGES * T_PAGE)
#define BAD     ((size_t)3)
#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)

static struct {
	mode_t type; /* 0: what it is */
	uint64_t size;
	int size_error;
	unsigned fallocates;
} os;

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_fallocate(int fd, int mode, off_t at, off_t n);

int __wrap_fstat(int fd, struct stat *st)
{
	int err = __real_fstat(fd, st);

	if (err == 0 && os.type != 0) {
		st->st_mode = os.type | 0600;
		st->st_rdev = makedev(259, 4711);
		st->st_size = 0;
	}
	return err;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request != BLKGETSIZE64)
		return __real_ioctl(fd, request, arg);
	*(uint64_t *)arg = os.size;
	errno = os.size_error;
	return os.size_error == 0 ? 0 : -1;
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t n)
{
	(void)fd;
	(void)mode;
	(void)at;
	(void)n;
	os.fallocates++;
	errno = EOPNOTSUPP;
	return -1;
}

static struct mcsafe_pmem *pmem;
static unsigned char data[SIZE], back[SIZE];
static int fd;

static void make_device(mode_t type)
{
	t_install();
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i % 251);
	memset(&os, 0, sizeof(os));
	fd = memfd_create("block", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, data, SIZE, 0), SIZE);
	os.type = type;
	os.size = SIZE;
}

static size_t known(void)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem));
}

static void close_device(void)
{
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_the_size_of_a_block_device_is_that_of_the_device(void **state)
{
	struct mcsafe_pmem_info info;

	(void)state;
	make_device(S_IFBLK);
	/* Space can be reserved in files only. */
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING | MCSAFE_PMEM_RESERVE), 0);
	assert_int_equal(os.fallocates, 0);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.size, SIZE);
	assert_int_equal(info.align, T_PAGE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 2 * SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, data, SIZE);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), T_PAGE, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, data, T_PAGE, T_PAGE), T_PAGE);
	assert_int_equal(pread(fd, back, T_PAGE, T_PAGE), T_PAGE);
	assert_memory_equal(back, data, T_PAGE);
	assert_int_equal(known(), 0);
	close_device();
}

static void test_a_device_that_tells_no_size_cannot_be_opened(void **state)
{
	static const uint64_t sizes[] = {SSIZE_MAX / 4 + 1, SSIZE_MAX, UINT64_MAX};

	(void)state;
	make_device(S_IFBLK);
	os.size_error = ENXIO;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), -ENXIO);
	os.size_error = 0;
	for (size_t i = 0; i < T_LENGTH(sizes); i++) {
		os.size = sizes[i];
		assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), -EOVERFLOW);
	}
	close(fd);
}

static void inject(unsigned char *base)
{
	if (mcsafe_inject(base + BAD * T_PAGE, T_PAGE, MCSAFE_INJECT_EOF) != 0)
		t_skip("no fault can be injected: %s", mcsafe_inject_reason());
}

/* pread(2) of the device works, so that nothing is lost, and a store cannot ask for space. */
static void check_that_nothing_is_noted(unsigned char *base)
{
	inject(base);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), BAD * T_PAGE);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, SIZE, 0, NULL), BAD * T_PAGE);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, data, 1, BAD * T_PAGE, NULL), -EIO);
	assert_int_equal(os.fallocates, 0);
	assert_int_equal(known(), 0);
	assert_int_equal(mcsafe_inject_clear(base + BAD * T_PAGE, T_PAGE), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, data, SIZE);
}

static void test_an_error_of_a_block_device_that_passes_is_not_remembered(void **state)
{
	struct mcsafe_pmem_info info;

	(void)state;
	make_device(S_IFBLK);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	mcsafe_pmem_get_info(pmem, &info);
	check_that_nothing_is_noted(info.base);
	close_device();
}

/* Memory of the caller over a character device: nobody knows where it ends. */
static void test_an_error_of_a_device_without_a_size_is_not_remembered(void **state)
{
	unsigned char *memory;

	(void)state;
	make_device(S_IFCHR);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true((void *)memory != MAP_FAILED);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING), 0);
	check_that_nothing_is_noted(memory);
	close_device();
	munmap(memory, SIZE);
}

static unsigned reported;

static int stop_at_the_end(const struct mcsafe_scrub_progress *progress, void *arg)
{
	assert_ptr_equal(arg, &reported);
	reported++;
	return progress->offset == SIZE;
}

static void test_what_cannot_be_meant_is_refused(void **state)
{
	const struct mcsafe_scrub_options options = {.progress = stop_at_the_end, .arg = &reported};
	const int unknown = 1 << 30;
	unsigned char *high = (unsigned char *)(UINTPTR_MAX - 2 * T_PAGE + 1);
	struct mcsafe_scrub_progress progress;
	struct mcsafe_range holes[1];
	size_t n_holes = 1;
	unsigned char *memory;
	int path;

	(void)state;
	make_device(0);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, unknown), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, high, SIZE, fd, 0, 0), -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, -(off_t)T_PAGE, 0),
			 -EINVAL);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd,
						 (off_t)(SSIZE_MAX - T_PAGE + 1), 0),
			 -EINVAL);
	path = open("/", O_PATH | O_CLOEXEC);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, path, MCSAFE_PMEM_NO_ASK), -EACCES);
	close(path);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, -1, NULL), -EINVAL);
	assert_int_equal(mcsafe_pmem_salvage(pmem, back, 0, 0, 0, holes, &n_holes), 0);
	assert_int_equal(n_holes, 0);
	assert_int_equal(mcsafe_pmem_scrub(pmem, &options, &progress), -ECANCELED);
	assert_true(reported != 0);
	close_device();
	munmap(memory, SIZE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_size_of_a_block_device_is_that_of_the_device),
		cmocka_unit_test(test_a_device_that_tells_no_size_cannot_be_opened),
		cmocka_unit_test(test_an_error_of_a_block_device_that_passes_is_not_remembered),
		cmocka_unit_test(test_an_error_of_a_device_without_a_size_is_not_remembered),
		cmocka_unit_test(test_what_cannot_be_meant_is_refused),
	};

	return t_run("pmem.block", tests, T_LENGTH(tests));
}

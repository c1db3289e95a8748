/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_passing.c - errors that pass are not remembered, and losses are
 *
 * The linker replaces some system calls of the library (--wrap), so that a medium can lose a page
 * of an ordinary file.
 */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pmem/pmem.h"
#include "run.h"
#include "small_tmpfs.h"
#include "tool.h"
#include "witness.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)
#define PAGES   ((size_t)8)
#define SIZE    (PAGES * T_PAGE)
#define BAD     ((size_t)3) /* the page that fails */

static struct mcsafe_pmem *pmem;
static unsigned char buf[SIZE], back[SIZE];

/* ---- the kernel ------------------------------------------------------------------------------ */

static struct {
	int pread_error;         /* of the page BAD; 0: none */
	int needs_aligned;       /* as with O_DIRECT */
	int interrupts;          /* so many calls are interrupted */
	void (*meanwhile)(void); /* what somebody else does while pread(2) runs */
	unsigned file_system;    /* 0: what it is */
	int file_system_error;   /* of fstatfs(2) */
	int room_error;          /* of fallocate(2) */
	bool no_memory;          /* for aligned_alloc(3) */
	int msync_error;
	const unsigned char *synced;
	size_t synced_n;
	unsigned preads, fallocates;
} os;

ssize_t __real_pread(int fd, void *to, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset);
int __real_fallocate(int fd, int mode, off_t offset, off_t n);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t n);
int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __real_msync(void *addr, size_t n, int flags);
int __wrap_msync(void *addr, size_t n, int flags);

static int interrupted(void)
{
	if (os.interrupts == 0)
		return 0;
	os.interrupts--;
	errno = EINTR;
	return 1;
}

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t offset)
{
	os.preads++;
	if (interrupted())
		return -1;
	if (os.needs_aligned && (n % 512 != 0 || offset % 512 != 0 || (uintptr_t)to % 512 != 0)) {
		errno = EINVAL;
		return -1;
	}
	if (os.meanwhile != NULL)
		os.meanwhile();
	if (os.pread_error != 0 && (size_t)offset / T_PAGE == BAD) {
		errno = os.pread_error;
		return -1;
	}
	return __real_pread(fd, to, n, offset);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t n)
{
	os.fallocates++;
	if (interrupted())
		return -1;
	if (os.room_error != 0) {
		errno = os.room_error;
		return -1;
	}
	return __real_fallocate(fd, mode, offset, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return os.no_memory ? NULL : __real_aligned_alloc(align, n);
}

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	int err = __real_fstatfs(fd, fs);

	if (os.file_system != 0)
		fs->f_type = (__typeof__(fs->f_type))os.file_system;
	if (os.file_system_error != 0) {
		errno = os.file_system_error;
		return -1;
	}
	return err;
}

int __wrap_msync(void *addr, size_t n, int flags)
{
	os.synced = addr;
	os.synced_n = n;
	if (os.msync_error != 0) {
		errno = os.msync_error;
		return -1;
	}
	return __real_msync(addr, n, flags);
}

/* ---- I/O errors ------------------------------------------------------------------------------ */

static int fd;

static unsigned char *base(void)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	return info.base;
}

/* A file without holes, of which an access to the page BAD fails: BUS_ADRERR. */
static void open_with_error(void)
{
	t_install();
	memset(&os, 0, sizeof(os));
	fd = memfd_create("passing", MFD_CLOEXEC);
	assert_true(fd >= 0);
	memset(buf, 'p', SIZE);
	assert_int_equal(write(fd, buf, SIZE), SIZE);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	if (mcsafe_inject(base() + BAD * T_PAGE, T_PAGE, MCSAFE_INJECT_EOF) != 0)
		t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
}

static void heal(void)
{
	if (pmem != NULL)
		assert_int_equal(mcsafe_inject_clear(base() + BAD * T_PAGE, T_PAGE), 0);
}

static size_t known(void)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem));
}

static void close_it(void)
{
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void check_read_stops(void)
{
	struct mcsafe_fault fault;

	errno = 4711;
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, &fault), BAD * T_PAGE);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_IO);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, BAD * T_PAGE, NULL), -EIO);
	assert_int_equal(errno, 4711);
}

static void test_an_error_that_pread_does_not_meet_is_not_remembered(void **state)
{
	(void)state;
	open_with_error();
	check_read_stops();
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, SIZE, 0, NULL), BAD * T_PAGE);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, BAD * T_PAGE, NULL), -EIO);
	assert_in_range(os.preads, 4, SIZE_MAX);
	assert_int_equal(known(), 0);
	heal();
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, buf, SIZE);
	close_it();
}

static void test_an_error_that_pread_meets_too_is_remembered(void **state)
{
	static const int errors[] = {EIO, EHWPOISON};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		open_with_error();
		os.pread_error = errors[i];
		os.interrupts = 3;
		check_read_stops();
		assert_int_equal(os.interrupts, 0);
		assert_int_equal(known(), T_PAGE);
		heal();
		assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, BAD * T_PAGE, NULL), -EIO);
		close_it();
	}
}

static void test_other_errors_of_pread_prove_nothing(void **state)
{
	static const int errors[] = {ENODEV, ENXIO, ETIMEDOUT, ENOTCONN, EACCES, ENOMEM, EAGAIN};

	(void)state;
	open_with_error();
	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		os.pread_error = errors[i];
		check_read_stops();
		assert_int_equal(known(), 0);
	}
	heal();
	close_it();
}

static void test_a_descriptor_with_O_DIRECT_is_asked_for_a_page(void **state)
{
	(void)state;
	open_with_error();
	os.needs_aligned = 1;
	check_read_stops();
	assert_int_equal(known(), 0);
	os.pread_error = EIO;
	os.no_memory = true; /* for the page */
	check_read_stops();
	assert_int_equal(known(), 0);
	os.no_memory = false;
	check_read_stops();
	assert_int_equal(known(), T_PAGE);
	heal();
	close_it();
}

/* A scrub asks its caller only if the options have a function for that. */
static void test_a_scrub_that_asks_nobody_remembers_what_pread_meets_too(void **state)
{
	const struct mcsafe_scrub_options options = {.start = T_PAGE};
	struct mcsafe_scrub_progress progress;

	(void)state;
	open_with_error();
	assert_int_equal(mcsafe_pmem_scrub(pmem, &options, &progress), 0);
	assert_int_equal(progress.failed, T_PAGE);
	assert_int_equal(known(), 0);
	os.pread_error = EIO;
	assert_int_equal(mcsafe_pmem_scrub(pmem, &options, &progress), 0);
	assert_int_equal(progress.bad, T_PAGE);
	assert_int_equal(known(), T_PAGE);
	heal();
	close_it();
}

/* What lies below these is a server, may be one (overlayfs, eCryptfs), or is not known. */
static void test_an_error_of_a_server_is_not_remembered(void **state)
{
	static const unsigned remote[] = {
		NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, 0xff534d42,      0xfe534d42,
		0x00c36400,       0x65735546,      AFS_SUPER_MAGIC, AFS_FS_MAGIC,
		CODA_SUPER_MAGIC, V9FS_MAGIC,      0x794c7630,      ECRYPTFS_SUPER_MAGIC,
		0x0bd00bd0,       0x47504653,      0x786f4256,      0x12345678};
	static const unsigned local[] = {
		EXT4_SUPER_MAGIC, 0x58465342,  BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		0xca451a4e,       TMPFS_MAGIC, HUGETLBFS_MAGIC,   RAMFS_MAGIC,
		0x2011bab0,       0x9660,      0x3153464a,        0x4d44,
		0x3434,           0x7366746e,  0x73717368,        0x2fc12fc1};

	(void)state;
	open_with_error();
	os.pread_error = EIO;
	for (size_t i = 0; i < T_LENGTH(remote); i++) {
		os.file_system = remote[i];
		check_read_stops();
		if (known() != 0)
			fail_msg("an error of file system %#x is remembered", remote[i]);
	}
	for (size_t i = 0; i < T_LENGTH(local); i++) {
		os.file_system = local[i];
		check_read_stops();
		if (known() != T_PAGE)
			fail_msg("an error of file system %#x is not remembered", local[i]);
		assert_int_equal(mcsafe_badblocks_clear(mcsafe_pmem_badblocks(pmem), 0, SIZE), 0);
	}
	os.file_system = EXT4_SUPER_MAGIC;
	/* Nobody knows: it may be a server. */
	os.file_system_error = EACCES;
	check_read_stops();
	assert_int_equal(known(), 0);
	os.file_system_error = 0;
	check_read_stops();
	assert_int_equal(known(), T_PAGE);
	heal();
	close_it();
}

/* The file system says that it is hugetlbfs, with pages of 4 KiB. */
static void test_a_file_of_hugetlbfs_is_mapped_as_it_is(void **state)
{
	const int flags = WRITING | MCSAFE_PMEM_RESERVE;
	struct mcsafe_pmem_info info;

	(void)state;
	t_install();
	memset(&os, 0, sizeof(os));
	fd = memfd_create("passing", MFD_CLOEXEC);
	memset(buf, 'p', SIZE);
	assert_int_equal(write(fd, buf, SIZE), SIZE);
	os.file_system = HUGETLBFS_MAGIC;
	os.room_error = ENOMEM; /* there is no free huge page */
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), -ENOSPC);
	os.room_error = 0;
	os.interrupts = 3;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), 0);
	assert_int_equal(os.interrupts, 0);
	/* Huge pages are reserved for all of the mapping: it has no room to grow. */
	assert_int_equal(atomic_load(&pmem->view)->mapped, SIZE);
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.page_size, T_PAGE);
	assert_int_equal(info.align, T_PAGE);
	assert_false(info.sync);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, buf, SIZE);
	close_it();
	/* On tmpfs this error is another one. */
	fd = memfd_create("passing", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	os.file_system = 0;
	os.room_error = ENOMEM;
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), -ENOMEM);
	close(fd);
	/* Space is reserved in pieces: the file is larger than one. */
	os.room_error = 0;
	os.fallocates = 0;
	fd = memfd_create("passing", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 17 << 20), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, flags), 0);
	assert_int_equal(os.fallocates, 2);
	close_it();
}

/* Whatever the file system says when a store asks for space. */
static void test_missing_space_is_told_from_other_errors(void **state)
{
	static const struct {
		int error;
		bool hugetlb;
		int result;
	} cases[] = {
		{ENOSPC, false, -ENOSPC}, {EDQUOT, false, -ENOSPC}, {ENOMEM, true, -ENOSPC},
		{ENOMEM, false, -EIO},    {EIO, false, -EIO},       {EOPNOTSUPP, true, -EIO},
	};

	(void)state;
	open_with_error();
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		os.room_error = cases[i].error;
		pmem->hugetlb = cases[i].hugetlb; /* it is treated like one */
		assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, BAD * T_PAGE, NULL),
				 cases[i].result);
		assert_int_equal(os.fallocates, i + 1);
		assert_int_equal(known(), 0);
	}
	heal();
	close_it();
}

static void truncate_it(void)
{
	assert_int_equal(ftruncate(fd, (off_t)((BAD + 1) * T_PAGE)), 0);
}

static void grow_it(void)
{
	assert_int_equal(ftruncate(fd, (off_t)(2 * SIZE)), 0);
}

/* The program closes the library's descriptor, and opens another file. */
static void steal(void)
{
	int other = memfd_create("other", MFD_CLOEXEC);

	assert_true(other >= 0);
	assert_int_equal(ftruncate(other, (off_t)SIZE), 0);
	assert_int_equal(dup2(other, pmem->fd), pmem->fd);
	close(other);
}

static void test_nothing_is_proved_while_the_file_changes(void **state)
{
	static void (*const changes[])(void) = {truncate_it, grow_it, steal};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(changes); i++) {
		struct mcsafe_fault fault;

		open_with_error();
		os.pread_error = EIO;
		os.meanwhile = changes[i];
		assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, &fault), BAD * T_PAGE);
		assert_int_equal(os.preads, 1);
		assert_int_equal(known(), 0);
		heal();
		close_it();
	}
}

static void test_a_file_of_somebody_else_is_not_asked(void **state)
{
	(void)state;
	open_with_error();
	os.pread_error = EIO;
	steal();
	check_read_stops();
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, BAD * T_PAGE, NULL), -EIO);
	assert_int_equal(os.preads, 0);
	assert_int_equal(os.fallocates, 0);
	assert_int_equal(known(), 0);
	heal();
	close_it();
}

static void test_without_a_file_an_error_is_not_remembered(void **state)
{
	unsigned char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	t_install();
	memset(&os, 0, sizeof(os));
	fd = -1;
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, WRITING), 0);
	if (mcsafe_inject(memory + BAD * T_PAGE, T_PAGE, MCSAFE_INJECT_EOF) != 0)
		t_skip("no SIGBUS can be injected: %s", mcsafe_inject_reason());
	check_read_stops();
	assert_int_equal(known(), 0);
	heal();
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	mcsafe_pmem_close(pmem);
	munmap(memory, SIZE);
}

/* A machine check whose place the kernel does not know is a loss; a misaligned access, or a SIGSEGV
 * of unknown code, is not. */
static void test_a_fault_of_unknown_cause_is_a_loss_if_it_is_a_memory_error(void **state)
{
	static const struct {
		int signo, code;
		size_t known;
	} cases[] = {{SIGBUS, SI_KERNEL, T_PAGE}, {SIGBUS, BUS_ADRALN, 0}, {SIGSEGV, 77, 0}};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_UNKNOWN,
					     .signo = cases[i].signo,
					     .code = cases[i].code};
		struct mcsafe__access access;

		open_with_error();
		mcsafe__pmem_begin(&access, pmem, SIZE, 0, MCSAFE_SIDE_SOURCE);
		fault.addr = access.base + BAD * T_PAGE;
		(void)mcsafe__pmem_note(&access, &fault, BAD * T_PAGE);
		mcsafe__pmem_leave(pmem);
		assert_int_equal(known(), cases[i].known);
		heal();
		close_it();
	}
}

/* Poison in a page that is no longer in the file is not of the file. */
static void test_poison_past_the_end_of_the_file_is_not_remembered(void **state)
{
	struct mcsafe_fault fault = {.cause = MCSAFE_CAUSE_POISON, .signo = SIGBUS};
	struct mcsafe__access access;

	(void)state;
	open_with_error();
	mcsafe__pmem_begin(&access, pmem, SIZE, 0, MCSAFE_SIDE_SOURCE);
	fault.addr = access.base + BAD * T_PAGE;
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	(void)mcsafe__pmem_note(&access, &fault, BAD * T_PAGE);
	assert_int_equal(known(), 0);
	assert_int_equal(ftruncate(fd, BAD * T_PAGE + 1), 0);
	(void)mcsafe__pmem_note(&access, &fault, BAD * T_PAGE);
	assert_int_equal(known(), T_PAGE);
	mcsafe__pmem_leave(pmem);
	heal();
	close_it();
}

/* ---- a pager --------------------------------------------------------------------------------- */

/* With UFFD_FEATURE_SIGBUS a page that is missing raises SIGBUS, until the pager brings it. */
static void test_a_page_that_a_pager_brings_later_is_read(void **state)
{
	int pager = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
	unsigned char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register all = {.range = {(uintptr_t)memory, SIZE},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_copy bring = {(uintptr_t)memory, (uintptr_t)buf, SIZE, 0, 0};

	(void)state;
	t_install();
	if (pager < 0 || ioctl(pager, UFFDIO_API, &api) != 0 ||
	    ioctl(pager, UFFDIO_REGISTER, &all) != 0)
		t_skip("no userfaultfd(2) with UFFD_FEATURE_SIGBUS");
	memset(buf, 'b', SIZE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, 0, NULL), -EIO);
	assert_int_equal(ioctl(pager, UFFDIO_COPY, &bring), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, buf, SIZE);
	mcsafe_pmem_close(pmem);
	close(pager);
	munmap(memory, SIZE);
}

/* ---- truncation ------------------------------------------------------------------------------ */

/* A file, or memory of the caller over it, is cut to `left` bytes and grows again. */
static void truncate_and_grow(bool by_fd, size_t left)
{
	unsigned char *map;

	t_install();
	memset(&os, 0, sizeof(os));
	fd = memfd_create("cut", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(by_fd ? mcsafe_pmem_open_fd(&pmem, fd, WRITING)
			       : mcsafe_pmem_open_memory(&pmem, map, SIZE, fd, 0, WRITING),
			 0);
	assert_int_equal(ftruncate(fd, (off_t)left), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 64, 2 * T_PAGE, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 64, 2 * T_PAGE, NULL), -EIO);
	assert_int_equal(mcsafe_pmem_persist(pmem, 2 * T_PAGE, 64), -EIO);
	assert_int_equal(os.fallocates, 0);
	assert_int_equal(known(), 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 64, 2 * T_PAGE, NULL), 64);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 64, 2 * T_PAGE, NULL), 64);
	assert_int_equal(mcsafe_pmem_persist(pmem, 2 * T_PAGE, 64), 0);
	mcsafe_pmem_close(pmem);
	munmap(map, SIZE);
	close(fd);
}

static void test_what_was_truncated_is_there_when_the_file_grows_again(void **state)
{
	static const size_t sizes[] = {0, 1, T_PAGE, 2 * T_PAGE};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(sizes); i++) {
		truncate_and_grow(true, sizes[i]);
		truncate_and_grow(false, sizes[i]);
	}
}

/* ---- durable --------------------------------------------------------------------------------- */

static void test_persist_writes_all_pages_of_the_range_back(void **state)
{
	(void)state;
	open_with_error();
	heal();
	assert_int_equal(mcsafe_pmem_persist(pmem, T_PAGE + 100, 3 * T_PAGE), 0);
	assert_ptr_equal(os.synced, base() + T_PAGE);
	assert_int_equal(os.synced_n, 3 * T_PAGE + 100);
	close_it();
}

static void test_persist_says_why_the_range_is_not_durable(void **state)
{
	static const struct {
		int error, result;
	} cases[] = {
		{EIO, -EIO}, {ENOSPC, -ENOSPC}, {EDQUOT, -ENOSPC}, {ENOMEM, -EIO}, {EINVAL, -EIO}};

	(void)state;
	open_with_error();
	heal();
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		os.msync_error = cases[i].error;
		errno = 4711;
		assert_int_equal(mcsafe_pmem_persist(pmem, 0, SIZE), cases[i].result);
		assert_int_equal(errno, 4711);
	}
	close_it();
}

static void check_persist(size_t offset, size_t n, int result)
{
	errno = 4711;
	assert_int_equal(mcsafe_pmem_persist(pmem, (off_t)offset, n), result);
	assert_int_equal(errno, 4711);
}

/* msync(2) finds nothing to write there, and succeeds. A flush of the last page succeeds too. */
static void test_persist_of_what_was_truncated_fails(void **state)
{
	(void)state;
	for (int by_flush = 0; by_flush < 2; by_flush++) {
		open_with_error();
		heal();
		pmem->flush = by_flush;
		assert_int_equal(ftruncate(fd, 2 * T_PAGE + 10), 0);
		check_persist(0, 2 * T_PAGE + 10, 0);
		check_persist(0, 2 * T_PAGE + 11, -EIO);
		check_persist(2 * T_PAGE + 9, 1, 0);
		check_persist(2 * T_PAGE + 10, 1, -EIO);
		check_persist(3 * T_PAGE - 1, 1, -EIO);
		check_persist(5 * T_PAGE, 1, -EIO);
		/* What was never in the file is no part of the range. */
		assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
		check_persist(0, SIZE, 0);
		/* What comes back is there. */
		assert_int_equal(ftruncate(fd, SIZE), 0);
		assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
		check_persist(0, SIZE, 0);
		assert_int_equal(known(), 0);
		close_it();
	}
}

/* Memory of the caller keeps its length. The file may have ended in its last page at open. */
static void test_persist_of_callers_memory_knows_what_the_file_had(void **state)
{
	static const struct {
		size_t at_open, now, offset, n;
		int result;
	} cases[] = {
		{SIZE, SIZE - 10, SIZE - 11, 1, 0},
		{SIZE, SIZE - 10, SIZE - 10, 1, -EIO},
		{SIZE, SIZE - 10, 0, SIZE, -EIO},
		/* it had 100 bytes of the last page, and has them */
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 100, 0, SIZE, 0},
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 100, SIZE - 1, 1, 0},
		{SIZE - T_PAGE + 100, SIZE, 0, SIZE, 0},
		/* and has them no more */
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 99, 0, SIZE, -EIO},
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 99, SIZE - T_PAGE + 99, 1, -EIO},
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 99, SIZE - T_PAGE, 99, 0},
		{SIZE - T_PAGE + 100, SIZE - T_PAGE, SIZE - T_PAGE, 1, -EIO},
		/* past what it had: by pages */
		{SIZE - T_PAGE + 100, SIZE - T_PAGE + 99, SIZE - T_PAGE + 100, 1, 0},
		{SIZE - T_PAGE + 100, SIZE - T_PAGE, SIZE - T_PAGE + 100, 1, -EIO},
		{T_PAGE + 1, T_PAGE, T_PAGE + 1, 1, -EIO},
	};

	(void)state;
	t_install();
	for (size_t i = 0; i < 4 * T_LENGTH(cases); i++) {
		size_t which = i / 4, from = i / 2 % 2 * T_PAGE;
		int flags = WRITING | (i % 2 != 0 ? MCSAFE_PMEM_FLUSH : 0);
		unsigned char *map;
		int result;

		memset(&os, 0, sizeof(os));
		fd = memfd_create("caller", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, (off_t)(from + cases[which].at_open)), 0);
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from);
		assert_int_equal(mcsafe_pmem_open_memory(&pmem, map, SIZE, fd, (off_t)from, flags),
				 0);
		assert_int_equal(ftruncate(fd, (off_t)(from + cases[which].now)), 0);
		errno = 4711;
		result = mcsafe_pmem_persist(pmem, (off_t)cases[which].offset, cases[which].n);
		assert_int_equal(errno, 4711);
		if (result != cases[which].result)
			fail_msg("case %zu, offset %zu, flags %#x: %d", which, from, flags, result);
		munmap(map, SIZE);
		close_it();
	}
}

/* Nobody can ask a file that the program has closed. What was flushed is durable nevertheless. */
static void test_persist_needs_no_descriptor(void **state)
{
	(void)state;
	for (int by_flush = 0; by_flush < 2; by_flush++) {
		open_with_error();
		heal();
		pmem->flush = by_flush;
		steal();
		check_persist(0, SIZE, 0);
		close_it();
	}
}

/* ---- no space -------------------------------------------------------------------------------- */

static bool has_tmpfs;

/* A file with a hole; and its file system has room for so many pages. */
static void open_with_room(size_t pages)
{
	if (!has_tmpfs)
		t_skip("no tmpfs can be mounted");
	t_install();
	memset(&os, 0, sizeof(os));
	fd = small_tmpfs_file();
	assert_int_equal(ftruncate(fd, SIZE), 0);
	small_tmpfs_fill(pages);
	assert_int_equal(small_tmpfs_room(), pages);
	memset(buf, 's', SIZE);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
}

static ssize_t write_by_iter(size_t n, size_t offset)
{
	struct mcsafe_iter it;

	assert_int_equal(mcsafe_iter_ubuf(&it, MCSAFE_SIDE_SOURCE, buf, n), 0);
	return mcsafe_pmem_write_iter(pmem, &it, n, (off_t)offset, NULL);
}

static ssize_t write_by_vector(size_t n, size_t offset)
{
	struct iovec iov[2] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};

	return mcsafe_pmem_pwritev(pmem, iov, 2, (off_t)offset, NULL);
}

static void test_a_store_that_finds_no_space_says_so_and_works_later(void **state)
{
	struct mcsafe_fault fault;

	(void)state;
	open_with_room(2);
	errno = 4711;
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, SIZE, 100, &fault), 2 * T_PAGE - 100);
	assert_int_equal(fault.cause, MCSAFE_CAUSE_IO);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, 2 * T_PAGE, NULL), -ENOSPC);
	assert_int_equal(write_by_iter(1, 3 * T_PAGE), -ENOSPC);
	assert_int_equal(write_by_vector(2, 3 * T_PAGE), -ENOSPC);
	assert_int_equal(errno, 4711);
	assert_int_equal(known(), 0);
	small_tmpfs_fill(16);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, SIZE, 0, NULL), SIZE);
	assert_int_equal(write_by_iter(SIZE, 0), SIZE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, buf, SIZE);
	close_it();
}

/* The page is there, and fails nevertheless: the store must not be tried for ever. */
static void test_a_store_is_tried_again_only_once(void **state)
{
	(void)state;
	open_with_error();
	os.interrupts = 2;
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, 1, BAD * T_PAGE, NULL), -EIO);
	assert_int_equal(os.fallocates, 3);
	assert_int_equal(write_by_iter(1, BAD * T_PAGE), -EIO);
	assert_int_equal(os.fallocates, 4);
	heal();
	close_it();
}

static void test_a_read_of_a_hole_takes_no_space(void **state)
{
	struct mcsafe_range holes[2];
	struct mcsafe_iter it;
	struct iovec iov = {back, SIZE};
	size_t n = 2;

	(void)state;
	open_with_room(1);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, T_PAGE, 2 * T_PAGE, NULL), T_PAGE);
	assert_int_equal(small_tmpfs_room(), 0);
	memset(buf, 0, SIZE);
	memset(buf + 2 * T_PAGE, 's', T_PAGE);
	assert_int_equal(lseek(fd, 1234, SEEK_SET), 1234);
	for (int how = 0; how < 5; how++) {
		memset(back, '?', SIZE);
		if (how == 0)
			assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
		if (how == 1)
			assert_int_equal(mcsafe_pmem_preadv(pmem, &iov, 1, 0, NULL), SIZE);
		if (how == 2)
			assert_int_equal(mcsafe_pmem_salvage(pmem, back, SIZE, 0, 'h', holes, &n),
					 SIZE);
		if (how == 3) {
			assert_int_equal(
				mcsafe_iter_kvec(&it, MCSAFE_SIDE_DESTINATION, &iov, 1, SIZE), 0);
			assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, SIZE, 0, NULL), SIZE);
		}
		if (how == 4) {
			int copy = memfd_create("copy", MFD_CLOEXEC);

			assert_int_equal(
				mcsafe_iter_fd(&it, MCSAFE_SIDE_DESTINATION, copy, 0, SIZE), 0);
			assert_int_equal(mcsafe_pmem_read_iter(pmem, &it, SIZE, 0, NULL), SIZE);
			assert_int_equal(__real_pread(copy, back, SIZE, 0), SIZE);
			close(copy);
		}
		assert_memory_equal(back, buf, SIZE);
		assert_int_equal(small_tmpfs_room(), 0);
	}
	assert_int_equal(n, 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 1234);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 10, T_PAGE - 5, NULL), 10);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, SIZE - 10, NULL), 10);
	assert_int_equal(small_tmpfs_room(), 0);
	/* What is no hole any more is read. */
	small_tmpfs_fill(16);
	memset(buf, 't', SIZE);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, SIZE, 0, NULL), SIZE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_memory_equal(back, buf, SIZE);
	/* And what is one again after a refresh is not. */
	small_tmpfs_fill(0);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(mcsafe_pmem_refresh(pmem), 0);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), SIZE);
	assert_int_equal(small_tmpfs_room(), PAGES - 1);
	close_it();
}

/* Nothing but the end of the file is past it, also in the last page. */
static void test_a_hole_ends_with_the_file(void **state)
{
	(void)state;
	open_with_room(0);
	assert_int_equal(ftruncate(fd, 3 * T_PAGE + 10), 0);
	memset(back, '?', SIZE);
	assert_int_equal(mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL), 3 * T_PAGE + 10);
	assert_int_equal(back[3 * T_PAGE + 9], 0);
	assert_int_equal(back[3 * T_PAGE + 10], '?');
	assert_int_equal(mcsafe_pmem_pread(pmem, back, 1, 4 * T_PAGE, NULL), -EIO);
	close_it();
}

/* Each of many pages would raise a signal of its own. */
static void test_what_is_past_the_end_of_the_file_is_asked_for_once(void **state)
{
	struct mcsafe_scrub_progress progress;
	struct mcsafe_range holes[2];
	size_t n = 2;

	(void)state;
	open_with_error();
	heal();
	os.pread_error = 0;
	memset(buf, 'e', T_PAGE + 1);
	assert_int_equal(mcsafe_pmem_pwrite(pmem, buf, T_PAGE + 1, 0, NULL), T_PAGE + 1);
	assert_int_equal(ftruncate(fd, T_PAGE + 1), 0);
	t_witness_start();
	t_witness.n = 0;
	assert_int_equal(mcsafe_pmem_salvage(pmem, back, SIZE, 0, 'h', holes, &n), SIZE);
	assert_int_equal(t_witness.n, 1);
	assert_int_equal(n, 1);
	assert_int_equal(holes[0].start, 2 * T_PAGE);
	assert_int_equal(holes[0].len, SIZE - 2 * T_PAGE);
	memset(buf + T_PAGE + 1, 0, T_PAGE - 1);
	memset(buf + 2 * T_PAGE, 'h', SIZE - 2 * T_PAGE);
	assert_memory_equal(back, buf, SIZE);

	t_witness.n = 0;
	n = 2;
	assert_int_equal(mcsafe_pmem_salvage(pmem, back, SIZE, 3 * T_PAGE + 7, 'h', holes, &n),
			 SIZE - 3 * T_PAGE - 7);
	assert_int_equal(t_witness.n, 1);
	assert_int_equal(n, 1);

	t_witness.n = 0;
	assert_int_equal(mcsafe_pmem_scrub(pmem, NULL, &progress), 0);
	assert_int_equal(t_witness.n, 0);
	assert_int_equal(progress.offset, SIZE);
	assert_int_equal(progress.failed, 0);
	assert_int_equal(known(), 0);
	close_it();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_error_that_pread_does_not_meet_is_not_remembered),
		cmocka_unit_test(test_an_error_that_pread_meets_too_is_remembered),
		cmocka_unit_test(test_other_errors_of_pread_prove_nothing),
		cmocka_unit_test(test_a_descriptor_with_O_DIRECT_is_asked_for_a_page),
		cmocka_unit_test(test_a_scrub_that_asks_nobody_remembers_what_pread_meets_too),
		cmocka_unit_test(test_an_error_of_a_server_is_not_remembered),
		cmocka_unit_test(test_a_file_of_hugetlbfs_is_mapped_as_it_is),
		cmocka_unit_test(test_missing_space_is_told_from_other_errors),
		cmocka_unit_test(test_nothing_is_proved_while_the_file_changes),
		cmocka_unit_test(test_a_file_of_somebody_else_is_not_asked),
		cmocka_unit_test(test_without_a_file_an_error_is_not_remembered),
		cmocka_unit_test(test_a_fault_of_unknown_cause_is_a_loss_if_it_is_a_memory_error),
		cmocka_unit_test(test_poison_past_the_end_of_the_file_is_not_remembered),
		cmocka_unit_test(test_a_page_that_a_pager_brings_later_is_read),
		cmocka_unit_test(test_what_was_truncated_is_there_when_the_file_grows_again),
		cmocka_unit_test(test_persist_writes_all_pages_of_the_range_back),
		cmocka_unit_test(test_persist_says_why_the_range_is_not_durable),
		cmocka_unit_test(test_persist_of_what_was_truncated_fails),
		cmocka_unit_test(test_persist_of_callers_memory_knows_what_the_file_had),
		cmocka_unit_test(test_persist_needs_no_descriptor),
		cmocka_unit_test(test_a_store_that_finds_no_space_says_so_and_works_later),
		cmocka_unit_test(test_a_store_is_tried_again_only_once),
		cmocka_unit_test(test_a_read_of_a_hole_takes_no_space),
		cmocka_unit_test(test_a_hole_ends_with_the_file),
		cmocka_unit_test(test_what_is_past_the_end_of_the_file_is_asked_for_once),
	};
	int failed;

	has_tmpfs = small_tmpfs_mount();
	failed = t_run("pmem.passing", tests, T_LENGTH(tests));
	small_tmpfs_unmount();
	return failed;
}

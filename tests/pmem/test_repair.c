/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_repair.c - what a repair does to a file and to memory, system call by system call
 *
 * The linker replaces the system calls of the library (--wrap), so that pages of an ordinary file
 * can be bad, and that others can do something in the middle of a repair.
 */
#include <mcsafe/inject.h>
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pmem/attributes.h"
#include "pmem/pmem.h"
#include "run.h"
#include "smaps.h"
#include "tool.h"

#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)
#define PAGES   ((size_t)160) /* more than are written at once */
#define SIZE    (PAGES * T_PAGE)
#define PIECE   ((size_t)256 << 10)

static struct mcsafe_pmem *pmem;
static int fd;
static unsigned char old[SIZE], data[SIZE], back[SIZE];

/* ---- the kernel ------------------------------------------------------------------------------ */

static struct {
	bool bad[PAGES];   /* pages that cannot be written, unless a hole is punched there first */
	int error;         /* of a write to such a page */
	bool hopeless;     /* a hole does not help */
	int interrupts[3]; /* so many calls of each kind are interrupted */
	size_t at_most;    /* bytes that are written at once */
	bool writes_nothing;
	int sync_errors[4]; /* of one fdatasync(2) after the other */
	int room_error, punch_error, mmap_error, mremap_error, mlock_error;
	int get_policy_error, mbind_error;
	unsigned mbinds;
	unsigned meanwhile_at;   /* before which call of pwrite(2), counting from 1, */
	void (*meanwhile)(void); /* somebody else does something */
	void (*at_room)(void);   /* the same when space is asked for */
	unsigned writes, syncs, punches, rooms, maps, remaps;
	bool durable; /* nothing was written since the last fdatasync(2) that succeeded */
	bool punched[PAGES];
} os;

ssize_t __real_pwrite(int file, const void *from, size_t n, off_t offset);
ssize_t __wrap_pwrite(int file, const void *from, size_t n, off_t offset);
int __real_fdatasync(int file);
int __wrap_fdatasync(int file);
int __real_fallocate(int file, int mode, off_t offset, off_t n);
int __wrap_fallocate(int file, int mode, off_t offset, off_t n);
void *__real_mmap(void *addr, size_t n, int prot, int flags, int file, off_t offset);
void *__wrap_mmap(void *addr, size_t n, int prot, int flags, int file, off_t offset);
void *__real_mremap(void *from, size_t old_n, size_t n, int flags, void *to);
void *__wrap_mremap(void *from, size_t old_n, size_t n, int flags, void *to);
int __real_mlock2(const void *addr, size_t n, unsigned flags);
int __wrap_mlock2(const void *addr, size_t n, unsigned flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

enum { WRITE, SYNC, PUNCH };

static int interrupted(int kind)
{
	if (os.interrupts[kind] == 0)
		return 0;
	os.interrupts[kind]--;
	errno = EINTR;
	return 1;
}

static bool meets_bad(size_t offset, size_t n)
{
	for (size_t page = offset / T_PAGE; page * T_PAGE < offset + n && page < PAGES; page++)
		if (os.bad[page])
			return true;
	return false;
}

ssize_t __wrap_pwrite(int file, const void *from, size_t n, off_t offset)
{
	if (interrupted(WRITE))
		return -1;
	os.writes++;
	os.durable = false;
	if (os.writes == os.meanwhile_at)
		os.meanwhile();
	if (os.error != 0 && meets_bad((size_t)offset, n)) {
		errno = os.error;
		return -1;
	}
	if (os.at_most != 0 && n > os.at_most)
		n = os.at_most;
	if (os.writes_nothing)
		return 0;
	return __real_pwrite(file, from, n, offset);
}

int __wrap_fdatasync(int file)
{
	if (interrupted(SYNC))
		return -1;
	os.syncs++;
	if (os.syncs <= T_LENGTH(os.sync_errors) && os.sync_errors[os.syncs - 1] != 0) {
		errno = os.sync_errors[os.syncs - 1];
		return -1;
	}
	os.durable = true;
	return __real_fdatasync(file);
}

int __wrap_fallocate(int file, int mode, off_t offset, off_t n)
{
	if (interrupted(PUNCH))
		return -1;
	if ((mode & FALLOC_FL_PUNCH_HOLE) == 0) {
		os.rooms++;
		if (os.room_error != 0) {
			errno = os.room_error;
			return -1;
		}
		if (os.at_room != NULL)
			os.at_room();
		return __real_fallocate(file, mode, offset, n);
	}
	assert_int_equal(mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	os.punches++;
	if (os.punch_error != 0) {
		errno = os.punch_error;
		return -1;
	}
	for (size_t page = (size_t)offset / T_PAGE; page < (size_t)(offset + n) / T_PAGE; page++) {
		os.punched[page] = true;
		if (!os.hopeless)
			os.bad[page] = false;
	}
	return __real_fallocate(file, mode, offset, n);
}

void *__wrap_mmap(void *addr, size_t n, int prot, int flags, int file, off_t offset)
{
	os.maps++;
	if (os.mmap_error != 0) {
		errno = os.mmap_error;
		return MAP_FAILED;
	}
	return __real_mmap(addr, n, prot, flags, file, offset);
}

void *__wrap_mremap(void *from, size_t old_n, size_t n, int flags, void *to)
{
	os.remaps++;
	if (os.mremap_error != 0) {
		errno = os.mremap_error;
		return MAP_FAILED;
	}
	return __real_mremap(from, old_n, n, flags, to);
}

int __wrap_mlock2(const void *addr, size_t n, unsigned flags)
{
	if (os.mlock_error != 0) {
		errno = os.mlock_error;
		return -1;
	}
	return __real_mlock2(addr, n, flags);
}

static bool is_resident(const void *page)
{
	unsigned char in_memory = 0;

	assert_int_equal(mincore((void *)(uintptr_t)page, T_PAGE, &in_memory), 0);
	return in_memory & 1;
}

/* Like syscall(2) with all arguments that it can have. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	int error = 0;

	if (number == SYS_get_mempolicy)
		error = os.get_policy_error;
	if (number == SYS_mbind) {
		error = os.mbind_error;
		os.mbinds++;
		/* A policy says where new pages go. It moves none. */
		if (fd < 0)
			assert_false(is_resident((void *)a));
	}
	if (error != 0) {
		errno = error;
		return -1;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

/* ---- files ----------------------------------------------------------------------------------- */

static size_t known(void)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem));
}

static unsigned char *base(void)
{
	struct mcsafe_pmem_info info;

	mcsafe_pmem_get_info(pmem, &info);
	return info.base;
}

static void reset(void)
{
	memset(&os, 0, sizeof(os));
	os.durable = true;
}

/* A file in memory, or like one on a disk. All of it is known as bad. */
static void open_file(int flags, bool on_disk)
{
	t_install();
	reset();
	fd = memfd_create("repair", MFD_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < SIZE; i++) {
		old[i] = (unsigned char)(i % 251);
		data[i] = (unsigned char)(i % 241 + 1);
	}
	assert_int_equal(__real_pwrite(fd, old, SIZE, 0), SIZE);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING | flags), 0);
	if (on_disk)
		pmem->memory_file = false;
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, SIZE), 0);
}

static ssize_t repair(size_t n, size_t offset)
{
	ssize_t result;

	errno = 4711;
	result = mcsafe_pmem_repair(pmem, data + offset, n, (off_t)offset);
	assert_int_equal(errno, 4711);
	return result;
}

/* The file has the new data in these pages, the old data in all others. */
static void check_new(size_t from, size_t to)
{
	assert_int_equal(pread(fd, back, SIZE, 0), SIZE);
	assert_memory_equal(back, old, from * T_PAGE);
	assert_memory_equal(back + from * T_PAGE, data + from * T_PAGE, (to - from) * T_PAGE);
	assert_memory_equal(back + to * T_PAGE, old + to * T_PAGE, SIZE - to * T_PAGE);
}

static void close_it(void)
{
	mcsafe_pmem_close(pmem);
	close(fd);
}

static void test_data_are_durable_before_the_range_counts_as_good(void **state)
{
	(void)state;
	open_file(0, false);
	assert_int_equal(repair(SIZE, 0), SIZE);
	assert_true(os.durable);
	assert_int_equal(os.syncs, 3); /* one for each piece */
	assert_int_equal(os.punches, 0);
	assert_int_equal(known(), 0);
	check_new(0, PAGES);
	close_it();
}

static void test_system_calls_that_are_interrupted_are_repeated(void **state)
{
	(void)state;
	open_file(0, false);
	os.error = EIO;
	os.at_most = 1000; /* and what is written in parts is written on */
	os.bad[3] = true;
	for (int kind = WRITE; kind <= PUNCH; kind++)
		os.interrupts[kind] = 3;
	assert_int_equal(repair(T_PAGE, 3 * T_PAGE), T_PAGE);
	for (int kind = WRITE; kind <= PUNCH; kind++)
		assert_int_equal(os.interrupts[kind], 0);
	assert_true(os.punched[3]);
	assert_true(os.durable);
	check_new(3, 4);
	close_it();
}

/* A write of 0 bytes is no progress: without an end it would be repeated for ever. */
static void test_a_write_of_nothing_is_an_error(void **state)
{
	(void)state;
	open_file(0, true);
	os.writes_nothing = true;
	assert_int_equal(repair(T_PAGE, 0), -EIO);
	assert_int_equal(os.writes, 1);
	assert_int_equal(os.syncs, 0);
	assert_int_equal(known(), SIZE);
	close_it();
}

/* The first EIO of fdatasync(2) may be about the loss that is repaired. */
static void test_an_old_error_of_the_page_cache_is_not_of_the_new_data(void **state)
{
	(void)state;
	open_file(0, true);
	os.sync_errors[0] = EIO;
	assert_int_equal(repair(T_PAGE, 0), T_PAGE);
	assert_int_equal(os.writes, 2);
	assert_int_equal(os.syncs, 2);
	assert_true(os.durable);
	assert_int_equal(known(), SIZE - T_PAGE);
	close_it();
}

static void test_data_that_are_not_durable_repair_nothing(void **state)
{
	static const struct {
		int errors[4], result;
		unsigned syncs;
	} cases[] = {
		{{EIO, EIO, EIO, EIO}, -EIO, 2},
		{{ENOSPC, 0, 0, 0}, -ENOSPC, 1},
		{{EIO, EDQUOT, 0, 0}, -EDQUOT, 2},
		{{EROFS, EROFS, 0, 0}, -EROFS, 1},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		open_file(0, true);
		memcpy(os.sync_errors, cases[i].errors, sizeof(os.sync_errors));
		assert_int_equal(repair(T_PAGE, 0), cases[i].result);
		assert_int_equal(os.syncs, cases[i].syncs);
		assert_int_equal(os.punches, 0);
		assert_int_equal(known(), SIZE);
		close_it();
	}
}

static void test_a_hole_is_punched_for_the_bad_page_only(void **state)
{
	static const int errors[] = {EIO, EHWPOISON, EFAULT};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(errors); i++)
		for (int on_disk = 0; on_disk < 2; on_disk++) {
			open_file(on_disk ? MCSAFE_PMEM_PUNCH : 0, on_disk);
			os.error = errors[i];
			os.bad[5] = os.bad[7] = true;
			assert_int_equal(repair(10 * T_PAGE, 2 * T_PAGE), 10 * T_PAGE);
			assert_int_equal(os.punches, 2);
			assert_true(os.punched[5] && os.punched[7]);
			assert_true(os.durable);
			assert_int_equal(known(), SIZE - 10 * T_PAGE);
			check_new(2, 12);
			close_it();
		}
}

static void test_a_file_on_a_disk_is_punched_on_request_only(void **state)
{
	(void)state;
	open_file(0, true);
	os.error = EIO;
	os.bad[5] = true;
	assert_int_equal(repair(10 * T_PAGE, 2 * T_PAGE), 3 * T_PAGE);
	assert_int_equal(repair(T_PAGE, 5 * T_PAGE), -EIO);
	assert_int_equal(os.punches, 0);
	assert_int_equal(known(), SIZE - 3 * T_PAGE);
	check_new(2, 5);
	close_it();
}

static void test_no_hole_is_punched_for_another_error(void **state)
{
	static const int errors[] = {ENOSPC, EDQUOT, EPERM, EFBIG, EROFS, ENOMEM, EINVAL, ENODEV};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		open_file(MCSAFE_PMEM_PUNCH, false);
		os.error = errors[i];
		os.bad[5] = true;
		assert_int_equal(repair(10 * T_PAGE, 2 * T_PAGE), 3 * T_PAGE);
		assert_int_equal(repair(T_PAGE, 5 * T_PAGE), -errors[i]);
		assert_int_equal(os.punches, 0);
		assert_int_equal(known(), SIZE - 3 * T_PAGE);
		check_new(2, 5);
		close_it();
	}
}

static void test_a_page_that_nothing_helps_stays_bad(void **state)
{
	(void)state;
	open_file(0, false);
	os.error = EIO;
	os.bad[5] = true;
	os.punch_error = EOPNOTSUPP;
	assert_int_equal(repair(T_PAGE, 5 * T_PAGE), -EOPNOTSUPP);
	os.punch_error = 0;
	os.hopeless = true;
	assert_int_equal(repair(T_PAGE, 5 * T_PAGE), -EIO);
	assert_int_equal(known(), SIZE);
	close_it();
}

/* ---- somebody else changes the file ---------------------------------------------------------- */

static void cut_to_nothing(void)
{
	assert_int_equal(ftruncate(fd, 0), 0);
}

static void test_a_file_that_is_truncated_meanwhile_does_not_grow_again(void **state)
{
	struct stat st;

	(void)state;
	open_file(0, false);
	os.meanwhile = cut_to_nothing;
	os.meanwhile_at = 2;
	assert_int_equal(repair(SIZE, 0), PIECE);
	assert_int_equal(os.writes, 2);
	assert_int_equal(fstat(fd, &st), 0);
	/* The write that was under way. */
	assert_int_equal(st.st_size, 2 * PIECE);
	assert_int_equal(repair(T_PAGE, 0), -EINVAL);
	assert_int_equal(known(), SIZE - PIECE);
	close_it();

	open_file(0, false);
	os.meanwhile = cut_to_nothing;
	os.meanwhile_at = 1;
	assert_int_equal(repair(T_PAGE, 0), -EINVAL);
	assert_int_equal(known(), SIZE);
	close_it();

	/* Truncated at the moment of the write that fails: no hole is punched. */
	open_file(0, false);
	os.meanwhile = cut_to_nothing;
	os.meanwhile_at = 1;
	os.error = EIO;
	os.bad[3] = true;
	assert_int_equal(repair(T_PAGE, 3 * T_PAGE), -EINVAL);
	assert_int_equal(os.punches, 0);
	close_it();
}

static int other;

/* The program closes the library's descriptor, and opens another file. */
static void steal(void)
{
	assert_int_equal(dup2(other, pmem->fd), pmem->fd);
}

static void check_other_is_untouched(size_t up_to)
{
	assert_int_equal(pread(other, back, SIZE, 0), SIZE);
	for (size_t i = up_to; i < SIZE; i++)
		assert_int_equal(back[i], 0);
	close(other);
}

static void test_another_file_with_the_number_of_the_descriptor_is_left_alone(void **state)
{
	(void)state;
	for (unsigned when = 0; when < 3; when++) {
		open_file(MCSAFE_PMEM_PUNCH, false);
		other = memfd_create("other", MFD_CLOEXEC);
		assert_int_equal(ftruncate(other, SIZE), 0);
		os.meanwhile = steal;
		os.meanwhile_at = when;
		if (when == 0) {
			assert_int_equal(fcntl(other, F_SETFL, O_APPEND), 0);
			steal();
			assert_int_equal(repair(SIZE, 0), -EBADF);
			assert_int_equal(os.writes + os.punches + os.syncs, 0);
			assert_int_equal(known(), SIZE);
			check_other_is_untouched(0);
		} else if (when == 1) {
			/* No hole is punched into it. */
			os.error = EIO;
			os.bad[0] = true;
			assert_int_equal(repair(T_PAGE, 0), -EBADF);
			assert_int_equal(os.punches, 0);
			assert_int_equal(known(), SIZE);
			check_other_is_untouched(0);
		} else {
			/* The write that was under way can go there, but no more. */
			assert_int_equal(repair(SIZE, 0), PIECE);
			assert_int_equal(os.writes, 2);
			check_other_is_untouched(2 * PIECE);
		}
		mcsafe_pmem_close(pmem);
		close(fd);
	}
}

static void test_a_repair_of_nothing_is_zero(void **state)
{
	static const off_t offsets[] = {0, 1, (off_t)SIZE, (off_t)SIZE + 1, INT64_MAX};

	(void)state;
	open_file(0, false);
	for (size_t i = 0; i < T_LENGTH(offsets); i++)
		assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 0, offsets[i]), 0);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 0, 0), 0);
	assert_int_equal(mcsafe_pmem_repair(pmem, NULL, 0, -1), -EINVAL);
	assert_int_equal(os.writes + os.syncs + os.punches, 0);
	close_it();
}

/* ---- through the mapping --------------------------------------------------------------------- */

static void inject(size_t page, enum mcsafe_inject_kind kind)
{
	if (mcsafe_inject(base() + page * T_PAGE, T_PAGE, kind) != 0)
		t_skip("no fault can be injected: %s", mcsafe_inject_reason());
}

static void make_bad(size_t page)
{
	inject(page, MCSAFE_INJECT_EOF);
}

static void heal_page_2(void)
{
	assert_int_equal(mcsafe_inject_clear(base() + 2 * T_PAGE, T_PAGE), 0);
}

static void test_pages_that_do_not_read_back_are_mapped_anew(void **state)
{
	(void)state;
	open_file(0, false);
	make_bad(2);
	os.mmap_error = ENOMEM;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -ENOMEM);
	assert_int_equal(known(), SIZE);
	os.mmap_error = 0;
	os.maps = 0;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), T_PAGE);
	assert_int_equal(os.maps, 1);
	assert_int_equal(known(), SIZE - T_PAGE);
	assert_memory_equal(base() + 2 * T_PAGE, data + 2 * T_PAGE, T_PAGE);
	assert_int_equal(mcsafe_inject_clear(base() + 2 * T_PAGE, T_PAGE), 0);
	close_it();
}

/* Files of hugetlbfs are stored to: this one is no such file, but is treated like one. */
static void test_a_file_of_hugetlbfs_is_stored_to(void **state)
{
	(void)state;
	open_file(0, false);
	pmem->hugetlb = true;
	assert_int_equal(repair(SIZE, 0), SIZE);
	assert_int_equal(os.writes, 0);
	assert_int_equal(os.punches, 0); /* good pages are not given up */
	assert_true(os.syncs > 0);
	check_new(0, PAGES);
	assert_int_equal(known(), 0);

	/* No huge page is free. */
	make_bad(2);
	os.room_error = ENOMEM;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -ENOSPC);
	os.room_error = ENOSPC;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -ENOSPC);
	assert_int_equal(os.punches, 0);
	os.room_error = 0;

	/* A page that is lost gets a hole. Here this does not help. */
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -EIO);
	assert_int_equal(os.punches, 1);
	assert_true(os.punched[2]);
	assert_int_equal(repair(4 * T_PAGE, 0), 2 * T_PAGE);
	assert_int_equal(os.punches, 2);
	assert_int_equal(mcsafe_inject_clear(base() + 2 * T_PAGE, T_PAGE), 0);
	close_it();
}

static void open_huge(size_t page, enum mcsafe_inject_kind kind)
{
	open_file(0, false);
	pmem->hugetlb = true;
	inject(page, kind);
}

/* The store failed because the file had no huge page there. Now it has one. */
static void test_a_huge_page_that_was_missing_is_stored_to_again(void **state)
{
	(void)state;
	open_huge(2, MCSAFE_INJECT_EOF);
	os.at_room = heal_page_2;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), T_PAGE);
	assert_int_equal(os.rooms, 1);
	assert_int_equal(os.writes + os.punches, 0);
	check_new(2, 3);
	assert_int_equal(known(), SIZE - T_PAGE);
	close_it();
}

/* Only an I/O error can mean that space is missing. */
static void test_a_store_that_fails_otherwise_asks_for_no_space(void **state)
{
	(void)state;
	open_huge(2, MCSAFE_INJECT_PROTECT);
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -EIO);
	assert_int_equal(os.rooms, 0);
	assert_int_equal(known(), SIZE);
	heal_page_2();
	close_it();
}

/* ---- memory of the caller -------------------------------------------------------------------- */

/* Whether the page at an address has the attributes that its neighbour has. */
static void check_alike(const unsigned char *page, const unsigned char *neighbour)
{
	char is[T_MAPPING_ROOM], wanted[T_MAPPING_ROOM];

	t_describe_mapping(page, is);
	t_describe_mapping(neighbour, wanted);
	assert_string_equal(is, wanted);
}

static unsigned char *memory;

static void open_memory(void)
{
	t_install();
	reset();
	memory =
		__real_mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	memset(memory, 'm', SIZE);
	memset(data, 'd', SIZE);
	fd = -1;
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 0, SIZE), 0);
}

static void close_memory(void)
{
	mcsafe_pmem_close(pmem);
	munmap(memory, SIZE);
}

static void lock_it(void)
{
	(void)__real_mlock2(memory, SIZE, 0); /* AddressSanitizer ignores mlock(2) */
}

static void lock_on_fault(void)
{
	(void)__real_mlock2(memory, SIZE, MLOCK_ONFAULT);
}

static void make_read_only(void)
{
	assert_int_equal(mprotect(memory, SIZE, PROT_READ), 0);
}

static void give_key(void)
{
	int key = pkey_alloc(0, 0);

	if (key >= 0)
		assert_int_equal(pkey_mprotect(memory, SIZE, PROT_READ | PROT_WRITE, key), 0);
}

static void test_new_pages_are_like_the_old_ones(void **state)
{
	static const int advices[] = {MADV_RANDOM,     MADV_SEQUENTIAL, MADV_DONTFORK,
				      MADV_DONTDUMP,   MADV_WIPEONFORK, MADV_HUGEPAGE,
				      MADV_NOHUGEPAGE, MADV_MERGEABLE};
	static void (*const changes[])(void) = {lock_it, lock_on_fault, make_read_only, give_key};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(advices) + T_LENGTH(changes) + 1; i++) {
		open_memory();
		/* At last all of them together, as far as they agree. */
		for (size_t k = 0; k < T_LENGTH(advices); k++)
			if (i == k || (i == T_LENGTH(advices) + T_LENGTH(changes) &&
				       advices[k] != MADV_NOHUGEPAGE))
				(void)madvise(memory, SIZE, advices[k]);
		for (size_t k = 0; k < T_LENGTH(changes); k++)
			if (i >= T_LENGTH(advices) + k)
				changes[k]();
		assert_int_equal(repair(3 * T_PAGE, 2 * T_PAGE), 3 * T_PAGE);
		assert_memory_equal(memory + 2 * T_PAGE, data, 3 * T_PAGE);
		assert_int_equal(memory[2 * T_PAGE - 1], 'm');
		assert_int_equal(memory[5 * T_PAGE], 'm');
		check_alike(memory + 3 * T_PAGE, memory);
		assert_int_equal(known(), SIZE - 3 * T_PAGE);
		close_memory();
	}
}

/* Each page is like the old page, not like the first of the repair. */
static void test_each_page_is_like_its_predecessor(void **state)
{
	(void)state;
	open_memory();
	assert_int_equal(madvise(memory, 4 * T_PAGE, MADV_DONTDUMP), 0);
	assert_int_equal(mprotect(memory + 6 * T_PAGE, 2 * T_PAGE, PROT_READ), 0);
	assert_int_equal(repair(6 * T_PAGE, T_PAGE), 6 * T_PAGE);
	check_alike(memory + 3 * T_PAGE, memory);
	check_alike(memory + 4 * T_PAGE, memory + 9 * T_PAGE);
	check_alike(memory + 6 * T_PAGE, memory + 7 * T_PAGE);
	assert_memory_equal(memory + T_PAGE, data, 6 * T_PAGE);
	close_memory();
}

static void make_unreadable(void)
{
	assert_int_equal(mprotect(memory, SIZE, PROT_NONE), 0);
}

static void make_executable(void)
{
	assert_int_equal(mprotect(memory, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
}

static void make_shared(void)
{
	assert_true(__real_mmap(memory, SIZE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	memset(memory, 'm', SIZE);
}

static void make_private_file(void)
{
	int file = memfd_create("private", MFD_CLOEXEC);

	assert_int_equal(ftruncate(file, SIZE), 0);
	assert_true(__real_mmap(memory, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
				0) == memory);
	memset(memory, 'm', SIZE);
	close(file);
}

static void make_stack(void)
{
	assert_true(__real_mmap(memory, SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1,
				0) == memory);
	memset(memory, 'm', SIZE);
}

static void refuse_lock(void)
{
	assert_int_equal(madvise(memory, SIZE, MADV_DONTDUMP), 0);
	lock_it();
	os.mlock_error = ENOMEM;
}

static void refuse_pages(void)
{
	os.mmap_error = ENOMEM;
}

static void refuse_move(void)
{
	os.mremap_error = ENOMEM;
}

static void test_what_cannot_be_replaced_like_it_is_stays(void **state)
{
	static const struct {
		void (*change)(void);
		int result;
	} cases[] = {
		{make_unreadable, -EOPNOTSUPP},   {make_executable, -EOPNOTSUPP},
		{make_shared, -EOPNOTSUPP},       {make_stack, -EOPNOTSUPP},
		{make_private_file, -EOPNOTSUPP}, {refuse_lock, -ENOMEM},
		{refuse_pages, -ENOMEM},          {refuse_move, -ENOMEM},
	};
	char before[T_MAPPING_ROOM], after[T_MAPPING_ROOM];

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		open_memory();
		cases[i].change();
		t_describe_mapping(memory, before);
		assert_int_equal(repair(2 * T_PAGE, 0), cases[i].result);
		t_describe_mapping(memory, after);
		assert_string_equal(after, before);
		if (cases[i].change != refuse_move)
			assert_int_equal(os.remaps, 0);
		assert_int_equal(known(), SIZE);
		assert_int_equal(mprotect(memory, SIZE, PROT_READ | PROT_WRITE), 0);
		for (size_t at = 0; at < SIZE; at++)
			if (memory[at] != 'm')
				fail_msg("case %zu: byte %zu has changed", i, at);
		close_memory();
	}
}

/* A new page would no longer be under the eyes of the pager. */
static void test_memory_of_a_pager_is_not_replaced(void **state)
{
	int pager = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register all = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	(void)state;
	open_memory();
	all.range = (struct uffdio_range){(uintptr_t)memory, SIZE};
	if (pager < 0 || ioctl(pager, UFFDIO_API, &api) != 0 ||
	    ioctl(pager, UFFDIO_REGISTER, &all) != 0)
		t_skip("no userfaultfd(2)");
	assert_int_equal(repair(T_PAGE, 0), -EOPNOTSUPP);
	assert_int_equal(os.remaps, 0);
	close(pager);
	close_memory();
}

static void test_memory_over_a_file_keeps_its_attributes(void **state)
{
	(void)state;
	open_file(0, false);
	mcsafe_pmem_close(pmem);
	memory = __real_mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(madvise(memory, SIZE, MADV_DONTFORK), 0);
	assert_int_equal(madvise(memory, SIZE, MADV_DONTDUMP), 0);
	(void)__real_mlock2(memory, SIZE, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING), 0);
	make_bad(2);
	assert_int_equal(madvise(memory + 2 * T_PAGE, T_PAGE, MADV_DONTFORK), 0);
	assert_int_equal(madvise(memory + 2 * T_PAGE, T_PAGE, MADV_DONTDUMP), 0);
	(void)__real_mlock2(memory + 2 * T_PAGE, T_PAGE, 0); /* fails, but locks */
	os.mmap_error = EAGAIN;
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), -EAGAIN);
	assert_int_equal(known(), 0);
	os.mmap_error = 0;
	assert_int_equal(repair(3 * T_PAGE, T_PAGE), 3 * T_PAGE);
	assert_memory_equal(memory + T_PAGE, data + T_PAGE, 3 * T_PAGE);
	check_alike(memory + 2 * T_PAGE, memory + 5 * T_PAGE);
	assert_int_equal(mcsafe_inject_clear(memory + 2 * T_PAGE, T_PAGE), 0);
	/* Nobody may read it, and nobody can. */
	assert_int_equal(mprotect(memory + T_PAGE, T_PAGE, PROT_NONE), 0);
	assert_int_equal(repair(T_PAGE, T_PAGE), -EOPNOTSUPP);
	close_it();
	munmap(memory, SIZE);
}

/* The memory is shorter than the huge page of the file that it ends in. */
static void test_pages_are_mapped_anew_up_to_the_end_of_the_memory(void **state)
{
	const size_t n = 10 * T_PAGE;
	char past[T_MAPPING_ROOM];

	(void)state;
	open_file(0, false);
	mcsafe_pmem_close(pmem);
	memory = __real_mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(__real_mmap(memory, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    memory);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, n, fd, 0, WRITING), 0);
	/* No huge pages are needed: it is enough that the file is said to have such. */
	pmem->page_size = pmem->align = 4 * T_PAGE;
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), 8 * T_PAGE, 2 * T_PAGE),
			 0);
	if (mcsafe_inject(memory + 8 * T_PAGE, 2 * T_PAGE, MCSAFE_INJECT_EOF) != 0)
		t_skip("no fault can be injected: %s", mcsafe_inject_reason());
	assert_int_equal(repair(2 * T_PAGE, 8 * T_PAGE), 2 * T_PAGE);
	assert_memory_equal(memory + 8 * T_PAGE, data + 8 * T_PAGE, 2 * T_PAGE);
	assert_int_equal(known(), 0);
	t_describe_mapping(memory + n, past);
	assert_memory_equal(past, "---p", strlen("---p"));
	assert_int_equal(mcsafe_inject_clear(memory + 8 * T_PAGE, 2 * T_PAGE), 0);
	close_it();
	munmap(memory, SIZE);
}

/* ---- NUMA ------------------------------------------------------------------------------------ */

struct policy {
	int mode;
	unsigned long nodes[MCSAFE__NODES_MAX / (8 * sizeof(long))];
};

static bool bind_memory(void *at, size_t n, int mode, unsigned long nodes)
{
	struct policy policy = {.nodes = {nodes}};

	return __real_syscall(SYS_mbind, at, n, (long)mode, policy.nodes, MCSAFE__NODES_MAX + 1ul,
			      0ul) == 0;
}

static struct policy policy_of(const void *at)
{
	struct policy policy = {0};

	if (__real_syscall(SYS_get_mempolicy, &policy.mode, policy.nodes, MCSAFE__NODES_MAX + 1ul,
			   at, (unsigned long)MPOL_F_ADDR) != 0)
		policy.mode = -errno;
	return policy;
}

static void check_policy(const void *at, int mode, unsigned long nodes)
{
	const struct policy policy = policy_of(at), wanted = {.mode = mode, .nodes = {nodes}};

	assert_int_equal(policy.mode, mode);
	assert_memory_equal(policy.nodes, wanted.nodes, sizeof(wanted.nodes));
}

static void test_new_pages_have_the_policy_of_the_old_ones(void **state)
{
	static const struct {
		int mode;
		unsigned long nodes;
	} cases[] = {{MPOL_BIND, 1},
		     {MPOL_PREFERRED, 1},
		     {MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1},
		     {MPOL_PREFERRED, 0},
		     {MPOL_DEFAULT, 0}};

	(void)state;
	open_memory();
	if (policy_of(memory).mode == -ENOSYS)
		t_skip("this kernel has no NUMA");
	close_memory();
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct policy before;

		open_memory();
		assert_true(bind_memory(memory, SIZE, cases[i].mode, cases[i].nodes));
		before = policy_of(memory);
		assert_int_equal(repair(3 * T_PAGE, 2 * T_PAGE), 3 * T_PAGE);
		assert_int_equal(os.mbinds, cases[i].mode != MPOL_DEFAULT);
		assert_memory_equal(memory + 2 * T_PAGE, data + 2 * T_PAGE, 3 * T_PAGE);
		for (size_t page = 1; page < 7; page++)
			check_policy(memory + page * T_PAGE, before.mode, before.nodes[0]);
		close_memory();
	}
}

static void test_pages_of_a_file_that_are_mapped_anew_keep_their_policy(void **state)
{
	char path[] = "/tmp/mcsafe-policy-XXXXXX";

	(void)state;
	open_file(0, true);
	mcsafe_pmem_close(pmem);
	close(fd);
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(__real_pwrite(fd, old, SIZE, 0), SIZE);
	memory = __real_mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING), 0);
	if (policy_of(memory).mode == -ENOSYS)
		t_skip("this kernel has no NUMA");
	make_bad(2);
	assert_true(bind_memory(memory, SIZE, MPOL_BIND, 1));
	assert_int_equal(repair(T_PAGE, 2 * T_PAGE), T_PAGE);
	assert_memory_equal(memory + 2 * T_PAGE, data + 2 * T_PAGE, T_PAGE);
	assert_int_equal(os.mbinds, 1);
	for (size_t page = 1; page < 4; page++)
		check_policy(memory + page * T_PAGE, MPOL_BIND, 1);
	assert_int_equal(mcsafe_inject_clear(memory + 2 * T_PAGE, T_PAGE), 0);
	close_it();
	munmap(memory, SIZE);
}

/* Without NUMA, or in a sandbox that refuses both calls, there is no policy to take over. */
static void test_a_policy_that_cannot_be_kept_prevents_the_repair(void **state)
{
	static const struct {
		int get_policy_error, mbind_error;
		ssize_t result;
	} cases[] = {{ENOSYS, EINVAL, T_PAGE},
		     {EPERM, EINVAL, T_PAGE},
		     {EINVAL, 0, -EOPNOTSUPP},
		     {0, EINVAL, -EINVAL},
		     {0, ENOMEM, -ENOMEM}};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		open_memory();
		if (cases[i].get_policy_error == 0 && !bind_memory(memory, SIZE, MPOL_BIND, 1))
			t_skip("this kernel has no NUMA");
		os.get_policy_error = cases[i].get_policy_error;
		os.mbind_error = cases[i].mbind_error;
		assert_int_equal(repair(T_PAGE, 0), cases[i].result);
		assert_int_equal(os.mbinds, cases[i].get_policy_error == 0);
		assert_int_equal(memory[0], cases[i].result > 0 ? data[0] : 'm');
		assert_int_equal(os.remaps, cases[i].result > 0);
		assert_int_equal(known(), SIZE - (cases[i].result > 0 ? T_PAGE : 0));
		close_memory();
	}
}

/* The file is mapped from its middle on. */
static void test_memory_past_the_end_of_its_file_is_not_repaired(void **state)
{
	static const size_t ends[] = {0, 1, PAGES / 2 - 1, PAGES / 2};
	const size_t begin = SIZE / 2;
	struct stat st;

	(void)state;
	open_file(0, false);
	mcsafe_pmem_close(pmem);
	memory = __real_mmap(NULL, SIZE - begin, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     (off_t)begin);
	assert_true((void *)memory != MAP_FAILED);
	assert_int_equal(
		mcsafe_pmem_open_memory(&pmem, memory, SIZE - begin, fd, (off_t)begin, WRITING), 0);
	assert_int_equal(ftruncate(fd, (off_t)(begin + 8 * T_PAGE)), 0);
	assert_int_equal(repair(T_PAGE, 7 * T_PAGE), T_PAGE);
	assert_memory_equal(memory + 7 * T_PAGE, data + 7 * T_PAGE, T_PAGE);
	os.writes = 0;
	assert_int_equal(repair(2 * T_PAGE, 7 * T_PAGE), -EINVAL);
	for (size_t page = 8; page < PAGES / 2; page++)
		assert_int_equal(repair(T_PAGE, page * T_PAGE), -EINVAL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, begin + 8 * T_PAGE);
	for (size_t i = 0; i < T_LENGTH(ends); i++) {
		assert_int_equal(ftruncate(fd, (off_t)(ends[i] * T_PAGE)), 0);
		for (size_t page = 0; page < PAGES / 2; page++)
			assert_int_equal(repair(T_PAGE, page * T_PAGE), -EINVAL);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, ends[i] * T_PAGE);
	}
	assert_int_equal(os.writes, 0);
	close_it();
	munmap(memory, SIZE - begin);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_are_durable_before_the_range_counts_as_good),
		cmocka_unit_test(test_system_calls_that_are_interrupted_are_repeated),
		cmocka_unit_test(test_a_write_of_nothing_is_an_error),
		cmocka_unit_test(test_an_old_error_of_the_page_cache_is_not_of_the_new_data),
		cmocka_unit_test(test_data_that_are_not_durable_repair_nothing),
		cmocka_unit_test(test_a_hole_is_punched_for_the_bad_page_only),
		cmocka_unit_test(test_a_file_on_a_disk_is_punched_on_request_only),
		cmocka_unit_test(test_no_hole_is_punched_for_another_error),
		cmocka_unit_test(test_a_page_that_nothing_helps_stays_bad),
		cmocka_unit_test(test_a_file_that_is_truncated_meanwhile_does_not_grow_again),
		cmocka_unit_test(test_another_file_with_the_number_of_the_descriptor_is_left_alone),
		cmocka_unit_test(test_a_repair_of_nothing_is_zero),
		cmocka_unit_test(test_pages_that_do_not_read_back_are_mapped_anew),
		cmocka_unit_test(test_a_file_of_hugetlbfs_is_stored_to),
		cmocka_unit_test(test_a_huge_page_that_was_missing_is_stored_to_again),
		cmocka_unit_test(test_a_store_that_fails_otherwise_asks_for_no_space),
		cmocka_unit_test(test_new_pages_are_like_the_old_ones),
		cmocka_unit_test(test_each_page_is_like_its_predecessor),
		cmocka_unit_test(test_what_cannot_be_replaced_like_it_is_stays),
		cmocka_unit_test(test_memory_of_a_pager_is_not_replaced),
		cmocka_unit_test(test_memory_over_a_file_keeps_its_attributes),
		cmocka_unit_test(test_pages_are_mapped_anew_up_to_the_end_of_the_memory),
		cmocka_unit_test(test_new_pages_have_the_policy_of_the_old_ones),
		cmocka_unit_test(test_pages_of_a_file_that_are_mapped_anew_keep_their_policy),
		cmocka_unit_test(test_a_policy_that_cannot_be_kept_prevents_the_repair),
		cmocka_unit_test(test_memory_past_the_end_of_its_file_is_not_repaired),
	};

	return t_run("pmem.repair", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: an error, nothing left, and nothing spoilt */
#include <mcsafe/pmem.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kept_fd.h"
#include "child.h"
#include "refusal.h"
#include "run.h"

#define PAGES   4
#define SIZE    (PAGES * T_PAGE)
#define WRITING (MCSAFE_PMEM_WRITE | MCSAFE_PMEM_NO_ASK)

/* ENOMEM: malloc(3), whatever errno says. EBADF: fstat(2) no longer says which file it is. EIO:
 * data could not be stored or made durable. EOPNOTSUPP: smaps cannot be read. EINVAL: it is not
 * known whether the file was opened with O_APPEND. */
static const int others[] = {-ENOMEM, -EBADF, -EIO, -EOPNOTSUPP, -EINVAL, 0};
static const int errors[] = {ENOMEM, EACCES, EIO};

static struct mcsafe_pmem *pmem;
static int fd;
static char path[64];
static unsigned char *memory, old[SIZE], fresh[SIZE], back[SIZE];

/* Returns how many calls were refused, with the last error. */
static unsigned refuse_each(const struct t_attempt *attempt)
{
	unsigned n = 0;

	for (size_t i = 0; i < T_LENGTH(errors); i++)
		n = t_refuse_each(attempt, errors[i], others);
	print_message("%s: %u calls were refused\n", attempt->name, n);
	return n;
}

static void make_file(void)
{
	memset(old, 'o', SIZE);
	memset(fresh, 'f', SIZE);
	if (fd > 0)
		close(fd);
	fd = memfd_create("refused", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, old, SIZE, 0), SIZE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

static void close_it(int result, const char *refused)
{
	(void)refused;
	if (result == 0)
		mcsafe_pmem_close(pmem);
}

static int open_by_path(void)
{
	return mcsafe_pmem_open(&pmem, path, MCSAFE_PMEM_WRITE);
}

static int open_by_descriptor(void)
{
	return mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE | MCSAFE_PMEM_RESERVE);
}

static int borrow(void)
{
	return mcsafe_pmem_open_fd(&pmem, fd, WRITING | MCSAFE_PMEM_BORROW);
}

static int open_memory(void)
{
	return mcsafe_pmem_open_memory(&pmem, memory, SIZE, fd, 0, WRITING | MCSAFE_PMEM_RESERVE);
}

static void test_opening(void **state)
{
	const struct t_attempt attempts[] = {
		{"open", NULL, open_by_path, close_it},
		{"open_fd", NULL, open_by_descriptor, close_it},
		{"borrow", NULL, borrow, close_it},
		{"open_memory", NULL, open_memory, close_it},
	};

	(void)state;
	make_file();
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true((void *)memory != MAP_FAILED);
	for (size_t i = 0; i < T_LENGTH(attempts); i++)
		assert_true(refuse_each(&attempts[i]) >= 5);
	munmap(memory, SIZE);
}

static void open_known_bad(void)
{
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), T_PAGE, 2 * T_PAGE), 0);
}

static size_t known(void)
{
	return mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem));
}

static int repair(void)
{
	ssize_t done = mcsafe_pmem_repair(pmem, fresh, T_PAGE, T_PAGE);

	return done < 0 ? (int)done : done == T_PAGE ? 0 : -ERANGE;
}

/* What was not repaired is still known. What else the file holds is as it was. */
static void check_file(int result, const char *refused)
{
	struct stat st;

	if (result == -EINVAL)
		assert_string_equal(refused, "fcntl");
	assert_int_equal(known(), result == 0 ? T_PAGE : 2 * T_PAGE);
	mcsafe_pmem_close(pmem);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(pread(fd, back, SIZE, 0), SIZE);
	assert_memory_equal(back, old, T_PAGE);
	if (result == 0)
		assert_memory_equal(back + T_PAGE, fresh, T_PAGE);
	assert_memory_equal(back + 2 * T_PAGE, old, 2 * T_PAGE);
	assert_int_equal(pwrite(fd, old, SIZE, 0), SIZE);
}

static void map_known_bad(void)
{
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)memory != MAP_FAILED);
	memcpy(memory, old, SIZE);
	assert_int_equal(madvise(memory, SIZE, MADV_DONTDUMP), 0);
	(void)mlock(memory, SIZE);
	assert_int_equal(mcsafe_pmem_open_memory(&pmem, memory, SIZE, -1, 0, WRITING), 0);
	assert_int_equal(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), T_PAGE, 2 * T_PAGE), 0);
}

/* Anonymous pages are exchanged as a whole, or not at all. If only the registry has failed, they
 * are exchanged, but count as bad. */
static void check_memory(int result, const char *refused)
{
	(void)refused;
	assert_int_equal(known(), result == 0 ? T_PAGE : 2 * T_PAGE);
	assert_memory_equal(memory, old, T_PAGE);
	assert_memory_equal(memory + T_PAGE, result == 0 || memory[T_PAGE] == 'f' ? fresh : old,
			    T_PAGE);
	assert_memory_equal(memory + 2 * T_PAGE, old, 2 * T_PAGE);
	mcsafe_pmem_close(pmem);
	munmap(memory, SIZE);
	memory = NULL;
}

static void test_repairing(void **state)
{
	const struct t_attempt file = {"repair", open_known_bad, repair, check_file};
	const struct t_attempt anonymous = {"repair of memory", map_known_bad, repair,
					    check_memory};

	(void)state;
	t_install();
	make_file();
	assert_true(refuse_each(&file) >= 8);
	assert_true(refuse_each(&anonymous) >= 5);
}

static void open_and_grow(void)
{
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING | MCSAFE_PMEM_RESERVE), 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
}

static int refresh(void)
{
	return mcsafe_pmem_refresh(pmem);
}

static void check_size(int result, const char *refused)
{
	struct mcsafe_pmem_info info;
	unsigned char byte;

	(void)refused;
	mcsafe_pmem_get_info(pmem, &info);
	assert_int_equal(info.size, result == 0 ? 1 << 20 : SIZE);
	assert_int_equal(mcsafe_pmem_pread(pmem, &byte, 1, SIZE - 1, NULL), 1);
	assert_int_equal(byte, 'o');
	mcsafe_pmem_close(pmem);
}

static void test_following_a_file_that_grows(void **state)
{
	const struct t_attempt attempt = {"refresh", open_and_grow, refresh, check_size};

	(void)state;
	t_install();
	make_file();
	assert_true(refuse_each(&attempt) >= 4);
}

static void open_with_hole(void)
{
	assert_int_equal(ftruncate(fd, SIZE / 2), 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
}

/* Which bytes are in a hole is only asked to save memory. */
static int read_all(void)
{
	ssize_t got;

	memset(back, 'x', SIZE);
	got = mcsafe_pmem_pread(pmem, back, SIZE, 0, NULL);
	return got == SIZE ? 0 : got < 0 ? (int)got : -ERANGE;
}

static void check_read(int result, const char *refused)
{
	static const unsigned char zeros[SIZE / 2];

	(void)refused;
	assert_int_equal(result, 0);
	assert_memory_equal(back, old, SIZE / 2);
	assert_memory_equal(back + SIZE / 2, zeros, SIZE / 2);
	mcsafe_pmem_close(pmem);
}

static void test_reading_needs_no_other_call(void **state)
{
	const struct t_attempt attempt = {"read", open_with_hole, read_all, check_read};

	(void)state;
	t_install();
	make_file();
	assert_true(refuse_each(&attempt) >= 4);
}

/* What is known to be bad is replaced at once, unless the shield cannot be opened. */
static int shield(void)
{
	struct mcsafe_shield *opened;
	void *base;

	return mcsafe_pmem_shield(pmem, NULL, &base, &opened);
}

static void check_shield(int result, const char *refused)
{
	const unsigned char *base;
	struct mcsafe_shield *opened;
	void *at;

	(void)refused;
	if (result == 0)
		assert_int_equal(mcsafe_pmem_unshield(pmem), 0);
	assert_int_equal(mcsafe_pmem_shield(pmem, NULL, &at, &opened), 0);
	base = at;
	assert_int_equal(base[0], 'o');
	assert_int_equal(base[T_PAGE], 0);
	assert_int_equal(mcsafe_shield_lost(opened), 2 * T_PAGE);
	mcsafe_pmem_close(pmem);
}

static void test_shielding(void **state)
{
	/* ENODATA: it is not known what is mapped. */
	static const int of_shields[] = {-ENOMEM, -EBADF, -ENODATA, 0};
	const struct t_attempt attempt = {"shield", open_known_bad, shield, check_shield};

	(void)state;
	t_install();
	make_file();
	/* What all shields share stays. */
	open_known_bad();
	assert_int_equal(shield(), 0);
	mcsafe_pmem_close(pmem);
	for (size_t i = 0; i < T_LENGTH(errors); i++)
		assert_true(t_refuse_each(&attempt, errors[i], of_shields) >= 8);
}

static void open_plain(void)
{
	assert_int_equal(mcsafe_pmem_open_fd(&pmem, fd, WRITING), 0);
}

static int write_and_persist(void)
{
	ssize_t put = mcsafe_pmem_pwrite(pmem, fresh, T_PAGE, 0, NULL);

	return put == T_PAGE ? mcsafe_pmem_persist(pmem, 0, T_PAGE) : (int)put;
}

static void close_always(int result, const char *refused)
{
	(void)result;
	(void)refused;
	mcsafe_pmem_close(pmem);
}

static int scrub(void)
{
	struct mcsafe_scrub_progress progress;

	return mcsafe_pmem_scrub(pmem, NULL, &progress);
}

static void test_scrubbing(void **state)
{
	const struct t_attempt attempt = {"scrub", open_with_hole, scrub, close_always};

	(void)state;
	t_install();
	make_file();
	assert_true(refuse_each(&attempt) >= 3);
}

static void test_making_durable(void **state)
{
	const struct t_attempt attempt = {"persist", open_plain, write_and_persist, close_always};

	(void)state;
	t_install();
	make_file();
	assert_true(refuse_each(&attempt) >= 1);
}

/* Nothing holds the number 0, but the file does not get it. */
IN_CHILD(test_a_low_number_that_cannot_be_held_is_not_kept)
{
	struct mcsafe__file_id id;
	int file;

	make_file();
	CHECK_EQ(close(0), 0);
	t_refuse(1, EMFILE);
	file = mcsafe__fd_open(AT_FDCWD, path, O_RDONLY, &id);
	CHECK_STR_EQ(t_refuse_no_more(), "open");
	CHECK_GT(file, 2);
	CHECK(mcsafe__fd_is_same(file, &id));
	CHECK_LT(fcntl(0, F_GETFD), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening),
		cmocka_unit_test(test_repairing),
		cmocka_unit_test(test_following_a_file_that_grows),
		cmocka_unit_test(test_reading_needs_no_other_call),
		cmocka_unit_test(test_making_durable),
		cmocka_unit_test(test_scrubbing),
		cmocka_unit_test(test_shielding),
		cmocka_unit_test(test_a_low_number_that_cannot_be_held_is_not_kept),
	};

	return t_run("pmem.refused", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: no half a shield, and no byte is wrong later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "refusal.h"
#include "run.h"
#include "shield/shield.h"
#include "tool.h"

/* ENODATA: /proc does not tell of the mapping. EBADF: fstat(2) does not say which file it is.
 * EOPNOTSUPP: the mapping cannot be had again. EFAULT, EIO: the pages are as they were. */
static const int others[] = {-ENOMEM, -ENODATA, -EBADF, -EOPNOTSUPP, -EFAULT, -EIO, -EINVAL, 0};
static const int errors[] = {ENOMEM, EACCES, EMFILE, EAGAIN, EINTR};

static struct s_file file;
static int mirror;
static struct mcsafe_shield_options options;
static struct mcsafe_shield *shield;

static unsigned refuse_each(const struct t_attempt *attempt)
{
	unsigned n = 0;

	for (size_t i = 0; i < T_LENGTH(errors); i++)
		n = t_refuse_each(attempt, errors[i], others);
	print_message("%s, fill %d: %u calls were refused\n", attempt->name, (int)options.fill, n);
	return n;
}

static void set_options(enum mcsafe_shield_fill fill)
{
	options = (struct mcsafe_shield_options){.size = sizeof(options),
						 .fill = fill,
						 .byte = 0xb7,
						 .mirror_fd = mirror,
						 .flags = MCSAFE_SHIELD_FILE,
						 .file_fd = file.fd};
}

static int open_it(void)
{
	return mcsafe_shield_open(&shield, file.map, S_PAGES * T_PAGE, &options);
}

static void close_it(int result, const char *refused)
{
	(void)refused;
	if (result == 0)
		assert_int_equal(mcsafe_shield_close(shield), 0);
}

static void test_a_shield_is_open_or_not(void **state)
{
	const struct t_attempt attempt = {"open", NULL, open_it, close_it};

	(void)state;
	t_install();
	file = s_open_file();
	mirror = s_make_file(100);
	/* What all shields share stays. */
	set_options(MCSAFE_SHIELD_ZERO);
	assert_int_equal(open_it(), 0);
	assert_int_equal(mcsafe_shield_close(shield), 0);
	for (int fill = MCSAFE_SHIELD_ZERO; fill <= MCSAFE_SHIELD_MIRROR; fill++) {
		set_options((enum mcsafe_shield_fill)fill);
		assert_true(refuse_each(&attempt) >= 5);
	}
}

#define LOST 5 /* from this page on */

static void fill_again(void)
{
	for (size_t i = 0; i < S_PAGES; i++) {
		unsigned char page[T_PAGE];

		memset(page, (int)(i + 1), sizeof(page));
		assert_int_equal(pwrite(file.fd, page, sizeof(page), (off_t)(i * T_PAGE)), T_PAGE);
	}
}

static unsigned char stand_in(size_t page)
{
	return options.fill == MCSAFE_SHIELD_ZERO   ? 0
	       : options.fill == MCSAFE_SHIELD_BYTE ? 0xb7
						    : (unsigned char)(100 + page);
}

static void lose(void)
{
	assert_int_equal(open_it(), 0);
	s_cut(&file, LOST);
}

static int touch(void)
{
	return mcsafe_shield_touch(shield, 0, S_PAGES * T_PAGE);
}

/* What could not be replaced is replaced when it is tried again. */
static void check_stand_ins(int result, const char *refused)
{
	(void)refused;
	if (result != 0)
		assert_int_equal(touch(), 0);
	for (size_t page = 0; page < S_PAGES; page++)
		assert_int_equal(file.map[page * T_PAGE + 9],
				 page < LOST ? page + 1 : stand_in(page));
	fill_again();
	assert_int_equal(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	assert_int_equal(mcsafe_shield_close(shield), 0);
}

static void test_pages_are_replaced_or_not(void **state)
{
	const struct t_attempt attempt = {"touch", lose, touch, check_stand_ins};

	(void)state;
	for (int fill = MCSAFE_SHIELD_ZERO; fill <= MCSAFE_SHIELD_MIRROR; fill++) {
		set_options((enum mcsafe_shield_fill)fill);
		assert_true(refuse_each(&attempt) >= 3);
	}
}

static void replace(void)
{
	lose();
	assert_int_equal(touch(), 0);
	fill_again();
}

static int restore(void)
{
	return mcsafe_shield_restore(shield, 0, SIZE_MAX);
}

static void check_file(int result, const char *refused)
{
	(void)refused;
	if (result != 0)
		assert_int_equal(restore(), 0);
	for (size_t page = 0; page < S_PAGES; page++)
		assert_int_equal(file.map[page * T_PAGE + 9], page + 1);
	assert_int_equal(mcsafe_shield_close(shield), 0);
	/* If the file had to be opened again, its pages are two mappings now. */
	munmap(file.map, S_PAGES * T_PAGE);
	file.map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static void test_pages_are_given_back_or_not(void **state)
{
	const struct t_attempt attempt = {"restore", replace, restore, check_file};

	(void)state;
	for (int fill = MCSAFE_SHIELD_ZERO; fill <= MCSAFE_SHIELD_MIRROR; fill++) {
		set_options((enum mcsafe_shield_fill)fill);
		assert_true(refuse_each(&attempt) >= 3);
	}
	munmap(file.map, S_PAGES * T_PAGE);
	close(file.fd);
	close(mirror);
}

/* The first page of a shared file cannot be mapped once more, and that of a private mapping is not
 * kept. So the file is opened again. */
static int restore_from_file(int flags, int other)
{
	struct s_file mapped = {.fd = file.fd};
	struct mcsafe_shield *of_mapped;
	int result, number;

	mapped.map = s_map_file(file.fd, PROT_READ, flags);
	of_mapped = s_shield_of(&mapped);
	s_cut(&mapped, LOST);
	assert_int_equal(mcsafe_shield_touch(of_mapped, 0, S_PAGES * T_PAGE), 0);
	fill_again();
	number = of_mapped->file.fd;
	if (other >= 0)
		assert_int_equal(dup2(other, number), number);
	t_refuse_only("mremap", flags == MAP_SHARED, EACCES);
	result = mcsafe_shield_restore(of_mapped, 0, SIZE_MAX);
	(void)t_refuse_no_more();
	for (size_t page = 0; page < S_PAGES; page++)
		assert_int_equal(mapped.map[page * T_PAGE + 9],
				 result != 0 && page >= LOST ? 0 : page + 1);
	assert_int_equal(mcsafe_shield_close(of_mapped), 0);
	munmap(mapped.map, S_PAGES * T_PAGE);
	return result;
}

static void test_pages_are_given_back_by_opening_the_file_again(void **state)
{
	int other = s_make_file(200);

	(void)state;
	t_install();
	file = s_open_file();
	assert_int_equal(restore_from_file(MAP_SHARED, -1), 0);
	assert_int_equal(restore_from_file(MAP_PRIVATE, -1), 0);
	/* The number is another file of the program by now. */
	assert_int_equal(restore_from_file(MAP_SHARED, other), -EOPNOTSUPP);
	close(other);
	munmap(file.map, S_PAGES * T_PAGE);
	close(file.fd);
}

/* The kernel would wait for /proc/sys/fs/lease-break-time, and open the file for writing then. With
 * a descriptor that can only read, no page of the mapping can be made writable. */
static void restore_beside_a_lease(void *arg)
{
	int writer = s_make_file(1), *granted = arg;
	struct s_file of_child;
	struct mcsafe_shield *of_mapped;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	of_child.fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(of_child.fd >= 0);
	of_child.map = s_map_file(of_child.fd, PROT_READ, MAP_SHARED);
	of_mapped = s_shield_of(&of_child);
	s_cut(&(struct s_file){.fd = writer}, LOST);
	CHECK_EQ(mcsafe_shield_touch(of_mapped, 0, SIZE_MAX), 0);
	s_cut(&(struct s_file){.fd = writer}, S_PAGES);
	CHECK_EQ(close(writer), 0);
	CHECK_PTR_NE(signal(SIGIO, SIG_IGN), SIG_ERR);
	*granted = fcntl(of_child.fd, F_SETLEASE, F_RDLCK) == 0;
	if (!*granted)
		return;
	t_refuse_only("mremap", 1, EACCES);
	CHECK_EQ(mcsafe_shield_restore(of_mapped, 0, SIZE_MAX), 0);
	(void)t_refuse_no_more();
	s_check_lost(of_mapped, 0, 0);
	CHECK_EQ(mprotect(of_child.map + LOST * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE), -1);
	CHECK_EQ(errno, EACCES);
}

static void test_a_restore_does_not_wait_for_a_lease(void **state)
{
	int *granted =
		mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(granted, MAP_FAILED);
	assert_int_equal(t_in_child(restore_beside_a_lease, granted), 0);
	if (!*granted)
		t_skip("the kernel grants no lease on a file in memory");
	munmap(granted, T_PAGE);
}

/* ---- the first shield of a process ----------------------------------------------------------- */

static bool *fired;

/* What all shields share is made with the first one. */
static void open_the_first(void *arg)
{
	struct s_file of_child = s_open_file();
	struct mcsafe_shield_options zeros = {
		.size = sizeof(zeros), .flags = MCSAFE_SHIELD_FILE, .file_fd = of_child.fd};
	struct mcsafe_shield *first;
	int result;

	t_refuse(*(const unsigned *)arg, ENOMEM);
	result = mcsafe_shield_open(&first, of_child.map, S_PAGES * T_PAGE, &zeros);
	*fired = t_refuse_no_more() != NULL;
	if (!*fired)
		CHECK_EQ(result, 0);
	if (result != 0) {
		CHECK(result == -ENOMEM || result == -ENODATA || result == -EBADF);
		CHECK_EQ(mcsafe_shield_open(&first, of_child.map, S_PAGES * T_PAGE, &zeros), 0);
	}
	s_cut(&of_child, LOST);
	CHECK_EQ(s_load(of_child.map + 9 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_close(first), 0);
}

static void test_the_first_shield_is_open_or_not(void **state)
{
	unsigned nth = 0;

	(void)state;
	fired = t_shared(sizeof(*fired));
	do {
		nth++;
		t_survives(open_the_first, &nth);
	} while (*fired);
	print_message("%u calls were refused\n", nth - 1);
	assert_true(nth > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_shield_is_open_or_not),
		cmocka_unit_test(test_a_shield_is_open_or_not),
		cmocka_unit_test(test_pages_are_replaced_or_not),
		cmocka_unit_test(test_pages_are_given_back_or_not),
		NOT_WITH_VALGRIND(test_pages_are_given_back_by_opening_the_file_again),
		NOT_WITH_VALGRIND(test_a_restore_does_not_wait_for_a_lease),
	};

	return t_run("shield.refused", tests, T_LENGTH(tests));
}

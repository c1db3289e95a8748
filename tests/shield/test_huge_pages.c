/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_huge_pages.c - what is healthy in a huge page that has failed, is carried over
 *
 * userfaultfd(2) poisons a huge page as a whole. Which 4 KiB of it the kernel has lost, is played
 * here: this program's pread() takes the place of the C library's, and fails where a file has a bad
 * page.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/msan.h"
#include "child.h"
#include "cmocka_all.h"
#include "huge_pages.h"
#include "kit.h"
#include "rng.h"
#include "run.h"
#include "uffd_poison.h"

#define IN_HUGE (T_HUGE / T_PAGE)

/* Bad pages of the file, in units of 4 KiB. */
static struct {
	size_t pages[64], n;
	bool as_before_linux_6_7; /* nothing of their huge pages can be read */
	unsigned reads;
} bad;

static bool is_bad(off_t page)
{
	for (size_t i = 0; i < bad.n; i++)
		if ((off_t)bad.pages[i] == page ||
		    (bad.as_before_linux_6_7 &&
		     (off_t)(bad.pages[i] / IN_HUGE) == page / (off_t)IN_HUGE))
			return true;
	return false;
}

/* How the kernel reads: up to the first bad page; if that is the first one, EIO. */
static ssize_t read_around(int fd, void *to, size_t n, off_t offset)
{
	off_t first = offset / (off_t)T_PAGE, last = (offset + (off_t)n - 1) / (off_t)T_PAGE;
	struct stat st;
	long got;

	CHECK_EQ(fstat(fd, &st), 0);
	bad.reads++;
	for (off_t page = first; n > 0 && page <= last; page++) {
		if (st.st_blksize != T_HUGE || !is_bad(page))
			continue;
		if (page == first) {
			/* What came before the error. */
			memset(to, 0xcc, n < T_PAGE ? n : T_PAGE);
			errno = EIO;
			return -1;
		}
		n = (size_t)(page * (off_t)T_PAGE - offset);
		break;
	}
	got = syscall(SYS_pread64, fd, to, n, offset);
	if (got > 0)
		mcsafe__msan_written(to, (size_t)got);
	return got;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
ssize_t pread(int fd, void *to, size_t n, off_t offset)
{
	return read_around(fd, to, n, offset);
}

ssize_t pread64(int fd, void *to, size_t n, off_t offset)
{
	return read_around(fd, to, n, offset);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- files of huge pages --------------------------------------------------------------------- */

static unsigned char byte_of(size_t page)
{
	return (unsigned char)(1 + page % 251);
}

static struct s_file make(size_t huge_pages, int flags)
{
	struct s_file file = {.fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB)};
	size_t n = huge_pages * T_HUGE;
	unsigned char *whole;

	CHECK(file.fd >= 0);
	CHECK_EQ(ftruncate(file.fd, (off_t)n), 0);
	whole = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(whole, MAP_FAILED);
	for (size_t page = 0; page < n / T_PAGE; page++)
		memset(whole + page * T_PAGE, byte_of(page), T_PAGE);
	file.map = whole;
	if (flags != MAP_SHARED) {
		file.map = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, file.fd, 0);
		CHECK_PTR_NE(file.map, MAP_FAILED);
		CHECK_EQ(munmap(whole, n), 0);
	}
	return file;
}

static void check_pages(const unsigned char *map, size_t first, size_t end)
{
	for (size_t page = first; page < end; page++) {
		CHECK_EQ(s_load(map + page * T_PAGE), byte_of(page));
		CHECK_EQ(s_load(map + page * T_PAGE + T_PAGE - 1), byte_of(page));
	}
}

static struct {
	struct mcsafe_range ranges[40];
	size_t n;
} told;

static void tell(const struct mcsafe_range *lost, void *arg)
{
	(void)arg;
	told.ranges[told.n++ % T_LENGTH(told.ranges)] = *lost;
}

static struct mcsafe_shield *shield_of(const struct s_file *file, size_t huge_pages,
				       struct mcsafe_shield_options options)
{
	options.flags = MCSAFE_SHIELD_FILE;
	options.file_fd = file->fd;
	options.on_loss = tell;
	return s_shield_with(file->map, huge_pages * T_HUGE, options);
}

static const struct mcsafe_shield_options zeros;

static void set_bad(size_t page)
{
	bad.pages[bad.n++] = page;
}

static void check_told(size_t i, size_t page, size_t pages)
{
	CHECK_LT(i, told.n);
	CHECK_EQ(told.ranges[i].start, page * T_PAGE);
	CHECK_EQ(told.ranges[i].len, pages * T_PAGE);
}

/* ---- what is lost ---------------------------------------------------------------------------- */

IN_CHILD(only_the_bad_page_is_lost)
{
	struct s_file file = make(2, MAP_SHARED);
	struct mcsafe_shield *shield;
	struct mcsafe_stats stats;
	unsigned char byte;
	const size_t lost = IN_HUGE + 100;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 2, zeros);
	t_poison(file.map + T_HUGE, T_HUGE);
	set_bad(lost);
	check_pages(file.map, IN_HUGE + 200, IN_HUGE + 201);
	check_pages(file.map, 0, lost);
	s_check_page(file.map + lost * T_PAGE, 0);
	check_pages(file.map, lost + 1, 2 * IN_HUGE);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE - T_PAGE);
	s_check_lost(shield, lost, lost + 1);
	CHECK_EQ(told.n, 1);
	check_told(0, lost, 1);
	mcsafe_stats_get(&stats);
	CHECK_EQ(stats.shields, 1);
	CHECK_EQ(stats.carried, IN_HUGE - 1);
	CHECK(bad.reads < 5);
	/* What is carried over is private. */
	s_store(file.map + T_HUGE, 0xee);
	CHECK_EQ(pread(file.fd, &byte, 1, (off_t)T_HUGE), 1);
	CHECK_EQ(byte, byte_of(IN_HUGE));
	/* The page is whole again in the file, and the mapping. All of it is given back. */
	bad.n = 0;
	CHECK_EQ(mcsafe_shield_restore(shield, lost * T_PAGE, 1), 0);
	check_pages(file.map, 0, 2 * IN_HUGE);
	s_check_lost(shield, 0, 0);
	s_store(file.map + T_HUGE, 0xdd);
	CHECK_EQ(pread(file.fd, &byte, 1, (off_t)T_HUGE), 1);
	CHECK_EQ(byte, 0xdd);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	/* It fails again, in another place. */
	t_poison(file.map + T_HUGE, T_HUGE);
	set_bad(IN_HUGE + 7);
	set_bad(IN_HUGE + 8);
	s_check_page(file.map + (IN_HUGE + 7) * T_PAGE, 0);
	check_pages(file.map, lost, lost + 1);
	s_check_lost(shield, IN_HUGE + 7, IN_HUGE + 9);
	CHECK_EQ(mcsafe_shield_lost(shield), 3 * T_PAGE);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

IN_CHILD(several_lost_ranges_are_told_one_by_one)
{
	struct s_file file = make(1, MAP_SHARED);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1,
			   (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE, .byte = 7});
	t_poison(file.map, T_HUGE);
	set_bad(0);
	set_bad(3);
	set_bad(4);
	set_bad(IN_HUGE - 1);
	CHECK_EQ(mcsafe_shield_touch(shield, 5 * T_PAGE, 1), 0);
	CHECK_EQ(told.n, 3);
	check_told(0, 0, 1);
	check_told(1, 3, 2);
	check_told(2, IN_HUGE - 1, 1);
	s_check_page(file.map, 7);
	check_pages(file.map, 1, 3);
	s_check_page(file.map + 4 * T_PAGE, 7);
	CHECK_EQ(mcsafe_shield_lost(shield), 4 * T_PAGE);
}

IN_CHILD(of_more_ranges_than_32_the_last_one_told_has_the_rest)
{
	struct s_file file = make(1, MAP_SHARED);
	struct mcsafe_shield *shield;
	struct mcsafe_range range;
	size_t n = 0;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	for (size_t i = 0; i < 40; i++)
		set_bad(2 * i);
	CHECK_EQ(s_load(file.map), 0);
	CHECK_EQ(told.n, 32);
	check_told(30, 60, 1);
	check_told(31, 62, 17);
	for (size_t at = 0; mcsafe_shield_next(shield, at, &range); at = range.start + range.len)
		CHECK_EQ(range.start, 2 * n++ * T_PAGE);
	CHECK_EQ(n, 40);
	CHECK_EQ(mcsafe_shield_lost(shield), 40 * T_PAGE);
}

/* The mirror has what the file has lost, and only that is asked of it. */
IN_CHILD(a_mirror_fills_what_is_lost)
{
	struct s_file file = make(1, MAP_SHARED);
	int mirror = s_make_file(101);
	struct mcsafe_shield *shield;

	s_watch();
	shield = shield_of(
		&file, 1,
		(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = mirror});
	t_poison(file.map, T_HUGE);
	set_bad(5);
	CHECK_EQ(s_signal_of(file.map), 0);
	s_check_page(file.map + 5 * T_PAGE, 106);
	check_pages(file.map, 0, 5);
	check_pages(file.map, 6, IN_HUGE);
	s_check_lost(shield, 5, 6);
	/* The mirror does not have that page. */
	CHECK_EQ(mcsafe_shield_restore(shield, 0, T_HUGE), 0);
	t_poison(file.map, T_HUGE);
	bad.pages[0] = S_PAGES;
	CHECK_EQ(s_signal_of(file.map), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE - T_PAGE);
	s_check_lost(shield, 0, 0);
}

/* A kernel that reads nothing of a huge page with poison. */
IN_CHILD(what_the_file_does_not_give_is_lost)
{
	struct s_file file = make(1, MAP_SHARED);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	set_bad(5);
	bad.as_before_linux_6_7 = true;
	CHECK_EQ(s_load(file.map + 77), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	CHECK_EQ(mcsafe_shield_carried(shield), 0);
	s_check_lost(shield, 0, IN_HUGE);
	CHECK_EQ(told.n, 1);
	check_told(0, 0, IN_HUGE);
}

/* The page may have been a private copy, whose bytes the file never had. */
IN_CHILD(of_a_private_mapping_nothing_is_carried_over)
{
	struct s_file file = make(1, MAP_PRIVATE);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	CHECK_EQ(s_load(file.map + 77), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	CHECK_EQ(mcsafe_shield_carried(shield), 0);
}

IN_CHILD(without_a_file_nothing_is_carried_over)
{
	struct s_file file = make(1, MAP_SHARED);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(file.map, T_HUGE, zeros);
	t_poison(file.map, T_HUGE);
	CHECK_EQ(s_load(file.map + 77), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
}

/* The number of the kept descriptor is another file by now. Nothing of it is carried over. */
IN_CHILD(nothing_is_carried_over_from_another_file)
{
	struct s_file file = make(1, MAP_SHARED);
	int other = s_make_file(101);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	for (int fd = 3; fd < 64; fd++)
		if (fd != other)
			CHECK(dup2(other, fd) >= 0);
	CHECK_EQ(s_load(file.map + 77), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	s_check_page(file.map, 0);
}

/* A descriptor of the file is kept, for a process that has used up all, and has no /proc. */
IN_CHILD(to_carry_over_and_to_restore_need_no_descriptor)
{
	struct s_file file = make(1, MAP_SHARED);
	struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
	struct mcsafe_shield *shield;
	unsigned char byte;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(open("/", O_PATH | O_CLOEXEC), -1);
	set_bad(5);
	s_check_page(file.map + 5 * T_PAGE, 0);
	check_pages(file.map, 0, 5);
	check_pages(file.map, 6, IN_HUGE);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE - T_PAGE);
	bad.n = 0;
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	check_pages(file.map, 0, IN_HUGE);
	s_store(file.map, 0xdd);
	CHECK_EQ(pread(file.fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 0xdd);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

/* Of a file that can only be read, all is the same. */
IN_CHILD(a_file_that_can_only_be_read_is_carried_over)
{
	struct s_file file = make(1, MAP_SHARED);
	struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	t_poison(file.map, T_HUGE);
	CHECK_EQ(mprotect(file.map, T_HUGE, PROT_READ), 0);
	CHECK_EQ(fchmod(file.fd, 0444), 0);
	/* Of root the kernel does not ask for a permission. */
	if (geteuid() == 0)
		CHECK_EQ(seteuid(65534), 0);
	shield = shield_of(&file, 1, zeros);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	set_bad(5);
	check_pages(file.map, 6, IN_HUGE);
	bad.n = 0;
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	check_pages(file.map, 0, IN_HUGE);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE - T_PAGE);
}

/* The program closes a number that the library keeps. The file is opened for each fault then. */
static void lose_the_reader(const struct s_file *file)
{
	size_t closed = 0;

	for (int fd = 3; fd < 64; fd++)
		if (fd != file->fd && fcntl(fd, F_GETFL) >= 0 &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR) {
			CHECK_EQ(close(fd), 0);
			closed++;
		}
	CHECK_EQ(closed, 1);
}

static void check_file_is_opened(void)
{
	struct s_file file = make(1, MAP_SHARED);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	lose_the_reader(&file);
	CHECK_EQ(fcntl(file.fd, F_SETLK, &lock), 0);
	set_bad(5);
	check_pages(file.map, 6, IN_HUGE);
	/* It is closed again. */
	CHECK_EQ(s_lock_of_another(file.fd), F_UNLCK);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE - T_PAGE);
	bad.n = 0;
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	check_pages(file.map, 0, IN_HUGE);
}

IN_CHILD(without_the_kept_descriptor_the_file_is_opened)
{
	check_file_is_opened();
}

/* The library's numbers have two digits. */
IN_CHILD(the_file_is_opened_whatever_its_number)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (fd < 22)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	check_file_is_opened();
}

/* Neither a fault nor a restore removes record locks. A close does. */
IN_CHILD(record_locks_are_kept_until_the_close)
{
	struct s_file file = make(1, MAP_SHARED);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(fcntl(file.fd, F_SETLK, &lock), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	check_pages(file.map, 0, IN_HUGE);
	CHECK_EQ(mcsafe_shield_carried(shield), T_HUGE);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(s_lock_of_another(file.fd), F_WRLCK);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(s_lock_of_another(file.fd), F_UNLCK);
}

/* A page that was carried over is ordinary memory. If it fails, it is lost. */
IN_CHILD(a_carried_page_that_fails_is_lost)
{
	struct s_file file = make(1, MAP_SHARED);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 1, zeros);
	t_poison(file.map, T_HUGE);
	set_bad(5);
	check_pages(file.map, 6, 7);
	t_poison(file.map + 6 * T_PAGE, T_PAGE);
	s_check_page(file.map + 6 * T_PAGE, 0);
	check_pages(file.map, 7, IN_HUGE);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_PAGE);
	s_check_lost(shield, 5, 7);
	CHECK_EQ(told.n, 2);
	check_told(1, 6, 1);
}

/* Past the end of the file there is nothing to carry over, and nothing is read. */
IN_CHILD(past_the_end_all_is_lost_at_once)
{
	struct s_file file = make(3, MAP_SHARED);
	struct mcsafe_shield *shield;

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 3, zeros);
	CHECK_EQ(ftruncate(file.fd, (off_t)T_HUGE), 0);
	CHECK_EQ(s_load(file.map + 2 * T_HUGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_HUGE);
	CHECK_EQ(bad.reads, 0);
	s_check_lost(shield, IN_HUGE, 3 * IN_HUGE);
}

/* Random pages are bad. What is read afterwards, and what is told, must be exactly that. */
IN_CHILD(random_bad_pages_are_lost_exactly)
{
	struct s_file file = make(2, MAP_SHARED);
	struct mcsafe_shield *shield;
	size_t lost = 0, carried = 0;
	struct t_rng rng = t_rng_start(t_seed(), 0);

	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of(&file, 2, zeros);
	for (unsigned round = 0; round < 30; round++) {
		size_t huge = t_rng_below(&rng, 2) * IN_HUGE, here = 0;

		t_poison(file.map + huge * T_PAGE, T_HUGE);
		bad.n = 0;
		for (size_t i = t_rng_below(&rng, 20); i > 0; i--)
			set_bad(t_rng_below(&rng, 2 * IN_HUGE));
		CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
		for (size_t page = 0; page < 2 * IN_HUGE; page++) {
			bool is_lost = is_bad((off_t)page) && page / IN_HUGE == huge / IN_HUGE;
			struct mcsafe_range range;

			here += is_lost;
			CHECK_EQ(s_load(file.map + page * T_PAGE), is_lost ? 0 : byte_of(page));
			CHECK_EQ(mcsafe_shield_next(shield, page * T_PAGE, &range) &&
					 range.start == page * T_PAGE,
				 is_lost);
		}
		lost += here * T_PAGE;
		carried += (IN_HUGE - here) * T_PAGE;
		CHECK_EQ(mcsafe_shield_lost(shield), lost);
		CHECK_EQ(mcsafe_shield_carried(shield), carried);
		CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	}
}

/* ---- with huge pages ------------------------------------------------------------------------- */

#define WITH_HUGE_PAGES(name)          \
 static void test_##name(void **state) \
 {                                     \
  if (!t_reserve_huge_pages(4))        \
   t_skip("there are no huge pages");  \
  name(state);                         \
 }

WITH_HUGE_PAGES(only_the_bad_page_is_lost)
WITH_HUGE_PAGES(several_lost_ranges_are_told_one_by_one)
WITH_HUGE_PAGES(of_more_ranges_than_32_the_last_one_told_has_the_rest)
WITH_HUGE_PAGES(a_mirror_fills_what_is_lost)
WITH_HUGE_PAGES(what_the_file_does_not_give_is_lost)
WITH_HUGE_PAGES(of_a_private_mapping_nothing_is_carried_over)
WITH_HUGE_PAGES(without_a_file_nothing_is_carried_over)
WITH_HUGE_PAGES(nothing_is_carried_over_from_another_file)
WITH_HUGE_PAGES(to_carry_over_and_to_restore_need_no_descriptor)
WITH_HUGE_PAGES(a_file_that_can_only_be_read_is_carried_over)
WITH_HUGE_PAGES(without_the_kept_descriptor_the_file_is_opened)
WITH_HUGE_PAGES(the_file_is_opened_whatever_its_number)
WITH_HUGE_PAGES(record_locks_are_kept_until_the_close)
WITH_HUGE_PAGES(a_carried_page_that_fails_is_lost)
WITH_HUGE_PAGES(past_the_end_all_is_lost_at_once)
WITH_HUGE_PAGES(random_bad_pages_are_lost_exactly)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_bad_page_is_lost),
		cmocka_unit_test(test_several_lost_ranges_are_told_one_by_one),
		cmocka_unit_test(test_of_more_ranges_than_32_the_last_one_told_has_the_rest),
		cmocka_unit_test(test_a_mirror_fills_what_is_lost),
		cmocka_unit_test(test_what_the_file_does_not_give_is_lost),
		cmocka_unit_test(test_of_a_private_mapping_nothing_is_carried_over),
		cmocka_unit_test(test_without_a_file_nothing_is_carried_over),
		cmocka_unit_test(test_nothing_is_carried_over_from_another_file),
		cmocka_unit_test(test_to_carry_over_and_to_restore_need_no_descriptor),
		cmocka_unit_test(test_a_file_that_can_only_be_read_is_carried_over),
		cmocka_unit_test(test_without_the_kept_descriptor_the_file_is_opened),
		cmocka_unit_test(test_the_file_is_opened_whatever_its_number),
		cmocka_unit_test(test_record_locks_are_kept_until_the_close),
		cmocka_unit_test(test_a_carried_page_that_fails_is_lost),
		cmocka_unit_test(test_past_the_end_all_is_lost_at_once),
		cmocka_unit_test(test_random_bad_pages_are_lost_exactly),
	};

	return t_run("shield.huge_pages", tests, T_LENGTH(tests));
}

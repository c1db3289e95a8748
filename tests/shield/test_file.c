/* SPDX-License-Identifier: BSD-3-Clause */
/* test_file.c - whether a descriptor is the file that is mapped */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "huge_pages.h"
#include "kit.h"
#include "leaks.h"
#include "run.h"
#include "tests/pmem/small_tmpfs.h"
#include "tool.h"

/* As on btrfs: fstat(2) tells a device that /proc/self/maps does not show. Only of numbers from
 * `first` on: as if those below were files of another subvolume. */
static dev_t other_device;
static int first;

/* After the next question for the number, another thread has opened another file there. */
static struct {
	int number, by;
} taken = {-1, -1};

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_fstat(int fd, struct stat *st)
{
	int result = __real_fstat(fd, st);

	if (result == 0 && other_device != 0 && fd >= first)
		st->st_dev = other_device;
	if (fd == taken.number) {
		taken.number = -1;
		CHECK_EQ(dup2(taken.by, fd), fd);
	}
	return result;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static int open_with(unsigned char *map, int fd)
{
	struct mcsafe_shield *shield = NULL;
	const struct mcsafe_shield_options options = {
		.size = sizeof(options), .flags = MCSAFE_SHIELD_FILE, .file_fd = fd};
	int err = mcsafe_shield_open(&shield, map, S_PAGES * T_PAGE, &options);

	if (err == 0)
		CHECK_EQ(mcsafe_shield_close(shield), 0);
	return err;
}

/* The first file of each tmpfs has the same number. */
IN_CHILD(test_the_same_inode_of_another_device)
{
	struct s_file file = {.fd = small_tmpfs_file()};
	struct mcsafe_shield *shield;
	struct stat st, other_st;
	int other;

	CHECK_EQ(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
	other = open("/tmp/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(other >= 0);
	CHECK_EQ(fstat(file.fd, &st), 0);
	CHECK_EQ(fstat(other, &other_st), 0);
	CHECK_EQ(st.st_ino, other_st.st_ino);
	CHECK(st.st_dev != other_st.st_dev);
	CHECK_EQ(ftruncate(file.fd, S_PAGES * (off_t)T_PAGE), 0);
	file.map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(open_with(file.map, file.fd), 0);
	CHECK_EQ(open_with(file.map, other), -EINVAL);
	/* Where it has taken the place of the file, its faults are not answered. */
	s_watch();
	shield = s_shield_of(&file);
	CHECK_PTR_NE(mmap(file.map + 5 * T_PAGE, T_PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, other, 5 * (off_t)T_PAGE),
		     MAP_FAILED);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(munmap(file.map, S_PAGES * T_PAGE), 0);
	close(other);
	CHECK_EQ(umount2("/tmp", MNT_DETACH), 0);
}

static void test_another_file_with_the_same_inode_is_refused(void **state)
{
	if (!small_tmpfs_mount())
		t_skip("a tmpfs cannot be mounted here");
	test_the_same_inode_of_another_device(state);
	small_tmpfs_unmount();
}

IN_CHILD(test_a_file_whose_device_is_shown_otherwise_is_known)
{
	struct s_file file = s_open_file();
	int other = s_make_file(1), path_only, written_only;
	size_t mappings, descriptors;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file.fd);
	path_only = open(path, O_PATH | O_CLOEXEC);
	written_only = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(path_only >= 0);
	CHECK(written_only >= 0);
	/* What tells by fstat(2) needs no access. */
	CHECK_EQ(open_with(file.map, path_only), 0);
	CHECK_EQ(open_with(file.map, written_only), 0);
	mappings = t_count_mappings();
	descriptors = t_count_descriptors();
	other_device = 0x7fff;
	CHECK_EQ(open_with(file.map, file.fd), 0);
	CHECK_EQ(open_with(file.map, other), -EINVAL);
	CHECK_EQ(open_with(file.map, path_only), -EINVAL);
	CHECK_EQ(open_with(file.map, written_only), -EINVAL);
	other_device = 0;
	CHECK_EQ(t_count_mappings(), mappings);
	CHECK_EQ(t_count_descriptors(), descriptors);
}

/* From now on, what is opened is of another subvolume. Returns the first one: of the file. */
static int open_in_another_subvolume(const struct s_file *file)
{
	/* All numbers below are in use. */
	first = dup(file->fd);
	CHECK(first >= 0);
	other_device = 0x7fff;
	return first;
}

/* Files of two subvolumes can have the same inode. Mappings of them are shown alike. */
IN_CHILD(test_the_same_inode_of_another_subvolume_is_another_file)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *one = s_shield_of(&file), *another;
	struct s_file other = {.fd = open_in_another_subvolume(&file)};
	size_t descriptors = t_count_descriptors();

	other.map = s_map_file(other.fd, PROT_READ, MAP_SHARED);
	another = s_shield_of(&other);
	CHECK_EQ(t_count_descriptors(), descriptors + 1);
	CHECK_EQ(mcsafe_shield_close(another), 0);
	CHECK_EQ(t_count_descriptors(), descriptors);
	CHECK_EQ(mcsafe_shield_close(one), 0);
}

/* So the size of one file is not that of another. */
IN_CHILD(test_a_file_that_is_shown_alike_is_not_known)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *one, *another;

	one = s_shield_with(
		file.map, T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE,
					       .file_fd = open_in_another_subvolume(&file)});
	another = s_shield_with(file.map + T_PAGE, (S_PAGES - 1) * T_PAGE,
				(struct mcsafe_shield_options){0});
	s_cut(&file, 4);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 0);
	s_check_lost(another, 5, 6);
	CHECK_EQ(mcsafe_shield_close(another), 0);
	CHECK_EQ(mcsafe_shield_close(one), 0);
}

IN_CHILD(test_a_number_that_changes_its_file_meanwhile_is_refused)
{
	struct s_file file = s_open_file();
	size_t descriptors;

	CHECK_EQ(open_with(file.map, file.fd), 0);
	descriptors = t_count_descriptors();
	taken.number = dup(file.fd);
	taken.by = s_make_file(1);
	CHECK_EQ(open_with(file.map, taken.number), -EBADF);
	CHECK_EQ(taken.number, -1);
	CHECK_EQ(t_count_descriptors(), descriptors + 2);
}

static bool is_of(int fd, int of)
{
	struct stat st, now;

	CHECK_EQ(fstat(of, &st), 0);
	return fstat(fd, &now) == 0 && now.st_ino == st.st_ino && now.st_dev == st.st_dev;
}

/* How many descriptors there are of a file. */
static size_t count_of(int of)
{
	size_t n = 0;

	for (int fd = 3; fd < 64; fd++)
		n += is_of(fd, of);
	return n;
}

/* The number under which the library keeps a file, with these flags; -1: none. */
static int kept_number(int of, int flags)
{
	for (int fd = 3; fd < 64; fd++)
		if (fd != of && is_of(fd, of) &&
		    (fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE)) == flags)
			return fd;
	return -1;
}

static struct s_file open_huge_file(void)
{
	struct s_file file = {.fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB)};

	CHECK(file.fd >= 0);
	CHECK_EQ(ftruncate(file.fd, 2 * (off_t)T_HUGE), 0);
	file.map = mmap(NULL, 2 * T_HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	return file;
}

static struct mcsafe_shield *shield_of_page(const struct s_file *file, size_t page)
{
	return s_shield_with(
		file->map + page * T_HUGE, T_HUGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file->fd});
}

IN_CHILD(another_file_is_not_kept_for_reading)
{
	struct s_file file = open_huge_file();
	int other = memfd_create("other", MFD_CLOEXEC | MFD_HUGETLB), reader;
	struct mcsafe_shield *shields[2];

	shields[0] = shield_of_page(&file, 0);
	reader = kept_number(file.fd, O_RDWR);
	CHECK(other >= 0);
	CHECK_EQ(close(reader), 0);
	taken.number = kept_number(file.fd, O_PATH);
	taken.by = other;
	shields[1] = shield_of_page(&file, 1);
	CHECK_EQ(taken.number, -1);
	/* That of the program, and the one that has taken the number. */
	CHECK_EQ(count_of(other), 2);
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(mcsafe_shield_close(shields[i]), 0);
	CHECK_EQ(count_of(other), 2);
}

/* The library gets the number that it had for reading, for what cannot be read. */
IN_CHILD(a_number_that_is_no_longer_for_reading_is_not_kept_for_it)
{
	struct s_file file = open_huge_file();
	struct mcsafe_shield *shields[2];
	int reader, path_only;

	shields[0] = shield_of_page(&file, 0);
	reader = kept_number(file.fd, O_RDWR);
	path_only = kept_number(file.fd, O_PATH);
	CHECK_EQ(dup2(0, path_only), path_only);
	CHECK_EQ(close(reader), 0);
	shields[1] = shield_of_page(&file, 1);
	CHECK_EQ(kept_number(file.fd, O_PATH), reader);
	CHECK(kept_number(file.fd, O_RDWR) >= 3);
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(mcsafe_shield_close(shields[i]), 0);
	CHECK_EQ(count_of(file.fd), 1);
}

static int leased; /* a descriptor of a file of huge pages, with a lease */

/* Only with a descriptor that cannot write, and no other that can. */
static bool take_lease(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	char path[32];

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, 2 * (off_t)T_HUGE), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	leased = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(leased >= 0);
	CHECK_EQ(close(fd), 0);
	/* By this the kernel asks for the lease. */
	CHECK_PTR_NE(signal(SIGIO, SIG_IGN), SIG_ERR);
	return fcntl(leased, F_SETLEASE, F_RDLCK) == 0;
}

/* The kernel would wait for /proc/sys/fs/lease-break-time, and open the file for writing then. */
IN_CHILD(an_open_does_not_wait_for_a_lease)
{
	struct s_file file = {.fd = leased};
	struct mcsafe_shield *shield;

	file.map = mmap(NULL, T_HUGE, PROT_READ, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	shield = shield_of_page(&file, 0);
	CHECK(kept_number(file.fd, O_RDONLY) >= 3);
	CHECK_EQ(kept_number(file.fd, O_RDWR), -1);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

static void test_an_open_does_not_wait_for_a_lease(void **state)
{
	if (!t_reserve_huge_pages(2))
		t_skip("there are no huge pages");
	if (!take_lease())
		t_skip("the kernel grants no lease on a file of huge pages");
	an_open_does_not_wait_for_a_lease(state);
	CHECK_EQ(close(leased), 0);
}

static void test_another_file_is_not_kept_for_reading(void **state)
{
	if (!t_reserve_huge_pages(2))
		t_skip("there are no huge pages");
	another_file_is_not_kept_for_reading(state);
}

static void test_a_number_that_is_no_longer_for_reading_is_not_kept_for_it(void **state)
{
	if (!t_reserve_huge_pages(2))
		t_skip("there are no huge pages");
	a_number_that_is_no_longer_for_reading_is_not_kept_for_it(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_file_with_the_same_inode_is_refused),
		NOT_WITH_VALGRIND(test_a_number_that_changes_its_file_meanwhile_is_refused),
		NOT_WITH_VALGRIND(test_a_file_whose_device_is_shown_otherwise_is_known),
		NOT_WITH_VALGRIND(test_the_same_inode_of_another_subvolume_is_another_file),
		NOT_WITH_VALGRIND(test_a_file_that_is_shown_alike_is_not_known),
		NOT_WITH_VALGRIND(test_another_file_is_not_kept_for_reading),
		NOT_WITH_VALGRIND(test_an_open_does_not_wait_for_a_lease),
		NOT_WITH_VALGRIND(test_a_number_that_is_no_longer_for_reading_is_not_kept_for_it),
	};

	return t_run("shield.file", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_restore.c - the file's own pages come back; stand-ins are put in place beforehand */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "leaks.h"
#include "run.h"
#include "tool.h"
#include "uffd_poison.h"

static void put_back(const struct s_file *file, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		unsigned char page[T_PAGE];

		memset(page, (int)(100 + i), sizeof(page));
		CHECK_EQ(pwrite(file->fd, page, sizeof(page), (off_t)(i * T_PAGE)), T_PAGE);
	}
}

/* Whether the page is the file's: a store reaches the file. */
static void check_is_file(const struct s_file *file, size_t page)
{
	unsigned char byte = 0;

	s_store(file->map + page * T_PAGE + 9, 0xee);
	CHECK_EQ(pread(file->fd, &byte, 1, (off_t)(page * T_PAGE + 9)), 1);
	CHECK_EQ(byte, 0xee);
}

IN_CHILD(test_what_has_grown_comes_back)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	size_t mappings;

	s_cut(&file, 4);
	s_store(file.map + 5 * T_PAGE, 77);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 77);
	mappings = t_count_mappings();
	put_back(&file, 4, 9);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	s_check_lost(shield, 9, S_PAGES);
	for (size_t i = 4; i < 9; i++) {
		s_check_page(file.map + i * T_PAGE, (unsigned char)(100 + i));
		check_is_file(&file, i);
	}
	CHECK_EQ(t_count_mappings(), mappings);
	put_back(&file, 9, S_PAGES);
	errno = 42;
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(errno, 42);
	s_check_lost(shield, 0, 0);
	s_check_page(file.map + 15 * T_PAGE, 115);
	check_is_file(&file, 15);
	/* One mapping again, as at the beginning. */
	CHECK_EQ(t_count_mappings(), mappings == 0 ? 0 : mappings - 1);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4) * T_PAGE);
	/* And it can be lost again. */
	s_cut(&file, 10);
	CHECK_EQ(s_load(file.map + 11 * T_PAGE), 0);
	s_check_lost(shield, 10, S_PAGES);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4 + S_PAGES - 10) * T_PAGE);
}

IN_CHILD(test_only_the_range_comes_back)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	struct mcsafe_range range;

	s_cut(&file, 4);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	put_back(&file, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 6 * T_PAGE + 1, T_PAGE), 0);
	CHECK(mcsafe_shield_next(shield, 0, &range));
	CHECK_EQ(range.start, 4 * T_PAGE);
	CHECK_EQ(range.len, 2 * T_PAGE);
	CHECK(mcsafe_shield_next(shield, 6 * T_PAGE, &range));
	CHECK_EQ(range.start, 8 * T_PAGE);
	CHECK_EQ(range.len, 8 * T_PAGE);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 106);
	CHECK_EQ(s_load(file.map + 7 * T_PAGE), 107);
	CHECK_EQ(s_load(file.map + 8 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_restore(shield, 9 * T_PAGE, 0), 0);
	CHECK_EQ(mcsafe_shield_restore(shield, S_PAGES * T_PAGE, 1), 0);
	CHECK_EQ(mcsafe_shield_restore(shield, SIZE_MAX, 1), 0);
	CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
}

/* A mapping of it is made from the file's name, or a descriptor. */
IN_CHILD(test_a_private_mapping_comes_back)
{
	struct s_file file = s_open_file();
	unsigned char *map = s_map_file(file.fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct mcsafe_shield *shield = s_shield_with(
		map, S_PAGES * T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	unsigned char byte;

	s_cut(&file, 4);
	CHECK_EQ(s_load(map + 5 * T_PAGE), 0);
	put_back(&file, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	s_check_page(map + 5 * T_PAGE, 105);
	s_store(map + 6 * T_PAGE, 1);
	CHECK_EQ(pread(file.fd, &byte, 1, 6 * (off_t)T_PAGE), 1);
	CHECK_EQ(byte, 106);
}

IN_CHILD(test_a_private_mapping_of_an_unknown_file_cannot_come_back)
{
	struct s_file file = s_open_file();
	unsigned char *map = s_map_file(file.fd, PROT_READ, MAP_PRIVATE);
	struct mcsafe_shield *shield;

	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	s_cut(&file, 4);
	CHECK_EQ(s_load(map + 5 * T_PAGE), 0);
	put_back(&file, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EOPNOTSUPP);
	s_check_lost(shield, 5, 6);
}

/* The descriptor of a shared mapping is not needed. */
IN_CHILD(test_a_shared_mapping_of_an_unknown_file_comes_back)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	size_t mappings;

	s_cut(&file, 4);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 8 * T_PAGE), 0);
	mappings = t_count_mappings();
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	CHECK_EQ(t_count_mappings(), mappings);
	put_back(&file, 4, 7);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	s_check_lost(shield, 8, 9);
	check_is_file(&file, 5);
	put_back(&file, 7, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	check_is_file(&file, 8);
}

IN_CHILD(test_the_protection_of_now_is_kept)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	CHECK_EQ(mprotect(file.map + 6 * T_PAGE, T_PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(file.map + 7 * T_PAGE, T_PAGE, PROT_NONE), 0);
	put_back(&file, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 4 * T_PAGE, 3 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 106);
	CHECK_EQ(s_signal_of_store(file.map + 6 * T_PAGE), SIGSEGV);
	CHECK_EQ(s_signal_of_store(file.map + 5 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 7 * T_PAGE), SIGSEGV);
}

/* What the program has mapped over stand-ins is the program's. */
IN_CHILD(test_another_mapping_is_left_alone)
{
	struct s_file file = s_open_file(), other = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 4);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	CHECK_PTR_NE(mmap(file.map + 6 * T_PAGE, T_PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
			  other.fd, 2 * (off_t)T_PAGE),
		     MAP_FAILED);
	CHECK_EQ(munmap(file.map + 9 * T_PAGE, T_PAGE), 0);
	put_back(&file, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 105);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 3);
	CHECK_EQ(s_load(file.map + 10 * T_PAGE), 110);
	CHECK_EQ(madvise(file.map + 9 * T_PAGE, T_PAGE, MADV_NORMAL), -1);
	CHECK_EQ(errno, ENOMEM);
}

/* Good and failed pages by turns. */
IN_CHILD(test_each_page_is_tried)
{
	unsigned char *map =
		mmap(NULL, 64 * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_shield *shield;
	size_t lost = 0;

	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	memset(map, 5, 64 * T_PAGE);
	shield = s_shield_with(map, 64 * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 0; i < 64; i++)
		if (i % 7 == 3 || i % 5 == 1) {
			t_poison(map + i * T_PAGE, T_PAGE);
			lost++;
		}
	for (size_t i = 0; i < 64; i++)
		CHECK_EQ(s_load(map + i * T_PAGE), i % 7 == 3 || i % 5 == 1 ? 0 : 5);
	CHECK_EQ(mcsafe_shield_lost(shield), lost * T_PAGE);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	for (size_t i = 0; i < 64; i++)
		CHECK_EQ(s_load(map + i * T_PAGE), 5);
}

/* ---- touch ----------------------------------------------------------------------------------- */

IN_CHILD(test_system_calls_can_read_what_was_touched)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	static unsigned char copy[S_PAGES * T_PAGE];
	struct iovec from = {file.map, sizeof(copy)}, to = {copy, sizeof(copy)};

	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_cut(&file, 4);
	CHECK_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0), 4 * T_PAGE);
	errno = 42;
	CHECK_EQ(mcsafe_shield_touch(shield, 3 * T_PAGE, 1), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 4 * T_PAGE - 1, 2), 0);
	CHECK_EQ(errno, 42);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0), sizeof(copy));
	for (size_t i = 0; i < S_PAGES; i++)
		CHECK_EQ(copy[i * T_PAGE], i < 4 ? i + 1 : 0);
	CHECK_EQ(mcsafe_shield_touch(shield, SIZE_MAX, SIZE_MAX), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, 0), 0);
}

IN_CHILD(test_what_cannot_be_touched_is_said)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 12);
	CHECK_EQ(mprotect(file.map + 3 * T_PAGE, T_PAGE, PROT_NONE), 0);
	CHECK_EQ(munmap(file.map + 7 * T_PAGE, T_PAGE), 0);
	CHECK_EQ(mprotect(file.map + 13 * T_PAGE, T_PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), -EFAULT);
	CHECK_EQ(mcsafe_shield_touch(shield, 4 * T_PAGE, 3 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 4 * T_PAGE, 3 * T_PAGE + 1), -EFAULT);
	CHECK_EQ(mcsafe_shield_touch(shield, 8 * T_PAGE, 5 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 8 * T_PAGE, 6 * T_PAGE), -EFAULT);
	s_check_lost(shield, 12, 13);
}

/* The range is larger than what is asked of the kernel at once. */
IN_CHILD(test_a_long_range_is_touched)
{
	size_t n = 5000;
	int fd = memfd_create("long", MFD_CLOEXEC);
	unsigned char *map;
	struct mcsafe_shield *shield;
	struct mcsafe_range range;

	CHECK_EQ(ftruncate(fd, (off_t)(n * T_PAGE)), 0);
	map = mmap(NULL, n * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(map, n * T_PAGE, (struct mcsafe_shield_options){0});
	t_poison(map + 1111 * T_PAGE, T_PAGE);
	t_poison(map + 3333 * T_PAGE, 2 * T_PAGE);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 3 * T_PAGE);
	CHECK(mcsafe_shield_next(shield, 0, &range));
	CHECK_EQ(range.start, 1111 * T_PAGE);
	CHECK_EQ(range.len, T_PAGE);
	CHECK(mcsafe_shield_next(shield, 1112 * T_PAGE, &range));
	CHECK_EQ(range.start, 3333 * T_PAGE);
	CHECK_EQ(range.len, 2 * T_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_what_has_grown_comes_back),
		cmocka_unit_test(test_only_the_range_comes_back),
		cmocka_unit_test(test_a_private_mapping_comes_back),
		cmocka_unit_test(test_a_private_mapping_of_an_unknown_file_cannot_come_back),
		NOT_WITH_VALGRIND(test_a_shared_mapping_of_an_unknown_file_comes_back),
		cmocka_unit_test(test_the_protection_of_now_is_kept),
		cmocka_unit_test(test_another_mapping_is_left_alone),
		NOT_WITH_VALGRIND(test_each_page_is_tried),
		cmocka_unit_test(test_system_calls_can_read_what_was_touched),
		cmocka_unit_test(test_what_cannot_be_touched_is_said),
		NOT_WITH_VALGRIND(test_a_long_range_is_touched),
	};

	return t_run("shield.restore", tests, T_LENGTH(tests));
}

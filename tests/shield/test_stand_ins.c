/* SPDX-License-Identifier: BSD-3-Clause */
/* test_stand_ins.c - what takes the place of memory that fails, and what does not */
#include <mcsafe/mcsafe.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "base/vma.h"
#include "child.h"
#include "cmocka_all.h"
#include "huge_pages.h"
#include "kit.h"
#include "run.h"
#include "shield/shield.h"
#include "tool.h"
#include "touch.h"
#include "uffd_poison.h"

static unsigned long long counted(void)
{
	struct mcsafe_stats stats;

	mcsafe_stats_get(&stats);
	return stats.shields;
}

/* ---- how much -------------------------------------------------------------------------------- */

IN_CHILD(test_all_past_the_end_of_the_file_is_replaced_at_once)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	unsigned long long before = counted();

	s_cut(&file, 5);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
	s_check_page(file.map + 9 * T_PAGE, 0);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 5) * T_PAGE);
	s_check_lost(shield, 5, S_PAGES);
	for (size_t i = 0; i < S_PAGES; i++)
		s_check_page(file.map + i * T_PAGE, i < 5 ? (unsigned char)(i + 1) : 0);
	CHECK_EQ(counted(), before + S_PAGES - 5);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 5) * T_PAGE);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

IN_CHILD(test_the_page_with_the_end_of_the_file_stays)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	CHECK_EQ(ftruncate(file.fd, 5 * (off_t)T_PAGE + 1), 0);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 6, S_PAGES);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 6);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE + 1), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 6) * T_PAGE);
}

/* The kernel fills and locks all that is mapped from now on. Much of what lies past the end of the
 * file was never memory. (Where memory cannot be locked, that holds anyway, as with sanitizers.) */
IN_CHILD(test_what_lies_past_the_end_takes_no_memory_under_mlockall)
{
	const size_t pages = 600, n = pages * T_PAGE;
	struct s_file file = {.fd = s_make_file(1)};
	struct mcsafe_shield *shield;
	unsigned char resident;

	file.map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(
		file.map, n,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	(void)mlockall(MCL_FUTURE);
	s_store(file.map + 20 * T_PAGE, 7);
	CHECK_EQ(s_load(file.map + 20 * T_PAGE), 7);
	CHECK(mcsafe_shield_next(shield, 20 * T_PAGE, NULL));
	for (size_t i = 300; i < pages; i++) {
		resident = 0;
		CHECK_EQ(mincore(file.map + i * T_PAGE, T_PAGE, &resident), 0);
		CHECK_EQ(resident & 1, 0);
	}
	CHECK_EQ(s_load(file.map + 599 * T_PAGE), 0);
	s_check_lost(shield, S_PAGES, pages);
	CHECK_EQ(mcsafe_shield_lost(shield), (pages - S_PAGES) * T_PAGE);
}

/* Bytes are filled in memory as long as the shield. No more of it is used than is filled. */
IN_CHILD(test_what_is_filled_takes_no_other_memory_under_mlockall)
{
	const size_t pages = 600, n = pages * T_PAGE;
	struct s_file file = {.fd = s_make_file(1)};
	struct mcsafe_shield *shield;
	unsigned char resident = 0;

	file.map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(file.map, n,
			       (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE,
							      .byte = 7,
							      .flags = MCSAFE_SHIELD_FILE,
							      .file_fd = file.fd});
	(void)mlockall(MCL_FUTURE);
	CHECK_EQ(s_load(file.map + 20 * T_PAGE), 7);
	for (size_t i = 0; shield->staging != NULL && i < pages; i++) {
		CHECK_EQ(mincore(shield->staging + i * T_PAGE, T_PAGE, &resident), 0);
		CHECK_EQ(resident & 1, 0);
	}
}

/* A file in a directory: the library finds it by its path. */
IN_CHILD(test_a_file_with_a_path_is_known_without_a_descriptor)
{
	char path[] = "/tmp/mcsafe-shield-XXXXXX";
	int fd = mkstemp(path);
	struct s_file file = {.fd = fd};
	struct mcsafe_shield *shield;

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, S_PAGES * (off_t)T_PAGE), 0);
	file.map = s_map_file(fd, PROT_READ, MAP_PRIVATE);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(unlink(path), 0);
	s_cut(&file, 1);
	CHECK_EQ(s_load(file.map + 7 * T_PAGE), 0);
	s_check_lost(shield, 1, S_PAGES);
}

/* The kernel adds " (deleted)" to the name of a file that is gone. An empty file has that name. */
IN_CHILD(test_a_path_that_leads_to_another_file_is_not_believed)
{
	char path[] = "/tmp/mcsafe-shield-XXXXXX", other[64];
	struct s_file file = {.fd = mkstemp(path)};
	struct mcsafe_shield *shield;

	CHECK(file.fd >= 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(pwrite(file.fd, "x", 1, 2 * (off_t)T_PAGE), 1);
	file.map = s_map_file(file.fd, PROT_READ, MAP_SHARED);
	CHECK_EQ(unlink(path), 0);
	snprintf(other, sizeof(other), "%s (deleted)", path);
	CHECK(open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0);
	CHECK_EQ(mcsafe_install(), 0);
	shield = s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(unlink(other), 0);
	s_cut(&file, 5);
	CHECK_EQ(s_load(file.map + 7 * T_PAGE), 0);
	s_check_lost(shield, 7, 8);
	CHECK_EQ(s_load(file.map + 2 * T_PAGE), 'x');
}

/* A stand-in is ordinary memory, and can be poisoned too. */
IN_CHILD(test_a_stand_in_that_fails_is_replaced_again)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 4);
	s_store(file.map + 5 * T_PAGE, 7);
	s_store(file.map + 6 * T_PAGE, 8);
	t_poison(file.map + 5 * T_PAGE, T_PAGE);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 8);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4 + 1) * T_PAGE);
	s_check_lost(shield, 4, S_PAGES);
}

/* Of a part of the mapping, nothing outside the part is replaced. */
IN_CHILD(test_a_shield_on_a_part_replaces_only_that_part)
{
	struct s_file file = s_open_file();
	struct mcsafe_guard guard;
	struct mcsafe_shield *shield = s_shield_with(
		file.map + 4 * T_PAGE, 3 * T_PAGE + 1,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	volatile unsigned left = 0;

	s_cut(&file, 1);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 0, 4);
	for (size_t i = 0; i < S_PAGES; i++) {
		MCSAFE_TRY(&guard, file.map, S_PAGES * T_PAGE) {
			(void)s_load(file.map + i * T_PAGE);
		}
		MCSAFE_CATCH(&guard) {
			CHECK(i == 1 || i == 2 || i == 3 || i > 7);
			left++;
		}
	}
	CHECK_EQ(left, S_PAGES - 1 - 4);
}

/* A memfd has no path that leads to it. So the run of stand-ins doubles, and each page is tried. */
static void check_doubling(struct mcsafe_shield *shield, unsigned char *map, size_t first)
{
	static const size_t ends[] = {1, 2, 4, 8, 14};
	size_t done = 0;

	for (size_t i = 0; i < T_LENGTH(ends); i++) {
		CHECK_EQ(s_load(map + (first + done) * T_PAGE), 0);
		done = ends[i] > S_PAGES - first ? S_PAGES - first : ends[i];
		CHECK_EQ(mcsafe_shield_lost(shield), done * T_PAGE);
		s_check_lost(shield, first, first + done);
	}
}

IN_CHILD(test_without_knowledge_of_the_size_the_run_doubles)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	s_cut(&file, 2);
	check_doubling(shield, file.map, 2);
	CHECK_EQ(s_load(file.map + T_PAGE), 2);
}

/* A signal handler must not try ever more pages. */
IN_CHILD(test_a_run_that_doubles_has_a_limit)
{
	const size_t limit = 512, pages = 5 * limit;
	struct s_file file = {.fd = memfd_create("run", MFD_CLOEXEC)};
	struct mcsafe_shield *shield;
	size_t done = 0;

	CHECK_EQ(mcsafe_install(), 0);
	s_cut(&file, pages);
	file.map = mmap(NULL, pages * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	shield = s_shield_with(file.map, pages * T_PAGE, (struct mcsafe_shield_options){0});
	s_cut(&file, 0);
	while (done < 4 * limit) {
		size_t next = done == 0 ? 1 : done < limit ? 2 * done : done + limit;

		CHECK_EQ(s_load(file.map + done * T_PAGE), 0);
		CHECK_EQ(mcsafe_shield_lost(shield), next * T_PAGE);
		s_check_lost(shield, 0, next);
		done = next;
	}
}

/* Poison without CONFIG_MEMORY_FAILURE looks like an I/O error. With it, each page is a fault. */
IN_CHILD(test_a_doubled_run_ends_at_the_first_good_page)
{
	unsigned char *map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_shield *shield;

	CHECK_PTR_NE(map, MAP_FAILED);
	map[7 * T_PAGE] = 8;
	CHECK_EQ(mcsafe_install(), 0);
	t_poison(map + 2 * T_PAGE, 5 * T_PAGE);
	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 2; i < S_PAGES; i++)
		CHECK_EQ(s_load(map + i * T_PAGE), i == 7 ? 8 : 0);
	s_check_lost(shield, 2, 7);
	/* The memory was not lost, only this mapping of it. */
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 5 * T_PAGE);
	s_store(map + 3 * T_PAGE, 1);
}

IN_CHILD(test_poison_costs_one_page)
{
	unsigned char *map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_shield *shield;
	struct mcsafe_range range;

	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_inject(map + 2 * T_PAGE, T_PAGE, MCSAFE_INJECT_POISON), 0);
	CHECK_EQ(mcsafe_inject(map + 9 * T_PAGE, T_PAGE, MCSAFE_INJECT_POISON), 0);
	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 0; i < S_PAGES; i++)
		CHECK_EQ(s_load(map + i * T_PAGE + i), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_PAGE);
	CHECK(mcsafe_shield_next(shield, 0, &range));
	CHECK_EQ(range.start, 2 * T_PAGE);
	CHECK_EQ(range.len, T_PAGE);
	CHECK(mcsafe_shield_next(shield, 3 * T_PAGE, &range));
	CHECK_EQ(range.start, 9 * T_PAGE);
	CHECK_EQ(range.len, T_PAGE);
	/* There is no file to give back. */
	CHECK_EQ(mcsafe_shield_restore(shield, 0, S_PAGES * T_PAGE), -EOPNOTSUPP);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, 2 * T_PAGE), 0);
}

/* ---- what it holds --------------------------------------------------------------------------- */

IN_CHILD(test_a_byte_fills_the_stand_in)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE,
			      (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE,
							     .byte = 0xa7,
							     .flags = MCSAFE_SHIELD_FILE,
							     .file_fd = file.fd});

	s_cut(&file, 3);
	s_check_page(file.map + 8 * T_PAGE, 0xa7);
	/* A byte takes memory, so it goes forwards only. */
	s_check_lost(shield, 8, S_PAGES);
	s_check_page(file.map + 3 * T_PAGE, 0xa7);
	s_check_lost(shield, 3, S_PAGES);
	s_check_page(file.map + 2 * T_PAGE, 3);
}

static struct mcsafe_shield *mirrored(const struct s_file *file, int mirror, off_t offset)
{
	return s_shield_with(file->map, S_PAGES * T_PAGE,
			     (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_MIRROR,
							    .mirror_fd = mirror,
							    .mirror_offset = offset,
							    .flags = MCSAFE_SHIELD_FILE,
							    .file_fd = file->fd});
}

IN_CHILD(test_a_mirror_gives_its_own_bytes)
{
	struct s_file file = s_open_file();
	int mirror = s_make_file(101);
	struct mcsafe_shield *shield = mirrored(&file, mirror, 2 * (off_t)T_PAGE);

	CHECK_EQ(close(mirror), 0);
	s_cut(&file, 3);
	s_check_page(file.map + 4 * T_PAGE, 107);
	s_check_page(file.map + 3 * T_PAGE, 106);
	s_check_page(file.map + 13 * T_PAGE, 116);
	s_check_page(file.map + 2 * T_PAGE, 3);
	/* The mirror ends two pages before the file did. */
	s_check_lost(shield, 3, S_PAGES - 2);
}

IN_CHILD(test_the_last_page_of_a_mirror_is_followed_by_zeros)
{
	struct s_file file = s_open_file();
	int mirror = s_make_file(101);

	mirrored(&file, mirror, 0);
	CHECK_EQ(ftruncate(mirror, 5 * (off_t)T_PAGE + 7), 0);
	s_cut(&file, 3);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE + 6), 106);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE + 7), 0);
	CHECK_EQ(s_load(file.map + 6 * T_PAGE - 1), 0);
}

IN_CHILD(test_a_page_that_the_mirror_cannot_give_goes_to_the_previous_handler)
{
	struct s_file file;
	int mirror = s_make_file(101);
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = mirrored(&file, mirror, 0);
	CHECK_EQ(ftruncate(mirror, 5 * (off_t)T_PAGE), 0);
	s_cut(&file, 3);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(s_passed.si_code, BUS_ADRERR);
	CHECK_PTR_EQ(s_passed.si_addr, file.map + 5 * T_PAGE);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 5 * T_PAGE, 1), -EIO);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), 0);
	s_check_lost(shield, 4, 5);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	/* Only the first page has an offset in the mirror. UBSan looks at those of the others. */
	shield = mirrored(&file, mirror, INT64_MAX - (off_t)T_PAGE + 1);
	CHECK_EQ(mcsafe_shield_touch(shield, 8 * T_PAGE, 1), -EIO);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
}

/* pread(2) of the process's own memory fails where that memory has failed. */
IN_CHILD(test_a_mirror_that_fails_itself_goes_to_the_previous_handler)
{
	struct s_file file;
	unsigned char *twin;
	int memory;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	twin = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	CHECK_PTR_NE(twin, MAP_FAILED);
	CHECK_EQ(mcsafe_inject(twin + 6 * T_PAGE, T_PAGE, MCSAFE_INJECT_POISON), 0);
	memset(twin, 0x66, 6 * T_PAGE);
	memset(twin + 7 * T_PAGE, 0x77, 9 * T_PAGE);
	memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	CHECK(memory >= 0);
	shield = mirrored(&file, memory, (off_t)(uintptr_t)twin);
	s_cut(&file, 3);
	s_check_page(file.map + 5 * T_PAGE, 0x66);
	s_check_lost(shield, 5, 6);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	s_check_lost(shield, 5, 6);
	s_check_page(file.map + 7 * T_PAGE, 0x77);
	CHECK_EQ(mcsafe_shield_lost(shield), (1 + S_PAGES - 7) * T_PAGE);
}

/* The mirror fails in the midst of a page: the page is not given. */
IN_CHILD(test_no_page_of_a_mirror_is_given_in_part)
{
	struct s_file file;
	unsigned char *twin;
	int memory;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	twin = mmap(NULL, (S_PAGES + 1) * T_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_PTR_NE(twin, MAP_FAILED);
	t_poison(twin + 6 * T_PAGE, T_PAGE);
	memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	CHECK(memory >= 0);
	shield = mirrored(&file, memory, (off_t)(uintptr_t)twin + 100);
	s_cut(&file, 3);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), 0);
	s_check_lost(shield, 4, 5);
}

/* The number may be another file by now. */
IN_CHILD(test_a_kept_descriptor_that_was_closed_is_not_used)
{
	struct s_file file;
	int mirror = s_make_file(101), other;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = mirrored(&file, mirror, 0);
	for (int fd = 3; fd < 64; fd++)
		if (fd != file.fd)
			close(fd);
	do
		other = open("/dev/zero", O_RDONLY);
	while (other >= 0 && other < 32);
	s_cut(&file, 3);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), SIGBUS);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(fcntl(other - 1, F_GETFD), 0);
}

/* All numbers are an empty file by now. So the size of the file is not known. */
IN_CHILD(test_a_kept_file_that_was_closed_tells_no_size)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 3);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	while (memfd_create("empty", MFD_CLOEXEC) < 32)
		;
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	s_check_lost(shield, 5, 6);
	CHECK_EQ(s_load(file.map + T_PAGE), 2);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static int prot_at(const void *at)
{
	struct mcsafe__vma vma;

	CHECK_EQ(mcsafe__vma_at((uintptr_t)at, &vma), MCSAFE__MAPPED);
	return vma.prot;
}

IN_CHILD(test_the_protection_is_that_of_the_mapping)
{
	static const enum mcsafe_shield_fill fills[] = {MCSAFE_SHIELD_ZERO, MCSAFE_SHIELD_BYTE};

	s_watch();
	for (size_t i = 0; i < T_LENGTH(fills); i++) {
		struct s_file file = s_open_file();
		struct mcsafe_shield_options options = {.fill = fills[i]};

		CHECK_EQ(mprotect(file.map + 8 * T_PAGE, 8 * T_PAGE, PROT_READ), 0);
		s_shield_with(file.map, S_PAGES * T_PAGE, options);
		s_cut(&file, 3);
		CHECK_EQ(s_load(file.map + 4 * T_PAGE), 0);
		CHECK_EQ(s_load(file.map + 9 * T_PAGE), 0);
		CHECK_EQ(prot_at(file.map + 4 * T_PAGE), PROT_READ | PROT_WRITE);
		CHECK_EQ(prot_at(file.map + 9 * T_PAGE), PROT_READ);
		CHECK_EQ(s_signal_of_store(file.map + 9 * T_PAGE), SIGSEGV);
		CHECK_EQ(s_signal_of_store(file.map + 4 * T_PAGE), 0);
	}
}

IN_CHILD(test_a_store_is_kept_in_the_stand_in_and_not_in_the_file)
{
	struct s_file file = s_open_file();
	unsigned char byte;

	s_shield_of(&file);
	s_cut(&file, 3);
	s_store(file.map + 4 * T_PAGE + 5, 0x5a);
	CHECK_EQ(s_load(file.map + 4 * T_PAGE + 5), 0x5a);
	CHECK_EQ(s_load(file.map + 4 * T_PAGE + 6), 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(pread(file.fd, &byte, 1, 4 * (off_t)T_PAGE + 5), 1);
	CHECK_EQ(byte, 0);
}

IN_CHILD(test_executable_memory_is_never_replaced)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	CHECK_EQ(mprotect(file.map + 5 * T_PAGE, T_PAGE, PROT_READ | PROT_EXEC), 0);
	s_cut(&file, 3);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4) * T_PAGE);
}

IN_CHILD(test_sigsegv_is_never_answered)
{
	struct s_file file;

	s_watch();
	file = s_open_file();
	s_shield_of(&file);
	CHECK_EQ(mprotect(file.map, T_PAGE, PROT_NONE), 0);
	CHECK_EQ(munmap(file.map + T_PAGE, T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map), SIGSEGV);
	CHECK_EQ(s_signal_of(file.map + T_PAGE), SIGSEGV);
	CHECK_EQ(s_signal_of(file.map + 2 * T_PAGE), 0);
}

IN_CHILD(test_signals_that_are_no_fault_are_passed_on)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	if (sigsetjmp(s_passed_on, 1) == 0) {
		CHECK_EQ(raise(SIGBUS), 0);
		UNREACHED("the signal was swallowed");
	}
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
}

/* ---- order ----------------------------------------------------------------------------------- */

IN_CHILD(test_rows_come_first_and_guards_second)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	struct mcsafe_guard guard;
	static char copy[2 * T_PAGE];
	volatile bool left = false;

	s_cut(&file, 5);
	CHECK_EQ(memcpy_mcsafe(copy, file.map + 4 * T_PAGE, sizeof(copy)), T_PAGE);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	MCSAFE_TRY(&guard, file.map, S_PAGES * T_PAGE) {
		(void)s_load(file.map + 5 * T_PAGE);
	}
	MCSAFE_CATCH(&guard) {
		left = true;
	}
	CHECK(left);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	MCSAFE_TRY(&guard, copy, sizeof(copy)) {
		CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("the guard has another window");
	}
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 5) * T_PAGE);
	/* Where a stand-in is, a copy finds memory. */
	CHECK_EQ(memcpy_mcsafe(copy, file.map + 4 * T_PAGE, sizeof(copy)), 0);
}

/* ---- told ------------------------------------------------------------------------------------ */

static struct {
	const struct mcsafe_shield *shield;
	unsigned calls;
	struct mcsafe_range range;
	size_t lost;
	unsigned char byte;
	const unsigned char *map;
} told;

static void tell(const struct mcsafe_range *lost, void *arg)
{
	CHECK_PTR_EQ(arg, &told);
	told.calls++;
	told.range = *lost;
	told.lost = mcsafe_shield_lost(told.shield);
	/* The stand-in is there. */
	told.byte = s_load(told.map + lost->start);
	errno = 99;
}

IN_CHILD(test_the_function_is_told_of_each_replacement)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE,
			      (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE,
							     .byte = 0x33,
							     .on_loss = tell,
							     .arg = &told,
							     .flags = MCSAFE_SHIELD_FILE,
							     .file_fd = file.fd});

	told.shield = shield;
	told.map = file.map;
	s_cut(&file, 5);
	errno = 42;
	CHECK_EQ(s_load(file.map + 6 * T_PAGE + 17), 0x33);
	CHECK_EQ(errno, 42);
	CHECK_EQ(told.calls, 1);
	CHECK_EQ(told.range.start, 6 * T_PAGE);
	CHECK_EQ(told.range.len, (S_PAGES - 6) * T_PAGE);
	CHECK_EQ(told.lost, (S_PAGES - 6) * T_PAGE);
	CHECK_EQ(told.byte, 0x33);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(told.calls, 2);
	CHECK_EQ(told.range.start, 5 * T_PAGE);
	CHECK_EQ(told.range.len, T_PAGE);
}

static void leave(const struct mcsafe_range *lost, void *arg)
{
	(void)lost;
	(void)arg;
	siglongjmp(s_passed_on, 1);
}

IN_CHILD(test_the_function_may_leave_by_a_jump)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_with(
		file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){.on_loss = leave});

	s_cut(&file, 5);
	if (sigsetjmp(s_passed_on, 1) == 0) {
		(void)s_load(file.map + 6 * T_PAGE);
		UNREACHED("no jump");
	}
	CHECK_EQ(mcsafe_shield_touch(shield, 0, T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

/* ---- huge pages ------------------------------------------------------------------------------ */

static void test_a_huge_page_is_replaced_as_a_whole(void **state);

IN_CHILD(test_huge_pages)
{
	size_t n = 2 * T_HUGE;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	struct s_file file = {.fd = fd};
	struct mcsafe_shield *shield;

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)n), 0);
	file.map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_PTR_NE(file.map, MAP_FAILED);
	file.map[0] = 1;
	CHECK_EQ(mcsafe_install(), 0);
	CHECK_EQ(mcsafe_shield_open(&shield, file.map + T_PAGE, T_PAGE, NULL), -EINVAL);
	shield = s_shield_with(
		file.map, T_HUGE + 1,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = fd});
	CHECK_EQ(ftruncate(fd, (off_t)T_HUGE), 0);
	CHECK_EQ(s_load(file.map + T_HUGE + 12345), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	CHECK_EQ(s_load(file.map), 1);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, n), -EIO);
	/* Mapping the file again must not make it longer. */
	CHECK_EQ(lseek(fd, 0, SEEK_END), T_HUGE);
	CHECK_EQ(ftruncate(fd, (off_t)n), 0);
	CHECK_EQ(mcsafe_shield_restore(shield, T_HUGE + 7, 1), 0);
	CHECK(!mcsafe_shield_next(shield, 0, NULL));
	s_store(file.map + T_HUGE, 9);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
}

static void test_a_huge_page_is_replaced_as_a_whole(void **state)
{
	if (!t_reserve_huge_pages(3))
		t_skip("there are no huge pages");
	test_huge_pages(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_past_the_end_of_the_file_is_replaced_at_once),
		cmocka_unit_test(test_the_page_with_the_end_of_the_file_stays),
		cmocka_unit_test(test_what_lies_past_the_end_takes_no_memory_under_mlockall),
		cmocka_unit_test(test_what_is_filled_takes_no_other_memory_under_mlockall),
		cmocka_unit_test(test_a_file_with_a_path_is_known_without_a_descriptor),
		cmocka_unit_test(test_a_path_that_leads_to_another_file_is_not_believed),
		NOT_WITH_VALGRIND(test_a_stand_in_that_fails_is_replaced_again),
		cmocka_unit_test(test_a_shield_on_a_part_replaces_only_that_part),
		cmocka_unit_test(test_without_knowledge_of_the_size_the_run_doubles),
		cmocka_unit_test(test_a_run_that_doubles_has_a_limit),
		NOT_WITH_VALGRIND(test_a_doubled_run_ends_at_the_first_good_page),
		NOT_WITH_VALGRIND(test_poison_costs_one_page),
		cmocka_unit_test(test_a_byte_fills_the_stand_in),
		cmocka_unit_test(test_a_mirror_gives_its_own_bytes),
		cmocka_unit_test(test_the_last_page_of_a_mirror_is_followed_by_zeros),
		cmocka_unit_test(
			test_a_page_that_the_mirror_cannot_give_goes_to_the_previous_handler),
		NOT_WITH_VALGRIND(test_a_mirror_that_fails_itself_goes_to_the_previous_handler),
		NOT_WITH_VALGRIND(test_no_page_of_a_mirror_is_given_in_part),
		cmocka_unit_test(test_a_kept_descriptor_that_was_closed_is_not_used),
		cmocka_unit_test(test_a_kept_file_that_was_closed_tells_no_size),
		cmocka_unit_test(test_the_protection_is_that_of_the_mapping),
		cmocka_unit_test(test_a_store_is_kept_in_the_stand_in_and_not_in_the_file),
		cmocka_unit_test(test_executable_memory_is_never_replaced),
		cmocka_unit_test(test_sigsegv_is_never_answered),
		cmocka_unit_test(test_signals_that_are_no_fault_are_passed_on),
		cmocka_unit_test(test_rows_come_first_and_guards_second),
		cmocka_unit_test(test_the_function_is_told_of_each_replacement),
		cmocka_unit_test(test_the_function_may_leave_by_a_jump),
		cmocka_unit_test(test_a_huge_page_is_replaced_as_a_whole),
	};

	return t_run("shield.stand_ins", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels.c - kernels that lack or refuse what the handler asks for
 *
 * A filter (seccomp(2)) makes single system calls fail, as older kernels, sandboxes and exhausted
 * ones do.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/maps.h"
#include "base/vma.h"
#include "child.h"
#include "cmocka_all.h"
#include "huge_pages.h"
#include "kit.h"
#include "run.h"
#include "shield/shield.h"
#include "tool.h"
#include "uffd_poison.h"

static size_t paths_from_text;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
enum mcsafe__mapped __real_mcsafe__mapping_find_path(unsigned long addr,
						     struct mcsafe__mapping *mapping, char *path,
						     size_t room);
enum mcsafe__mapped __wrap_mcsafe__mapping_find_path(unsigned long addr,
						     struct mcsafe__mapping *mapping, char *path,
						     size_t room);

enum mcsafe__mapped __wrap_mcsafe__mapping_find_path(unsigned long addr,
						     struct mcsafe__mapping *mapping, char *path,
						     size_t room)
{
	paths_from_text++;
	return __real_mcsafe__mapping_find_path(addr, mapping, path, room);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* Without PROCMAP_QUERY the text tells. */
static void check_query_and_text(const void *at)
{
	struct mcsafe__vma query = {.page = 0}, text = {.page = 0};
	struct mcsafe__mapping mapping;
	char path[PATH_MAX] = "", path_of_text[PATH_MAX] = "";

	CHECK_EQ(mcsafe__vma_at((uintptr_t)at, &query),
		 mcsafe__vma_from_text((uintptr_t)at, &text));
	CHECK_EQ(mcsafe__vma_at_path((uintptr_t)at, &query, path, sizeof(path)),
		 __real_mcsafe__mapping_find_path((uintptr_t)at, &mapping, path_of_text,
						  sizeof(path_of_text)));
	if (query.end != 0)
		CHECK_STR_EQ(path, path_of_text);
	CHECK_EQ(query.start, text.start);
	CHECK_EQ(query.end, text.end);
	CHECK_EQ(query.offset, text.offset);
	CHECK_EQ(query.inode, text.inode);
	CHECK_EQ(query.device, text.device);
	CHECK_EQ(query.prot, text.prot);
	CHECK_EQ(query.is_shared, text.is_shared);
	CHECK_EQ(text.page, 0);
}

IN_CHILD(test_the_query_and_the_text_say_the_same)
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC};
	struct s_file file = s_open_file();
	unsigned char *map =
		mmap(NULL, 2 * T_PAGE, PROT_READ, MAP_SHARED, file.fd, 3 * (off_t)T_PAGE);

	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(munmap(map + T_PAGE, T_PAGE), 0);
	for (size_t i = 0; i < T_LENGTH(prots); i++) {
		CHECK_EQ(mprotect(map, T_PAGE, prots[i]), 0);
		check_query_and_text(map);
	}
	check_query_and_text(map + T_PAGE);
	check_query_and_text(NULL);
	check_query_and_text(&file);
	check_query_and_text((const void *)(uintptr_t)check_query_and_text);
	check_query_and_text(s_map_file(file.fd, PROT_READ, MAP_PRIVATE));
}

/* The text takes the longer, the more mappings there are. */
IN_CHILD(test_an_open_reads_the_text_once_and_only_before_linux_6_11)
{
	struct s_file file = s_open_file();
	struct mcsafe__vma vma;
	int maps = mcsafe__maps_open();
	bool old = mcsafe__vma_ask(maps, (uintptr_t)file.map, &vma, NULL, 0) != 0;

	paths_from_text = 0;
	mcsafe_shield_close(s_shield_with(file.map, T_PAGE, (struct mcsafe_shield_options){0}));
	CHECK_EQ(paths_from_text, old);
	s_refuse(SYS_ioctl, 1, S_PROCMAP_QUERY, ENOTTY);
	paths_from_text = 0;
	mcsafe_shield_close(s_shield_with(file.map, T_PAGE, (struct mcsafe_shield_options){0}));
	CHECK_EQ(paths_from_text, 1);
}

IN_CHILD(test_before_linux_6_11_the_text_is_read)
{
	struct s_file file;
	struct mcsafe_shield *shield;
	unsigned char *map;

	s_watch();
	file = s_open_file();
	map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	CHECK_PTR_NE(map, MAP_FAILED);
	t_poison(map + 3 * T_PAGE, T_PAGE);
	s_refuse(SYS_ioctl, 1, S_PROCMAP_QUERY, ENOTTY);
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 4, S_PAGES);
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), 0);
	s_check_lost(shield, 3, 4);
}

/* Their size is not known, so it is tried. */
static void check_huge_pages_of_unknown_size(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	unsigned char *map;
	struct mcsafe_shield *shield;

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)(2 * T_HUGE)), 0);
	map = mmap(NULL, 2 * T_HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	map[0] = 1;
	s_watch();
	s_refuse(SYS_ioctl, 1, S_PROCMAP_QUERY, ENOTTY);
	shield = s_shield_with(map, 2 * T_HUGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(ftruncate(fd, (off_t)T_HUGE), 0);
	CHECK_EQ(s_signal_of(map + T_HUGE + 12345), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	CHECK_EQ(s_load(map), 1);
	s_check_lost(shield, T_HUGE / T_PAGE, 2 * T_HUGE / T_PAGE);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	/* A shield on less than a huge page answers nothing. */
	CHECK_EQ(munmap(map, 2 * T_HUGE), 0);
	map = mmap(NULL, 2 * T_HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(ftruncate(fd, (off_t)T_HUGE), 0);
	shield = s_shield_with(map + T_HUGE, 5 * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + T_HUGE + T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
}

IN_CHILD(test_huge_pages_of_unknown_size)
{
	check_huge_pages_of_unknown_size();
}

/* mmap(2) of Linux 6.1 says ENOMEM for a part of a huge page. */
IN_CHILD(test_huge_pages_of_unknown_size_where_mmap_says_enomem)
{
	s_refuse(SYS_mmap, 3, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ENOMEM);
	check_huge_pages_of_unknown_size();
}

static void test_huge_pages_are_found_by_trying(void **state)
{
	if (!t_reserve_huge_pages(3))
		t_skip("there are no huge pages");
	test_huge_pages_of_unknown_size(state);
	test_huge_pages_of_unknown_size_where_mmap_says_enomem(state);
}

/* Before Linux 6.9 the kernel may never return from trying a page, so each one is probed. */
IN_CHILD(test_before_linux_6_9_pages_are_probed)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	mcsafe__shield_avoid_populate();
	s_refuse(SYS_madvise, 2, 22, EIO);
	s_refuse(SYS_madvise, 2, 23, EIO);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	s_cut(&file, 6);
	CHECK_EQ(s_signal_of_store(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 6, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	s_cut(&file, 6);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, 6 * T_PAGE), 0);
	s_check_lost(shield, 0, 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 6, S_PAGES);
	/* A probe does not tell this from a page that has failed. */
	CHECK_EQ(munmap(file.map + 3 * T_PAGE, T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), -EFAULT);
	s_check_lost(shield, 6, S_PAGES);
}

/* The probe changes nothing, and says what an access would find. */
IN_CHILD(test_a_probe_says_what_an_access_would_find)
{
	struct s_file file = s_open_file();
	uintptr_t start = (uintptr_t)file.map;
	struct mcsafe_shield *shield = s_shield_of(&file);

	mcsafe__shield_avoid_populate();
	s_cut(&file, 6);
	for (int store = 0; store < 2; store++) {
		CHECK_EQ(mcsafe__shield_try(start, start + 6 * T_PAGE, store), 0);
		CHECK_EQ(mcsafe__shield_try(start + 5 * T_PAGE, start + 7 * T_PAGE, store),
			 -EFAULT);
	}
	for (size_t i = 0; i < 6; i++)
		s_check_page(file.map + i * T_PAGE, (unsigned char)(i + 1));
	CHECK_EQ(mprotect(file.map, T_PAGE, PROT_READ), 0);
	CHECK_EQ(mcsafe__shield_try(start, start + T_PAGE, false), 0);
	CHECK_EQ(mcsafe__shield_try(start, start + T_PAGE, true), -EFAULT);
	CHECK_EQ(mprotect(file.map, T_PAGE, PROT_NONE), 0);
	CHECK_EQ(mcsafe__shield_try(start, start + T_PAGE, false), -EFAULT);
	/* The value that the probe compares with. */
	memset(file.map + T_PAGE, 0, T_PAGE);
	CHECK_EQ(mcsafe__shield_try(start + T_PAGE, start + 2 * T_PAGE, false), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
}

/* Before Linux 5.14 no page can be tried. */
IN_CHILD(test_without_populate_a_page_is_replaced_untried)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	s_refuse(SYS_madvise, 2, 22, EINVAL);
	s_refuse(SYS_madvise, 2, 23, EINVAL);
	shield = s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	s_cut(&file, 4);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 7 * T_PAGE), 0);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), 0);
	/* No run doubles, because no page could be tried. */
	s_check_lost(shield, 6, 9);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, T_PAGE), -EOPNOTSUPP);
	s_cut(&file, 8);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	s_store(file.map + 6 * T_PAGE, 1);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), 0);
	s_check_lost(shield, 8, 9);
}

/* The kernel maps nothing at that address any more. */
static void refuse_to_map(const void *at)
{
	s_refuse(SYS_mmap, 0, (uint32_t)(uintptr_t)at, ENOMEM);
}

IN_CHILD(test_if_the_kernel_refuses_the_page_the_previous_handler_gets_the_fault)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	s_refuse(SYS_mmap, 3, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ENOMEM);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	CHECK_PTR_EQ(s_passed.si_addr, file.map + 6 * T_PAGE);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), -ENOMEM);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
}

/* A limit of memory may allow a page, and not all that lies past the end of the file. */
IN_CHILD(test_if_the_kernel_refuses_all_the_page_alone_is_replaced)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	s_refuse(SYS_mmap, 1, (S_PAGES - 4) * T_PAGE, EAGAIN);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 6, 7);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	/* Page 4 is in a mapping of its own now, and so are those from 7 on. */
	CHECK_EQ(s_signal_of(file.map + 7 * T_PAGE), 0);
	s_check_lost(shield, 6, S_PAGES);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), 0);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4) * T_PAGE);
}

/* The same for a byte: 12 pages are filled at another address. */
IN_CHILD(test_if_there_is_no_room_for_all_the_page_alone_is_filled)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_with(file.map, S_PAGES * T_PAGE,
			       (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE,
							      .byte = 0x5a,
							      .flags = MCSAFE_SHIELD_FILE,
							      .file_fd = file.fd});
	s_cut(&file, 4);
	s_refuse(SYS_mmap, 1, S_PAGES * T_PAGE, ENOMEM); /* the staging memory */
	s_refuse(SYS_mmap, 1, (S_PAGES - 4) * T_PAGE, ENOMEM);
	CHECK_EQ(s_signal_of(file.map + 4 * T_PAGE), 0);
	s_check_page(file.map + 4 * T_PAGE, 0x5a);
	s_check_lost(shield, 4, 5);
}

/* A sandbox begins after the shield is open, or there is no memory: that says nothing about the
 * pages of the file. */
IN_CHILD(test_a_good_page_that_the_kernel_does_not_try_is_not_replaced)
{
	static const unsigned errors[] = {EPERM, ENOMEM, EAGAIN, EINTR};

	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		struct s_file file = s_open_file();
		struct mcsafe_shield *shield = s_shield_of(&file);

		/* The filter that was added last decides between equal actions. */
		s_refuse(SYS_madvise, 2, 22, errors[i]);
		CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), -EFAULT);
		s_check_lost(shield, 0, 0);
		CHECK_EQ(mcsafe_shield_lost(shield), 0);
		s_check_page(file.map + 3 * T_PAGE, 4);
	}
}

/* Without knowledge of the size, pages after a lost one are tried. Page 7 could be a good one. */
IN_CHILD(test_a_run_does_not_grow_over_pages_that_the_kernel_does_not_try)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield =
		s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});

	s_refuse(SYS_madvise, 2, 22, EPERM);
	s_cut(&file, 4);
	for (size_t i = 4; i < 7; i++) {
		CHECK_EQ(s_load(file.map + i * T_PAGE), 0);
		s_check_lost(shield, 4, i + 1);
	}
}

/* A stand-in that is poisoned itself, and cannot be replaced, is still a stand-in. */
IN_CHILD(test_a_stand_in_that_cannot_be_replaced_is_still_listed)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	t_poison(file.map + 8 * T_PAGE, T_PAGE);
	refuse_to_map(file.map + 8 * T_PAGE);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), SIGBUS);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4) * T_PAGE);
}

IN_CHILD(test_without_proc_no_shield_is_opened)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield;

	s_refuse(SYS_openat, 2, O_RDONLY | O_CLOEXEC, EACCES);
	CHECK_EQ(mcsafe_shield_open(&shield, file.map, T_PAGE, NULL), -ENODATA);
}

IN_CHILD(test_if_proc_goes_away_faults_are_answered)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	s_refuse(SYS_openat, 2, O_RDONLY | O_CLOEXEC, EACCES);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 4, S_PAGES);
}

/* ---- setrlimit(2) ---------------------------------------------------------------------------- */

static rlim_t data_of_process(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	CHECK(file != NULL);
	while (kib == 0 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmData:", 7) == 0)
			kib = strtoul(line + 7, NULL, 10);
	(void)fclose(file);
	CHECK(kib != 0);
	return (rlim_t)kib << 10;
}

/* Staging memory counts as data, and so does a stand-in, which the file did not. */
IN_CHILD(test_a_limit_of_data_leaves_no_hole)
{
	const size_t n = (size_t)64 << 20;
	struct s_file file = {.fd = s_make_file(1)};
	struct mcsafe_shield *shield;
	struct rlimit limit;
	unsigned char *map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	s_watch();
	shield = s_shield_with(map, n,
			       (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE,
							      .byte = 0x5a,
							      .flags = MCSAFE_SHIELD_FILE,
							      .file_fd = file.fd});
	limit.rlim_cur = limit.rlim_max = data_of_process() + n + ((rlim_t)512 << 10);
	CHECK_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
	for (size_t at = S_PAGES * T_PAGE; at < n; at += (size_t)4 << 20) {
		CHECK_EQ(s_signal_of(map + at), 0);
		CHECK_EQ(s_load(map + at), 0x5a);
	}
	CHECK(mcsafe_shield_lost(shield) >= 16 * T_PAGE);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

static void sanitizers_map_data(void **state)
{
	(void)state;
	print_message("left out: the runtime of the sanitizer needs data too\n");
	skip();
}

/* ---- vm.max_map_count ------------------------------------------------------------------------ */

static size_t limit_of_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	size_t limit = 0;

	CHECK_PTR_NE(file, NULL);
	CHECK_EQ(fscanf(file, "%zu", &limit), 1);
	fclose(file);
	return limit;
}

/* By turns readable and not, each page is a mapping. */
static size_t use_up(unsigned char *map, size_t pages)
{
	size_t i;

	for (i = 1; i < pages; i += 2)
		if (mprotect(map + i * T_PAGE, T_PAGE, PROT_NONE) != 0)
			break;
	return i;
}

static unsigned long long refused(void)
{
	struct mcsafe_stats stats;

	mcsafe_stats_get(&stats);
	return stats.no_stand_in;
}

/* Bytes and a mirror join with their neighbours, so a run goes on when hardly a mapping is left.
 * Alone, each of the pages would cost one. */
static void check_run_near_the_limit(struct mcsafe_shield_options options)
{
	enum { RUN = 300 };
	size_t pages = limit_of_mappings() + 100, used;
	unsigned char *many, *map;
	struct mcsafe_shield *shield;

	s_watch();
	map = mmap(NULL, RUN * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	many = mmap(NULL, pages * T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_PTR_NE(many, MAP_FAILED);
	t_poison(map, RUN * T_PAGE);
	shield = s_shield_with(map, RUN * T_PAGE, options);
	used = use_up(many, pages);
	CHECK_LT(used, pages);
	/* 20 mappings for what a run costs, and for what the kernel keeps back. */
	CHECK_EQ(munmap(many, 20 * T_PAGE), 0);
	/* From the midst, forwards and backwards by turns, so that no run of the file is known. */
	for (size_t i = 0; i < RUN; i++) {
		size_t page = RUN / 2 + (i % 2 == 0 ? i / 2 : 0) - (i % 2 == 1 ? i / 2 + 1 : 0);

		CHECK_EQ(s_signal_of(map + page * T_PAGE), 0);
	}
	CHECK_EQ(mcsafe_shield_lost(shield), RUN * T_PAGE);
	s_check_lost(shield, 0, RUN);
	CHECK_EQ(refused(), 0);
	s_check_page(map, 0x5c);
	s_check_page(map + (RUN - 1) * T_PAGE, 0x5c);
}

IN_CHILD(test_near_the_limit_a_run_of_bytes_goes_on)
{
	check_run_near_the_limit(
		(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE, .byte = 0x5c});
}

IN_CHILD(test_near_the_limit_a_run_of_a_mirror_goes_on)
{
	static unsigned char page[T_PAGE];
	int mirror = memfd_create("mirror", MFD_CLOEXEC);

	CHECK(mirror >= 0);
	memset(page, 0x5c, sizeof(page));
	for (size_t i = 0; i < 300; i++)
		CHECK_EQ(write(mirror, page, sizeof(page)), T_PAGE);
	check_run_near_the_limit(
		(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = mirror});
}

/* How many mappings a part of the memory has. */
static size_t mappings_of(const unsigned char *start, size_t n)
{
	size_t found = 0;
	struct mcsafe__vma vma;

	for (uintptr_t at = (uintptr_t)start; at < (uintptr_t)start + n; at = vma.end) {
		CHECK_EQ(mcsafe__vma_at(at, &vma), MCSAFE__MAPPED);
		found++;
	}
	return found;
}

/* Also if the stand-ins cannot be written, and the program has stored to some of those before. */
IN_CHILD(test_stand_ins_next_to_each_other_are_one_mapping)
{
	static const size_t order[] = {6, 8, 3, 7, 5, 4};
	static const int prots[] = {PROT_READ, PROT_READ | PROT_WRITE};

	s_watch();
	for (size_t i = 0; i < T_LENGTH(prots); i++) {
		unsigned char *map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		CHECK_PTR_NE(map, MAP_FAILED);
		t_poison(map + 3 * T_PAGE, 6 * T_PAGE);
		CHECK_EQ(mprotect(map, S_PAGES * T_PAGE, prots[i]), 0);
		s_shield_with(
			map, S_PAGES * T_PAGE,
			(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE, .byte = 9});
		for (size_t k = 0; k < T_LENGTH(order); k++) {
			CHECK_EQ(s_load(map + order[k] * T_PAGE), 9);
			if (prots[i] & PROT_WRITE)
				s_store(map + order[k] * T_PAGE, 1);
		}
		CHECK_EQ(mappings_of(map + 3 * T_PAGE, 6 * T_PAGE), 1);
	}
}

/* Before Linux 5.7 stand-ins are moved with their mapping. */
IN_CHILD(test_without_staging_bytes_are_put_in_place_all_the_same)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	s_refuse(SYS_mremap, 3, 1 | 4, EINVAL);
	s_refuse(SYS_mremap, 3, 1 | 2 | 4, EINVAL);
	shield = s_shield_with(
		file.map, S_PAGES * T_PAGE,
		(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE, .byte = 3});
	s_cut(&file, 4);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_page(file.map + 6 * T_PAGE, 3);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), 0);
	s_check_page(file.map + 5 * T_PAGE, 3);
	s_check_lost(shield, 5, 7);
}

IN_CHILD(test_without_mappings_left_the_previous_handler_gets_the_fault)
{
	size_t pages = limit_of_mappings() + 100, used;
	unsigned char *many, *map;
	struct mcsafe_shield *shield;

	s_watch();
	map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	many = mmap(NULL, pages * T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_PTR_NE(many, MAP_FAILED);
	t_poison(map + 3 * T_PAGE, T_PAGE);
	t_poison(map + 8 * T_PAGE, 4 * T_PAGE);
	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + 8 * T_PAGE), 0);
	used = use_up(many, pages);
	CHECK_LT(used, pages);
	CHECK_EQ(refused(), 0);
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), SIGBUS);
	CHECK_EQ(refused(), 1);
	CHECK_EQ(mcsafe_shield_touch(shield, 3 * T_PAGE, 1), -ENOMEM);
	CHECK_EQ(refused(), 2);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	s_check_lost(shield, 8, 9);
	CHECK_EQ(munmap(many, used * T_PAGE), 0);
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_PAGE);
}

/* ---- near the limit -------------------------------------------------------------------------- */

#define NEAR 16 /* of the limit is left, when it is near */

static unsigned long long told_near(void)
{
	struct mcsafe_stats stats;

	mcsafe_stats_get(&stats);
	return stats.near_limit;
}

/* Leave about n mappings. */
static void leave_mappings(size_t n)
{
	size_t pages = limit_of_mappings() + 100;
	unsigned char *many = mmap(NULL, pages * T_PAGE, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK_PTR_NE(many, MAP_FAILED);
	CHECK_LT(use_up(many, pages), pages);
	CHECK_EQ(munmap(many, n * T_PAGE), 0);
}

#define SCATTERED ((size_t)300)

/* Every second page is lost. */
static unsigned char *map_scattered(void)
{
	unsigned char *map = mmap(NULL, 2 * SCATTERED * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	for (size_t i = 0; i < SCATTERED; i++)
		t_poison(map + (2 * i + 1) * T_PAGE, T_PAGE);
	return map;
}

/* All these stand-ins are mapped, and the first ones of them are not near. */
IN_CHILD(test_near_the_limit_it_is_said_before_a_stand_in_is_refused)
{
	size_t near = limit_of_mappings() / NEAR, i = 0;
	unsigned char *map = map_scattered();
	ssize_t left;

	s_watch();
	leave_mappings(near + SCATTERED);
	s_shield_with(map, 2 * SCATTERED * T_PAGE, (struct mcsafe_shield_options){0});
	left = mcsafe_shield_mappings_left();
	CHECK_GE(left, near + SCATTERED - 10);
	CHECK_LE(left, near + SCATTERED + 10);
	for (; i < SCATTERED && told_near() == 0; i++)
		CHECK_EQ(s_signal_of(map + (2 * i + 1) * T_PAGE), 0);
	/* The library has counted what it has mapped, and this call counts all. */
	CHECK_EQ(told_near(), 1);
	CHECK_EQ(mcsafe_shield_mappings_left(), (size_t)left - 2 * i);
	CHECK_LT(mcsafe_shield_mappings_left(), near);
	CHECK_GE(mcsafe_shield_mappings_left(), near - 2);
	for (size_t k = i; k < SCATTERED; k++)
		CHECK_EQ(s_signal_of(map + (2 * k + 1) * T_PAGE), 0);
	CHECK_EQ(told_near(), 1 + SCATTERED - i);
	CHECK_EQ(refused(), 0);
}

/* What joins takes no mappings, and what is given back takes none any more. */
IN_CHILD(test_the_limit_is_not_near_without_need)
{
	size_t near = limit_of_mappings() / NEAR;
	unsigned char *map, *scattered;
	struct s_file file;
	struct mcsafe_shield *shield;
	ssize_t left;

	s_watch();
	file = s_open_file();
	map = mmap(NULL, SCATTERED * T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	CHECK_PTR_NE(map, MAP_FAILED);
	t_poison(map, SCATTERED * T_PAGE);
	scattered = map_scattered();
	leave_mappings(near + 100);
	s_shield_with(map, SCATTERED * T_PAGE, (struct mcsafe_shield_options){0});
	left = mcsafe_shield_mappings_left();
	for (size_t i = 0; i < SCATTERED; i++) {
		size_t page =
			SCATTERED / 2 + (i % 2 == 0 ? i / 2 : 0) - (i % 2 == 1 ? i / 2 + 1 : 0);

		CHECK_EQ(s_signal_of(map + page * T_PAGE), 0);
	}
	CHECK_EQ(told_near(), 0);
	CHECK_GE(mcsafe_shield_mappings_left(), left - 2);
	shield = s_shield_with(file.map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 0; i < SCATTERED; i++) {
		s_cut(&file, 4);
		CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), 0);
		s_check_lost(shield, 8, 9);
		s_cut(&file, S_PAGES);
		CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	}
	CHECK_EQ(told_near(), 0);
	/* But what is scattered is near soon. */
	s_shield_with(scattered, 2 * SCATTERED * T_PAGE, (struct mcsafe_shield_options){0});
	for (size_t i = 0; i < SCATTERED; i++)
		CHECK_EQ(s_signal_of(scattered + (2 * i + 1) * T_PAGE), 0);
	CHECK(told_near() > SCATTERED / 2);
}

/* A fault does not count, so it does not know what the program has mapped since. */
IN_CHILD(test_a_count_finds_what_the_program_has_mapped)
{
	unsigned char *map = map_scattered();

	s_watch();
	s_shield_with(map, 2 * SCATTERED * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + T_PAGE), 0);
	CHECK_EQ(told_near(), 0);
	leave_mappings(20);
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), 0);
	CHECK_EQ(told_near(), 0);
	CHECK_LE(mcsafe_shield_mappings_left(), 20);
	CHECK_GE(mcsafe_shield_mappings_left(), 8);
	CHECK_EQ(s_signal_of(map + 5 * T_PAGE), 0);
	CHECK_EQ(told_near(), 1);
}

IN_CHILD(test_the_first_open_counts)
{
	unsigned char *map = map_scattered();

	s_watch();
	leave_mappings(20);
	s_shield_with(map, 2 * SCATTERED * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + T_PAGE), 0);
	CHECK_EQ(told_near(), 1);
}

/* The kernel lists a mapping of its own, which is not one of the process. */
static size_t lines_of_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	size_t n = 0;

	CHECK_PTR_NE(file, NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, "[vsyscall]") == NULL;
	fclose(file);
	return n;
}

IN_CHILD(test_mappings_are_counted_one_by_one)
{
	size_t lines = lines_of_maps();
	ssize_t left = mcsafe_shield_mappings_left();
	unsigned char *map = mmap(NULL, 9 * T_PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(left, limit_of_mappings() - lines);
	CHECK_EQ(mcsafe_shield_mappings_left(), left - 1);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(mprotect(map + (2 * i + 1) * T_PAGE, T_PAGE, PROT_READ), 0);
		CHECK_EQ(mcsafe_shield_mappings_left(), left - 3 - 2 * (ssize_t)i);
	}
	CHECK_EQ(munmap(map, 9 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_mappings_left(), left);
	errno = 42;
	s_refuse(SYS_openat, 2, O_RDONLY | O_CLOEXEC, EACCES);
	CHECK_EQ(mcsafe_shield_mappings_left(), -ENODATA);
	CHECK_EQ(errno, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_query_and_the_text_say_the_same),
		cmocka_unit_test(test_an_open_reads_the_text_once_and_only_before_linux_6_11),
		NOT_WITH_VALGRIND(test_before_linux_6_11_the_text_is_read),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_huge_pages_are_found_by_trying),
		NOT_WITH_VALGRIND(test_before_linux_6_9_pages_are_probed),
		cmocka_unit_test(test_a_probe_says_what_an_access_would_find),
		NOT_WITH_VALGRIND(test_without_populate_a_page_is_replaced_untried),
		cmocka_unit_test(
			test_if_the_kernel_refuses_the_page_the_previous_handler_gets_the_fault),
		NOT_WITH_VALGRIND(test_a_stand_in_that_cannot_be_replaced_is_still_listed),
		cmocka_unit_test(test_if_the_kernel_refuses_all_the_page_alone_is_replaced),
		cmocka_unit_test(test_if_there_is_no_room_for_all_the_page_alone_is_filled),
		cmocka_unit_test(test_a_good_page_that_the_kernel_does_not_try_is_not_replaced),
		cmocka_unit_test(test_a_run_does_not_grow_over_pages_that_the_kernel_does_not_try),
		{"test_a_limit_of_data_leaves_no_hole",
		 T_SANITIZER         ? sanitizers_map_data
		 : t_with_valgrind() ? t_left_out_there
				     : test_a_limit_of_data_leaves_no_hole,
		 NULL, NULL, NULL},
		cmocka_unit_test(test_without_proc_no_shield_is_opened),
		cmocka_unit_test(test_if_proc_goes_away_faults_are_answered),
		NOT_WITH_VALGRIND(test_stand_ins_next_to_each_other_are_one_mapping),
		cmocka_unit_test(test_without_staging_bytes_are_put_in_place_all_the_same),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_near_the_limit_a_run_of_bytes_goes_on),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_near_the_limit_a_run_of_a_mirror_goes_on),
		NOT_WITH_HANDLERS_OR_VALGRIND(
			test_without_mappings_left_the_previous_handler_gets_the_fault),
		NOT_WITH_HANDLERS_OR_VALGRIND(
			test_near_the_limit_it_is_said_before_a_stand_in_is_refused),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_the_limit_is_not_near_without_need),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_a_count_finds_what_the_program_has_mapped),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_the_first_open_counts),
		NOT_WITH_HANDLERS_OR_VALGRIND(test_mappings_are_counted_one_by_one),
	};

	return t_run("shield.kernels", tests, T_LENGTH(tests));
}

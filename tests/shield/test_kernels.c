/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels.c - kernels that lack or refuse what the handler asks for
 *
 * A filter (seccomp(2)) makes single system calls fail, as older kernels, sandboxes and exhausted
 * ones do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/vma.h"
#include "child.h"
#include "cmocka_all.h"
#include "huge_pages.h"
#include "kit.h"
#include "poison.h"
#include "run.h"
#include "shield/shield.h"

#define PROCMAP_QUERY _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104)

/* From now on, the system call fails with an error if its argument number `index` has that value
 * in its lower half. */
static void refuse(int number, unsigned index, uint32_t value, uint32_t error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(offsetof(struct seccomp_data, args) + 8 * index)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {T_LENGTH(code), code};

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* Without PROCMAP_QUERY the text tells. */
static void check_query_and_text(const void *at)
{
	struct mcsafe__vma query = {.page = 0}, text = {.page = 0};

	CHECK_EQ(mcsafe__vma_at((uintptr_t)at, &query),
		 mcsafe__vma_from_text((uintptr_t)at, &text));
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
	s_poison(map + 3 * T_PAGE, T_PAGE);
	refuse(SYS_ioctl, 1, PROCMAP_QUERY, ENOTTY);
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
	refuse(SYS_ioctl, 1, PROCMAP_QUERY, ENOTTY);
	shield = s_shield_with(map, 2 * T_HUGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(ftruncate(fd, (off_t)T_HUGE), 0);
	CHECK_EQ(s_signal_of(map + T_HUGE + 12345), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), T_HUGE);
	CHECK_EQ(s_load(map), 1);
	s_check_lost(shield, T_HUGE / T_PAGE, 2 * T_HUGE / T_PAGE);
}

IN_CHILD(test_huge_pages_of_unknown_size)
{
	check_huge_pages_of_unknown_size();
}

/* mmap(2) of Linux 6.1 says ENOMEM for a part of a huge page. */
IN_CHILD(test_huge_pages_of_unknown_size_where_mmap_says_enomem)
{
	refuse(SYS_mmap, 3, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ENOMEM);
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
	refuse(SYS_madvise, 2, 22, EIO);
	refuse(SYS_madvise, 2, 23, EIO);
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
	refuse(SYS_madvise, 2, 22, EINVAL);
	refuse(SYS_madvise, 2, 23, EINVAL);
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
	refuse(SYS_mmap, 0, (uint32_t)(uintptr_t)at, ENOMEM);
}

IN_CHILD(test_if_the_kernel_refuses_the_page_the_previous_handler_gets_the_fault)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	refuse_to_map(file.map + 4 * T_PAGE);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	CHECK_PTR_EQ(s_passed.si_addr, file.map + 6 * T_PAGE);
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), -ENOMEM);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	s_check_lost(shield, 0, 0);
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
	s_poison(file.map + 8 * T_PAGE, T_PAGE);
	refuse_to_map(file.map + 8 * T_PAGE);
	CHECK_EQ(s_signal_of(file.map + 8 * T_PAGE), SIGBUS);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_lost(shield), (S_PAGES - 4) * T_PAGE);
}

IN_CHILD(test_without_proc_no_shield_is_opened)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield;

	refuse(SYS_openat, 2, O_RDONLY | O_CLOEXEC, EACCES);
	CHECK_EQ(mcsafe_shield_open(&shield, file.map, T_PAGE, NULL), -ENODATA);
}

IN_CHILD(test_if_proc_goes_away_the_previous_handler_gets_the_fault)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	refuse(SYS_openat, 2, O_RDONLY | O_CLOEXEC, EACCES);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
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
	s_poison(map + 3 * T_PAGE, T_PAGE);
	s_poison(map + 8 * T_PAGE, 4 * T_PAGE);
	shield = s_shield_with(map, S_PAGES * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(s_signal_of(map + 8 * T_PAGE), 0);
	used = use_up(many, pages);
	CHECK_LT(used, pages);
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), T_PAGE);
	s_check_lost(shield, 8, 9);
	CHECK_EQ(munmap(many, used * T_PAGE), 0);
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), 2 * T_PAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_query_and_the_text_say_the_same),
		cmocka_unit_test(test_before_linux_6_11_the_text_is_read),
		cmocka_unit_test(test_huge_pages_are_found_by_trying),
		cmocka_unit_test(test_before_linux_6_9_pages_are_probed),
		cmocka_unit_test(test_a_probe_says_what_an_access_would_find),
		cmocka_unit_test(test_without_populate_a_page_is_replaced_untried),
		cmocka_unit_test(
			test_if_the_kernel_refuses_the_page_the_previous_handler_gets_the_fault),
		cmocka_unit_test(test_a_stand_in_that_cannot_be_replaced_is_still_listed),
		cmocka_unit_test(test_without_proc_no_shield_is_opened),
		cmocka_unit_test(test_if_proc_goes_away_the_previous_handler_gets_the_fault),
		NOT_WITH_RUNTIME_HANDLERS(
			test_without_mappings_left_the_previous_handler_gets_the_fault),
	};

	return t_run("shield.kernels", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_descriptors.c - faults of a process that has used up its descriptors, or taken ours */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "leaks.h"
#include "run.h"
#include "tool.h"
#include "uffd_poison.h"

#define ALL 128 /* descriptors that the process may have */

/* Use up all descriptors. */
static void use_up(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = ALL;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0)
		;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(open("/proc/self/maps", O_RDONLY | O_CLOEXEC), -1);
}

/* The number under which the library keeps the file that tells what is mapped; -1: none. */
static int kept_number(void)
{
	for (int fd = 3; fd < ALL; fd++) {
		char path[64], target[64];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, "/maps") != NULL)
			return fd;
	}
	return -1;
}

/* The child must end with status 0. */
static void wait_for(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* ---- all are used up ------------------------------------------------------------------------- */

IN_CHILD(test_a_fault_past_the_end_needs_no_descriptor)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	use_up();
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_page(file.map + 6 * T_PAGE, 0);
	s_check_lost(shield, 4, S_PAGES);
}

IN_CHILD(test_a_fault_of_poison_needs_no_descriptor)
{
	unsigned char *map = mmap(NULL, S_PAGES * T_PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mcsafe_shield *shield;

	CHECK_PTR_NE(map, MAP_FAILED);
	s_watch();
	t_poison(map + 3 * T_PAGE, T_PAGE);
	shield = s_shield_with(
		map, S_PAGES * T_PAGE,
		(struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_BYTE, .byte = 0x77});
	use_up();
	CHECK_EQ(s_signal_of(map + 3 * T_PAGE), 0);
	s_check_page(map + 3 * T_PAGE, 0x77);
	s_check_lost(shield, 3, 4);
}

IN_CHILD(test_a_mirror_needs_no_descriptor)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_with(file.map, S_PAGES * T_PAGE,
			       (struct mcsafe_shield_options){.fill = MCSAFE_SHIELD_MIRROR,
							      .mirror_fd = s_make_file(101),
							      .flags = MCSAFE_SHIELD_FILE,
							      .file_fd = file.fd});
	s_cut(&file, 4);
	use_up();
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_page(file.map + 6 * T_PAGE, 107);
	s_check_lost(shield, 6, S_PAGES);
}

IN_CHILD(test_before_linux_6_11_a_fault_needs_no_descriptor_either)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	s_refuse(SYS_ioctl, 1, S_PROCMAP_QUERY, ENOTTY);
	shield = s_shield_of(&file);
	s_cut(&file, 8);
	use_up();
	/* The text is read from its start each time. */
	CHECK_EQ(mprotect(file.map + 12 * T_PAGE, 4 * T_PAGE, PROT_READ), 0);
	CHECK_EQ(s_signal_of(file.map + 13 * T_PAGE), 0);
	s_check_lost(shield, 12, S_PAGES);
	CHECK_EQ(s_signal_of(file.map + 9 * T_PAGE), 0);
	s_check_lost(shield, 8, S_PAGES);
}

IN_CHILD(test_restore_and_touch_need_no_descriptor)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);

	s_cut(&file, 4);
	use_up();
	CHECK_EQ(mcsafe_shield_touch(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -EIO);
	s_check_lost(shield, 4, S_PAGES);
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_check_lost(shield, 0, 0);
	s_store(file.map + 6 * T_PAGE, 9);
	CHECK_EQ(pread(file.fd, file.map, 1, 6 * (off_t)T_PAGE), 1);
	CHECK_EQ(s_load(file.map), 9);
}

/* A shield opened the descriptor that is read. Without one there is none. */
IN_CHILD(test_mappings_are_counted_without_a_descriptor)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	ssize_t left;

	use_up();
	left = mcsafe_shield_mappings_left();
	CHECK(left > 0);
	CHECK_EQ(mprotect(file.map + T_PAGE, T_PAGE, PROT_READ), 0);
	CHECK_EQ(mcsafe_shield_mappings_left(), left - 2);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	while (fcntl(0, F_DUPFD_CLOEXEC, 0) >= 0)
		;
	CHECK_EQ(mcsafe_shield_mappings_left(), -ENODATA);
}

/* ---- fork(2) --------------------------------------------------------------------------------- */

/* If a child asked in the file of its parent, it would find a mapping that can be replaced. */
static void check_child(const struct s_file *file, const struct mcsafe_shield *shield,
			unsigned generations)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid != 0) {
		wait_for(pid);
		return;
	}
	CHECK_EQ(mprotect(file->map + 5 * T_PAGE, T_PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(s_signal_of(file->map + 5 * T_PAGE), SIGBUS);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	CHECK_EQ(s_signal_of(file->map + 6 * T_PAGE), 0);
	s_check_lost(shield, 6, S_PAGES);
	if (generations > 1) {
		CHECK_EQ(mprotect(file->map + 5 * T_PAGE, T_PAGE, PROT_READ), 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK_EQ(s_signal_of(file->map + 5 * T_PAGE), 0);
			s_check_lost(shield, 5, S_PAGES);
			_exit(0);
		}
		wait_for(pid);
	}
	_exit(0);
}

IN_CHILD(test_a_child_without_descriptors_asks_for_its_own_memory)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 4);
	use_up();
	check_child(&file, shield, 2);
	CHECK_EQ(mcsafe_shield_lost(shield), 0);
	CHECK_EQ(s_signal_of(file.map + 5 * T_PAGE), 0);
	s_check_lost(shield, 4, S_PAGES);
	/* Now the parent has asked too. */
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	CHECK(kept_number() >= 3);
}

/* The file of the parent does not stay open in each generation of children. */
IN_CHILD(test_a_child_has_as_many_descriptors_as_its_parent)
{
	struct s_file file = s_open_file();
	size_t before;
	pid_t pid;

	s_shield_of(&file);
	s_cut(&file, 4);
	before = t_count_descriptors();
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
		CHECK_EQ(t_count_descriptors(), before);
		_exit(0);
	}
	wait_for(pid);
	CHECK_EQ(t_count_descriptors(), before);
}

/* ---- the number is the program's by now ------------------------------------------------------ */

/* Give the number to another file: of the program, or, as the worst of all, the same kind of file
 * of another process. */
static void take(int number, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(number >= 3);
	CHECK(fd >= 0);
	CHECK_EQ(dup3(fd, number, O_CLOEXEC), number);
	CHECK_EQ(close(fd), 0);
}

static void check_taken(const char *path)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield = s_shield_of(&file);
	int number = kept_number(), first;
	char byte;

	take(number, path);
	s_cut(&file, 4);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(mprotect(file.map, T_PAGE, PROT_READ), 0);
	/* With none left it cannot be asked, and nothing is given up. */
	s_cut(&file, S_PAGES);
	first = fcntl(0, F_DUPFD_CLOEXEC, 3);
	CHECK(first >= 3);
	use_up();
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), -ENODATA);
	s_check_lost(shield, 4, S_PAGES);
	CHECK_EQ(close(first), 0);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	s_cut(&file, 4);
	CHECK_EQ(fcntl(0, F_DUPFD_CLOEXEC, 3), first);
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), SIGBUS);
	s_check_lost(shield, 0, 0);
	/* It is not ours, and stays open. */
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(pread(number, &byte, 1, 0), 1);
}

IN_CHILD(test_a_number_that_the_program_has_taken_is_not_asked)
{
	s_watch();
	check_taken("/dev/zero");
}

IN_CHILD(test_the_mappings_of_another_process_are_not_asked)
{
	char path[64];
	int ends[2];
	pid_t pid;

	s_watch();
	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(ends[1]);
		_exit(read(ends[0], path, 1) == 0 ? 0 : 1);
	}
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	check_taken(path);
	close(ends[1]);
	/* All ends of the pipe that could be written were copied by nobody else. */
	wait_for(pid);
}

/* The next shield that is opened keeps another one. */
IN_CHILD(test_the_next_open_keeps_a_descriptor_again)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_with(
		file.map, 8 * T_PAGE,
		(struct mcsafe_shield_options){.flags = MCSAFE_SHIELD_FILE, .file_fd = file.fd});
	take(kept_number(), "/dev/zero");
	CHECK_EQ(kept_number(), -1);
	s_shield_with(file.map + 8 * T_PAGE, 8 * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK(kept_number() >= 3);
	s_cut(&file, 4);
	use_up();
	CHECK_EQ(s_signal_of(file.map + 6 * T_PAGE), 0);
	s_check_lost(shield, 4, 8);
}

/* ---- as long as a shield is open ------------------------------------------------------------- */

IN_CHILD(test_the_last_close_closes_it)
{
	struct s_file file = s_open_file();
	size_t before = t_count_descriptors();
	struct mcsafe_shield *shield = s_shield_with(file.map, 8 * T_PAGE,
						     (struct mcsafe_shield_options){0}),
			     *other = s_shield_with(file.map + 8 * T_PAGE, 8 * T_PAGE,
						    (struct mcsafe_shield_options){0});
	int number = kept_number();

	CHECK(number >= 3);
	CHECK_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(kept_number(), number);
	CHECK_EQ(mcsafe_shield_close(other), 0);
	CHECK_EQ(kept_number(), -1);
	CHECK_EQ(t_count_descriptors(), before);
	/* Nor does an open that fails leave one. */
	CHECK_EQ(mcsafe_shield_open(&shield, file.map + 1, T_PAGE, NULL), -EINVAL);
	CHECK_EQ(t_count_descriptors(), before);
	use_up();
	CHECK_EQ(mcsafe_shield_open(&shield, file.map, T_PAGE, NULL), -EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fault_past_the_end_needs_no_descriptor),
		NOT_WITH_VALGRIND(test_a_fault_of_poison_needs_no_descriptor),
		cmocka_unit_test(test_a_mirror_needs_no_descriptor),
		NOT_WITH_VALGRIND(test_before_linux_6_11_a_fault_needs_no_descriptor_either),
		NOT_WITH_VALGRIND(test_restore_and_touch_need_no_descriptor),
		NOT_WITH_TSAN_OR_VALGRIND(test_mappings_are_counted_without_a_descriptor),
		NOT_WITH_VALGRIND(test_a_child_without_descriptors_asks_for_its_own_memory),
		cmocka_unit_test(test_a_child_has_as_many_descriptors_as_its_parent),
		NOT_WITH_VALGRIND(test_a_number_that_the_program_has_taken_is_not_asked),
		NOT_WITH_VALGRIND(test_the_mappings_of_another_process_are_not_asked),
		cmocka_unit_test(test_the_next_open_keeps_a_descriptor_again),
		cmocka_unit_test(test_the_last_close_closes_it),
	};

	return t_run("shield.descriptors", tests, T_LENGTH(tests));
}

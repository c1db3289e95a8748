/* SPDX-License-Identifier: BSD-3-Clause */
/* test_open.c - opening, closing, options, and finding one shield among many */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cmocka_all.h"
#include "kit.h"
#include "leaks.h"
#include "rng.h"
#include "run.h"
#include "tool.h"

static int open_error(void *base, size_t len, const struct mcsafe_shield_options *options)
{
	struct mcsafe_shield *shield = (void *)&shield;
	int err;

	errno = 42;
	err = mcsafe_shield_open(&shield, base, len, options);
	CHECK_EQ(errno, 42);
	if (err == 0)
		CHECK_EQ(mcsafe_shield_close(shield), 0);
	else
		CHECK_PTR_EQ(shield, (void *)&shield);
	return err;
}

#define WITH(...) \
 (&(const struct mcsafe_shield_options){.size = sizeof(struct mcsafe_shield_options), __VA_ARGS__})

IN_CHILD(test_what_cannot_be_shielded_is_refused)
{
	struct s_file file = s_open_file();
	unsigned char *map = file.map;
	size_t n = S_PAGES * T_PAGE;
	int pipe_ends[2], only_written = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int place = open("/proc/self", O_PATH | O_CLOEXEC);
	int huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	unsigned char *anonymous =
		mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct {
		struct mcsafe_shield_options known;
		uint64_t more;
	} newer = {{.size = sizeof(newer)}, 0};
	const struct mcsafe_shield_options shorter = {.size = sizeof(shorter) - 1};

	CHECK_EQ(pipe(pipe_ends), 0);
	CHECK_EQ(open_error(map, n, NULL), 0);
	CHECK_EQ(open_error(map + 1, n, NULL), -EINVAL);
	CHECK_EQ(open_error(map, 0, NULL), -EINVAL);
	CHECK_EQ(open_error(map, SIZE_MAX, NULL), -EINVAL);
	CHECK_EQ(open_error(map, SIZE_MAX - (uintptr_t)map, NULL), -EINVAL);
	CHECK_EQ(open_error(map, n, &shorter), -EINVAL);
	CHECK_EQ(open_error(map, n, &newer.known), 0);
	newer.more = 1;
	CHECK_EQ(open_error(map, n, &newer.known), -E2BIG);
	CHECK_EQ(open_error(map, n, WITH(.fill = (enum mcsafe_shield_fill)3)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_BYTE, .byte = 256)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_BYTE, .byte = -1)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_BYTE, .byte = 255)), 0);
	CHECK_EQ(open_error(map, n, WITH(.flags = 2)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.reserved = {NULL, NULL, NULL, map})), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.flags = 1, .file_fd = file.fd)), 0);
	CHECK_EQ(open_error(map, n, WITH(.flags = 1, .file_fd = only_written)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.flags = 1, .file_fd = -1)), -EBADF);
	if (huge >= 0)
		CHECK_EQ(open_error(map, n, WITH(.flags = 1, .file_fd = huge)), -EINVAL);
	CHECK_EQ(open_error(anonymous, T_PAGE, WITH(.flags = 1, .file_fd = file.fd)), -EINVAL);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = -1)), -EBADF);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = only_written)),
		 -EBADF);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = place)),
		 -EBADF);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = pipe_ends[0])),
		 -ESPIPE);
	CHECK_EQ(open_error(map, n, WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = file.fd)), 0);
	CHECK_EQ(open_error(map, n,
			    WITH(.fill = MCSAFE_SHIELD_MIRROR, .mirror_fd = file.fd,
				 .mirror_offset = -1)),
		 -EINVAL);
	CHECK_EQ(mprotect(map, T_PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(open_error(map, n, NULL), -EACCES);
	CHECK_EQ(munmap(map, T_PAGE), 0);
	CHECK_EQ(open_error(map, n, NULL), -EFAULT);
	CHECK_EQ(open_error(map + T_PAGE, n - T_PAGE, NULL), 0);
	CHECK_EQ(mcsafe_shield_close(NULL), 0);
}

IN_CHILD(test_shields_must_not_overlap)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *middle;
	static const struct {
		size_t first, n;
		int err;
	} cases[] = {
		{4, 4, -EEXIST},  {0, 5, -EEXIST}, {7, 2, -EEXIST}, {5, 1, -EEXIST},
		{0, 16, -EEXIST}, {0, 4, 0},       {8, 8, 0},
	};

	CHECK_EQ(mcsafe_shield_open(&middle, file.map + 4 * T_PAGE, 3 * T_PAGE + 1, NULL), 0);
	for (size_t i = 0; i < T_LENGTH(cases); i++)
		CHECK_EQ(open_error(file.map + cases[i].first * T_PAGE, cases[i].n * T_PAGE, NULL),
			 cases[i].err);
	CHECK_EQ(mcsafe_shield_close(middle), 0);
	CHECK_EQ(open_error(file.map + 4 * T_PAGE, 4 * T_PAGE, NULL), 0);
}

IN_CHILD(test_nothing_is_left_after_a_close_or_a_failure)
{
	struct s_file file = s_open_file();
	size_t mappings = 0, descriptors = 0;

	for (unsigned round = 0; round < 3; round++) {
		size_t n = S_PAGES * T_PAGE;

		CHECK_EQ(open_error(file.map, n, WITH(.flags = 1, .file_fd = file.fd)), 0);
		CHECK_EQ(open_error(file.map, n, WITH(.fill = 2, .mirror_fd = file.fd)), 0);
		CHECK_EQ(open_error(
				 file.map, n,
				 WITH(.fill = 2, .mirror_fd = file.fd, .flags = 1, .file_fd = -1)),
			 -EBADF);
		if (round == 0) {
			mappings = t_count_mappings();
			descriptors = t_count_descriptors();
		}
	}
	CHECK_EQ(t_count_mappings(), mappings);
	CHECK_EQ(t_count_descriptors(), descriptors);
}

/* Closing a descriptor of the file would remove them. */
IN_CHILD(test_record_locks_on_the_file_are_kept)
{
	struct s_file file = s_open_file();
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct mcsafe_shield *shield;

	CHECK_EQ(fcntl(file.fd, F_SETLK, &lock), 0);
	shield = s_shield_of(&file);
	s_cut(&file, 2);
	CHECK_EQ(s_load(file.map + 5 * T_PAGE), 0);
	s_cut(&file, S_PAGES);
	CHECK_EQ(mcsafe_shield_restore(shield, 0, SIZE_MAX), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(s_lock_of_another(file.fd), F_WRLCK);
	close(dup(file.fd));
	CHECK_EQ(s_lock_of_another(file.fd), F_UNLCK);
}

IN_CHILD(test_after_a_close_faults_reach_the_previous_handler)
{
	struct s_file file;
	struct mcsafe_shield *shield;

	s_watch();
	file = s_open_file();
	shield = s_shield_of(&file);
	s_cut(&file, 2);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(s_signal_of(file.map + 3 * T_PAGE), SIGBUS);
	shield = s_shield_of(&file);
	CHECK_EQ(s_signal_of(file.map + 3 * T_PAGE), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	/* The stand-ins have stayed. */
	CHECK_EQ(s_signal_of(file.map + 3 * T_PAGE), 0);
}

static void die(void *arg)
{
	struct s_file file = s_open_file();
	sigset_t set;

	(void)arg;
	s_shield_of(&file);
	s_cut(&file, 2);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	(void)s_load(file.map + 3 * T_PAGE);
}

static void test_if_sigbus_is_blocked_the_kernel_kills(void **state)
{
	(void)state;
	t_dies(die, NULL, SIGBUS);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 10000

/* Every second page has a shield of its own. They are opened and closed in random order, and each
 * page is replaced exactly if its shield is open. */
IN_CHILD(test_each_of_many_shields_is_found)
{
	static struct mcsafe_shield *shields[MANY];
	static size_t order[MANY];
	struct t_rng rng = t_rng_start(t_seed(), 0);
	int fd;
	unsigned char *map;
	size_t signals = 0;

	s_watch();
	fd = memfd_create("many", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(fd, 2 * MANY * (off_t)T_PAGE), 0);
	map = mmap(NULL, 2 * MANY * T_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_PTR_NE(map, MAP_FAILED);
	CHECK_EQ(ftruncate(fd, 0), 0);
	/* No shield keeps a descriptor or a page: there is no path, and the mapping is private. */
	for (size_t i = 0; i < MANY; i++) {
		size_t other = t_rng_below(&rng, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (size_t i = 0; i < MANY; i++)
		CHECK_EQ(mcsafe_shield_open(&shields[order[i]], map + order[i] * 2 * T_PAGE, 1,
					    NULL),
			 0);
	for (size_t i = 0; i < MANY; i += 2) {
		CHECK_EQ(mcsafe_shield_close(shields[order[i]]), 0);
		shields[order[i]] = NULL;
	}
	for (size_t i = 0; i < 2 * MANY; i++) {
		bool is_open = i % 2 == 0 && shields[i / 2] != NULL;

		CHECK_EQ(s_signal_of(map + i * T_PAGE + i % T_PAGE), is_open ? 0 : SIGBUS);
		if (is_open)
			CHECK_EQ(mcsafe_shield_lost(shields[i / 2]), T_PAGE);
		else
			signals++;
	}
	CHECK_EQ(signals, MANY + MANY / 2);
	for (size_t i = 0; i < MANY; i++)
		CHECK_EQ(mcsafe_shield_close(shields[i]), 0);
}

/* A file in a directory, mapped whole. The library finds it by its path. */
static struct s_file map_file_with_path(char *path)
{
	struct s_file file = {.fd = mkstemp(path)};

	CHECK(file.fd >= 0);
	s_cut(&file, S_PAGES);
	file.map = s_map_file(file.fd, PROT_READ, MAP_SHARED);
	return file;
}

/* The size of the file is known by the descriptor: all past its end is replaced at once. */
static void check_size_is_known(const struct s_file *file, const struct mcsafe_shield *shield)
{
	s_cut(file, 0);
	CHECK_EQ(s_load(file->map), 0);
	CHECK_EQ(mcsafe_shield_lost(shield), S_PAGES / 4 * T_PAGE);
	s_cut(file, S_PAGES);
}

/* A quarter of the file each: two find the file by its path, two are given it. */
static void open_quarters(const struct s_file *file, struct mcsafe_shield *shields[4])
{
	for (size_t i = 0; i < 4; i++) {
		struct mcsafe_shield_options options = {.file_fd = file->fd};

		options.flags = i % 2 == 0 ? 0 : MCSAFE_SHIELD_FILE;
		shields[i] = s_shield_with(file->map + i * (S_PAGES / 4) * T_PAGE,
					   S_PAGES / 4 * T_PAGE, options);
	}
}

IN_CHILD(test_shields_of_a_file_share_a_descriptor)
{
	char path[] = "./mcsafe-shield-XXXXXX", other_path[] = "./mcsafe-shield-XXXXXX";
	struct s_file file = map_file_with_path(path), other = map_file_with_path(other_path);
	struct mcsafe_shield *shields[4], *first;
	size_t before;

	CHECK_EQ(mcsafe_install(), 0);
	/* This one keeps /proc/self/maps open, and another file. */
	first = s_shield_of(&other);
	before = t_count_descriptors();
	open_quarters(&file, shields);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(unlink(other_path), 0);
	CHECK_EQ(t_count_descriptors(), before + 1);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(mcsafe_shield_close(shields[(i + 2) % 4]), 0);
	/* The one that is left still has the descriptor. */
	CHECK_EQ(t_count_descriptors(), before + 1);
	CHECK_EQ(mcsafe_shield_close(first), 0);
	file.map += S_PAGES / 4 * T_PAGE;
	check_size_is_known(&file, shields[1]);
	CHECK_EQ(mcsafe_shield_close(shields[1]), 0);
	CHECK_EQ(t_count_descriptors(), before - 2);
}

/* The program has closed the number, and may have opened the same file there. */
IN_CHILD(test_a_shared_descriptor_that_was_closed_is_not_shared)
{
	char path[] = "./mcsafe-shield-XXXXXX";
	struct s_file file = map_file_with_path(path);
	struct mcsafe_shield *shields[4], *before;
	int first, fd;

	CHECK_EQ(mcsafe_install(), 0);
	first = dup(file.fd);
	CHECK_EQ(close(first), 0);
	before = s_shield_with(file.map, T_PAGE, (struct mcsafe_shield_options){0});
	for (fd = first; fd < first + 2; fd++)
		CHECK(dup3(file.fd, fd, O_CLOEXEC) == fd);
	file.map = s_map_file(file.fd, PROT_READ, MAP_SHARED);
	open_quarters(&file, shields);
	CHECK_EQ(unlink(path), 0);
	for (fd = first; fd < first + 2; fd++)
		CHECK_EQ(close(fd), 0);
	check_size_is_known(&file, shields[0]);
	CHECK_EQ(mcsafe_shield_close(before), 0);
}

/* The program has closed the number, and the library gets it again for the same file. */
IN_CHILD(test_a_number_that_came_back_is_kept_for_all_shields)
{
	char path[] = "./mcsafe-shield-XXXXXX";
	struct s_file file = map_file_with_path(path);
	size_t descriptors = t_count_descriptors();
	struct mcsafe_shield *before, *shield;
	int first, last;

	CHECK_EQ(mcsafe_install(), 0);
	first = dup(file.fd);
	CHECK_EQ(close(first), 0);
	before = s_shield_with(file.map, T_PAGE, (struct mcsafe_shield_options){0});
	last = dup(file.fd);
	for (int fd = first; fd <= last; fd++)
		(void)close(fd);
	file.map += S_PAGES / 4 * T_PAGE;
	shield = s_shield_with(file.map, S_PAGES / 4 * T_PAGE, (struct mcsafe_shield_options){0});
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(mcsafe_shield_close(before), 0);
	check_size_is_known(&file, shield);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	CHECK_EQ(t_count_descriptors(), descriptors);
}

#define HOLES 64

/* A child does not have memory of MADV_DONTFORK. Whatever the library has mapped from it must be
 * there in the child: it is unmapped when the shield is closed. */
IN_CHILD(test_a_close_in_a_child_unmaps_nothing_of_the_child)
{
	struct s_file file = s_open_file();
	struct mcsafe_shield *shield;
	int status;
	pid_t pid;

	CHECK_EQ(madvise(file.map, S_PAGES * T_PAGE, MADV_DONTFORK), 0);
	shield = s_shield_of(&file);
	pid = fork();
	if (pid == 0) {
		unsigned char *pages[HOLES], resident;

		/* These fill the gaps between the mappings. */
		for (size_t i = 0; i < HOLES; i++) {
			pages[i] =
				mmap(NULL, T_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			CHECK_PTR_NE(pages[i], MAP_FAILED);
		}
		CHECK_EQ(mcsafe_shield_close(shield), 0);
		for (size_t i = 0; i < HOLES; i++)
			CHECK_EQ(mincore(pages[i], T_PAGE, &resident), 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
}

/* A daemon closes all descriptors, and opens its file again: with the number that the library had,
 * and as the library would have it closed by execve(2). */
IN_CHILD(test_a_descriptor_of_the_program_on_the_same_file_stays_open)
{
	char path[] = "/tmp/mcsafe-shield-XXXXXX";
	struct s_file file = {.fd = mkstemp(path)};
	struct mcsafe_shield *shield;
	int first, last, fd;

	CHECK(file.fd >= 0);
	s_cut(&file, S_PAGES);
	file.map = s_map_file(file.fd, PROT_READ, MAP_SHARED);
	CHECK_EQ(mcsafe_install(), 0);
	first = dup(file.fd);
	CHECK_EQ(close(first), 0);
	shield = s_shield_of(&file);
	last = dup(file.fd);
	CHECK(first >= 0 && last > first);
	for (fd = first; fd <= last; fd++)
		(void)close(fd);
	for (fd = first; fd <= last; fd++)
		CHECK_EQ(open(path, O_RDONLY | O_CLOEXEC), fd);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(mcsafe_shield_close(shield), 0);
	for (fd = first; fd <= last; fd++)
		CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_shielded_is_refused),
		cmocka_unit_test(test_shields_must_not_overlap),
		NOT_WITH_VALGRIND(test_nothing_is_left_after_a_close_or_a_failure),
		NOT_WITH_VALGRIND(test_record_locks_on_the_file_are_kept),
		cmocka_unit_test(test_after_a_close_faults_reach_the_previous_handler),
		cmocka_unit_test(test_if_sigbus_is_blocked_the_kernel_kills),
		cmocka_unit_test(test_each_of_many_shields_is_found),
		NOT_WITH_VALGRIND(test_shields_of_a_file_share_a_descriptor),
		NOT_WITH_VALGRIND(test_a_shared_descriptor_that_was_closed_is_not_shared),
		NOT_WITH_VALGRIND(test_a_number_that_came_back_is_kept_for_all_shields),
		cmocka_unit_test(test_a_close_in_a_child_unmaps_nothing_of_the_child),
		NOT_WITH_VALGRIND(test_a_descriptor_of_the_program_on_the_same_file_stays_open),
	};

	return t_run("shield.open", tests, T_LENGTH(tests));
}

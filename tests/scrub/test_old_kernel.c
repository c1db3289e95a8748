/* SPDX-License-Identifier: BSD-3-Clause */
/* test_old_kernel.c - what a scrub asks the kernel, where populating may never return */
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <mcsafe/handler.h>
#include <mcsafe/pmem.h>
#include <mcsafe/scrub.h>

#include "child.h"
#include "cmocka_all.h"
#include "old_kernel.h"
#include "run.h"
#include "tool.h"
#include "uffd_poison.h"

#define IN_MEMORY ((size_t)40) /* more pages than are asked about at once */
#define IN_FILE   ((size_t)4)
#define ALL       ((IN_MEMORY + IN_FILE) * T_PAGE)

static const size_t poisoned[] = {0, 3, 33};
static size_t told_of, signals;

static int note_how(const struct mcsafe_range *bad, const struct mcsafe_fault *fault, void *arg)
{
	(void)arg;
	if (fault->cause == MCSAFE_CAUSE_POISON)
		CHECK_EQ(bad->start, poisoned[told_of] * T_PAGE);
	if (fault->signo == 0)
		told_of++;
	else
		signals++;
	return MCSAFE_SCRUB_DECIDE;
}

/* Memory of which pages are poisoned, and after it a file that cannot be read. */
static unsigned char *map_all(void)
{
	int prot = PROT_READ | PROT_WRITE, fd = memfd_create("scrub", MFD_CLOEXEC);
	unsigned char *memory = mmap(NULL, ALL, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_PTR_NE(memory, MAP_FAILED);
	CHECK_PTR_EQ(mmap(memory + IN_MEMORY * T_PAGE, IN_FILE * T_PAGE, PROT_READ,
			  MAP_SHARED | MAP_FIXED, fd, 0),
		     memory + IN_MEMORY * T_PAGE);
	for (size_t i = 0; i < T_LENGTH(poisoned); i++)
		t_poison(memory + poisoned[i] * T_PAGE, T_PAGE);
	return memory;
}

static void scrub(const char *release, int recheck)
{
	struct mcsafe_scrub_options options = {.found = note_how, .recheck = recheck};
	struct mcsafe_badblocks *badblocks;
	struct mcsafe_scrub_progress progress;
	struct mcsafe_scrub *made;
	unsigned char *memory = map_all();

	CHECK_EQ(mcsafe_badblocks_create(&badblocks), 0);
	if (recheck)
		CHECK_EQ(mcsafe_badblocks_add(badblocks, 0, ALL), 0);
	CHECK_EQ(mcsafe_scrub_create(&made, memory, ALL, badblocks, &options), 0);
	t_release = release;
	t_populated = told_of = signals = 0;
	CHECK_EQ(mcsafe_scrub_run(made), 0);
	mcsafe_scrub_get_progress(made, &progress);
	if (recheck) {
		CHECK_EQ(progress.readable, (IN_MEMORY - T_LENGTH(poisoned)) * T_PAGE);
	} else {
		CHECK_EQ(progress.bad, T_LENGTH(poisoned) * T_PAGE);
		CHECK_EQ(progress.failed, IN_FILE * T_PAGE);
		/* The poison is told by the page table. */
		CHECK_EQ(told_of, T_LENGTH(poisoned));
		CHECK_EQ(signals, IN_FILE);
	}
	mcsafe_scrub_destroy(made);
	mcsafe_badblocks_destroy(badblocks);
	munmap(memory, ALL);
}

IN_CHILD(test_only_what_the_kernel_need_not_read_is_populated)
{
	CHECK_EQ(mcsafe_install(), 0);
	scrub("6.1.0-30-amd64", 0);
	/* Once for all pages of a step, which ends at its first poison, and once for each page. */
	CHECK_EQ(t_populated, 2 * T_LENGTH(poisoned) - 1);
	scrub("6.1.0-30-amd64", 1);
	CHECK_EQ(t_populated, T_LENGTH(poisoned));
	scrub("6.9.1", 0);
	CHECK(t_populated > 2 * T_LENGTH(poisoned));
}

static bool is_on_disk;

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	int result = __real_fstatfs(fd, fs);

	if (is_on_disk)
		fs->f_type = EXT4_SUPER_MAGIC;
	return result;
}
/* NOLINTEND(bugprone-reserved-identifier) */

IN_CHILD(test_a_file_that_is_in_memory_is_populated)
{
	t_release = "6.1.0-30-amd64";
	for (int on_disk = 0; on_disk < 2; on_disk++) {
		int fd = memfd_create("scrub", MFD_CLOEXEC);
		struct mcsafe_pmem *pmem;

		is_on_disk = on_disk;
		t_populated = 0;
		CHECK_EQ(ftruncate(fd, IN_FILE * T_PAGE), 0);
		CHECK_EQ(pwrite(fd, "some data", 9, 0), 9);
		CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, 0), 0);
		CHECK_EQ(mcsafe_pmem_scrub(pmem, NULL, NULL), 0);
		CHECK_EQ(t_populated != 0, !on_disk);
		mcsafe_pmem_close(pmem);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOT_WITH_VALGRIND(test_only_what_the_kernel_need_not_read_is_populated),
		cmocka_unit_test(test_a_file_that_is_in_memory_is_populated),
	};

	return t_run("scrub.old_kernel", tests, T_LENGTH(tests));
}

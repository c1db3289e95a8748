/* SPDX-License-Identifier: BSD-3-Clause */
/* pmem_crash.c - repairs in the middle of which the machine is killed: see test_crash.py */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define FILE_NAME "/mnt/pmem/lab"
#define REGISTRY  "/mnt/pmem/known-%zu"

/*
 * One repair for each of these. The machine is killed when the repair enters this one of its calls
 * that change the file. The calls are: write a piece, sync, write the rest, sync.
 */
static const unsigned killing_call[] = {1, 3, 4};

#define CRASHES T_LENGTH(killing_call)
#define PIECE   ((size_t)256 << 10) /* the most that a repair writes in one call */
#define RANGE   (PIECE + 16 * T_PAGE)
#define APART   (2 * PIECE)

/* One bad page in each piece. The others are good. */
static const size_t bad_pages[] = {3 * T_PAGE, PIECE + 5 * T_PAGE};

/*
 * In a register that these calls do not use, this value marks a call that was stopped and may go
 * on.
 */
#define LET_THROUGH 0x6c657421u

static struct mcsafe_pmem *pmem;
static uint64_t start; /* offset of the file from the start of the region */
static size_t crash;   /* the number of the current crash */
static unsigned calls;

static size_t range_of(size_t n)
{
	return (n + 1) * APART;
}

static bool kernel_lists(size_t page)
{
	return strcmp(lab_bad_blocks_at(lab_region_start() + start + page), "none") != 0;
}

static bool is_known(const struct mcsafe_badblocks *badblocks, size_t page)
{
	return mcsafe_badblocks_next(badblocks, page, page + T_PAGE, NULL);
}

/* Data that differs in each byte from the content before. */
static void new_data(unsigned char *to, size_t from, size_t n)
{
	lab_fill_pattern(to, from, n);
	for (size_t i = 0; i < n; i++)
		to[i] ^= 0x2a;
}

/*
 * The bad pages that the medium still has when the power is back. The driver reads this:
 * test_crash.py.
 */
static void tell_bad_pages(void)
{
	for (size_t n = 0; n < CRASHES; n++)
		for (size_t page = range_of(n); page < range_of(n) + RANGE; page += T_PAGE)
			if (kernel_lists(page))
				printf("@bad %" PRIu64 "\n", start + page);
}

/* ---- before: a file on a medium without faults ----------------------------------------------- */

static int set_up(void)
{
	struct lab_mapping mapping = lab_mapping("dax-2m");

	start = lab_physical(mapping.base) - lab_region_start();
	for (size_t page = 0; page < LAB_MAPPING_SIZE; page += T_PAGE)
		lab_need(lab_physical(mapping.base + page) == lab_region_start() + start + page,
			 "the file is not in one piece");
	for (size_t n = 0; n < CRASHES; n++)
		for (size_t i = 0; i < T_LENGTH(bad_pages); i++)
			printf("@bad %" PRIu64 "\n", start + range_of(n) + bad_pages[i]);
	lab_fact("start", "%" PRIu64, start);
	return lab_status();
}

/* ---- the machine that is killed -------------------------------------------------------------- */

/* Some programs save their registry from time to time. This one does so at the worst moment. */
static void save_registry(void)
{
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), REGISTRY, crash);
	file = fopen(name, "we");
	lab_need(file != NULL && mcsafe_badblocks_save(mcsafe_pmem_badblocks(pmem), file) == 0 &&
			 fflush(file) == 0 && fsync(fileno(file)) == 0,
		 "cannot save %s", name);
	fclose(file);
}

_Noreturn static void be_killed(void)
{
	save_registry();
	tell_bad_pages();
	printf("@kill %zu\n", crash);
	fflush(stdout);
	for (;;)
		pause();
}

/* Runs instead of a stopped call. It makes the call, unless this is the call to be killed at. */
static void at_call(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	long result;

	(void)signo;
	if (++calls == killing_call[crash])
		be_killed();
	result = syscall(info->si_syscall, regs[REG_RDI], regs[REG_RSI], regs[REG_RDX],
			 regs[REG_R10], 0, LET_THROUGH);
	regs[REG_RAX] = result == -1 ? -errno : result;
}

/* After this, calls that change a file first reach at_call(). */
static void stop_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwrite64, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LET_THROUGH, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {T_LENGTH(code), code};
	struct sigaction action = {.sa_sigaction = at_call, .sa_flags = SA_SIGINFO};

	lab_need(sigaction(SIGSYS, &action, NULL) == 0 &&
			 prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			 prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
		 "no seccomp");
}

static ssize_t repair(size_t n)
{
	unsigned char *data = malloc(RANGE);
	ssize_t put;

	lab_need(data != NULL, "no memory");
	new_data(data, range_of(n), RANGE);
	put = mcsafe_pmem_repair(pmem, data, RANGE, (off_t)range_of(n));
	free(data);
	return put;
}

/* ---- after the crash ------------------------------------------------------------------------- */

static struct mcsafe_badblocks *saved_registry(size_t n)
{
	struct mcsafe_badblocks *saved = NULL;
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), REGISTRY, n);
	file = fopen(name, "re");
	lab_need(file != NULL && mcsafe_badblocks_create(&saved) == 0 &&
			 mcsafe_badblocks_load(saved, file, NULL) == 0,
		 "cannot load %s", name);
	fclose(file);
	return saved;
}

enum contents {
	NEW = 1,
	OLD = 2,
};

/*
 * A page is either in both lists, and refused, or in neither, and read: it has the new or the old
 * data.
 */
static bool check_page(size_t page, unsigned allowed)
{
	unsigned char got[T_PAGE], wanted[T_PAGE];
	bool bad = kernel_lists(page);
	ssize_t n = mcsafe_pmem_pread(pmem, got, T_PAGE, (off_t)page, NULL);

	lab_check(is_known(mcsafe_pmem_badblocks(pmem), page) == bad,
		  "page %zu is in one list only, the kernel's: %d", page / T_PAGE, bad);
	if (bad) {
		/* The kernel lists sectors of 512 bytes. Here it lists the whole page. */
		lab_check(n == -EIO, "bad page %zu reads %zd", page / T_PAGE, n);
		return true;
	}
	new_data(wanted, page, T_PAGE);
	lab_check(n == (ssize_t)T_PAGE && ((allowed & NEW && memcmp(got, wanted, T_PAGE) == 0) ||
					   (allowed & OLD && lab_is_pattern(got, page, T_PAGE))),
		  "page %zu, which is in no list, is wrong: %zd", page / T_PAGE, n);
	return false;
}

static bool was_bad(size_t in_range)
{
	for (size_t i = 0; i < T_LENGTH(bad_pages); i++)
		if (bad_pages[i] == in_range)
			return true;
	return false;
}

/* Checks the range of a repair that was killed, and returns how many pages are still bad. */
static size_t check_killed(size_t n)
{
	struct mcsafe_badblocks *saved = saved_registry(n);
	size_t bad = 0;

	for (size_t at = 0; at < RANGE; at += T_PAGE) {
		size_t page = range_of(n) + at;

		if (!check_page(page, was_bad(at) ? NEW : NEW | OLD))
			continue;
		bad++;
		lab_check(is_known(saved, page),
			  "page %zu is bad, but the registry does not know it", page / T_PAGE);
	}
	mcsafe_badblocks_destroy(saved);
	return bad;
}

static size_t check_untouched(size_t n)
{
	size_t bad = 0;

	for (size_t at = 0; at < RANGE; at += T_PAGE)
		bad += check_page(range_of(n) + at, OLD);
	lab_check(bad == T_LENGTH(bad_pages), "%zu pages of range %zu are bad", bad, n);
	return bad;
}

static void check_all(size_t killed)
{
	size_t all = 0;

	for (size_t n = 0; n < CRASHES; n++) {
		size_t bad = n < killed ? check_killed(n) : check_untouched(n);
		char key[64];

		snprintf(key, sizeof(key), "bad in range %zu", n);
		lab_fact(key, "%zu", bad);
		all += bad;
	}
	lab_check(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)) == all * T_PAGE,
		  "other pages are also listed");
}

static void repair_all(void)
{
	for (size_t n = 0; n < CRASHES; n++) {
		lab_check(repair(n) == (ssize_t)RANGE, "repair %zu fails after the crash", n);
		for (size_t at = 0; at < RANGE; at += T_PAGE)
			lab_check(!check_page(range_of(n) + at, NEW), "the range is still bad");
	}
	lab_check(mcsafe_badblocks_bytes(mcsafe_pmem_badblocks(pmem)) == 0,
		  "more pages are listed");
}

/*
 * pmem-crash: set up. pmem-crash START KILLED: check what KILLED crashes left, and run the next
 * one.
 */
int lab_program_pmem_crash(int argc, char **argv)
{
	if (argc == 1)
		return set_up();
	lab_need(argc == 3, "START KILLED are missing");
	start = strtoull(argv[1], NULL, 10);
	crash = strtoul(argv[2], NULL, 10);
	lab_install();
	lab_need(mcsafe_pmem_open(&pmem, FILE_NAME, MCSAFE_PMEM_WRITE) == 0, "cannot open it");
	check_all(crash);
	if (crash < CRASHES) {
		ssize_t put;

		stop_calls();
		put = repair(crash);
		lab_need(false, "repair %zu is over after %u calls: %zd", crash, calls, put);
	}
	repair_all();
	mcsafe_pmem_close(pmem);
	return lab_status();
}

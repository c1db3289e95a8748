/* SPDX-License-Identifier: BSD-3-Clause */
/* test_stats.c - each count grows by one where its thing happens, and by nothing else */
#include <mcsafe/mcsafe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad_page.h"
#include "base/counters.h"
#include "child.h"

static struct t_bad_page memory;
static struct mcsafe_stats before;

static void begin(void)
{
	CHECK_EQ(mcsafe_install(), 0);
	mcsafe_stats_get(&before);
}

/* All counts that have changed since begin() are `count`, and it has grown by n to most. */
static void check_between(const unsigned long long *count, unsigned long long n,
			  unsigned long long most)
{
	size_t at = (size_t)((const char *)count - (const char *)&before) / sizeof(*count);
	struct mcsafe_stats now;
	const unsigned long long *old = (const void *)&before, *new = (const void *)&now;

	mcsafe_stats_get(&now);
	for (size_t i = 0; i < sizeof(now) / sizeof(*new); i++)
		if (i == at)
			CHECK(new[i] >= old[i] + n &&new[i] <= old[i] + most);
		else
			CHECK_EQ(new[i], old[i]);
	before = now;
}

static void check_only(const unsigned long long *count, unsigned long long n)
{
	check_between(count, n, n);
}

IN_CHILD(test_landings_are_counted_by_cause_and_side)
{
	unsigned char *none = mmap(NULL, T_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte = 0;

	CHECK_PTR_NE(none, MAP_FAILED);
	begin();
	CHECK_EQ(memcpy_mcsafe(&byte, none, 1), 1);
	check_only(&before.landed[MCSAFE_CAUSE_PROTECTED][MCSAFE_SIDE_SOURCE], 1);
	CHECK_EQ(mcsafe_memset(none, 0, 1, NULL), 1);
	/* A vector, and then its first byte. */
	check_between(&before.landed[MCSAFE_CAUSE_PROTECTED][MCSAFE_SIDE_DESTINATION], 1, 2);
	CHECK_EQ(memcpy_mcsafe(&byte, memory.bad, 1), 1);
	check_only(&before.landed[MCSAFE_CAUSE_IO][MCSAFE_SIDE_SOURCE], 1);
	CHECK_EQ(munmap(none, T_PAGE), 0);
	CHECK_EQ(memcpy_mcsafe(&byte, none, 1), 1);
	check_only(&before.landed[MCSAFE_CAUSE_UNMAPPED][MCSAFE_SIDE_SOURCE], 1);
	CHECK_EQ(memcpy_mcsafe(&byte, (const void *)((uintptr_t)1 << 62), 1), 1);
	check_only(&before.landed[MCSAFE_CAUSE_ADDRESS][MCSAFE_SIDE_SOURCE], 1);
	CHECK_EQ(memcpy_mcsafe(&byte, &before, 1), 0);
	check_only(&before.guards, 0);
}

IN_CHILD(test_what_is_refused_is_counted)
{
	char byte;

	begin();
	CHECK_EQ(mcsafe_memcpy(&byte, (const void *)UINTPTR_MAX, 2, NULL), 2);
	check_only(&before.refused, 1);
	CHECK_EQ(mcsafe_memset((void *)UINTPTR_MAX, 0, 2, NULL), 2);
	check_only(&before.refused, 1);
	CHECK_EQ(mcsafe_memcpy_flushcache(&byte, (const void *)UINTPTR_MAX, 2, NULL), 2);
	check_only(&before.refused, 1);
}

IN_CHILD(test_guards_that_were_left_are_counted)
{
	struct mcsafe_guard guard;

	begin();
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		CHECK_EQ(1, 1);
	}
	MCSAFE_CATCH(&guard) {
		UNREACHED("no fault");
	}
	check_only(&before.guards, 0);
	MCSAFE_TRY(&guard, memory.bad, T_PAGE) {
		t_read_byte(memory.bad);
	}
	MCSAFE_CATCH(&guard) {
		check_only(&before.guards, 1);
	}
}

IN_CHILD(test_notices_are_counted)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGBUS;
	si.si_code = BUS_MCEERR_AO;
	CHECK_EQ(mcsafe_on_notice(NULL, NULL), 0);
	begin();
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &si), 0);
	check_only(&before.notices, 1);
}

static void ignore(int signo)
{
	(void)signo;
}

IN_CHILD(test_signals_that_are_passed_on_are_counted)
{
	struct sigaction sa = {.sa_handler = ignore};

	CHECK_EQ(sigaction(SIGSEGV, &sa, NULL), 0);
	begin();
	CHECK_EQ(raise(SIGSEGV), 0);
	check_only(&before.passed_on, 1);
}

IN_CHILD(test_known_bad_memory_and_repairs_are_counted)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);
	struct mcsafe_pmem *pmem;
	char byte;

	CHECK_EQ(ftruncate(fd, 4 * (off_t)T_PAGE), 0);
	begin();
	CHECK_EQ(mcsafe_pmem_open_fd(&pmem, fd, MCSAFE_PMEM_WRITE), 0);
	CHECK_EQ(mcsafe_badblocks_add(mcsafe_pmem_badblocks(pmem), T_PAGE, T_PAGE), 0);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, 0, NULL), 1);
	check_only(&before.known_bad, 0);
	CHECK_EQ(mcsafe_pmem_pread(pmem, &byte, 1, (off_t)T_PAGE, NULL), -EIO);
	check_only(&before.known_bad, 1);
	CHECK_EQ(mcsafe_pmem_repair(pmem, NULL, T_PAGE, (off_t)T_PAGE), T_PAGE);
	check_only(&before.repairs, 1);
	CHECK_EQ(mcsafe_pmem_repair(pmem, NULL, 0, 0), 0);
	check_only(&before.repairs, 0);
	mcsafe_pmem_close(pmem);
}

IN_CHILD(test_a_forked_child_goes_on_from_its_parent)
{
	char byte = 0;
	int status;
	pid_t pid;

	begin();
	pid = fork();
	if (pid == 0) {
		check_only(&before.guards, 0);
		CHECK_EQ(memcpy_mcsafe(&byte, memory.bad, 1), 1);
		check_only(&before.landed[MCSAFE_CAUSE_IO][MCSAFE_SIDE_SOURCE], 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	check_only(&before.guards, 0);
}

/* ---- text ------------------------------------------------------------------------------------ */

static char text[8192];

static void write_and_read(void)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	ssize_t n;

	CHECK_EQ(mcsafe_stats_write(fd), 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	CHECK(n > 0);
	text[n] = '\0';
	close(fd);
}

static unsigned long long value_of(const char *metric)
{
	char line[256];
	const char *found;

	CHECK(snprintf(line, sizeof(line), "\n%s ", metric) < (int)sizeof(line));
	found = strstr(text, line);
	CHECK_PTR_NE(found, NULL);
	CHECK_PTR_EQ(strstr(found + 1, line), NULL);
	return strtoull(found + strlen(line), NULL, 10);
}

IN_CHILD(test_the_text_has_each_count)
{
	static const char *const causes[] = {"poison", "io",      "unmapped", "protected",
					     "pkey",   "address", "unknown"};
	struct mcsafe__counters *counters = &mcsafe__counters;
	unsigned long long next = 1;

	for (size_t i = 0; i < 7; i++)
		for (size_t side = 1; side <= 2; side++)
			counters->landed[i + 1][side] = next++;
	counters->guards = 100;
	counters->shields = 101;
	counters->notices = 102;
	counters->passed_on = 103;
	counters->refused = 104;
	counters->known_bad = 105;
	counters->ranges_noted = 106;
	counters->repairs = UINT64_MAX;
	counters->carried = 107;
	counters->no_stand_in = 108;
	counters->near_limit = 109;
	write_and_read();
	next = 1;
	for (size_t i = 0; i < 7; i++)
		for (size_t side = 1; side <= 2; side++) {
			char name[128];

			snprintf(name, sizeof(name),
				 "mcsafe_faults_total{cause=\"%s\",side=\"%s\"}", causes[i],
				 side == 1 ? "source" : "destination");
			CHECK_EQ(value_of(name), next++);
		}
	CHECK_EQ(value_of("mcsafe_guards_total"), 100);
	CHECK_EQ(value_of("mcsafe_shields_total"), 101);
	CHECK_EQ(value_of("mcsafe_notices_total"), 102);
	CHECK_EQ(value_of("mcsafe_signals_passed_on_total"), 103);
	CHECK_EQ(value_of("mcsafe_refused_total"), 104);
	CHECK_EQ(value_of("mcsafe_known_bad_total"), 105);
	CHECK_EQ(value_of("mcsafe_ranges_noted_total"), 106);
	CHECK_EQ(value_of("mcsafe_repairs_total"), UINT64_MAX);
	CHECK_EQ(value_of("mcsafe_carried_total"), 107);
	CHECK_EQ(value_of("mcsafe_no_stand_in_total"), 108);
	CHECK_EQ(value_of("mcsafe_near_limit_total"), 109);
}

/* The format: # HELP, # TYPE, samples, each on a line, every metric announced before its sample. */
IN_CHILD(test_the_text_is_what_prometheus_reads)
{
	char announced[128] = "";
	unsigned samples = 0;
	char *rest = text, *line;

	write_and_read();
	CHECK_EQ(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		char name[128], kind[16], end;

		if (sscanf(line, "# TYPE %127[a-z_] %15[a-z]%c", name, kind, &end) == 2) {
			CHECK_EQ(strcmp(kind, "counter"), 0);
			memcpy(announced, name, sizeof(announced));
		} else if (strncmp(line, "# HELP ", 7) != 0) {
			unsigned long long value;

			CHECK_EQ(sscanf(line, "%127[a-z_]", name), 1);
			CHECK_EQ(strcmp(name, announced), 0);
			CHECK_EQ(sscanf(strrchr(line, ' '), " %llu%c", &value, &end), 1);
			samples++;
		}
	}
	CHECK_EQ(samples, 14 + 11);
}

IN_CHILD(test_an_error_of_the_descriptor_is_returned)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	CHECK(full >= 0);
	errno = 77;
	CHECK_EQ(mcsafe_stats_write(full), -ENOSPC);
	CHECK_EQ(mcsafe_stats_write(-1), -EBADF);
	CHECK_EQ(errno, 77);
}

IN_CHILD(test_the_version_is_that_of_the_header)
{
	char version[32];

	snprintf(version, sizeof(version), "%d.%d.%d", MCSAFE_VERSION_MAJOR, MCSAFE_VERSION_MINOR,
		 MCSAFE_VERSION_PATCH);
	CHECK_EQ(strcmp(mcsafe_version(), version), 0);
	CHECK_EQ(strcmp(MCSAFE_VERSION_STRING, version), 0);
	CHECK_EQ(MCSAFE_VERSION_NUMBER,
		 MCSAFE_VERSION_MAJOR * 10000 + MCSAFE_VERSION_MINOR * 100 + MCSAFE_VERSION_PATCH);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_landings_are_counted_by_cause_and_side),
		cmocka_unit_test(test_what_is_refused_is_counted),
		cmocka_unit_test(test_guards_that_were_left_are_counted),
		cmocka_unit_test(test_notices_are_counted),
		cmocka_unit_test(test_signals_that_are_passed_on_are_counted),
		cmocka_unit_test(test_known_bad_memory_and_repairs_are_counted),
		cmocka_unit_test(test_a_forked_child_goes_on_from_its_parent),
		cmocka_unit_test(test_the_text_has_each_count),
		cmocka_unit_test(test_the_text_is_what_prometheus_reads),
		cmocka_unit_test(test_an_error_of_the_descriptor_is_returned),
		cmocka_unit_test(test_the_version_is_that_of_the_header),
	};

	memory = t_bad_page(T_TRUNCATED);
	return cmocka_run_group_tests_name("explain.stats", tests, NULL, NULL);
}

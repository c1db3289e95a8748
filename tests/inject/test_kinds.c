/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kinds.c - each kind on each type of memory, against the tables in inject.h
 *
 *	test_kinds            what every machine can do
 *	test_kinds hugetlb    needs huge pages, or root to get some
 *	test_kinds hwpoison   costs the machine memory: in the guest of tests/vm only
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#include "memory.h"

/* The documented signal of a kind. */
struct expectation {
	int signo;
	int code;
	enum mcsafe_cause cause;
	size_t extent;
};

/* This line is there if and only if the kernel has CONFIG_MEMORY_FAILURE. */
static bool kernel_knows_poison(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	char line[128];
	bool found = false;

	assert_non_null(meminfo);
	while (fgets(line, sizeof(line), meminfo) != NULL)
		found = found || strncmp(line, "HardwareCorrupted:", 18) == 0;
	fclose(meminfo);
	return found;
}

static struct expectation expected_signal(enum mcsafe_inject_kind kind, const struct region *region)
{
	switch (kind) {
	case MCSAFE_INJECT_HWPOISON:
		break;
	case MCSAFE_INJECT_POISON:
		if (kernel_knows_poison())
			break;
		/* fall through */
	case MCSAFE_INJECT_EOF:
		return (struct expectation){SIGBUS, BUS_ADRERR, MCSAFE_CAUSE_IO, 0};
	case MCSAFE_INJECT_GUARD:
		return (struct expectation){SIGSEGV, SEGV_MAPERR, MCSAFE_CAUSE_UNMAPPED, 0};
	default:
		return (struct expectation){SIGSEGV, SEGV_ACCERR, MCSAFE_CAUSE_PROTECTED, 0};
	}
	return (struct expectation){SIGBUS, BUS_MCEERR_AR, MCSAFE_CAUSE_POISON, region->unit};
}

static const struct expectation store_to_readonly = {SIGSEGV, SEGV_ACCERR, MCSAFE_CAUSE_PROTECTED,
						     0};

static void check_fault(const struct mcsafe_fault *fault, enum mcsafe_side side, const void *addr,
			struct expectation expected)
{
	assert_int_equal(fault->signo, expected.signo);
	assert_int_equal(fault->code, expected.code);
	assert_int_equal(fault->cause, expected.cause);
	assert_int_equal(fault->side, side);
	assert_ptr_equal(fault->addr, addr);
	assert_int_equal(fault->extent, expected.extent);
}

/* Units 1 and 2 are bad: into them, from good memory and from within. */
static void check_loads(const struct region *region, struct expectation expected)
{
	unsigned char *bad = region->base + region->unit, buffer[300];
	struct mcsafe_fault fault;

	assert_int_equal(mcsafe_memcpy(buffer, bad - 100, 300, &fault), 200);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad, expected);
	assert_int_equal(mcsafe_memcpy(buffer, bad + 777, 300, &fault), 300);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad + 777, expected);
	assert_int_equal(mcsafe_memcpy(buffer, bad + 2 * region->unit - 1, 1, &fault), 1);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad + 2 * region->unit - 1, expected);
	/* Good on both sides, to the byte. */
	assert_int_equal(memcpy_mcsafe(buffer, bad - 300, 300), 0);
	assert_int_equal(memcpy_mcsafe(buffer, bad + 2 * region->unit, 300), 0);
}

static void check_stores(const struct region *region, struct expectation expected)
{
	unsigned char *bad = region->base + region->unit, *before = bad - 100, bytes[300];
	struct mcsafe_fault fault;

	if (!region->writable)
		expected = store_to_readonly;
	memcpy(bytes, before, 100);
	memset(bytes + 100, 0xff, 200);
	assert_int_equal(mcsafe_memcpy(before, bytes, 300, &fault), region->writable ? 200 : 300);
	check_fault(&fault, MCSAFE_SIDE_DESTINATION, region->writable ? bad : before, expected);
	assert_int_equal(mcsafe_memset(bad + region->unit + 9, 0, 99, &fault), 99);
	check_fault(&fault, MCSAFE_SIDE_DESTINATION, bad + region->unit + 9, expected);
}

/* The file, and another mapping of it, know nothing; what is stored there is not forgotten. */
static void check_other_view(const struct region *region)
{
	size_t at = region->unit + 11;
	unsigned char byte, *view;

	if (region->fd < 0)
		return;
	view = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
	assert_ptr_not_equal(view, MAP_FAILED);
	assert_int_equal(view[at], content_byte(at));
	assert_int_equal(pread(region->fd, &byte, 1, (off_t)at), 1);
	assert_int_equal(byte, content_byte(at));
	if (region->shared)
		view[at] = 0;
	assert_int_equal(munmap(view, region->size), 0);
}

static void check_content(struct region *region, size_t from, size_t to, bool zero)
{
	size_t i;

	for (i = from; i < to; i++)
		if (region->base[i] != (zero ? 0 : content_byte(i)))
			fail_msg("%s: byte %zu is %u after clear, should be %u",
				 memory_name(region->type), i, region->base[i],
				 zero ? 0 : content_byte(i));
	for (i = from; region->writable && i < to; i += 1000)
		region->base[i] = content_byte(i);
}

static void restore_byte(const struct region *region, size_t at)
{
	unsigned char byte = content_byte(at);

	assert_int_equal(pwrite(region->fd, &byte, 1, (off_t)at), 1);
}

/* Only HWPOISON loses content, and only what has no copy on a disk. */
static bool is_lost(const struct region *region, enum mcsafe_inject_kind kind)
{
	return kind == MCSAFE_INJECT_HWPOISON && region->type != FILE_PRIVATE &&
	       region->type != FILE_SHARED;
}

static void try(enum memory_type type, enum mcsafe_inject_kind kind)
{
	struct region region = region_open(type);
	unsigned char *bad = region.base + region.unit;
	size_t len = 2 * region.unit, mappings = count_mappings(), fds = count_descriptors();
	struct expectation expected;
	int error;

	assert_int_equal(mcsafe_install(), 0);
	error = mcsafe_inject(bad, len, kind);
	if (error != 0)
		fail_msg("%s on %s: %d: %s", mcsafe_inject_kind_name(kind), memory_name(type),
			 error, mcsafe_inject_reason());
	assert_int_equal(mcsafe_inject_kind_at(bad - 1), MCSAFE_INJECT_NONE);
	assert_int_equal(mcsafe_inject_kind_at(bad + len), MCSAFE_INJECT_NONE);
	if (kind == MCSAFE_INJECT_AUTO)
		kind = mcsafe_inject_kind_at(bad);
	assert_int_equal(mcsafe_inject_kind_at(bad), kind);
	assert_int_equal(mcsafe_inject_kind_at(bad + len - 1), kind);
	assert_int_equal(count_descriptors(), fds);

	expected = expected_signal(kind, &region);
	check_loads(&region, expected);
	check_stores(&region, expected);
	if (kind != MCSAFE_INJECT_HWPOISON)
		check_other_view(&region);

	error = mcsafe_inject_clear(bad, len);
	if (error != 0)
		fail_msg("clear of %s on %s: %d: %s", mcsafe_inject_kind_name(kind),
			 memory_name(type), error, mcsafe_inject_reason());
	assert_int_equal(mcsafe_inject_kind_at(bad), MCSAFE_INJECT_NONE);
	if (kind != MCSAFE_INJECT_HWPOISON && region.fd >= 0 && region.shared) {
		assert_int_equal(bad[11], 0);
		if (region.writable)
			bad[11] = content_byte(region.unit + 11);
		else
			restore_byte(&region, region.unit + 11);
	}
	check_content(&region, 0, region.unit, false);
	check_content(&region, region.unit, 3 * region.unit, is_lost(&region, kind));
	check_content(&region, 3 * region.unit, region.size, false);
	if (region.writable) {
		bad[0] = 1;
		assert_int_equal(bad[0], 1);
	}
	/* The kernel never merges mappings of huge pages again. */
	assert_in_range(count_mappings(), mappings, mappings + (region.unit == T_HUGE ? 2 : 0));
	assert_int_equal(count_descriptors(), fds);
	print_message("%s on %s: signal %d, code %d, extent %zu\n", mcsafe_inject_kind_name(kind),
		      memory_name(type), expected.signo, expected.code, expected.extent);
	region_close(&region);
}

/* A kernel that lacks the kind says so, and leaves the memory alone. */
static void try_in_vain(enum memory_type type, enum mcsafe_inject_kind kind, int error)
{
	struct region region = region_open(type);
	size_t mappings = count_mappings();

	assert_int_equal(mcsafe_inject(region.base + region.unit, region.unit, kind), error);
	assert_string_not_equal(mcsafe_inject_reason(), "");
	assert_int_equal(mcsafe_inject_kind_at(region.base + region.unit), MCSAFE_INJECT_NONE);
	check_content(&region, 0, region.size, false);
	assert_in_range(count_mappings(), mappings, mappings + (region.unit == T_HUGE ? 2 : 0));
	print_message("%s on %s: %d: %s\n", mcsafe_inject_kind_name(kind), memory_name(type), error,
		      mcsafe_inject_reason());
	region_close(&region);
}

static void try_or_not(enum memory_type type, enum mcsafe_inject_kind kind)
{
	int error = mcsafe_inject_supported(kind);

	if (error == 0)
		try(type, kind);
	else
		try_in_vain(type, kind, error);
}

static void test_every_kind_works_on_ordinary_memory(void **unused)
{
	static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
							MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF,
							MCSAFE_INJECT_AUTO};
	size_t i;
	int type;

	(void)unused;
	for (i = 0; i < T_LENGTH(kinds); i++)
		for (type = PRIVATE_ANON; type <= THP; type++)
			try_or_not((enum memory_type)type, kinds[i]);
}

static void test_every_kind_works_on_hugetlb_or_says_why_not(void **unused)
{
	enum memory_type type;
	struct region region;

	(void)unused;
	for (type = HUGETLB_PRIVATE; type <= HUGETLB_SHARED; type++) {
		try_or_not(type, MCSAFE_INJECT_POISON);
		try(type, MCSAFE_INJECT_PROTECT);
		try(type, MCSAFE_INJECT_AUTO);
		try_in_vain(type, MCSAFE_INJECT_GUARD, -EOPNOTSUPP);
		try_in_vain(type, MCSAFE_INJECT_EOF, -EOPNOTSUPP);

		region = region_open(type);
		assert_int_equal(mcsafe_inject(region.base + T_PAGE, T_HUGE, MCSAFE_INJECT_AUTO),
				 -EINVAL);
		assert_int_equal(mcsafe_inject(region.base, T_PAGE, MCSAFE_INJECT_PROTECT),
				 -EINVAL);
		check_content(&region, 0, region.size, false);
		region_close(&region);
	}
}

static void test_hwpoison_works_on_every_type_of_memory(void **unused)
{
	static const enum memory_type types[] = {PRIVATE_ANON,    SHARED_ANON,   MEMFD,
						 FILE_PRIVATE,    FILE_SHARED,   THP,
						 HUGETLB_PRIVATE, HUGETLB_SHARED};
	struct region region;
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_inject_supported(MCSAFE_INJECT_HWPOISON), 0);
	for (i = 0; i < T_LENGTH(types); i++)
		try(types[i], MCSAFE_INJECT_HWPOISON);

	/* Clean, and not to be made dirty: the kernel reads it in again. */
	region = region_open(FILE_SHARED_READONLY);
	assert_int_equal(mcsafe_inject(region.base, T_PAGE, MCSAFE_INJECT_HWPOISON), -ENODATA);
	check_content(&region, 0, region.size, false);
	region_close(&region);
}

/* 77, or a failure where nothing may be skipped. */
static int skip_all(const char *reason)
{
	const char *no_skip = getenv("MCSAFE_NO_SKIP");

	printf("skipped: %s\n", reason);
	return no_skip != NULL && strcmp(no_skip, "1") == 0 ? 1 : 77;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest ordinary[] = {
		cmocka_unit_test(test_every_kind_works_on_ordinary_memory)};
	const struct CMUnitTest hugetlb[] = {
		cmocka_unit_test(test_every_kind_works_on_hugetlb_or_says_why_not)};
	const struct CMUnitTest hwpoison[] = {
		cmocka_unit_test(test_hwpoison_works_on_every_type_of_memory)};
	const char *group = argc > 1 ? argv[1] : "ordinary";

	if (strcmp(group, "ordinary") == 0)
		return cmocka_run_group_tests(ordinary, NULL, NULL);
	if (strcmp(group, "hugetlb") == 0)
		return reserve_huge_pages() ? cmocka_run_group_tests(hugetlb, NULL, NULL)
					    : skip_all("no huge pages; root can reserve them "
						       "(vm.nr_hugepages)");
	if (strcmp(group, "hwpoison") == 0)
		return getenv("MCSAFE_GUEST") != NULL
			       ? cmocka_run_group_tests(hwpoison, NULL, NULL)
			       : skip_all("it would cost this machine memory: it runs in a guest");
	fprintf(stderr, "test_kinds: unknown group: %s\n", group);
	return 2;
}

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

#include "child.h"
#include "huge_pages.h"
#include "leaks.h"
#include "memory.h"

/* The documented signal of a kind. */
struct expectation {
	int signo;
	int code;
	enum mcsafe_cause cause;
	size_t extent;
};

/* The kernel writes this line if and only if it has CONFIG_MEMORY_FAILURE. */
static bool kernel_knowt_poison(void)
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

static struct expectation expected_signal(enum mcsafe_inject_kind kind,
					  const struct mapping *mapping)
{
	switch (kind) {
	case MCSAFE_INJECT_HWPOISON:
		break;
	case MCSAFE_INJECT_POISON:
		if (kernel_knowt_poison())
			break;
		/* fall through */
	case MCSAFE_INJECT_EOF:
		return (struct expectation){SIGBUS, BUS_ADRERR, MCSAFE_CAUSE_IO, 0};
	case MCSAFE_INJECT_GUARD:
		return (struct expectation){SIGSEGV, SEGV_MAPERR, MCSAFE_CAUSE_UNMAPPED, 0};
	default:
		return (struct expectation){SIGSEGV, SEGV_ACCERR, MCSAFE_CAUSE_PROTECTED, 0};
	}
	return (struct expectation){SIGBUS, BUS_MCEERR_AR, MCSAFE_CAUSE_POISON, mapping->unit};
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

/* Units 1 and 2 are bad. Loads start in good memory and run into them, or start inside them. */
static void check_loads(const struct mapping *mapping, struct expectation expected)
{
	unsigned char *bad = mapping->base + mapping->unit, buffer[300];
	struct mcsafe_fault fault;

	assert_int_equal(mcsafe_memcpy(buffer, bad - 100, 300, &fault), 200);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad, expected);
	assert_int_equal(mcsafe_memcpy(buffer, bad + 777, 300, &fault), 300);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad + 777, expected);
	assert_int_equal(mcsafe_memcpy(buffer, bad + 2 * mapping->unit - 1, 1, &fault), 1);
	check_fault(&fault, MCSAFE_SIDE_SOURCE, bad + 2 * mapping->unit - 1, expected);
	/* The memory is good on both sides, up to the first bad byte. */
	assert_int_equal(memcpy_mcsafe(buffer, bad - 300, 300), 0);
	assert_int_equal(memcpy_mcsafe(buffer, bad + 2 * mapping->unit, 300), 0);
}

static void check_stores(const struct mapping *mapping, struct expectation expected)
{
	unsigned char *bad = mapping->base + mapping->unit, *before = bad - 100, bytes[300];
	struct mcsafe_fault fault;

	if (!mapping->writable)
		expected = store_to_readonly;
	memcpy(bytes, before, 100);
	memset(bytes + 100, 0xff, 200);
	assert_int_equal(mcsafe_memcpy(before, bytes, 300, &fault), mapping->writable ? 200 : 300);
	check_fault(&fault, MCSAFE_SIDE_DESTINATION, mapping->writable ? bad : before, expected);
	assert_int_equal(mcsafe_memset(bad + mapping->unit + 9, 0, 99, &fault), 99);
	check_fault(&fault, MCSAFE_SIDE_DESTINATION, bad + mapping->unit + 9, expected);
}

/*
 * The file and another mapping of the file do not notice the fault. Bytes stored there are not
 * lost.
 */
static void check_other_view(const struct mapping *mapping)
{
	size_t at = mapping->unit + 11;
	unsigned char byte, *view;

	if (mapping->fd < 0)
		return;
	view = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_SHARED, mapping->fd, 0);
	assert_ptr_not_equal(view, MAP_FAILED);
	assert_int_equal(view[at], mapping_byte(at));
	assert_int_equal(pread(mapping->fd, &byte, 1, (off_t)at), 1);
	assert_int_equal(byte, mapping_byte(at));
	if (mapping->shared)
		view[at] = 0;
	assert_int_equal(munmap(view, mapping->size), 0);
}

static void check_content(struct mapping *mapping, size_t from, size_t to, bool zero)
{
	size_t i;

	for (i = from; i < to; i++)
		if (mapping->base[i] != (zero ? 0 : mapping_byte(i)))
			fail_msg("%s: byte %zu is %u after clear, should be %u",
				 memory_type_name(mapping->type), i, mapping->base[i],
				 zero ? 0 : mapping_byte(i));
	for (i = from; mapping->writable && i < to; i += 1000)
		mapping->base[i] = mapping_byte(i);
}

static void restore_byte(const struct mapping *mapping, size_t at)
{
	unsigned char byte = mapping_byte(at);

	assert_int_equal(pwrite(mapping->fd, &byte, 1, (off_t)at), 1);
}

/* Only HWPOISON loses content, and only content that has no copy on a disk. */
static bool is_lost(const struct mapping *mapping, enum mcsafe_inject_kind kind)
{
	return kind == MCSAFE_INJECT_HWPOISON && mapping->type != FILE_PRIVATE &&
	       mapping->type != FILE_SHARED;
}

static void try(enum memory_type type, enum mcsafe_inject_kind kind)
{
	struct mapping mapping = mapping_open(type);
	unsigned char *bad = mapping.base + mapping.unit;
	size_t len = 2 * mapping.unit, fds = t_count_descriptors(), mappings;
	struct expectation expected;
	int error;

	/* The first one splits a mapping of the library, once and for all. */
	assert_int_equal(mcsafe_install(), 0);
	mappings = t_count_mappings();
	error = mcsafe_inject(bad, len, kind);
	if (error != 0)
		fail_msg("%s on %s: %d: %s", mcsafe_inject_kind_name(kind), memory_type_name(type),
			 error, mcsafe_inject_reason());
	assert_int_equal(mcsafe_inject_kind_at(bad - 1), MCSAFE_INJECT_NONE);
	assert_int_equal(mcsafe_inject_kind_at(bad + len), MCSAFE_INJECT_NONE);
	if (kind == MCSAFE_INJECT_AUTO)
		kind = mcsafe_inject_kind_at(bad);
	assert_int_equal(mcsafe_inject_kind_at(bad), kind);
	assert_int_equal(mcsafe_inject_kind_at(bad + len - 1), kind);
	assert_int_equal(t_count_descriptors(), fds);

	expected = expected_signal(kind, &mapping);
	check_loads(&mapping, expected);
	check_stores(&mapping, expected);
	if (kind != MCSAFE_INJECT_HWPOISON)
		check_other_view(&mapping);

	error = mcsafe_inject_clear(bad, len);
	if (error != 0)
		fail_msg("clear of %s on %s: %d: %s", mcsafe_inject_kind_name(kind),
			 memory_type_name(type), error, mcsafe_inject_reason());
	assert_int_equal(mcsafe_inject_kind_at(bad), MCSAFE_INJECT_NONE);
	if (kind != MCSAFE_INJECT_HWPOISON && mapping.fd >= 0 && mapping.shared) {
		assert_int_equal(bad[11], 0);
		if (mapping.writable)
			bad[11] = mapping_byte(mapping.unit + 11);
		else
			restore_byte(&mapping, mapping.unit + 11);
	}
	check_content(&mapping, 0, mapping.unit, false);
	check_content(&mapping, mapping.unit, 3 * mapping.unit, is_lost(&mapping, kind));
	check_content(&mapping, 3 * mapping.unit, mapping.size, false);
	if (mapping.writable) {
		bad[0] = 1;
		assert_int_equal(bad[0], 1);
	}
	/* The kernel never merges mappings of huge pages again. */
	assert_in_range(t_count_mappings(), mappings, mappings + (mapping.unit == T_HUGE ? 2 : 0));
	assert_int_equal(t_count_descriptors(), fds);
	print_message("%s on %s: signal %d, code %d, extent %zu\n", mcsafe_inject_kind_name(kind),
		      memory_type_name(type), expected.signo, expected.code, expected.extent);
	mapping_close(&mapping);
}

/* A kernel that lacks the kind reports that, and does not change the memory. */
static void try_in_vain(enum memory_type type, enum mcsafe_inject_kind kind, int error)
{
	struct mapping mapping = mapping_open(type);
	size_t mappings = t_count_mappings();

	assert_int_equal(mcsafe_inject(mapping.base + mapping.unit, mapping.unit, kind), error);
	assert_string_not_equal(mcsafe_inject_reason(), "");
	assert_int_equal(mcsafe_inject_kind_at(mapping.base + mapping.unit), MCSAFE_INJECT_NONE);
	check_content(&mapping, 0, mapping.size, false);
	assert_in_range(t_count_mappings(), mappings, mappings + (mapping.unit == T_HUGE ? 2 : 0));
	print_message("%s on %s: %d: %s\n", mcsafe_inject_kind_name(kind), memory_type_name(type),
		      error, mcsafe_inject_reason());
	mapping_close(&mapping);
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

/* Its bytes are kept in a copy, of which the rest is needed later. */
static void test_a_part_of_poisoned_huge_pages_is_cleared(void **unused)
{
	struct mapping mapping = mapping_open(HUGETLB_PRIVATE);

	(void)unused;
	if (mcsafe_inject(mapping.base, 3 * T_HUGE, MCSAFE_INJECT_POISON) == 0) {
		assert_int_equal(mcsafe_inject_clear(mapping.base + T_HUGE, T_HUGE), 0);
		check_content(&mapping, T_HUGE, 2 * T_HUGE, false);
		assert_int_equal(mcsafe_inject_kind_at(mapping.base), MCSAFE_INJECT_POISON);
		assert_int_equal(mcsafe_inject_clear(mapping.base, 3 * T_HUGE), 0);
	} else {
		print_message("huge pages cannot be poisoned here: %s\n", mcsafe_inject_reason());
	}
	check_content(&mapping, 0, mapping.size, false);
	mapping_close(&mapping);
}

static void test_every_kind_works_on_hugetlb_or_says_why_not(void **unused)
{
	enum memory_type type;
	struct mapping mapping;

	(void)unused;
	for (type = HUGETLB_PRIVATE; type <= HUGETLB_SHARED; type++) {
		try_or_not(type, MCSAFE_INJECT_POISON);
		try(type, MCSAFE_INJECT_PROTECT);
		try(type, MCSAFE_INJECT_AUTO);
		try_in_vain(type, MCSAFE_INJECT_GUARD, -EOPNOTSUPP);
		try_in_vain(type, MCSAFE_INJECT_EOF, -EOPNOTSUPP);

		mapping = mapping_open(type);
		assert_int_equal(mcsafe_inject(mapping.base + T_PAGE, T_HUGE, MCSAFE_INJECT_AUTO),
				 -EINVAL);
		assert_int_equal(mcsafe_inject(mapping.base, T_PAGE, MCSAFE_INJECT_PROTECT),
				 -EINVAL);
		check_content(&mapping, 0, mapping.size, false);
		mapping_close(&mapping);
	}
}

static void test_hwpoison_works_on_every_type_of_memory(void **unused)
{
	static const enum memory_type types[] = {PRIVATE_ANON,    SHARED_ANON,   MEMFD,
						 FILE_PRIVATE,    FILE_SHARED,   THP,
						 HUGETLB_PRIVATE, HUGETLB_SHARED};
	struct mapping mapping;
	size_t i;

	(void)unused;
	assert_int_equal(mcsafe_inject_supported(MCSAFE_INJECT_HWPOISON), 0);
	for (i = 0; i < T_LENGTH(types); i++)
		try(types[i], MCSAFE_INJECT_HWPOISON);

	/* The page is clean and cannot be made dirty: the kernel reads it in again. */
	mapping = mapping_open(FILE_SHARED_READONLY);
	assert_int_equal(mcsafe_inject(mapping.base, T_PAGE, MCSAFE_INJECT_HWPOISON), -ENODATA);
	check_content(&mapping, 0, mapping.size, false);
	mapping_close(&mapping);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest ordinary[] = {
		cmocka_unit_test(test_every_kind_works_on_ordinary_memory)};
	const struct CMUnitTest hugetlb[] = {
		cmocka_unit_test(test_every_kind_works_on_hugetlb_or_says_why_not),
		cmocka_unit_test(test_a_part_of_poisoned_huge_pages_is_cleared)};
	const struct CMUnitTest hwpoison[] = {
		cmocka_unit_test(test_hwpoison_works_on_every_type_of_memory)};
	const char *group = argc > 1 ? argv[1] : "ordinary";

	if (strcmp(group, "ordinary") == 0)
		return cmocka_run_group_tests(ordinary, NULL, NULL);
	if (strcmp(group, "hugetlb") == 0) {
		if (!t_reserve_huge_pages(MAPPING_UNITS + 2))
			t_skip_all("there are no huge pages; root can reserve some "
				   "(vm.nr_hugepages)");
		return cmocka_run_group_tests(hugetlb, NULL, NULL);
	}
	if (strcmp(group, "hwpoison") == 0) {
		if (getenv("MCSAFE_GUEST") == NULL)
			t_skip_all("this would take memory from the machine for good; it runs in a "
				   "guest");
		return cmocka_run_group_tests(hwpoison, NULL, NULL);
	}
	fprintf(stderr, "test_kinds: unknown group: %s\n", group);
	return 2;
}

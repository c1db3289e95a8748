/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_attributes.c - memory that was injected and cleared has the attributes that it had
 *
 *	test_attributes            what every machine can do
 *	test_attributes hugetlb    needs huge pages, or root to get some
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mcsafe/inject.h>

#include "huge_pages.h"
#include "memory.h"
#include "run.h"
#include "smaps.h"

#ifndef UFFD_USER_MODE_ONLY
# define UFFD_USER_MODE_ONLY 1
#endif
#ifndef PR_SET_VMA
# define PR_SET_VMA           0x53564d41
# define PR_SET_VMA_ANON_NAME 0
#endif

/* ---- attributes ---------------------------------------------------------------------------- */

static int set_mlock(void *p, size_t n)
{
	return mlock(p, n);
}

static int set_mlock_onfault(void *p, size_t n)
{
	return mlock2(p, n, MLOCK_ONFAULT);
}

static int set_name(void *p, size_t n)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, n, "mcsafe test");
}

static int set_key(void *p, size_t n)
{
	int key = pkey_alloc(0, 0);

	return key < 0 ? -1 : pkey_mprotect(p, n, PROT_READ | PROT_WRITE, key);
}

#define ADVICE(name)                      \
 static int set_##name(void *p, size_t n) \
 {                                        \
  return madvise(p, n, MADV_##name);      \
 }

ADVICE(DONTFORK)
ADVICE(DONTDUMP)
ADVICE(HUGEPAGE)
ADVICE(NOHUGEPAGE)
ADVICE(MERGEABLE)
ADVICE(WIPEONFORK)
ADVICE(RANDOM)
ADVICE(SEQUENTIAL)

static const struct attribute {
	const char *name;
	int (*set)(void *p, size_t n); /* fails where kernel or memory do not have it */
	const char *flag;              /* that the bad memory must have too; or NULL */
} attributes[] = {
	{"none", NULL, NULL},
	{"mlock", set_mlock, NULL},
	{"mlock on fault", set_mlock_onfault, NULL},
	{"name", set_name, NULL},
	{"protection key", set_key, NULL},
	{"DONTFORK", set_DONTFORK, " dc "},
	{"DONTDUMP", set_DONTDUMP, " dd "},
	{"HUGEPAGE", set_HUGEPAGE, NULL},
	{"NOHUGEPAGE", set_NOHUGEPAGE, NULL},
	{"MERGEABLE", set_MERGEABLE, NULL},
	{"WIPEONFORK", set_WIPEONFORK, NULL},
	{"RANDOM", set_RANDOM, NULL},
	{"SEQUENTIAL", set_SEQUENTIAL, NULL},
};

/* ---- every attribute, on every type of memory, with every kind ------------------------------ */

/* Returns whether the kind could be injected. */
static bool try_kind(const struct mapping *mapping, const struct attribute *attribute,
		     enum mcsafe_inject_kind kind)
{
	unsigned char *middle = mapping->base + mapping->unit;
	char before[T_MAPPING_ROOM], meanwhile[T_MAPPING_ROOM], after[T_MAPPING_ROOM];
	bool injected;

	t_describe_mapping(middle, before);
	injected = mcsafe_inject(middle, mapping->unit, kind) == 0;
	if (injected) {
		t_describe_mapping(middle, meanwhile);
		if (attribute->flag != NULL)
			assert_non_null(strstr(meanwhile, attribute->flag));
		assert_int_equal(mcsafe_inject_clear(middle, mapping->unit), 0);
		assert_int_equal(middle[0], mapping_byte(mapping->unit));
	}
	t_describe_mapping(middle, after);
	assert_string_equal(after, before);
	return injected;
}

/* Returns how many kinds were injected: none, if the memory cannot have the attribute. */
static unsigned try_kinds(enum memory_type type, const struct attribute *attribute)
{
	struct mapping mapping = mapping_open(type);
	unsigned tried = 0;

	if (attribute->set == NULL || attribute->set(mapping.base, mapping.size) == 0)
		for (enum mcsafe_inject_kind kind = MCSAFE_INJECT_POISON; kind <= MCSAFE_INJECT_EOF;
		     kind++)
			tried += try_kind(&mapping, attribute, kind);
	mapping_close(&mapping);
	return tried;
}

static void try_types(enum memory_type first, enum memory_type last)
{
	unsigned tried = 0;

	for (enum memory_type type = first; type <= last; type++)
		for (size_t a = 0; a < sizeof(attributes) / sizeof(attributes[0]); a++)
			tried += try_kinds(type, &attributes[a]);
	print_message("%u combinations\n", tried);
	/* PROTECT, with what any kernel has: nothing, locked, RANDOM, SEQUENTIAL. */
	assert_true(tried >= 4 * (unsigned)(last - first + 1));
}

static void test_memory_has_the_attributes_that_it_had(void **state)
{
	(void)state;
	try_types(PRIVATE_ANON, THP);
}

static void test_huge_pages_have_the_attributes_that_they_had(void **state)
{
	(void)state;
	if (!t_reserve_huge_pages(MAPPING_UNITS + 2))
		t_skip("no huge pages; root can reserve them (vm.nr_hugepages)");
	try_types(HUGETLB_PRIVATE, HUGETLB_SHARED);
}

/* ---- userfaultfd(2) ------------------------------------------------------------------------- */

static int watch(void *p, size_t n)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register area = {.range = {(uintptr_t)p, n},
				       .mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd >= 0 &&
	    (ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &area) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static unsigned char given[T_PAGE] __attribute__((aligned(4096)));

/* Works only for a missing page of memory that this descriptor watches. */
static void give_page(int fd, unsigned char *p)
{
	struct uffdio_copy copy = {.dst = (uintptr_t)p, .src = (uintptr_t)given, .len = T_PAGE};

	assert_int_equal(ioctl(fd, UFFDIO_COPY, &copy), 0);
	assert_int_equal(p[0], 'g');
	assert_int_equal(p[T_PAGE - 1], 'g');
}

static void test_memory_that_the_program_watches_stays_watched(void **state)
{
	const size_t size = (MCSAFE_INJECT_AUTO + 1) * T_PAGE;
	unsigned char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	fd = watch(memory, size);
	if (fd < 0)
		t_skip("userfaultfd(2) is not allowed here");
	memset(given, 'g', sizeof(given));
	for (enum mcsafe_inject_kind kind = MCSAFE_INJECT_POISON; kind <= MCSAFE_INJECT_AUTO;
	     kind++) {
		unsigned char *page = memory + (size_t)kind * T_PAGE;
		bool stays = kind == MCSAFE_INJECT_PROTECT || kind == MCSAFE_INJECT_AUTO;
		int err = mcsafe_inject(page, T_PAGE, kind);

		assert_int_equal(err, stays ? 0 : -EBUSY);
		if (stays) {
			assert_int_equal(mcsafe_inject_kind_at(page), MCSAFE_INJECT_PROTECT);
			assert_int_equal(mcsafe_inject_clear(page, T_PAGE), 0);
		} else {
			assert_non_null(strstr(mcsafe_inject_reason(), "userfaultfd(2)"));
			assert_int_equal(mcsafe_inject_kind_at(page), MCSAFE_INJECT_NONE);
		}
		give_page(fd, page);
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(munmap(memory, size), 0);
}

/* ---- names ---------------------------------------------------------------------------------- */

#define LINE_ROOM 512 /* of the library, for a line */
#define NAME_AT   73  /* where a name begins in a line of the kernel */

/* Whether what does not fit begins with flags of memory that is watched. */
static bool is_there_a_rest_like_flags(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[LINE_ROOM];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL)
		found = found || strncmp(line, "VmFlags: um ", 12) == 0;
	fclose(maps);
	return found;
}

static void test_the_end_of_a_long_name_does_not_pass_for_flags(void **state)
{
	char top[] = "/tmp/mcsafe-inject-XXXXXX", dir[300], path[LINE_ROOM];
	unsigned char *memory;
	int fd, err, n;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/%0200d", top, 0);
	n = snprintf(path, sizeof(path), "%s/", dir);
	snprintf(path + n, sizeof(path) - (size_t)n, "%0*dVmFlags: um uw",
		 LINE_ROOM - 1 - NAME_AT - n, 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, T_PAGE), 0);
	memory = mmap(NULL, T_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_true(is_there_a_rest_like_flags());
	err = mcsafe_inject(memory, T_PAGE, MCSAFE_INJECT_EOF);
	if (err == 0)
		assert_int_equal(mcsafe_inject_clear(memory, T_PAGE), 0);
	else
		assert_int_equal(err, -EOPNOTSUPP); /* the kernel has no such kind */
	assert_int_equal(munmap(memory, T_PAGE), 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(top), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_has_the_attributes_that_it_had),
		cmocka_unit_test(test_memory_that_the_program_watches_stays_watched),
		cmocka_unit_test(test_the_end_of_a_long_name_does_not_pass_for_flags),
	};
	const struct CMUnitTest huge_tests[] = {
		cmocka_unit_test(test_huge_pages_have_the_attributes_that_they_had),
	};

	if (argc > 1 && strcmp(argv[1], "hugetlb") == 0)
		return t_run("huge pages", huge_tests, T_LENGTH(huge_tests));
	return t_run("attributes", tests, T_LENGTH(tests));
}

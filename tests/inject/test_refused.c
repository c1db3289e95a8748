/* SPDX-License-Identifier: BSD-3-Clause */
/* test_refused.c - whichever call of libc fails: the memory is bad, or it is as it was */
#include <mcsafe/inject.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basics.h"
#include "child.h"
#include "huge_pages.h"
#include "refusal.h"
#include "run.h"

enum type {
	PRIVATE_ANON,
	SHARED_FILE,
	PRIVATE_READONLY_FILE,
	ADVISED,    /* not for children, nor for core dumps */
	EXECUTABLE, /* private anonymous memory */
	NO_ACCESS,
	TYPES,
	HUGE_PRIVATE = TYPES, /* of the hugetlb pool, alone: it may be empty */
	HUGE_SHARED,
	ALL_TYPES
};

static const char *const names[ALL_TYPES] = {
	"private anonymous memory",   "a shared file",     "a private read-only file",
	"private memory with advice", "executable memory", "memory that cannot be accessed",
	"private huge pages",         "shared huge pages",
};
static const enum mcsafe_inject_kind kinds[] = {MCSAFE_INJECT_POISON, MCSAFE_INJECT_GUARD,
						MCSAFE_INJECT_PROTECT, MCSAFE_INJECT_EOF,
						MCSAFE_INJECT_AUTO};

/* EOPNOTSUPP: what the kernel does not do. EFAULT: /proc does not tell of the mapping. */
static const int others[] = {-ENOMEM, -EOPNOTSUPP, -EFAULT, -ENOENT, -EINVAL, 0};

#define UNITS     4
#define MOST      (UNITS * T_HUGE)
#define HUGE_POOL (UNITS + 2)

/* The content is never 0, so that zeros mean a loss. */
static unsigned char content[MOST];
static unsigned char *area, *base; /* inaccessible memory lies before and after base */
static enum type type;
static enum mcsafe_inject_kind kind;

static size_t unit(void)
{
	return type == HUGE_PRIVATE || type == HUGE_SHARED ? T_HUGE : T_PAGE;
}

static size_t size(void)
{
	return UNITS * unit();
}

static unsigned char *start(void)
{
	return base + unit();
}

static size_t len(void)
{
	return 2 * unit();
}

static void open_it(void)
{
	int fd = -1, flags = MAP_FIXED;

	memset(content, 'c', size());
	area = mmap(NULL, size() + 2 * T_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)area != MAP_FAILED);
	base = area + T_HUGE - (uintptr_t)area % T_HUGE;
	if (type != SHARED_FILE && type != PRIVATE_READONLY_FILE) {
		flags |= (type == HUGE_SHARED ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS |
			 (unit() == T_HUGE ? MAP_HUGETLB : 0);
	} else {
		fd = memfd_create("refused", MFD_CLOEXEC);
		assert_int_equal(write(fd, content, size()), size());
		flags |= type == SHARED_FILE ? MAP_SHARED : MAP_PRIVATE;
	}
	assert_true(mmap(base, size(),
			 type == PRIVATE_READONLY_FILE ? PROT_READ : PROT_READ | PROT_WRITE, flags,
			 fd, 0) == base);
	if (fd >= 0)
		close(fd);
	else
		memcpy(base, content, size());
	if (type == ADVISED) {
		assert_int_equal(madvise(base, size(), MADV_DONTFORK), 0);
		assert_int_equal(madvise(base, size(), MADV_DONTDUMP), 0);
	}
	if (type == EXECUTABLE)
		assert_int_equal(mprotect(base, size(), PROT_READ | PROT_EXEC), 0);
	if (type == NO_ACCESS)
		assert_int_equal(mprotect(base, size(), PROT_NONE), 0);
}

static void close_it(void)
{
	assert_int_equal(munmap(area, size() + 2 * T_HUGE), 0);
}

static int inject(void)
{
	return mcsafe_inject(start(), len(), kind);
}

static int clear(void)
{
	return mcsafe_inject_clear(start(), len());
}

static void open_bad(void)
{
	open_it();
	assert_int_equal(inject(), 0);
}

/* No kind that is tried here loses anything. */
static void check_content(const char *when, const char *refused)
{
	if (type == NO_ACCESS)
		assert_int_equal(mprotect(base, size(), PROT_READ), 0);
	for (size_t i = 0; i < size(); i += unit() / T_PAGE)
		if (base[i] != content[i])
			fail_msg("%s, kind %d: byte %zu has changed %s, %s was refused",
				 names[type], kind, i, when, refused != NULL ? refused : "nothing");
}

static void clear_if_bad(int result, const char *refused)
{
	if (result == 0)
		assert_int_not_equal(mcsafe_inject_kind_at(start()), MCSAFE_INJECT_NONE);
	/* A piece that could not be undone stays listed. */
	if (mcsafe_inject_kind_at(start()) != MCSAFE_INJECT_NONE ||
	    mcsafe_inject_kind_at(start() + unit()) != MCSAFE_INJECT_NONE)
		assert_int_equal(clear(), 0);
	check_content("after an injection", refused);
	close_it();
}

static void clear_again(int result, const char *refused)
{
	if (result != 0)
		assert_int_equal(clear(), 0);
	check_content("after it was cleared", refused);
	close_it();
}

static bool is_possible(void)
{
	bool possible;

	open_it();
	possible = inject() == 0;
	if (possible)
		assert_int_equal(clear(), 0);
	close_it();
	return possible;
}

static unsigned refuse_each_of(enum type first, enum type end)
{
	const struct t_attempt injecting = {"inject", open_it, inject, clear_if_bad};
	const struct t_attempt clearing = {"inject_clear", open_bad, clear, clear_again};
	unsigned tried = 0;

	for (size_t k = 0; k < T_LENGTH(kinds); k++)
		for (type = first; type < end; type++) {
			unsigned injected, cleared;

			kind = kinds[k];
			if (!is_possible())
				continue;
			injected = t_refuse_each(&injecting, EPERM, others);
			cleared = t_refuse_each(&clearing, EPERM, others);
			print_message("%s, kind %d: %u and %u calls were refused\n", names[type],
				      kind, injected, cleared);
			assert_true(injected >= 2 && cleared >= 1);
			tried++;
		}
	return tried;
}

static void test_memory_is_bad_or_as_it_was(void **state)
{
	(void)state;
	/* PROTECT and EOF work everywhere. */
	assert_true(refuse_each_of(PRIVATE_ANON, TYPES) >= 2 * TYPES);
}

static void test_huge_pages_are_bad_or_as_they_were(void **state)
{
	(void)state;
	/* PROTECT does. */
	assert_true(refuse_each_of(HUGE_PRIVATE, ALL_TYPES) >= 2);
}

/* The call tries the kind on a page of its own, which may be left. The next call has another. */
static void test_asking_what_is_supported(void **state)
{
	const char *refused;
	unsigned nth = 0;

	(void)state;
	do {
		int result;

		t_refuse(++nth, ENOMEM);
		result = mcsafe_inject_supported(MCSAFE_INJECT_PROTECT);
		refused = t_refuse_no_more();
		if (refused == NULL)
			assert_int_equal(result, 0);
		else
			assert_true(result <= 0);
		assert_int_equal(mcsafe_inject_supported(MCSAFE_INJECT_PROTECT), 0);
	} while (refused != NULL);
	assert_true(nth >= 4);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_bad_or_as_it_was),
		cmocka_unit_test(test_asking_what_is_supported),
	};
	static const struct CMUnitTest huge_tests[] = {
		cmocka_unit_test(test_huge_pages_are_bad_or_as_they_were),
	};

	if (argc < 2 || strcmp(argv[1], "hugetlb") != 0)
		return t_run("inject.refused", tests, T_LENGTH(tests));
	if (!t_reserve_huge_pages(HUGE_POOL))
		t_skip_all("there are no huge pages; root can reserve some (vm.nr_hugepages)");
	return t_run("inject.refused_hugetlb", huge_tests, T_LENGTH(huge_tests));
}

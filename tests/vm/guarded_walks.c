/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guarded_walks.c - ordinary code reads really poisoned memory under guards; for tests/vm
 *
 * The regions of the kit are anonymous memory or a memfd, in small pages, and any process can make
 * them bad. Here the memory is of several kinds, and root poisons a page of it for good.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"

#define SIZE     (4 * T_HUGE)
#define POISONED (T_HUGE + 5 * T_PAGE)

struct memory_type {
	const char *name;
	const char *file; /* NULL: anonymous; "": a memfd */
	int flags;        /* of mmap(2) */
	int advice;       /* advice for madvise(2), or 0 */
	size_t lost;      /* size of the block around the poisoned page that is lost */
};

static struct memory_type types[] = {
	{"anonymous memory", NULL, MAP_PRIVATE | MAP_ANONYMOUS, MADV_NOHUGEPAGE, T_PAGE},
	{"transparent huge page", NULL, MAP_PRIVATE | MAP_ANONYMOUS, MADV_HUGEPAGE, T_PAGE},
	{"hugetlb page", NULL, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, 0, T_HUGE},
	{"memfd", "", MAP_SHARED, 0, T_PAGE},
	{"tmpfs file", "/tmp/guarded", MAP_SHARED, 0, T_PAGE},
	{"dirty page of an ext4 file", "/mnt/ext4/guarded", MAP_SHARED, 0, T_PAGE},
};

static unsigned char *mapping;
static size_t bad, bad_end; /* offsets of the lost bytes */

static unsigned char pattern(size_t i)
{
	return (unsigned char)((i * 2654435761u) >> 25);
}

static unsigned char read_at(size_t i)
{
	return *(const volatile unsigned char *)&mapping[i];
}

static int open_file(const char *path)
{
	int fd = path[0] == '\0' ? memfd_create("guarded", MFD_CLOEXEC)
				 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	if (path[0] != '\0')
		assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	return fd;
}

/*
 * Since Linux 6.11 madvise(2) ends with SIGBUS if the process has dirtied the page. The signal
 * comes at the instruction after the system call, and the guard catches it.
 */
static void poison(void)
{
	struct mcsafe_guard guard;
	volatile int err = 0;

	MCSAFE_TRY(&guard, &mapping[POISONED], T_PAGE) {
		if (madvise(&mapping[POISONED], T_PAGE, MADV_HWPOISON) != 0)
			err = errno;
	}
	MCSAFE_CATCH(&guard) {
		assert_int_equal(guard.fault.cause, MCSAFE_CAUSE_POISON);
	}
	if (err != 0)
		fail_msg("MADV_HWPOISON needs root and CONFIG_MEMORY_FAILURE: error %d", err);
}

static void set_up(const struct memory_type *type)
{
	const int protection = PROT_READ | PROT_WRITE;
	int fd = type->file != NULL ? open_file(type->file) : -1;
	char *room = mmap(NULL, SIZE + T_HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *base;

	assert_ptr_not_equal(room, MAP_FAILED);
	base = room + (T_HUGE - (uintptr_t)room % T_HUGE);
	assert_ptr_equal(mmap(base, SIZE, protection, type->flags | MAP_FIXED, fd, 0), base);
	if (fd != -1)
		close(fd);
	if (type->advice != 0)
		assert_int_equal(madvise(base, SIZE, type->advice), 0);
	mapping = (unsigned char *)base;
	for (size_t i = 0; i < SIZE; i++)
		mapping[i] = pattern(i);
	bad = POISONED - POISONED % type->lost;
	bad_end = bad + type->lost;
	assert_int_equal(mcsafe_install(), 0);
	poison();
}

struct walk {
	size_t from, to;
	volatile size_t done;
};

static void walk(void *arg)
{
	struct walk *w = arg;

	for (size_t i = w->from; i < w->to; i++) {
		if (read_at(i) != pattern(i))
			fail_msg("wrong byte at %zu", i);
		w->done++;
	}
}

static void check_fault(const struct mcsafe_fault *fault, size_t at)
{
	assert_int_equal(fault->signo, SIGBUS);
	assert_int_equal(fault->code, BUS_MCEERR_AR);
	assert_int_equal(fault->cause, MCSAFE_CAUSE_POISON);
	assert_int_equal(mcsafe_fault_errno(fault), EHWPOISON);
	assert_int_equal(fault->side, MCSAFE_SIDE_SOURCE);
	assert_int_equal(fault->extent, bad_end - bad);
	assert_ptr_equal(fault->addr, &mapping[at]);
	assert_non_null(fault->ip);
}

/*
 * Starts from a good byte, and from inside the lost block. The answer must be the same every time.
 */
static void walk_into(size_t from)
{
	const struct mcsafe_window window = {mapping, SIZE};
	size_t at = from < bad ? bad : from;
	struct mcsafe_guard guard;

	for (int round = 0; round < 3; round++) {
		struct walk w = {from, from + 3 * T_PAGE, 0};

		assert_int_equal(mcsafe_call_windows(&window, 1, walk, &w, &guard), -EHWPOISON);
		assert_int_equal(w.done, at - from);
		assert_int_equal(guard.offset, at);
		check_fault(&guard.fault, at);
	}
}

static void walk_beside(size_t from, size_t to)
{
	struct walk w = {from, to, 0};

	assert_int_equal(mcsafe_call(mapping, SIZE, walk, &w, NULL), 0);
	assert_int_equal(w.done, to - from);
}

/*
 * The fault is at `at`. If `right` is 0, the window is the wrong one, and the outer guard catches.
 */
static void touch(size_t at, size_t base, size_t len, int right, size_t offset)
{
	struct mcsafe_guard outer, inner;
	volatile int caught = 0;

	MCSAFE_TRY(&outer, MCSAFE_ANYWHERE) {
		MCSAFE_TRY(&inner, &mapping[base], len) {
			(void)read_at(at);
		}
		MCSAFE_CATCH(&inner) {
			caught = 1;
			assert_int_equal(inner.offset, offset);
			check_fault(&inner.fault, at);
		}
	}
	MCSAFE_CATCH(&outer) {
		caught = 2;
		check_fault(&outer.fault, at);
	}
	assert_int_equal(caught, right ? 1 : 2);
}

static void test_guarded_walks_stop_at_the_poison(void **state)
{
	const struct memory_type *type = *state;

	set_up(type);
	walk_into(bad - 1);
	walk_into(bad - 2 * T_PAGE);
	walk_into(bad);
	walk_into(bad + 65);
	walk_into(bad_end - 1);
	walk_beside(bad - T_HUGE, bad);
	walk_beside(bad_end, SIZE);

	touch(bad + 65, bad, bad_end - bad, 1, 65);
	touch(bad + 65, bad + 65, 1, 1, 0);
	/* A window stands for all its pages: the exact address is before it, in its first page. */
	touch(bad + 65, bad + 66, T_PAGE, 1, 0);
	touch(bad + 65, bad - T_PAGE, T_PAGE, 0, 0);
	touch(bad + 65, bad_end, T_PAGE, 0, 0); /* the window begins after the lost block */
	touch(bad, bad_end, T_HUGE, 0, 0);
	touch(bad, bad - T_HUGE, T_HUGE, 0, 0);
	/* The address is the start of a page, so the whole block counts as lost. */
	touch(bad, bad_end - 1, 1, 1, 0);
	touch(bad, bad_end - 1, T_PAGE, 1, 0);
	touch(bad, bad - 7, 8, 1, 7);
	assert_int_equal(mcsafe_uninstall(), 0);
	assert_int_equal(munmap(mapping, SIZE), 0);
	print_message("%s: %zu bytes lost\n", type->name, bad_end - bad);
}

int main(void)
{
	struct CMUnitTest tests[T_LENGTH(types)];

	if (!getenv("MCSAFE_GUEST")) {
		print_error("guarded_walks takes memory out of service permanently: "
			    "run it in a guest, see tests/vm/vm.py\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < T_LENGTH(types); i++)
		tests[i] = (struct CMUnitTest){types[i].name, test_guarded_walks_stop_at_the_poison,
					       NULL, NULL, &types[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

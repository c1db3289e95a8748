/* SPDX-License-Identifier: BSD-3-Clause */
/* consumer.c - a user's program: one copy that ends at a guard page; valid C and valid C++ */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mcsafe/inject.h>
#include <mcsafe/mcsafe.h>

#define GOOD 60

static int check(const char *what, int holds)
{
	if (!holds)
		fprintf(stderr, "consumer: this is not true: %s\n", what);
	return holds;
}

static void read_all(void *arg)
{
	for (const volatile char *p = (const volatile char *)arg;; p++)
		(void)*p;
}

/* Returns 1 if a guard catches the fault at offset bad. */
static int guarded(const char *p, size_t n, size_t bad)
{
	struct mcsafe_guard guard;

	MCSAFE_TRY(&guard, p, n) {
		for (size_t i = 0; i < n; i++)
			(void)*(const volatile char *)(p + i);
		return 0;
	}
	MCSAFE_CATCH(&guard) {
		return guard.offset == bad && guard.fault.cause == MCSAFE_CAUSE_PROTECTED;
	}
}

/* Returns 1 if inline accesses work, and fail where they must. */
static int words(char *p, size_t bad)
{
	uint32_t *good_word = (uint32_t *)(void *)p,
		 *bad_word = good_word + bad / sizeof(*good_word);
	uint32_t value = 5;

	return mcsafe_access_ready() == 0 &&
	       mcsafe_load_u32(bad_word, &value) == MCSAFE_CAUSE_PROTECTED && value == 5 &&
	       mcsafe_load_u32(good_word, &value) == MCSAFE_CAUSE_NONE && value == 0x78787878 &&
	       mcsafe_store_u32(bad_word, 6) == MCSAFE_CAUSE_PROTECTED &&
	       mcsafe_load_or(bad_word, 7u) == 7;
}

int main(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char copy[100], expected[100];
	struct mcsafe_fault fault;
	struct mcsafe_badblocks *known;
	struct mcsafe_pmem *pmem = NULL;
	struct mcsafe_range bad;
	size_t left;
	int ok;

	if (!check("mmap() works", pages != MAP_FAILED) ||
	    !check("mprotect() works", mprotect(pages + page, page, PROT_NONE) == 0))
		return 1;
	memset(pages, 'x', page);
	memset(copy, '.', sizeof(copy));
	memset(expected, '.', sizeof(expected));
	memset(expected, 'x', GOOD);

	ok = check("installed", mcsafe_install() == 0 && mcsafe_installed() == 1);
	left = mcsafe_memcpy(copy, pages + page - GOOD, sizeof(copy), &fault);
	ok &= check("the count is exact", left == sizeof(copy) - GOOD);
	ok &= check("the bytes are right", memcmp(copy, expected, sizeof(copy)) == 0);
	ok &= check("it is the source", fault.side == MCSAFE_SIDE_SOURCE);
	ok &= check("it is protected", fault.cause == MCSAFE_CAUSE_PROTECTED);
	ok &= check("the cause has a name",
		    strcmp(mcsafe_cause_name(fault.cause), "protected") == 0);
	ok &= check("the kernel's name works too", memcpy_mcsafe(copy, pages + page, 1) == 1);
	ok &= check("a guard catches", guarded(pages, 2 * page, page));
	ok &= check("a call returns", mcsafe_call(pages, 2 * page, read_all, pages, &fault) != 0);
	ok &= check("and says where", fault.addr == pages + page);
	ok &= check("bad ranges are kept",
		    mcsafe_badblocks_create(&known) == 0 &&
			    mcsafe_badblocks_add(known, page, page) == 0 &&
			    mcsafe_badblocks_next(known, 0, 2 * page, &bad) && bad.start == page);
	mcsafe_badblocks_destroy(known);
	ok &= check("a word is loaded", words(pages, page));
	ok &= check("a string is measured",
		    mcsafe_strnlen(pages + page - 9, 99, &left, &fault) == MCSAFE_CAUSE_PROTECTED &&
			    left == 9);
	ok &= check("memory fails like a file",
		    mcsafe_pmem_open_memory(&pmem, pages, 2 * page, -1, 0, 0) == 0 &&
			    mcsafe_pmem_pread(pmem, copy, 100, (off_t)page - GOOD, NULL) == GOOD &&
			    mcsafe_pmem_pread(pmem, copy, 100, (off_t)page, NULL) == -EIO);
	mcsafe_pmem_close(pmem);
	ok &= check("uninstalled", mcsafe_uninstall() == 0);
	if (ok)
		printf("consumer: libmcsafe %d.%d.%d works\n", MCSAFE_VERSION_MAJOR,
		       MCSAFE_VERSION_MINOR, MCSAFE_VERSION_PATCH);
	return ok ? 0 : 1;
}

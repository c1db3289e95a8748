/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_attributes.c - what is read in /proc/self/smaps, on kernels that this machine does not run
 *
 * The linker replaces fopen(3) and the calls that give attributes to a mapping (--wrap). What the
 * kernel of this machine does with them is in test_repair.c.
 */
#include "pmem/attributes.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "run.h"

static const char *smaps; /* NULL: there is no /proc */

/* The calls of mcsafe__attributes_give(), one word each. */
static char calls[512];
static const char *refused; /* the call that fails */

#define AT ((void *)0x10000)

FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_madvise(void *at, size_t n, int advice);
int __wrap_mlock2(const void *at, size_t n, unsigned flags);
int __wrap_mprotect(void *at, size_t n, int prot);
int __wrap_pkey_mprotect(void *at, size_t n, int prot, int pkey);
int __wrap_prctl(int option, ...);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	assert_string_equal(path, "/proc/self/smaps");
	assert_string_equal(mode, "re");
	if (smaps == NULL) {
		errno = ENOENT;
		return NULL;
	}
	return fmemopen((void *)(uintptr_t)smaps, strlen(smaps), "r");
}

static int called(const void *at, size_t n, const char *name, int value)
{
	size_t used = strlen(calls);

	assert_ptr_equal(at, AT);
	assert_int_equal(n, T_PAGE);
	snprintf(calls + used, sizeof(calls) - used, "%s:%d ", name, value);
	if (refused == NULL || strcmp(name, refused) != 0)
		return 0;
	errno = EAGAIN;
	return -1;
}

int __wrap_madvise(void *at, size_t n, int advice)
{
	return called(at, n, "madvise", advice);
}

int __wrap_mlock2(const void *at, size_t n, unsigned flags)
{
	return called(at, n, "mlock2", (int)flags);
}

int __wrap_mprotect(void *at, size_t n, int prot)
{
	return called(at, n, "mprotect", prot);
}

int __wrap_pkey_mprotect(void *at, size_t n, int prot, int pkey)
{
	return called(at, n, "pkey_mprotect", prot * 100 + pkey);
}

int __wrap_prctl(int option, ...)
{
	va_list args;
	const char *name;
	void *at;
	size_t n;

	va_start(args, option);
	assert_int_equal(option, PR_SET_VMA);
	assert_int_equal(va_arg(args, int), PR_SET_VMA_ANON_NAME);
	at = va_arg(args, void *);
	n = va_arg(args, size_t);
	name = va_arg(args, const char *);
	va_end(args);
	return called(at, n, name, 0);
}

#define BEFORE "8000-9000 r-xp 00000000 08:01 7 /bin/true\nSize: 4 kB\nVmFlags: rd ex mr mw me\n"
#define AFTER  "30000-31000 rw-p 00000000 00:00 0 \nSize: 4 kB\nVmFlags: rd wr mr mw me ac\n"

static char text[1024];

/* The attributes of the mapping with this first line and these flags. */
static struct mcsafe__attributes read_them(const char *line, const char *flags)
{
	struct mcsafe__attributes found;

	snprintf(text, sizeof(text), "%s10000-20000 %s\nSize: 64 kB\nVmFlags: %s\n%s", BEFORE, line,
		 flags, AFTER);
	smaps = text;
	assert_true(mcsafe__attributes_of(AT, T_PAGE, &found));
	return found;
}

#define ANONYMOUS "rw-p 00000000 00:00 0"

static void test_names_of_anonymous_memory_are_read(void **state)
{
	static const struct {
		const char *path, *name;
		bool private_anonymous;
	} cases[] = {
		{"", "", true},
		{"                   [anon:pool]", "pool", true},
		{"  [anon:a b]", "a b", true},
		{" [anon:x]", "x", true},
		{" [anon:]", "", true},
		{" [heap]", "", false},
		{" /dev/zero (deleted)", "", false},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		struct mcsafe__attributes found;
		char line[128];

		snprintf(line, sizeof(line), "%s%s", ANONYMOUS, cases[i].path);
		found = read_them(line, "rd wr mr mw me ac");
		assert_string_equal(found.name, cases[i].name);
		assert_int_equal(found.private_anonymous, cases[i].private_anonymous);
		assert_true(found.complete);
		/* Shared memory has a name too, but cannot be exchanged. */
		line[3] = 's';
		assert_false(read_them(line, "rd wr").private_anonymous);
	}
}

static void test_flags_are_read(void **state)
{
	static const struct {
		const char *flag;
		int advice;
	} advices[] = {
		{"rr", MADV_RANDOM},    {"sr", MADV_SEQUENTIAL}, {"dc", MADV_DONTFORK},
		{"dd", MADV_DONTDUMP},  {"wf", MADV_WIPEONFORK}, {"hg", MADV_HUGEPAGE},
		{"mg", MADV_MERGEABLE}, {"nh", MADV_NOHUGEPAGE},
	};
	struct mcsafe__attributes found;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(advices); i++) {
		found = read_them(ANONYMOUS, advices[i].flag);
		assert_int_equal(found.n_advice, 1);
		assert_int_equal(found.advice[0], advices[i].advice);
		assert_int_equal(found.prot, PROT_NONE);
		assert_true(found.complete && !found.locked && !found.locked_on_fault);
	}
	found = read_them(ANONYMOUS, "rd mr mw me ac nr sd gu");
	assert_int_equal(found.prot, PROT_READ);
	assert_int_equal(found.n_advice, 0);
	assert_true(found.complete);
	assert_int_equal(read_them(ANONYMOUS, "wr").prot, PROT_WRITE);
	assert_int_equal(read_them(ANONYMOUS, "rd wr").prot, PROT_READ | PROT_WRITE);
	found = read_them(ANONYMOUS, "rd lo");
	assert_true(found.locked && !found.locked_on_fault);
	found = read_them(ANONYMOUS, "rd lo lf");
	assert_true(found.locked && found.locked_on_fault);
	/* Executable, of a pager, and of a future kernel. */
	assert_false(read_them(ANONYMOUS, "rd ex").complete);
	assert_false(read_them(ANONYMOUS, "rd um").complete);
	assert_false(read_them(ANONYMOUS, "rd zz").complete);
	assert_int_equal(read_them(ANONYMOUS "\nProtectionKey: 5", "rd").pkey, 5);
	assert_int_equal(read_them(ANONYMOUS, "rd").pkey, 0);
}

static void test_memory_in_no_mapping_or_in_two_has_none(void **state)
{
	struct mcsafe__attributes found;

	(void)state;
	read_them(ANONYMOUS, "rd");
	assert_true(mcsafe__attributes_of(AT, 0x10000, &found));
	assert_false(mcsafe__attributes_of(AT, 0x10001, &found));
	assert_true(mcsafe__attributes_of((void *)0x1f000, T_PAGE, &found));
	assert_false(mcsafe__attributes_of((void *)0x20000, T_PAGE, &found));
	assert_false(mcsafe__attributes_of((void *)0xf000, T_PAGE, &found));
	assert_true(mcsafe__attributes_of((void *)0x30000, T_PAGE, &found));
	smaps = BEFORE;
	assert_false(mcsafe__attributes_of(AT, T_PAGE, &found));
	/* The flags of the next mapping are not its own. */
	smaps = "10000-20000 " ANONYMOUS "\nSize: 4 kB\n" AFTER;
	assert_false(mcsafe__attributes_of(AT, T_PAGE, &found));
	smaps = NULL;
	assert_false(mcsafe__attributes_of(AT, T_PAGE, &found));
}

static const char *given(const struct mcsafe__attributes *attributes, const char *that_fails)
{
	calls[0] = '\0';
	refused = that_fails;
	assert_int_equal(mcsafe__attributes_give(AT, T_PAGE, attributes),
			 that_fails == NULL || strcmp(that_fails, "pool") == 0 ? 0 : -EAGAIN);
	return calls;
}

/* The protection comes last: then the memory may not be accessible any more. */
static void test_all_that_was_read_is_given(void **state)
{
	struct mcsafe__attributes found;

	(void)state;
	found = read_them(ANONYMOUS "   [anon:pool]", "rd dd lo lf dc");
	assert_string_equal(given(&found, NULL),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	/* The kernel may keep no names. */
	assert_string_equal(given(&found, "pool"),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	assert_string_equal(given(&found, "madvise"), "madvise:16 ");
	assert_string_equal(given(&found, "mlock2"), "madvise:16 madvise:10 mlock2:1 ");
	assert_string_equal(given(&found, "mprotect"),
			    "madvise:16 madvise:10 mlock2:1 pool:0 mprotect:1 ");
	found = read_them(ANONYMOUS "\nProtectionKey: 5", "rd wr lo");
	assert_string_equal(given(&found, NULL), "mlock2:0 pkey_mprotect:305 ");
	assert_string_equal(given(&found, "pkey_mprotect"), "mlock2:0 pkey_mprotect:305 ");
	found = read_them(ANONYMOUS, "rd wr");
	assert_string_equal(given(&found, NULL), "mprotect:3 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_anonymous_memory_are_read),
		cmocka_unit_test(test_flags_are_read),
		cmocka_unit_test(test_memory_in_no_mapping_or_in_two_has_none),
		cmocka_unit_test(test_all_that_was_read_is_given),
	};

	return t_run("attributes", tests, T_LENGTH(tests));
}

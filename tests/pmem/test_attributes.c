/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_attributes.c - what a file like /proc/self/smaps says of a mapping
 *
 * The linker replaces fopen(3), so that the file is text of this test: not every kernel and
 * processor has protection keys and names. The program pmem.repair uses the real file.
 */
#include "pmem/attributes.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "run.h"

/* ---- the kernel ------------------------------------------------------------------------------ */

static const char *smaps; /* NULL: cannot be opened */
static struct {
	int madvise_error, lock_error, name_error, protect_error;
	int advice[8];
	unsigned n_advice;
	bool locked;
	unsigned lock_flags;
	char name[84];
	int prot, key; /* key -1: mprotect(2) was called */
} kernel;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_madvise(void *at, size_t n, int advice);
int __wrap_mlock2(const void *at, size_t n, unsigned flags);
int __wrap_prctl(int option, ...);
int __wrap_mprotect(void *at, size_t n, int prot);
int __wrap_pkey_mprotect(void *at, size_t n, int prot, int key);

static int answer(int error)
{
	errno = error;
	return error == 0 ? 0 : -1;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (strcmp(path, "/proc/self/smaps") != 0) /* other code */
		return __real_fopen(path, mode);
	assert_string_equal(mode, "re");
	errno = ENOENT;
	return smaps != NULL ? fmemopen((void *)(uintptr_t)smaps, strlen(smaps), "r") : NULL;
}

#define AT ((void *)0x5000)
#define N  ((size_t)0x1000)

static bool giving; /* otherwise it is not the library that calls, but a runtime of the compiler */

static void check_range(const void *at, size_t n)
{
	assert_ptr_equal(at, AT);
	assert_int_equal(n, N);
	/* The protection comes last. */
	assert_int_equal(kernel.prot, 0);
}

int __wrap_madvise(void *at, size_t n, int advice)
{
	if (!giving)
		return 0;
	check_range(at, n);
	kernel.advice[kernel.n_advice++] = advice;
	return answer(kernel.madvise_error);
}

int __wrap_mlock2(const void *at, size_t n, unsigned flags)
{
	if (!giving)
		return 0;
	check_range(at, n);
	kernel.locked = true;
	kernel.lock_flags = flags;
	return answer(kernel.lock_error);
}

int __wrap_prctl(int option, ...)
{
	va_list args;
	void *at;
	size_t n;

	if (!giving)
		return 0;
	assert_int_equal(option, PR_SET_VMA);
	va_start(args, option);
	assert_int_equal(va_arg(args, int), PR_SET_VMA_ANON_NAME);
	at = va_arg(args, void *);
	n = va_arg(args, size_t);
	check_range(at, n);
	(void)snprintf(kernel.name, sizeof(kernel.name), "%s", va_arg(args, const char *));
	va_end(args);
	return answer(kernel.name_error);
}

int __wrap_mprotect(void *at, size_t n, int prot)
{
	if (!giving)
		return 0;
	check_range(at, n);
	kernel.prot = prot;
	kernel.key = -1;
	return answer(kernel.protect_error);
}

int __wrap_pkey_mprotect(void *at, size_t n, int prot, int key)
{
	if (!giving)
		return 0;
	check_range(at, n);
	kernel.prot = prot;
	kernel.key = key;
	return answer(kernel.protect_error);
}

/* ---- read ------------------------------------------------------------------------------------ */

#define FIRST "1000-3000 r--p 00000000 08:01 17 /lib/a b\nVmFlags: rd mr \n"

static bool look(const char *text, uintptr_t at, size_t n, struct mcsafe__attributes *found)
{
	smaps = text;
	return mcsafe__attributes_of((const void *)at, n, found);
}

static void test_finds_the_mapping_that_holds_all_of_the_range(void **state)
{
	static const char text[] =
		FIRST "5000-7000 rw-p 00000000 00:00 0 \nSize: 8 kB\nVmFlags: rd wr mr mw me ac \n"
		      "7000-9000 rw-s 00000000 00:01 5 /dev/zero (deleted)\nVmFlags: rd wr sh \n";
	struct mcsafe__attributes found;

	(void)state;
	assert_true(look(text, 0x5000, 0x2000, &found));
	assert_true(found.private_anonymous && found.complete);
	assert_int_equal(found.prot, PROT_READ | PROT_WRITE);
	assert_true(look(text, 0x6fff, 1, &found));
	assert_true(found.private_anonymous);
	/* A file, private or shared. */
	assert_true(look(text, 0x1000, 0x2000, &found));
	assert_false(found.private_anonymous);
	assert_int_equal(found.prot, PROT_READ);
	assert_true(look(text, 0x7000, 1, &found));
	assert_false(found.private_anonymous || found.complete);
	/* Before, between and past them, or in more than one. */
	assert_false(look(text, 0xfff, 1, &found));
	assert_false(look(text, 0x3000, 0x1000, &found));
	assert_false(look(text, 0x9000, 1, &found));
	assert_false(look(text, 0x5000, 0x2001, &found));
	assert_false(look(NULL, 0x5000, 0x1000, &found));
}

static void test_a_mapping_without_flags_is_not_known(void **state)
{
	/* The flags of the second one are not those of the first. */
	static const char two[] = "5000-7000 rw-p 00000000 00:00 0 \n"
				  "7000-9000 r--p 00000000 00:00 0 \nVmFlags: rd \n";
	static const char *const texts[] = {
		"",
		"5000-7000 rw-p 00000000 00:00 0 \n",
		"5000-7000 rw-p 00000000 00:00 0 \nSize: 8 kB\n",
		two,
		/* Not the first line of a mapping. */
		"5000-7000\nVmFlags: rd \n",
		"5000-7000 rwxp",
		"5000 7000 rw-p 00000000 00:00 0 \nVmFlags: rd \n",
		"5000\nVmFlags: rd \n",
		"none\nVmFlags: rd \n",
	};
	struct mcsafe__attributes found;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(texts); i++)
		if (look(texts[i], 0x5000, 0x1000, &found))
			fail_msg("text %zu has no flags", i);
}

static void test_names_and_keys_are_read(void **state)
{
	static const struct {
		const char *path, *name;
		bool anonymous;
	} cases[] = {
		{"", "", true},          {"[anon:my heap]", "my heap", true},
		{"[anon:]]", "]", true}, {"[anon:x]y", "", true}, /* not a name */
		{"[anon:]", "", true},   {"[anon]", "", true},
		{"[heap]", "", false},   {"/tmp/[anon:x]", "", false},
	};
	struct mcsafe__attributes found;
	char text[256];

	(void)state;
	for (size_t i = 0; i < T_LENGTH(cases); i++) {
		(void)snprintf(text, sizeof(text),
			       "5000-7000 rw-p 00000000 00:00 0    %s\nProtectionKey:      %zu\n"
			       "VmFlags: rd wr lo lf dd hg \n",
			       cases[i].path, i);
		assert_true(look(text, 0x5000, 1, &found));
		assert_int_equal(found.private_anonymous, cases[i].anonymous);
		assert_string_equal(found.name, cases[i].name);
		assert_int_equal(found.pkey, i);
		assert_true(found.locked && found.locked_on_fault && found.complete);
		assert_int_equal(found.n_advice, 2);
		assert_int_equal(found.advice[0], MADV_DONTDUMP);
		assert_int_equal(found.advice[1], MADV_HUGEPAGE);
	}
}

/* ---- give ------------------------------------------------------------------------------------ */

static const struct mcsafe__attributes all = {
	.prot = PROT_READ | PROT_WRITE,
	.pkey = 3,
	.locked = true,
	.locked_on_fault = true,
	.n_advice = 2,
	.advice = {MADV_DONTFORK, MADV_RANDOM},
	.name = "my heap",
};

static int give(const struct mcsafe__attributes *attributes)
{
	int err;

	kernel.n_advice = 0;
	kernel.locked = false;
	kernel.prot = kernel.key = 0;
	kernel.name[0] = '\0';
	giving = true;
	err = mcsafe__attributes_give(AT, N, attributes);
	giving = false;
	return err;
}

static void test_all_are_given(void **state)
{
	const struct mcsafe__attributes plain = {.prot = PROT_READ, .locked = true};

	(void)state;
	assert_int_equal(give(&all), 0);
	assert_int_equal(kernel.n_advice, 2);
	assert_int_equal(kernel.advice[0], MADV_DONTFORK);
	assert_int_equal(kernel.advice[1], MADV_RANDOM);
	assert_true(kernel.locked);
	assert_int_equal(kernel.lock_flags, MLOCK_ONFAULT);
	assert_string_equal(kernel.name, "my heap");
	assert_int_equal(kernel.prot, PROT_READ | PROT_WRITE);
	assert_int_equal(kernel.key, 3);

	assert_int_equal(give(&plain), 0);
	assert_int_equal(kernel.n_advice, 0);
	assert_int_equal(kernel.lock_flags, 0);
	assert_string_equal(kernel.name, "");
	assert_int_equal(kernel.prot, PROT_READ);
	assert_int_equal(kernel.key, -1);
}

static void test_what_the_kernel_refuses_is_an_error(void **state)
{
	int *const errors[] = {&kernel.madvise_error, &kernel.lock_error, &kernel.protect_error};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(errors); i++) {
		*errors[i] = EPERM;
		assert_int_equal(give(&all), -EPERM);
		/* The old protection stays if anything before it was refused. */
		if (errors[i] != &kernel.protect_error)
			assert_int_equal(kernel.prot, 0);
		*errors[i] = 0;
	}
	/* Only people read names. */
	kernel.name_error = EINVAL;
	assert_int_equal(give(&all), 0);
	assert_int_equal(kernel.key, 3);
	kernel.name_error = 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_mapping_that_holds_all_of_the_range),
		cmocka_unit_test(test_a_mapping_without_flags_is_not_known),
		cmocka_unit_test(test_names_and_keys_are_read),
		cmocka_unit_test(test_all_are_given),
		cmocka_unit_test(test_what_the_kernel_refuses_is_an_error),
	};

	return t_run("pmem.attributes", tests, T_LENGTH(tests));
}

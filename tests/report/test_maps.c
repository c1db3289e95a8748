/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_maps.c - how an address is found in /proc/self/maps, whatever read(2) answers
 *
 * The linker replaces open(2) and read(2) (--wrap). While a test looks for an address, read(2)
 * answers with a text in pieces.
 */
#include "base/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define INTERRUPTS 3u

static struct {
	const char *text; /* NULL: nothing is replaced */
	size_t piece;     /* the most bytes of one answer */
	size_t fails_at;  /* at this place in the text comes `error`; EINTR: INTERRUPTS times */
	int error;
	unsigned interrupts; /* so many are left */
	size_t at, n_calls;
} script;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, unsigned mode);
ssize_t __real_read(int fd, void *buffer, size_t n);
ssize_t __wrap_read(int fd, void *buffer, size_t n);

/* Like open(2) with all arguments that it can have. */
int __wrap_open(const char *path, int flags, unsigned mode)
{
	if (script.text != NULL)
		assert_string_equal(path, "/proc/self/maps");
	return __real_open(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *buffer, size_t n)
{
	size_t end, left;

	if (script.text == NULL)
		return __real_read(fd, buffer, n);
	script.n_calls++;
	if (script.error != 0 && script.at == script.fails_at) {
		errno = script.error;
		if (script.error == EINTR && --script.interrupts == 0)
			script.error = 0;
		return -1;
	}
	end = strlen(script.text);
	if (script.error != 0 && script.fails_at < end)
		end = script.fails_at;
	left = end - script.at;
	if (n > script.piece)
		n = script.piece;
	if (n > left)
		n = left;
	memcpy(buffer, script.text + script.at, n);
	script.at += n;
	return (ssize_t)n;
}

static enum mcsafe__mapped find(const char *text, size_t piece, size_t fails_at, int error,
				unsigned long addr, struct mcsafe__mapping *mapping)
{
	enum mcsafe__mapped found;

	script.piece = piece;
	script.fails_at = fails_at;
	script.error = error;
	script.interrupts = INTERRUPTS;
	script.at = 0;
	script.n_calls = 0;
	script.text = text;
	found = mcsafe__mapping_find(addr, mapping);
	script.text = NULL;
	assert_true(script.n_calls > 0);
	return found;
}

/* The range of a line counts once the device that follows it was read. */
#define COUNTS "1000-3000 r-xp 00000000 08:01 "
#define FIRST  COUNTS "123   /bin/a b\n"
#define SECOND "5000-6000 rw-s 0000a000 00:00 0 \n"
#define THIRD  "7f00-ff00 ---p 00000000 00:00 0\n"
#define FOURTH "10000-20000 r--p 00002000 08:01 9 [c]\n"
#define LAST   "7fffffffe000-7fffffffffff rw-s 00001000 00:05 "
#define FIFTH  LAST "77 /dev/zero (deleted)\n"

static const char whole[] = FIRST SECOND THIRD FOURTH FIFTH;

static void test_an_address_is_found_however_the_text_is_cut(void **state)
{
	static const struct {
		unsigned long addr, start, end, offset;
		const char *perms, *path;
	} cases[] = {
		{0x1000, 0x1000, 0x3000, 0, "r-xp", "/bin/a b"},
		{0x2fff, 0x1000, 0x3000, 0, "r-xp", "/bin/a b"},
		{0x5000, 0x5000, 0x6000, 0xa000, "rw-s", ""},
		{0xfeff, 0x7f00, 0xff00, 0, "---p", ""},
		{0x1ffff, 0x10000, 0x20000, 0x2000, "r--p", "[c]"},
		{0x7ffffffff000, 0x7fffffffe000, 0x7fffffffffff, 0x1000, "rw-s",
		 "/dev/zero (deleted)"},
	};

	(void)state;
	for (size_t piece = 1; piece <= sizeof(whole); piece++)
		for (size_t i = 0; i < T_LENGTH(cases); i++) {
			struct mcsafe__mapping mapping;

			assert_int_equal(find(whole, piece, 0, 0, cases[i].addr, &mapping),
					 MCSAFE__MAPPED);
			assert_int_equal(mapping.start, cases[i].start);
			assert_int_equal(mapping.end, cases[i].end);
			assert_int_equal(mapping.offset, cases[i].offset);
			assert_string_equal(mapping.perms, cases[i].perms);
			assert_string_equal(mapping.path, cases[i].path);
		}
}

static void test_an_address_in_no_line_is_not_mapped(void **state)
{
	static const unsigned long addrs[] = {
		0, 0xfff, 0x3000, 0x4fff, 0x6000, 0x7eff, 0xff00, 0x20000, 0x7fffffffffff, ~0ul,
	};
	struct mcsafe__mapping mapping;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(whole); piece++)
		for (size_t i = 0; i < T_LENGTH(addrs); i++)
			assert_int_equal(find(whole, piece, 0, 0, addrs[i], &mapping),
					 MCSAFE__NOT_MAPPED);
	assert_int_equal(find("", 1, 0, 0, 0x1000, &mapping), MCSAFE__NOT_MAPPED);
}

/* The line of the address may be in what was not read. */
static void test_after_an_error_an_address_is_unknown(void **state)
{
	struct mcsafe__mapping mapping;

	(void)state;
	for (size_t at = 0; at <= strlen(whole); at++) {
		assert_int_equal(find(whole, 4096, at, EIO, ~0ul, &mapping),
				 MCSAFE__MAPPED_UNKNOWN);
		/* The lines ascend: once a later one was read, none of this address follows. */
		assert_int_equal(find(whole, 4096, at, EIO, 0x20000, &mapping),
				 at < strlen(FIRST SECOND THIRD FOURTH LAST)
					 ? MCSAFE__MAPPED_UNKNOWN
					 : MCSAFE__NOT_MAPPED);
		/* What was found before is known. */
		assert_int_equal(find(whole, 4096, at, EIO, 0x1000, &mapping),
				 at < strlen(COUNTS) ? MCSAFE__MAPPED_UNKNOWN : MCSAFE__MAPPED);
	}
}

static void test_an_interrupted_read_is_repeated(void **state)
{
	struct mcsafe__mapping mapping;

	(void)state;
	for (size_t at = 0; at < strlen(FIRST SECOND THIRD FOURTH); at++) {
		assert_int_equal(find(whole, 1, at, EINTR, 0x10000, &mapping), MCSAFE__MAPPED);
		assert_int_equal(script.interrupts, 0);
		assert_string_equal(mapping.path, "[c]");
	}
}

static void test_of_a_long_path_the_end_is_kept(void **state)
{
	struct mcsafe__mapping mapping;
	char text[1000], path[800];
	size_t n;

	(void)state;
	for (size_t len = 200; len < sizeof(path); len += 7) {
		for (size_t i = 0; i < len; i++)
			path[i] = (char)('a' + i % 23);
		path[len] = '\0';
		n = (size_t)snprintf(text, sizeof(text), "1000-2000 r--p 00000000 08:01 5 %s%s",
				     path, len % 2 ? "\n" : ""); /* or cut off */
		assert_true(n < sizeof(text));
		assert_int_equal(find(text, 4096, 0, 0, 0x1000, &mapping), MCSAFE__MAPPED);
		n = strlen(mapping.path);
		assert_true(n == len || (len >= sizeof(mapping.path) && n > 100));
		assert_string_equal(mapping.path, path + len - n);
	}
}

/* What is not understood may hold the address. */
static void test_after_a_line_that_is_not_understood_an_address_is_unknown(void **state)
{
	static const char *const strange[] = {
		"zzz\n",
		"1000\n",
		"1000-3000\n",
		"G000-3000 r-xp 00000000 08:01 123 /bin/a\n",
		"1000_3000 r-xp 00000000 08:01 123 /bin/a\n",
		"1000 3000 r-xp 00000000 08:01 123 /bin/a\n",
		"1000-3000-r-xp 00000000 08:01 123 /bin/a\n",
		"1000-3000\tr-xp 00000000 08:01 123 /bin/a\n",
		"1000-3000 r-xpp 00000000 08:01 123 /bin/a\n",
		"1000-3000 r-xp 000000x0 08:01 123 /bin/a\n",
		"1000-3000 r-xp 00000000\n",
		"1000-3000 r-xp 00000000 08:01\n",
	};
	struct mcsafe__mapping mapping;
	char text[256];

	(void)state;
	for (size_t i = 0; i < T_LENGTH(strange); i++) {
		snprintf(text, sizeof(text), "%s%s", strange[i], FOURTH);
		if (find(text, 4096, 0, 0, 0x10000, &mapping) != MCSAFE__MAPPED_UNKNOWN ||
		    find(text, 4096, 0, 0, 0x2000, &mapping) != MCSAFE__MAPPED_UNKNOWN)
			fail_msg("line %zu was understood", i);
		snprintf(text, sizeof(text), "%s%s", FOURTH, strange[i]);
		assert_int_equal(find(text, 4096, 0, 0, 0x10000, &mapping), MCSAFE__MAPPED);
	}
}

/* The kernel ends its text with a whole line. An address is looked up in what there is. */
static void test_a_text_that_ends_within_a_line_is_at_its_end(void **state)
{
	struct mcsafe__mapping mapping;
	char text[sizeof(whole)];

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++) {
		memcpy(text, whole, n);
		text[n] = '\0';
		assert_int_equal(find(text, 64, 0, 0, 0x40000, &mapping), MCSAFE__NOT_MAPPED);
		assert_int_equal(find(text, 64, 0, 0, 0x2000, &mapping),
				 n < strlen(COUNTS) ? MCSAFE__NOT_MAPPED : MCSAFE__MAPPED);
	}
	assert_int_equal(find(THIRD "10000-20000 r--p 0 0:0 9", 64, 0, 0, 0x10000, &mapping),
			 MCSAFE__MAPPED);
	assert_string_equal(mapping.path, "");
}

/* The last answer begins within a line. What it has left in the buffer looks like another line. */
static void test_nothing_is_looked_up_after_the_end(void **state)
{
	static const char text[] = FIRST "15000-16000 r--p 0 0:0 0\n";
	struct mcsafe__mapping mapping;

	(void)state;
	assert_int_equal(find(text, strlen(FIRST "1"), 0, 0, 0x6000, &mapping), MCSAFE__NOT_MAPPED);
	assert_int_equal(find(text, strlen(FIRST "1"), 0, 0, 0x15000, &mapping), MCSAFE__MAPPED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_found_however_the_text_is_cut),
		cmocka_unit_test(test_an_address_in_no_line_is_not_mapped),
		cmocka_unit_test(test_after_an_error_an_address_is_unknown),
		cmocka_unit_test(test_an_interrupted_read_is_repeated),
		cmocka_unit_test(test_of_a_long_path_the_end_is_kept),
		cmocka_unit_test(test_after_a_line_that_is_not_understood_an_address_is_unknown),
		cmocka_unit_test(test_a_text_that_ends_within_a_line_is_at_its_end),
		cmocka_unit_test(test_nothing_is_looked_up_after_the_end),
	};

	return t_run("report.maps", tests, T_LENGTH(tests));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* test_escape.c - text from outside: what is kept, what is escaped, and where it is cut off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/escape.h"

static char out[64];

static void expect(const char *text, const char *escaped)
{
	size_t n = mcsafe__escape(out, sizeof(out), text);

	assert_string_equal(out, escaped);
	assert_int_equal(n, strlen(escaped));
}

static void test_printable_text_is_kept(void **state)
{
	(void)state;
	expect("", "");
	expect("/tmp/a b~\\ (deleted)", "/tmp/a b~\\ (deleted)");
	expect("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void test_every_byte_that_is_no_printable_character_is_escaped(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, 'b', '\0'}, escaped[16];

		if (c >= 0x20 && c < 0x7f)
			(void)snprintf(escaped, sizeof(escaped), "a%cb", c);
		else
			(void)snprintf(escaped, sizeof(escaped), "a\\x%02xb", (unsigned)c);
		expect(text, escaped);
	}
}

static void test_characters_that_are_not_seen_are_escaped(void **state)
{
	(void)state;
	expect("\xc2\x9b", "\\xc2\\x9b");          /* U+009B: starts a sequence, as ESC [ */
	expect("\xc2\xa0", "\xc2\xa0");            /* U+00A0 */
	expect("\xc2\xad", "\\xc2\\xad");          /* U+00AD: a soft hyphen */
	expect("\xd8\x9c", "\\xd8\\x9c");          /* U+061C: an Arabic mark */
	expect("\xe2\x80\x8b", "\\xe2\\x80\\x8b"); /* U+200B: a space of no width */
	expect("\xe2\x80\x8f", "\\xe2\\x80\\x8f"); /* U+200F: right to left */
	expect("\xe2\x80\x90", "\xe2\x80\x90");    /* U+2010: a hyphen */
	expect("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* U+2028: a line ends */
	/* NOLINTBEGIN(misc-misleading-bidirectional): this is about them. */
	expect("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* U+202E: right to left */
	expect("\xe2\x81\xa6", "\\xe2\\x81\\xa6"); /* U+2066: an isolate */
	/* NOLINTEND(misc-misleading-bidirectional) */
	expect("\xef\xbb\xbf", "\\xef\\xbb\\xbf");          /* U+FEFF */
	expect("\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"); /* U+E0041: a tag */
	expect("\xe2\x80\xb0", "\xe2\x80\xb0");             /* U+2030 */
}

static void test_malformed_utf8_is_escaped_by_the_byte(void **state)
{
	(void)state;
	expect("\xc0\xaf", "\\xc0\\xaf");                   /* a longer form of / */
	expect("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* another one */
	expect("\xf0\x82\x82\xac", "\\xf0\\x82\\x82\\xac"); /* of U+20AC */
	expect("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* U+D800, half of a pair */
	expect("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past U+10FFFF */
	expect("\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd");
	expect("\xe2\x82", "\\xe2\\x82"); /* the end is missing */
	expect("\xe2\x82z", "\\xe2\\x82z");
	expect("\xc3\x1b[", "\\xc3\\x1b[");
}

/* Every room: a beginning of the whole, that ends between characters, and nothing past the room. */
static void test_nothing_is_cut_in_the_middle(void **state)
{
	static const char text[] = "a\x1b\xc3\xa4\xe2\x82\xac\xff z";
	static const char whole[] = "a\\x1b\xc3\xa4\xe2\x82\xac\\xff z";
	static const size_t ends[] = {0, 1, 5, 7, 10, 14, 15, 16};

	(void)state;
	for (size_t room = 1; room < sizeof(out); room++) {
		size_t n, i = 0;

		memset(out, '#', sizeof(out));
		n = mcsafe__escape(out, room, text);
		while (i + 1 < sizeof(ends) / sizeof(ends[0]) && ends[i + 1] < room)
			i++;
		assert_int_equal(n, ends[i]);
		assert_memory_equal(out, whole, n);
		assert_int_equal(out[n], 0);
		for (size_t k = room; k < sizeof(out); k++)
			assert_int_equal(out[k], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable_text_is_kept),
		cmocka_unit_test(test_every_byte_that_is_no_printable_character_is_escaped),
		cmocka_unit_test(test_characters_that_are_not_seen_are_escaped),
		cmocka_unit_test(test_malformed_utf8_is_escaped_by_the_byte),
		cmocka_unit_test(test_nothing_is_cut_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

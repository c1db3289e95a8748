/* SPDX-License-Identifier: BSD-3-Clause */
/* test_text.c - an explanation as a line: what it says, and how it is cut */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mcsafe/mcsafe.h>

#include "check.h"
#include "explain/file.h"

#define PATH "/dev/shm/frames"

static struct mcsafe_explanation explanation(enum mcsafe_reason reason)
{
	return (struct mcsafe_explanation){.reason = reason,
					   .memory = MCSAFE_MEMORY_SHARED,
					   .side = MCSAFE_SIDE_SOURCE,
					   .error = EIO,
					   .filesystem = 0x01021994,
					   .offset = 4194304,
					   .file_size = 4096,
					   .addr = (void *)(uintptr_t)0xabc123,
					   .len = 4096,
					   .path = PATH};
}

static void expect(const struct mcsafe_explanation *e, const char *text)
{
	char line[512];

	assert_int_equal(mcsafe_explain_text(e, line, sizeof(line)), (int)strlen(text));
	assert_string_equal(line, text);
}

static void test_says_each_reason(void **state)
{
	static const struct {
		enum mcsafe_reason reason;
		const char *name, *text;
	} reasons[] = {
		{MCSAFE_REASON_UNKNOWN, "unknown",
		 "cannot be accessed, the reason is not known (Input/output error)"},
		{MCSAFE_REASON_PAST_END, "past-end",
		 "past the end of the file, which has 4096 bytes"},
		{MCSAFE_REASON_NO_SPACE, "no-space", "no space left on tmpfs"},
		{MCSAFE_REASON_NO_HUGE_PAGE, "no-huge-page", "no huge page left"},
		{MCSAFE_REASON_OVER_LIMIT, "over-limit",
		 "over the limit of huge pages of the cgroup"},
		{MCSAFE_REASON_POISON, "poison", "poisoned memory, 4096 bytes are lost"},
		{MCSAFE_REASON_MEDIA, "media", "the medium cannot be read"},
		{MCSAFE_REASON_SERVER_AWAY, "server-away",
		 "the server of the file system does not answer (Input/output error)"},
		{MCSAFE_REASON_READ_ONLY, "read-only", "tmpfs is now read-only"},
		{MCSAFE_REASON_NOT_MAPPED, "not-mapped", "a guard page"},
		{MCSAFE_REASON_PROTECTED, "protected", "reading is not allowed"},
		{MCSAFE_REASON_KEY, "key", "not allowed by a protection key"},
		{MCSAFE_REASON_ADDRESS, "address", "not an address of memory"},
	};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(reasons); i++) {
		struct mcsafe_explanation e = explanation(reasons[i].reason);
		char text[256];

		snprintf(text, sizeof(text), PATH ", offset 4194304: %s", reasons[i].text);
		expect(&e, text);
		assert_string_equal(mcsafe_reason_name(reasons[i].reason), reasons[i].name);
	}
	assert_string_equal(mcsafe_reason_name((enum mcsafe_reason)T_LENGTH(reasons)), "unknown");
	assert_string_equal(mcsafe_reason_name((enum mcsafe_reason)(-1)), "unknown");
}

static void test_says_where_without_a_file(void **state)
{
	struct mcsafe_explanation e = explanation(MCSAFE_REASON_PROTECTED);

	(void)state;
	e.side = MCSAFE_SIDE_DESTINATION;
	e.offset = -1;
	e.path[0] = '\0';
	e.memory = MCSAFE_MEMORY_ANONYMOUS;
	expect(&e, "anonymous memory, address 0xabc123: writing is not allowed");
	snprintf(e.path, sizeof(e.path), "%s", "[heap]");
	expect(&e, "[heap], address 0xabc123: writing is not allowed");
	e.path[0] = '\0';
	e.memory = MCSAFE_MEMORY_SHARED;
	expect(&e, "shared anonymous memory, address 0xabc123: writing is not allowed");
	e.memory = MCSAFE_MEMORY_HUGE;
	expect(&e, "anonymous huge pages, address 0xabc123: writing is not allowed");
	e.memory = MCSAFE_MEMORY_NONE;
	e.reason = MCSAFE_REASON_NOT_MAPPED;
	expect(&e, "memory, address 0xabc123: not mapped");
	e.memory = MCSAFE_MEMORY_UNKNOWN;
	expect(&e, "memory, address 0xabc123: not mapped");
	e.memory = MCSAFE_MEMORY_NONE;
	e.side = MCSAFE_SIDE_NONE;
	e.reason = MCSAFE_REASON_PROTECTED;
	expect(&e, "memory, address 0xabc123: the access is not allowed");
	e.reason = MCSAFE_REASON_UNKNOWN;
	e.addr = NULL;
	e.error = EFAULT;
	expect(&e, "memory: cannot be accessed, the reason is not known (Bad address)");
	/* An error of a later kernel. */
	e.error = 4095;
	expect(&e, "memory: cannot be accessed, the reason is not known (unknown error)");
	e.reason = MCSAFE_REASON_SERVER_AWAY;
	expect(&e, "memory, address 0x0: the server of the file system does not answer "
		   "(unknown error)");
}

/* What a file system of the network says when it gives up, and what any other says. */
static void test_an_error_tells_whether_the_server_is_away(void **state)
{
	static const int away[] = {ENOTCONN,     ETIMEDOUT,  EHOSTDOWN, EHOSTUNREACH, ECONNABORTED,
				   ECONNREFUSED, ECONNRESET, ENETDOWN,  ENETUNREACH,  ESHUTDOWN},
			 other[] = {0, EIO, EACCES, ENOENT, ESTALE, EHWPOISON, ENOSPC, EINTR};

	(void)state;
	for (size_t i = 0; i < T_LENGTH(away); i++)
		assert_true(mcsafe__is_away(away[i]));
	for (size_t i = 0; i < T_LENGTH(other); i++)
		assert_false(mcsafe__is_away(other[i]));
}

static void test_says_what_the_path_is_worth(void **state)
{
	struct mcsafe_explanation e = explanation(MCSAFE_REASON_MEDIA);

	(void)state;
	e.flags = MCSAFE_EXPLANATION_DELETED;
	expect(&e, PATH " (deleted), offset 4194304: the medium cannot be read");
	e.flags = MCSAFE_EXPLANATION_CUT | MCSAFE_EXPLANATION_UNCHECKED;
	expect(&e, "..." PATH ", offset 4194304: the medium cannot be read");
	e.filesystem = 0x12345678;
	e.reason = MCSAFE_REASON_NO_SPACE;
	e.flags = 0;
	expect(&e, PATH ", offset 4194304: no space left on the file system");
}

static void test_escapes_what_could_mislead(void **state)
{
	struct mcsafe_explanation e = explanation(MCSAFE_REASON_MEDIA);

	(void)state;
	snprintf(e.path, sizeof(e.path), "%s", "/a\nb\x1b[2J\xc3\xa4\xc2\x9b\xff\\012");
	expect(&e, "/a\\x0ab\\x1b[2J\xc3\xa4\\xc2\\x9b\\xff\\012, offset 4194304: "
		   "the medium cannot be read");
}

/* Every size: the beginning of the text, as far as whole characters fit, and a 0. */
static void test_cuts_between_characters(void **state)
{
	static const char whole[] = "/\xc3\xa4\\x0a\xe2\x82\xac, offset 1: no huge page left";
	struct mcsafe_explanation e = explanation(MCSAFE_REASON_NO_HUGE_PAGE);
	char line[sizeof(whole) + 2];

	(void)state;
	snprintf(e.path, sizeof(e.path), "%s", "/\xc3\xa4\n\xe2\x82\xac");
	e.offset = 1;
	for (size_t size = 1; size <= sizeof(whole) + 1; size++) {
		size_t n;

		memset(line, 0x7e, sizeof(line));
		assert_int_equal(mcsafe_explain_text(&e, line, size), (int)sizeof(whole) - 1);
		n = strnlen(line, size);
		assert_true(n < size);
		assert_memory_equal(line, whole, n);
		assert_int_equal(line[size], 0x7e);
		/* No byte that goes on a character, and no \xNN, follows the cut. */
		assert_true(((unsigned char)whole[n] & 0xc0) != 0x80);
		assert_false(n > 3 && n < 7);
		/* No more than a character is missing. */
		assert_true(size > sizeof(whole) - 1 ? n == sizeof(whole) - 1 : size - 1 - n < 4);
	}
}

static void test_refuses_what_it_cannot_do(void **state)
{
	struct mcsafe_explanation e = explanation(MCSAFE_REASON_MEDIA);
	char line[8];

	(void)state;
	assert_int_equal(mcsafe_explain_text(NULL, line, sizeof(line)), -EINVAL);
	assert_int_equal(mcsafe_explain_text(&e, NULL, 8), -EINVAL);
	assert_int_equal(mcsafe_explain_text(&e, NULL, 0),
			 (int)strlen(PATH ", offset 4194304: the medium cannot be read"));
}

/* 18000 bytes suffice: a path whose bytes all become \xNN, and the longest of the rest. */
static void test_longest_line_has_the_promised_length(void **state)
{
	static struct mcsafe_explanation e;
	static char line[18000];

	(void)state;
	e = explanation(MCSAFE_REASON_UNKNOWN);
	e.flags = MCSAFE_EXPLANATION_CUT | MCSAFE_EXPLANATION_DELETED;
	e.offset = INT64_MAX;
	memset(e.path, 1, sizeof(e.path) - 1);
	assert_in_range(mcsafe_explain_text(&e, line, sizeof(line)), 4 * (sizeof(e.path) - 1),
			sizeof(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_each_reason),
		cmocka_unit_test(test_says_where_without_a_file),
		cmocka_unit_test(test_an_error_tells_whether_the_server_is_away),
		cmocka_unit_test(test_says_what_the_path_is_worth),
		cmocka_unit_test(test_escapes_what_could_mislead),
		cmocka_unit_test(test_cuts_between_characters),
		cmocka_unit_test(test_refuses_what_it_cannot_do),
		cmocka_unit_test(test_longest_line_has_the_promised_length),
	};

	return t_run("explain.text", tests, T_LENGTH(tests));
}

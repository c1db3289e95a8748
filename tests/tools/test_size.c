/* SPDX-License-Identifier: BSD-3-Clause */
/* test_size.c - sizes and offsets as people write and read them */
#include "common/size.h"

#include "cmocka_all.h"

static void test_numbers_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"0x1000", 4096},
		{"4k", 4096},
		{"4K", 4096},
		{"4KiB", 4096},
		{"4kB", 4000},
		{"3s", 1536},
		{"2M", 2 << 20},
		{"5GB", UINT64_C(5000000000)},
		{"1T", UINT64_C(1) << 40},
		{"7P", UINT64_C(7) << 50},
		{"9223372036854775807", INT64_MAX},
	};
	static const char *const bad[] = {
		"",
		"-1",
		" 1",
		"1 ",
		"k",
		"0x",
		"0xg",
		"1q",
		"1kb",
		"1KiX",
		"8192P",
		"1.5k",
		"+1",
		"9223372036854775808",
		"99999999999999999999",
	};
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size = 1;
		assert_true(size_read(good[i].text, &size));
		assert_int_equal(size, good[i].size);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (size_read(bad[i], &size))
			fail_msg("\"%s\" was read as %llu", bad[i], (unsigned long long)size);
}

static void test_numbers_are_written(void **state)
{
	char text[SIZE_TEXT];

	(void)state;
	assert_string_equal(size_text(0, text), "0 B");
	assert_string_equal(size_text(1023, text), "1023 B");
	assert_string_equal(size_text(1024, text), "1.0 KiB");
	assert_string_equal(size_text(1536, text), "1.5 KiB");
	assert_string_equal(size_text(1048575, text), "1023 KiB");
	assert_string_equal(size_text(UINT64_C(10) << 30, text), "10.0 GiB");
	assert_string_equal(size_text(UINT64_MAX, text), "15.9 EiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_read),
		cmocka_unit_test(test_numbers_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

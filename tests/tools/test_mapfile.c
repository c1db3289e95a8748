/* SPDX-License-Identifier: BSD-3-Clause */
/* test_mapfile.c - the map file of ddrescue: read, change, write */
#include "common/mapfile.h"

#include <stdlib.h>
#include <string.h>

#include "basics.h"
#include "cmocka_all.h"
#include "rng.h"
#include "run.h"

static bool read_text(struct map *map, const char *text, size_t len, struct map_error *error)
{
	FILE *from =
		len > 0 ? fmemopen((void *)(uintptr_t)text, len, "r") : fopen("/dev/null", "re");
	bool good;

	assert_non_null(from);
	good = map_read(map, from, error);
	fclose(from);
	return good;
}

/* The blocks of a map as text: "0+10 ?; 10+5 -". */
static const char *blocks_of(const struct map *map, char text[4096])
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < map->count && n < 4000; i++)
		n += (size_t)snprintf(text + n, 4096 - n, "%s%llu+%llu %c", i > 0 ? "; " : "",
				      (unsigned long long)map->blocks[i].start,
				      (unsigned long long)map->blocks[i].len,
				      (char)map->blocks[i].status);
	return text;
}

static void test_what_ddrescue_writes_is_read(void **state)
{
	static const char text[] = "# Mapfile. Created by GNU ddrescue version 1.27\n"
				   "# Command line: ddrescue a b m\n"
				   "\n"
				   "# current_pos  current_status  current_pass\n"
				   "0x00001000     *               2\r\n"
				   "#      pos        size  status\n"
				   "0x00000000  0x00001000  ?\n"
				   "4096 02000\t/ # octal\n"
				   "  0x1400  0x400  *\n"
				   "0x1800  0x400  *\n"
				   "0x1C00  0x400  -\n"
				   "0x2000  0x7FFFFFFFFFFFDFFF  +";
	struct map map = {0};
	struct map_error error;
	char blocks[4096];

	(void)state;
	assert_true(read_text(&map, text, sizeof(text) - 1, &error));
	assert_int_equal(map.position, 4096);
	assert_int_equal(map.stage, MAP_TRIMMING);
	assert_int_equal(map.pass, 2);
	assert_string_equal(blocks_of(&map, blocks),
			    "0+4096 ?; 4096+1024 /; 5120+2048 *; 7168+1024 -; "
			    "8192+9223372036854767615 +");
	map_free(&map);
	/* Old versions of ddrescue wrote no pass. */
	assert_true(read_text(&map, "0 +\n5 1 -\n", 10, &error));
	assert_int_equal(map.pass, 1);
	assert_string_equal(blocks_of(&map, blocks), "5+1 -");
	map_free(&map);
	assert_true(read_text(&map, "0 ?\n", 4, &error));
	assert_int_equal(map.count, 0);
	map_free(&map);
}

static void test_what_is_no_map_is_refused_with_its_line(void **state)
{
#define STATE "# a comment\n0 ? 1\n"
	static const struct {
		const char *text;
		size_t line;
		const char *why;
	} bad[] = {
		{"", 0, "there is no line with the current"},
		{"# only a comment\n", 0, "there is no line with the current"},
		{"hello\n", 1, "the current position"},
		{"-1 ?\n", 1, "the current position"},
		{"0x8000000000000000 ?\n", 1, "the current position"},
		{"99999999999999999999 ?\n", 1, "the current position"},
		{"0\n", 1, "the current status"},
		{"0 x\n", 1, "the current status"},
		{"0 ??\n", 1, "the current status"},
		{"0 ? 0\n", 1, "the current pass"},
		{"0 ? 2147483648\n", 1, "the current pass"},
		{"0 ? x\n", 1, "the current pass"},
		{"0 ? 1 1\n", 1, "there is text after the current pass"},
		{STATE "x 1 +\n", 3, "the position"},
		{STATE "0x 1 +\n", 3, "the position"},
		{STATE "08 1 +\n", 3, "the position"},
		{STATE "-4 1 +\n", 3, "the position"},
		{STATE "0\n", 3, "the size"},
		{STATE "0 +\n", 3, "the size"},
		{STATE "0 9223372036854775808 +\n", 3, "the size"},
		{STATE "0 1\n", 3, "the status"},
		{STATE "0 1 F\n", 3, "the status"},
		{STATE "0 1 +-\n", 3, "the status"},
		{STATE "0 1 + 2\n", 3, "there is text after the status"},
		{STATE "0 0 +\n", 3, "the block has no bytes"},
		{STATE "0x7FFFFFFFFFFFFFFF 1 +\n", 3, "the block ends past"},
		{STATE "1 9223372036854775807 +\n", 3, "the block ends past"},
		{STATE "0 4 +\n\n# x\n3 4 -\n", 6, "the block begins before the end"},
		{STATE "4 4 +\n0 4 -\n", 4, "the block begins before the end"},
		{STATE "0 4 +\n0 4 +\n", 4, "the block begins before the end"},
		{STATE "0 4 +\n5 4 -\n", 4, "there is a gap"},
	};
	struct map map = {0};
	struct map_error error;

	(void)state;
	for (size_t i = 0; i < T_LENGTH(bad); i++) {
		if (read_text(&map, bad[i].text, strlen(bad[i].text), &error))
			fail_msg("\"%s\" was read as a map", bad[i].text);
		if (error.line != bad[i].line || strstr(error.text, bad[i].why) != error.text)
			fail_msg("\"%s\": line %zu, %s", bad[i].text, error.line, error.text);
		assert_int_equal(map.count, 0);
	}
	assert_false(read_text(&map, STATE "0 4 \0+\n", sizeof(STATE "0 4 \0+\n") - 1, &error));
	assert_int_equal(error.line, 3);
	assert_string_equal(error.text, "the line has a byte of 0");
}

/* Compare a map with the status of each byte. '\0': the byte is not in the map. */
static void check_bytes(const struct map *map, const char *bytes, size_t n)
{
	uint64_t count[128] = {0};
	size_t at = 0;

	while (at < n && bytes[at] == '\0')
		at++;
	for (size_t i = 0; i < map->count; i++) {
		const struct map_block *block = &map->blocks[i];

		assert_int_equal(block->start, at);
		assert_true(block->len > 0 && block->len <= n - at);
		assert_true(i == 0 || block->status != block[-1].status);
		for (; at < block->start + block->len; at++) {
			assert_int_equal(bytes[at], block->status);
			count[block->status]++;
			assert_ptr_equal(map_find(map, at), block);
		}
	}
	assert_int_equal(map_end(map), map->count > 0 ? at : 0);
	for (; at < n; at++)
		assert_int_equal(bytes[at], '\0');
	for (const char *s = "?*/-+"; *s != '\0'; s++)
		assert_int_equal(map_bytes(map, 0, n, (enum map_status) * s), count[(int)*s]);
}

/* Write a map and read it again. Both must be the same. */
static void check_text(const struct map *map)
{
	struct map again = {0};
	struct map_error error;
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	map_write(map, to, "mcsafe copy a\nb c");
	assert_int_equal(fclose(to), 0);
	if (!read_text(&again, text, len, &error))
		fail_msg("line %zu: %s:\n%s", error.line, error.text, text);
	assert_int_equal(again.count, map->count);
	if (map->count > 0)
		for (size_t i = 0; i < map->count; i++) {
			assert_int_equal(again.blocks[i].start, map->blocks[i].start);
			assert_int_equal(again.blocks[i].len, map->blocks[i].len);
			assert_int_equal(again.blocks[i].status, map->blocks[i].status);
		}
	assert_int_equal(again.position, map->position);
	map_free(&again);
	free(text);
}

static void test_every_change_gives_the_status_of_each_byte(void **state)
{
	enum { SIZE = 48, ROUNDS = 300, CHANGES = 60 };
	struct t_rng rng = t_rng_start(t_seed(), 0);

	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		char bytes[SIZE] = "";
		struct map map = {0};

		for (size_t i = 0; i < CHANGES; i++) {
			size_t start = t_rng_below(&rng, SIZE);
			size_t len = t_rng_below(&rng, SIZE - start + 1);
			char status = "?*/-+"[t_rng_below(&rng, 5)];
			size_t low = SIZE, high = 0;

			if (i % 2 == 0 && len > 4)
				len = t_rng_below(&rng, 4);
			map_set(&map, start, len, (enum map_status)status);
			memset(bytes + start, status, len);
			for (size_t at = 0; at < SIZE; at++)
				if (bytes[at] != '\0') {
					low = at < low ? at : low;
					high = at;
				}
			for (size_t at = low; at < high; at++)
				if (bytes[at] == '\0')
					bytes[at] = '?';
			check_bytes(&map, bytes, SIZE);
		}
		map.position = t_rng_next(&rng) >> 1;
		check_text(&map);
		map_free(&map);
	}
}

static void test_text_of_any_kind_is_read_or_refused(void **state)
{
	static const char *const words[] = {
		"0",
		"1",
		"4",
		"5",
		"9",
		"0x",
		"0xFFFFFFFFFFFFFFFF",
		"9223372036854775807",
		"?",
		"*",
		"/",
		"-",
		"+",
		"F",
		"#",
		" ",
		" ",
		" ",
		" ",
		"\n",
		"\n",
		"\n",
		"\r",
		"\t",
		"0 ?\n",
		"0 4 +\n",
		"4 1 -\n",
		"5 4 ?\n",
		"\x80",
	};
	struct t_rng rng = t_rng_start(t_seed(), 1);
	size_t accepted = 0, refused = 0;

	(void)state;
	for (size_t round = 0; round < 30000; round++) {
		struct map map = {0};
		struct map_error error;
		char text[512];
		size_t n = round % 3 != 0 ? (size_t)sprintf(text, "0 ? 1\n") : 0;
		size_t wanted = t_rng_below(&rng, 16);

		for (size_t i = 0; i < wanted; i++)
			n += (size_t)sprintf(text + n, "%s",
					     words[t_rng_below(&rng, T_LENGTH(words))]);
		if (round % 7 == 0 && n > 0)
			text[t_rng_below(&rng, n)] = (char)t_rng_below(&rng, 256);
		if (read_text(&map, text, n, &error)) {
			accepted++;
			check_text(&map);
		} else {
			refused++;
			assert_non_null(error.text);
			assert_int_equal(map.count, 0);
		}
		map_free(&map);
	}
	assert_true(accepted > 100);
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_ddrescue_writes_is_read),
		cmocka_unit_test(test_what_is_no_map_is_refused_with_its_line),
		cmocka_unit_test(test_every_change_gives_the_status_of_each_byte),
		cmocka_unit_test(test_text_of_any_kind_is_read_or_refused),
	};

	return t_run("tools.mapfile", tests, T_LENGTH(tests));
}

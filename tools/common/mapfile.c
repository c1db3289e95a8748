/* SPDX-License-Identifier: BSD-3-Clause */
/* mapfile.c - which parts of a file have been rescued, and which are lost */
#include "common/mapfile.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mcsafe/version.h>

#include "common/files.h"
#include "common/tool.h"

#define BLANKS " \t\r"

void map_free(struct map *map)
{
	free(map->blocks);
	*map = (struct map){.stage = MAP_COPYING, .pass = 1};
}

uint64_t map_end(const struct map *map)
{
	const struct map_block *last;

	if (map->count == 0)
		return 0;
	last = &map->blocks[map->count - 1];
	return last->start + last->len;
}

/* The number of the first block that ends past a byte. */
static size_t number_of(const struct map *map, uint64_t at)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->blocks[middle].start + map->blocks[middle].len <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct map_block *map_find(const struct map *map, uint64_t at)
{
	size_t i = number_of(map, at);

	return i < map->count ? &map->blocks[i] : NULL;
}

uint64_t map_bytes(const struct map *map, uint64_t start, uint64_t end, enum map_status status)
{
	uint64_t bytes = 0;

	for (size_t i = number_of(map, start); i < map->count; i++) {
		const struct map_block *block = &map->blocks[i];
		uint64_t from = block->start > start ? block->start : start;
		uint64_t to = block->start + block->len < end ? block->start + block->len : end;

		if (block->start >= end)
			break;
		if (block->status == status)
			bytes += to - from;
	}
	return bytes;
}

/* Put n blocks where the blocks from `first` up to `last` were. */
static void replace(struct map *map, size_t first, size_t last, const struct map_block *blocks,
		    size_t n)
{
	size_t count = map->count - (last - first) + n;

	if (count > map->room) {
		size_t room = map->room * 2 > count ? map->room * 2 : count + 16;
		struct map_block *grown = tool_alloc(room, sizeof(*grown));

		if (map->count > 0)
			memcpy(grown, map->blocks, map->count * sizeof(*grown));
		free(map->blocks);
		map->blocks = grown;
		map->room = room;
	}
	if (last < map->count)
		memmove(map->blocks + first + n, map->blocks + last,
			(map->count - last) * sizeof(*blocks));
	memcpy(map->blocks + first, blocks, n * sizeof(*blocks));
	map->count = count;
}

/* Add a block to the end of a short list, or make the last one longer. */
static size_t add(struct map_block *list, size_t n, uint64_t start, uint64_t end,
		  enum map_status status)
{
	if (start >= end)
		return n;
	if (n > 0 && list[n - 1].status == status) {
		list[n - 1].len = end - list[n - 1].start;
		return n;
	}
	list[n] = (struct map_block){start, end - start, status};
	return n + 1;
}

void map_set(struct map *map, uint64_t start, uint64_t len, enum map_status status)
{
	uint64_t end = start + len, map_start;
	struct map_block list[5]; /* a neighbour, a rest, the range, a rest, a neighbour */
	size_t first, last, n = 0;

	if (len == 0)
		return;
	map_start = map->count > 0 ? map->blocks[0].start : start;
	/* The blocks that the range touches, also with its ends: these may become one with it. */
	first = number_of(map, start > 0 ? start - 1 : 0);
	last = first;
	while (last < map->count && map->blocks[last].start <= end)
		last++;
	/* What of them lies before the range. */
	if (map->count > 0 && start > map_end(map)) {
		const struct map_block *before = &map->blocks[map->count - 1];

		first = map->count - 1;
		last = map->count;
		n = add(list, n, before->start, before->start + before->len, before->status);
		n = add(list, n, before->start + before->len, start, MAP_NOT_TRIED);
	} else {
		for (size_t i = first; i < last; i++) {
			const struct map_block *b = &map->blocks[i];

			n = add(list, n, b->start,
				b->start + b->len < start ? b->start + b->len : start, b->status);
		}
	}
	n = add(list, n, start, end, status);
	/* What lies after it. */
	if (map->count > 0 && end < map_start) {
		first = 0;
		last = 1;
		n = add(list, n, end, map_start, MAP_NOT_TRIED);
	}
	for (size_t i = first; i < last; i++) {
		const struct map_block *b = &map->blocks[i];

		n = add(list, n, b->start > end ? b->start : end, b->start + b->len, b->status);
	}
	replace(map, first, last, list, n);
}

static bool is_status(int c)
{
	return c != '\0' && strchr("?*/-+", c) != NULL;
}

static bool is_stage(int c)
{
	return c != '\0' && strchr("?*/-FG+", c) != NULL;
}

/* Take a number of at most INT64_MAX from a line. */
static bool take_number(char **at, uint64_t *number)
{
	unsigned long long value;
	char *end;

	*at += strspn(*at, BLANKS);
	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	value = strtoull(*at, &end, 0);
	if (errno != 0 || value > INT64_MAX || (*end != '\0' && strchr(BLANKS, *end) == NULL))
		return false;
	*at = end;
	*number = value;
	return true;
}

/* Take one character that stands alone. */
static int take_character(char **at)
{
	int c;

	*at += strspn(*at, BLANKS);
	c = **at;
	if (c == '\0' || ((*at)[1] != '\0' && strchr(BLANKS "#", (*at)[1]) == NULL))
		return '\0';
	(*at)++;
	return c;
}

static bool at_end(char *at)
{
	at += strspn(at, BLANKS);
	return *at == '\0' || *at == '#';
}

/* Read the line of the status. Returns NULL, or why it is none. */
static const char *read_state(struct map *map, char *at)
{
	uint64_t pass = 1;
	int stage;

	if (!take_number(&at, &map->position))
		return "the current position is no number from 0 to 2^63 - 1";
	stage = take_character(&at);
	if (!is_stage(stage))
		return "the current status is none of ? * / - F G +";
	map->stage = (enum map_stage)stage;
	if (!at_end(at) && (!take_number(&at, &pass) || pass < 1 || pass > INT32_MAX))
		return "the current pass is no number from 1 to 2^31 - 1";
	map->pass = (unsigned)pass;
	return at_end(at) ? NULL : "there is text after the current pass";
}

/* Read the line of a block. */
static const char *read_block(struct map *map, char *at)
{
	uint64_t start, len;
	int status;

	if (!take_number(&at, &start))
		return "the position is no number from 0 to 2^63 - 1";
	if (!take_number(&at, &len))
		return "the size is no number from 0 to 2^63 - 1";
	status = take_character(&at);
	if (!is_status(status))
		return "the status is none of ? * / - +";
	if (!at_end(at))
		return "there is text after the status";
	if (len == 0)
		return "the block has no bytes";
	if (len > INT64_MAX - start)
		return "the block ends past 2^63 - 1";
	if (map->count > 0 && start < map_end(map))
		return "the block begins before the end of the previous block";
	if (map->count > 0 && start > map_end(map))
		return "there is a gap between the previous block and this block";
	map_set(map, start, len, (enum map_status)status);
	return NULL;
}

bool map_read(struct map *map, FILE *from, struct map_error *error)
{
	bool has_state = false;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	*error = (struct map_error){0};
	map_free(map);
	while (error->text == NULL && (len = getline(&line, &room, from)) >= 0) {
		char *at = line;

		error->line++;
		if (strlen(line) != (size_t)len) {
			error->text = "the line has a byte of 0";
			break;
		}
		if (len > 0 && line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (at_end(at))
			continue;
		error->text = has_state ? read_block(map, at) : read_state(map, at);
		has_state = true;
	}
	if (error->text == NULL) {
		error->line = 0;
		if (ferror(from))
			error->text = strerror(errno);
		else if (!has_state)
			error->text = "there is no line with the current position and status";
	}
	free(line);
	if (error->text == NULL)
		return true;
	map_free(map);
	return false;
}

bool map_load(struct map *map, const char *path)
{
	struct map_error error;
	FILE *from = fopen(path, "re");

	if (from == NULL) {
		if (errno == ENOENT)
			return false;
		tool_fail("%s: %s", path, strerror(errno));
	}
	if (!map_read(map, from, &error)) {
		if (error.line == 0)
			tool_fail("%s is no map file: %s", path, error.text);
		tool_fail("%s:%zu: %s", path, error.line, error.text);
	}
	fclose(from);
	return true;
}

void map_write(const struct map *map, FILE *to, const char *command)
{
	time_t now = time(NULL);
	char text[32] = "";
	struct tm local;

	if (localtime_r(&now, &local) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	fprintf(to, "# Mapfile. Created by mcsafe version %s\n# Command line: ", mcsafe_version());
	/* A newline in the name of a file would begin a line of its own. */
	for (const char *c = command; *c != '\0'; c++)
		fputc(iscntrl((unsigned char)*c) ? '?' : *c, to);
	fprintf(to,
		"\n# Current time: %s\n# current_pos  current_status  current_pass\n"
		"0x%08" PRIX64 "     %c               %u\n#      pos        size  status\n",
		text, map->position, map->stage != 0 ? (char)map->stage : MAP_COPYING,
		map->pass > 0 ? map->pass : 1);
	for (size_t i = 0; i < map->count; i++)
		fprintf(to, "0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", map->blocks[i].start,
			map->blocks[i].len, (char)map->blocks[i].status);
}

void map_save(const struct map *map, const char *path, const char *command)
{
	struct new_file file;

	files_begin(&file, path);
	map_write(map, file.to, command);
	files_keep(&file);
}

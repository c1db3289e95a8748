/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mapfile.h - which parts of a file have been rescued, and which are lost
 *
 * A map is a list of blocks that touch each other, each with a status. The text of it is the map
 * file of GNU ddrescue, "Mapfile structure" in its manual: ddrescue(1) and ddrescuelog(1) read what
 * is written here, and what they write is read here. Offsets and lengths are in bytes. The end of
 * a block is at most INT64_MAX.
 */
#ifndef MCSAFE_TOOLS_MAPFILE_H
#define MCSAFE_TOOLS_MAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The status of a block, as the character of the file. */
enum map_status {
	MAP_NOT_TRIED = '?',
	MAP_NOT_TRIMMED = '*', /* a large block whose read failed; good data may be in it */
	MAP_NOT_SCRAPED = '/', /* the same, after good data at its ends were found */
	MAP_BAD = '-',
	MAP_FINISHED = '+',
};

/* What the program that wrote the map was doing. */
enum map_stage {
	MAP_COPYING = '?',
	MAP_TRIMMING = '*',
	MAP_SCRAPING = '/',
	MAP_RETRYING = '-',
	MAP_FILLING = 'F',
	MAP_GENERATING = 'G',
	MAP_DONE = '+',
};

struct map_block {
	uint64_t start, len; /* len is not 0 */
	enum map_status status;
};

/* A map. All zero is a map without blocks. */
struct map {
	struct map_block *blocks; /* ascending, without gaps; neighbours differ in status */
	size_t count, room;
	uint64_t position; /* where the program was */
	enum map_stage stage;
	unsigned pass; /* counted from 1 */
};

/* Why a text is no map. */
struct map_error {
	size_t line; /* counted from 1; 0: the text as a whole */
	const char *text;
};

/*
 * Read a map up to the end of a stream. Returns false if the text is no map, or cannot be read:
 * then *error tells why, and the map has no blocks.
 *
 * As with ddrescue, the blocks must be in order and must neither overlap nor leave a gap. Numbers
 * are decimal, hexadecimal after 0x, or octal after 0.
 */
bool map_read(struct map *map, FILE *from, struct map_error *error);

/*
 * Read the map file at a path. Returns false if there is no such file. Ends the program with a
 * message that names the file and the line if the file is no map.
 */
bool map_load(struct map *map, const char *path);

/* Write a map. `command` is for people: the command line that made it. */
void map_write(const struct map *map, FILE *to, const char *command);

/* Write a map file whole or not at all, as files_keep(). */
void map_save(const struct map *map, const char *path, const char *command);

/*
 * Give [start, start + len) a status. What is between the map and a range outside it becomes
 * MAP_NOT_TRIED. start + len must be at most INT64_MAX. If len is 0, nothing is done.
 */
void map_set(struct map *map, uint64_t start, uint64_t len, enum map_status status);

/* Find the block that has a byte, or the first one after it. NULL: there is none. The block is
 * valid until the next change of the map. */
const struct map_block *map_find(const struct map *map, uint64_t at);

/* Where the last block ends. 0: there is no block. */
uint64_t map_end(const struct map *map);

/* How many bytes of [start, end) have a status. */
uint64_t map_bytes(const struct map *map, uint64_t start, uint64_t end, enum map_status status);

/* Free what a map has, and make it a map without blocks. */
void map_free(struct map *map);

#endif /* MCSAFE_TOOLS_MAPFILE_H */

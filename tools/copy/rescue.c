/* SPDX-License-Identifier: BSD-3-Clause */
/* rescue.c - copy what a map has as not finished, and keep the map file up to date */
#include "copy/rescue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/progress.h"
#include "common/tool.h"

#define ROOM ((size_t)256 << 10) /* fits into the second cache, with what the kernel writes */

volatile sig_atomic_t rescue_stop;

static int64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static enum rescue_result fail(const struct rescue *r, uint64_t at, int error)
{
	tool_warn("%s: offset %" PRIu64 ": %s", r->image->path, at, strerror(error));
	return RESCUE_FULL;
}

/*
 * Bring the data to the medium, then the map file. In this order a map file never has finished what
 * a crash of the machine can take away.
 */
static enum rescue_result save(struct rescue *r)
{
	uint64_t end = 0;
	int err;

	if (r->map_path == NULL)
		return RESCUE_DONE;
	/* The kernel tells the error once only: another fdatasync(2) would say that all is well. */
	if (r->is_unsure)
		return RESCUE_FULL;
	for (size_t i = 0; i < r->map.count; i++)
		if (r->map.blocks[i].status == MAP_FINISHED || r->map.blocks[i].status == MAP_BAD)
			end = r->map.blocks[i].start + r->map.blocks[i].len;
	err = image_extend(r->image, end);
	if (err != 0)
		return fail(r, end, err);
	err = image_sync(r->image);
	if (err != 0) {
		r->is_unsure = true;
		tool_warn("%s: %s; the map file %s is left as it was", r->image->path,
			  strerror(err), r->map_path);
		return RESCUE_FULL;
	}
	map_save(&r->map, r->map_path, r->command);
	r->saved = seconds();
	return RESCUE_DONE;
}

static void show(const struct rescue *r, uint64_t copied)
{
	progress_show(copied, r->found.bytes);
}

/* Write a piece to the image. Returns 0 or an errno value, as image_write(). */
static int write_piece(const struct rescue *r, const struct piece *piece, const char *buffer,
		       uint64_t *at)
{
	if (piece->kind == PIECE_DATA)
		return image_write(r->image, buffer, (size_t)piece->len, at);
	if (piece->kind == PIECE_HOLE || r->sparse)
		return image_make_hole(r->image, piece->len, at);
	return image_fill(r->image, r->fill, piece->len, at);
}

/* Copy [at, end), all of which has one status in the map. */
static enum rescue_result copy_part(struct rescue *r, char *buffer, uint64_t at, uint64_t end,
				    uint64_t *copied)
{
	while (at < end) {
		uint64_t reached = at;
		struct piece piece;
		int err;

		if (rescue_stop != 0)
			return RESCUE_STOPPED;
		source_read(r->source, buffer, ROOM, at, end - at, &piece);
		if (piece.kind == PIECE_AWAY) {
			tool_warn("%s: offset %" PRIu64 ": %s", r->source->path, at, piece.text);
			return RESCUE_AWAY;
		}
		err = write_piece(r, &piece, buffer, &reached);
		if (piece.kind != PIECE_LOST) {
			map_set(&r->map, at, reached - at, MAP_FINISHED);
		} else if (err == 0) {
			map_set(&r->map, at, piece.len, MAP_BAD);
			losses_add(&r->found, at, piece.len, piece.reason, piece.text);
		}
		r->map.position = reached;
		if (err != 0)
			return fail(r, reached, err);
		*copied += piece.len;
		at += piece.len;
		show(r, *copied);
		if (r->map_path != NULL && seconds() - r->saved >= r->interval) {
			enum rescue_result result = save(r);

			if (result != RESCUE_DONE)
				return result;
		}
	}
	return RESCUE_DONE;
}

/* Copy, in order, all blocks that have a status. */
static enum rescue_result pass(struct rescue *r, char *buffer, enum map_status status,
			       uint64_t *copied)
{
	const struct map_block *block;
	uint64_t at = r->start;

	while (at < r->end && (block = map_find(&r->map, at)) != NULL && block->start < r->end) {
		uint64_t from = block->start > at ? block->start : at;
		uint64_t to = block->start + block->len;
		enum rescue_result result;

		if (to > r->end)
			to = r->end;
		at = to;
		if (block->status != status)
			continue;
		if (status == MAP_BAD)
			source_forget(r->source, from, to - from);
		result = copy_part(r, buffer, from, to, copied);
		if (result != RESCUE_DONE)
			return result;
	}
	return RESCUE_DONE;
}

/* Fill what the map file had as bad. */
static enum rescue_result refill(const struct rescue *r)
{
	const struct map_block *block;

	for (uint64_t at = r->start;
	     (block = map_find(&r->map, at)) != NULL && block->start < r->end;
	     at = block->start + block->len) {
		uint64_t from = block->start > at ? block->start : at;
		uint64_t to =
			block->start + block->len < r->end ? block->start + block->len : r->end;
		int err;

		if (block->status != MAP_BAD)
			continue;
		err = r->sparse ? image_make_hole(r->image, to - from, &from)
				: image_fill(r->image, r->fill, to - from, &from);
		if (err != 0)
			return fail(r, from, err);
	}
	return RESCUE_DONE;
}

static enum rescue_result all_passes(struct rescue *r, char *buffer)
{
	/* What nobody has tried comes first: the rest may harm a disk that is failing. */
	static const enum map_status order[] = {MAP_NOT_TRIED, MAP_NOT_TRIMMED, MAP_NOT_SCRAPED};
	enum rescue_result result = r->refill ? refill(r) : RESCUE_DONE;
	uint64_t copied = 0, total = 0;

	for (size_t i = 0; i < 3; i++)
		total += map_bytes(&r->map, r->start, r->end, order[i]);
	progress_begin(total, true);
	r->map.stage = MAP_COPYING;
	r->map.pass = 1;
	for (size_t i = 0; i < 3 && result == RESCUE_DONE; i++)
		result = pass(r, buffer, order[i], &copied);
	for (unsigned i = 0; i < r->retries && result == RESCUE_DONE; i++) {
		total = map_bytes(&r->map, r->start, r->end, MAP_BAD);
		if (total == 0)
			break;
		losses_free(&r->found);
		progress_begin(total, true);
		copied = 0;
		r->map.stage = MAP_RETRYING;
		r->map.pass = i + 1;
		result = pass(r, buffer, MAP_BAD, &copied);
	}
	progress_end();
	return result;
}

enum rescue_result rescue_run(struct rescue *r)
{
	char *buffer = tool_alloc(ROOM, 1);
	enum rescue_result result, saved;

	r->saved = seconds();
	result = all_passes(r, buffer);
	free(buffer);
	if (result == RESCUE_DONE) {
		int err = image_extend(r->image, r->end);

		r->map.stage = MAP_DONE;
		if (err != 0)
			result = fail(r, r->end, err);
	}
	saved = save(r);
	return result != RESCUE_DONE ? result : saved;
}

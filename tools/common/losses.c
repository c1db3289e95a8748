/* SPDX-License-Identifier: BSD-3-Clause */
/* losses.c - the ranges of a file that could not be read, and why */
#include "common/losses.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/tool.h"

#define LINES 20 /* what a person reads; a machine gets all */

void losses_free(struct losses *losses)
{
	for (size_t i = 0; i < losses->count; i++)
		free(losses->list[i].text);
	free(losses->list);
	*losses = (struct losses){0};
}

void losses_add(struct losses *losses, uint64_t start, uint64_t len, const char *reason,
		const char *text)
{
	struct loss *last = losses->count > 0 ? &losses->list[losses->count - 1] : NULL;
	struct loss *list = losses->list;

	losses->bytes += len;
	if (last != NULL && last->start + last->len == start && last->reason == reason &&
	    strcmp(last->text, text) == 0) {
		last->len += len;
		return;
	}
	if (list == NULL || losses->count == losses->room) {
		losses->room = losses->room * 2 + 16;
		list = tool_alloc(losses->room, sizeof(*list));
		if (losses->list != NULL)
			memcpy(list, losses->list, losses->count * sizeof(*list));
		free(losses->list);
		losses->list = list;
	}
	list[losses->count++] = (struct loss){start, len, reason, tool_copy_text(text)};
}

static int by_start(const void *a, const void *b)
{
	const struct loss *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

/* List [from, to), with the reasons of `found` from number *i on. */
static void add_with_reasons(struct losses *losses, const struct losses *found, size_t *i,
			     uint64_t from, uint64_t to)
{
	while (from < to) {
		const struct loss *loss;
		uint64_t until = to;

		while (*i < found->count && found->list[*i].start + found->list[*i].len <= from)
			(*i)++;
		loss = *i < found->count ? &found->list[*i] : NULL;
		if (loss != NULL && loss->start <= from) {
			if (loss->start + loss->len < until)
				until = loss->start + loss->len;
			losses_add(losses, from, until - from, loss->reason, loss->text);
		} else {
			if (loss != NULL && loss->start < until)
				until = loss->start;
			losses_add(losses, from, until - from, "map",
				   "the map file has it as bad, and it was not tried again");
		}
		from = until;
	}
}

void losses_of_map(struct losses *losses, const struct map *map, uint64_t start, uint64_t end,
		   struct losses *found)
{
	const struct map_block *block;
	size_t i = 0;

	if (found->count > 1)
		qsort(found->list, found->count, sizeof(*found->list), by_start);
	for (uint64_t at = start; (block = map_find(map, at)) != NULL && block->start < end;
	     at = block->start + block->len) {
		uint64_t from = block->start > start ? block->start : start;
		uint64_t to = block->start + block->len < end ? block->start + block->len : end;

		if (block->status == MAP_BAD)
			add_with_reasons(losses, found, &i, from, to);
	}
}

void losses_print(const struct losses *losses, FILE *to)
{
	for (size_t i = 0; i < losses->count && i < LINES; i++)
		fprintf(to, "  %" PRIu64 " bytes at offset %" PRIu64 ": %s\n", losses->list[i].len,
			losses->list[i].start, losses->list[i].text);
	if (losses->count > LINES)
		fprintf(to, "  and %zu ranges more; mcsafe copy --json lists all\n",
			losses->count - LINES);
}

struct json_object *losses_json(const struct losses *losses)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < losses->count; i++) {
		const struct loss *loss = &losses->list[i];
		struct json_object *entry = json_object_new_object();

		json_add_size(entry, "start", loss->start);
		json_add_size(entry, "length", loss->len);
		json_add_text(entry, "reason", loss->reason);
		json_add_text(entry, "text", loss->text);
		json_object_array_add(list, entry);
	}
	return list;
}

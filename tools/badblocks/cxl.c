/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cxl.c - the media errors that cxl-list(1) writes as JSON
 *
 * A region or memdev that was asked has the member media_errors: a list of objects with "offset"
 * and "length" in bytes. cxl-list(1) writes them as numbers, and with --human as texts, in
 * hexadecimal after 0x. Some versions call the offset "dpa".
 */
#include "badblocks/cxl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/ranges.h"
#include "common/size.h"
#include "common/tool.h"

#define DEEPEST 32

struct search {
	const char *shown; /* the file */
	const char *from;
	size_t base;
	struct mcsafe_badblocks *bad;
	bool is_asked; /* there is a list, perhaps an empty one */
	char *found;   /* whose errors were taken; NULL: nobody's yet */
};

/* A member that is a number, or a text with one. */
static bool get_number(struct json_object *object, const char *name, uint64_t *number)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member))
		return false;
	if (json_object_is_type(member, json_type_int)) {
		/* json-c returns 0 for what is negative. */
		*number = json_object_get_uint64(member);
		return json_object_get_int64(member) >= 0 && *number <= INT64_MAX;
	}
	return json_object_is_type(member, json_type_string) &&
	       size_read(json_object_get_string(member), number);
}

static void add_error(const struct search *search, const char *name, struct json_object *error,
		      size_t i)
{
	uint64_t start, len, cut;

	if ((!get_number(error, "offset", &start) && !get_number(error, "dpa", &start)) ||
	    !get_number(error, "length", &len) || len == 0)
		tool_fail("%s: media error %zu of %s has no valid offset and length", search->shown,
			  i + 1, name);
	if (start + len <= search->base)
		return;
	cut = start < search->base ? search->base - start : 0;
	ranges_add(search->bad, start + cut - search->base, len - cut);
}

static void add_errors(struct search *search, struct json_object *owner, struct json_object *list)
{
	struct json_object *member;
	const char *name = "the device";

	if (json_object_object_get_ex(owner, "region", &member) ||
	    json_object_object_get_ex(owner, "memdev", &member))
		name = json_object_get_string(member);
	if (!json_object_is_type(list, json_type_array))
		tool_fail("%s: media_errors of %s is no list", search->shown, name);
	if (search->from != NULL && strcmp(search->from, name) != 0)
		return;
	search->is_asked = true;
	if (json_object_array_length(list) == 0)
		return;
	if (search->found != NULL)
		tool_fail("%s: both %s and %s have media errors, and each counts from its own "
			  "start: choose one with --of",
			  search->shown, search->found, name);
	search->found = text_visible(name);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		add_error(search, search->found, json_object_array_get_idx(list, i), i);
}

/* Regions are in decoders, decoders in ports, ports in buses. */
/* NOLINTNEXTLINE(misc-no-recursion): to DEEPEST at most. */
static void look(struct search *search, struct json_object *object, unsigned depth)
{
	if (depth == DEEPEST)
		tool_fail("%s: more than %d levels", search->shown, DEEPEST);
	if (json_object_is_type(object, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(object); i++)
			look(search, json_object_array_get_idx(object, i), depth + 1);
	} else if (json_object_is_type(object, json_type_object)) {
		json_object_object_foreach(object, name, member)
		{
			if (strcmp(name, "media_errors") == 0)
				add_errors(search, object, member);
			else
				look(search, member, depth + 1);
		}
	}
}

static struct json_object *read_json(const char *path, const char *shown)
{
	FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	enum json_tokener_error error;
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	if (from == NULL)
		tool_fail("%s: %s", shown, strerror(errno));
	errno = 0;
	len = getdelim(&text, &room, '\0', from);
	if (ferror(from))
		tool_fail("%s: %s", shown, strerror(errno));
	if (len <= 0 || len > INT32_MAX || tokener == NULL)
		tool_fail("%s: no JSON in it", shown);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	if (error != json_tokener_success)
		tool_fail("%s, byte %zu: no JSON: %s", shown, json_tokener_get_parse_end(tokener),
			  error == json_tokener_continue ? "the text ends too early"
							 : json_tokener_error_desc(error));
	json_tokener_free(tokener);
	free(text);
	if (from != stdin)
		fclose(from);
	return object;
}

void cxl_load(struct mcsafe_badblocks *bad, const char *path, const char *from, size_t base)
{
	char *shown = text_visible(strcmp(path, "-") == 0 ? "standard input" : path);
	struct search search = {.shown = shown, .from = from, .base = base, .bad = bad};
	struct json_object *all = read_json(path, shown);

	look(&search, all, 0);
	if (!search.is_asked && from != NULL)
		tool_fail("%s: no media_errors of %s", shown, from);
	if (!search.is_asked)
		tool_fail("%s: no media_errors in it: cxl list needs the option --media-errors",
			  shown);
	json_object_put(all);
	free(search.found);
	free(shown);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cxl.c - the media errors that cxl-list(1) writes as JSON
 *
 * A region or memdev that has media errors has the member media_errors: a list of objects with
 * "offset" and "length" in bytes. cxl-list(1) writes them as numbers. With --human the offset is a
 * text, in hexadecimal after 0x, and a length of 5000 KiB or more is a rounded text. A record has
 * no offset if the kernel could not tell where in the region the address of the device is.
 */
#include "badblocks/cxl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/ranges.h"
#include "common/size.h"
#include "common/tool.h"

#define DEEPEST 32
#define LARGEST ((size_t)64 << 20) /* bytes of JSON */

struct search {
	const char *shown; /* the file */
	struct cxl *cxl;
	struct mcsafe_badblocks *bad;
	bool is_asked;      /* there is a list, perhaps an empty one */
	bool is_incomplete; /* a record says that the list lacks some */
};

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) ||
	    !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

/* A member that is a number, or a text with one. Returns false if there is no such member. */
static bool get_number(const struct search *search, struct json_object *error, const char *name,
		       uint64_t *number)
{
	struct json_object *member;
	const char *text;

	if (!json_object_object_get_ex(error, name, &member))
		return false;
	text = json_object_get_string(member); /* of a number, as it was written */
	if (text == NULL)
		text = "null";
	if (json_object_is_type(member, json_type_string) && strstr(text, "iB (") != NULL)
		tool_fail("%s: a media error of %s has the %s \"%s\", which is rounded: cxl list "
			  "writes all digits without --human",
			  search->shown, search->cxl->found, name, text);
	/* json-c gives 0 as the unsigned value of what is negative. */
	if (json_object_is_type(member, json_type_int) && json_object_get_int64(member) >= 0)
		*number = json_object_get_uint64(member);
	else if (!json_object_is_type(member, json_type_string) || !size_read(text, number))
		*number = UINT64_MAX;
	if (*number > INT64_MAX)
		tool_fail("%s: a media error of %s has the %s %s, which is no number of bytes",
			  search->shown, search->cxl->found, name, text);
	return true;
}

static void add_error(struct search *search, struct json_object *error, size_t i)
{
	uint64_t start, len, cut, base = search->cxl->base;
	const char *flags;

	if (!json_object_is_type(error, json_type_object))
		tool_fail("%s: media error %zu of %s is no object", search->shown, i + 1,
			  search->cxl->found);
	/* Patches for cxl-list(1), before one of them was taken, had "dpa". */
	if (!get_number(search, error, "offset", &start) &&
	    !get_number(search, error, "dpa", &start))
		tool_fail("%s: media error %zu of %s has no offset", search->shown, i + 1,
			  search->cxl->found);
	if (!get_number(search, error, "length", &len))
		tool_fail("%s: media error %zu of %s has no length", search->shown, i + 1,
			  search->cxl->found);
	if (len == 0 || len > INT64_MAX - start)
		tool_fail("%s: media error %zu of %s has no valid length: %" PRIu64 " bytes at "
			  "%" PRIu64,
			  search->shown, i + 1, search->cxl->found, len, start);
	flags = text_of(error, "flags");
	if (flags != NULL &&
	    (strstr(flags, "Overflow") != NULL || strstr(flags, "Scanning") != NULL))
		search->is_incomplete = true;
	if (start + len <= base)
		return;
	cut = start < base ? base - start : 0;
	ranges_add(search->bad, start + cut - base, len - cut);
}

static void add_errors(struct search *search, struct json_object *owner, struct json_object *list)
{
	struct cxl *cxl = search->cxl;
	const char *name = text_of(owner, "region");

	if (name == NULL)
		name = text_of(owner, "memdev");
	if (name == NULL)
		name = "the device";
	if (!json_object_is_type(list, json_type_array))
		tool_fail("%s: media_errors of %s is no list", search->shown, name);
	if (cxl->of != NULL && strcmp(cxl->of, name) != 0)
		return;
	search->is_asked = true;
	if (json_object_array_length(list) == 0)
		return;
	if (cxl->found != NULL && strcmp(cxl->found, name) != 0)
		tool_fail("%s: both %s and %s have media errors, and each counts from its own "
			  "start: choose one with --of",
			  search->shown, cxl->found, name);
	if (cxl->found == NULL)
		cxl->found = tool_copy_text(name);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		add_error(search, json_object_array_get_idx(list, i), i);
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

/* Read all of a file, and end it with 0. */
static char *read_all(const char *path, const char *shown, size_t *len)
{
	FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t room = 4096;
	char *text = NULL;

	*len = 0;
	if (from == NULL)
		tool_fail("%s: %s", shown, strerror(errno));
	do {
		room *= 2;
		text = realloc(text, room);
		if (text == NULL)
			tool_fail("%s: no memory for %zu bytes", shown, room);
		*len += fread(text + *len, 1, room - *len - 1, from);
		if (ferror(from))
			tool_fail("%s: %s", shown, strerror(errno));
		if (*len > LARGEST)
			tool_fail("%s: more than %zu bytes of JSON", shown, LARGEST);
	} while (!feof(from));
	text[*len] = '\0';
	if (from != stdin)
		fclose(from);
	return text;
}

static struct json_object *read_json(const char *path, const char *shown)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	enum json_tokener_error error;
	size_t len;
	char *text = read_all(path, shown, &len);

	if (tokener == NULL)
		tool_fail("no memory");
	if (text[strspn(text, " \t\r\n")] == '\0')
		tool_fail("%s: no JSON in it", shown);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	if (error != json_tokener_success)
		tool_fail("%s, byte %zu: no JSON: %s", shown, json_tokener_get_parse_end(tokener),
			  error == json_tokener_continue ? "the text ends too early"
							 : json_tokener_error_desc(error));
	if (strlen(text) != len)
		tool_fail("%s, byte %zu: no JSON: a byte 0", shown, strlen(text));
	json_tokener_free(tokener);
	free(text);
	return object;
}

void cxl_load(struct mcsafe_badblocks *bad, const char *path, struct cxl *cxl)
{
	char *shown = text_visible(strcmp(path, "-") == 0 ? "standard input" : path);
	struct search search = {.shown = shown, .cxl = cxl, .bad = bad};
	struct json_object *all = read_json(path, shown);

	look(&search, all, 0);
	if (!search.is_asked && cxl->of != NULL)
		tool_fail("%s: no media_errors of %s", shown, cxl->of);
	if (!search.is_asked)
		tool_fail("%s: no media_errors in it: there are none, or cxl list was run without "
			  "--media-errors",
			  shown);
	if (search.is_incomplete)
		tool_warn("%s: the device has not listed all: there may be more bad ranges", shown);
	json_object_put(all);
	free(shown);
}

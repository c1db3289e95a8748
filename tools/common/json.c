/* SPDX-License-Identifier: BSD-3-Clause */
/* json.c - results of a command for machines (json-c), and text from outside */
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "common/tool.h"

char *text_visible(const char *text)
{
	size_t room = strlen(text) * MCSAFE__ESCAPED_LEN + 1;
	char *visible = tool_alloc(room, 1);

	mcsafe__escape(visible, room, text);
	return visible;
}

void json_add(struct json_object *to, const char *name, struct json_object *value)
{
	/* NULL is the value null of json-c. */
	if (json_object_object_add_ex(to, name, value, JSON_C_OBJECT_ADD_CONSTANT_KEY) != 0)
		tool_fail("no memory");
}

void json_add_text(struct json_object *to, const char *name, const char *text)
{
	char *visible = text != NULL ? text_visible(text) : NULL;

	json_add(to, name, visible != NULL ? json_object_new_string(visible) : NULL);
	free(visible);
}

void json_add_size(struct json_object *to, const char *name, uint64_t number)
{
	json_add(to, name, json_object_new_uint64(number));
}

void json_add_bool(struct json_object *to, const char *name, bool value)
{
	json_add(to, name, json_object_new_boolean(value));
}

void json_add_ranges(struct json_object *to, const char *name, const struct mcsafe_badblocks *bad)
{
	struct json_object *list = json_object_new_array();
	struct mcsafe_range range;

	for (size_t at = 0; mcsafe_badblocks_next(bad, at, SIZE_MAX, &range);
	     at = range.start + range.len) {
		struct json_object *one = json_object_new_object();

		json_add_size(one, "start", range.start);
		json_add_size(one, "length", range.len);
		json_object_array_add(list, one);
	}
	json_add(to, name, list);
}

void json_write(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

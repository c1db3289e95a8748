/* SPDX-License-Identifier: BSD-3-Clause */
/* items.c - what mcsafe info has found out: groups of items */
#include "info/items.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool.h"

void items_add(struct items *items, const char *group, const char *name, enum item_state state,
	       const char *advice, const char *format, ...)
{
	struct item item = {.group = group, .name = name, .state = state, .advice = advice};
	va_list args;

	va_start(args, format);
	if (vasprintf(&item.value, format, args) < 0)
		tool_fail("no memory");
	va_end(args);
	items->list = reallocarray(items->list, items->n + 1, sizeof(item));
	if (items->list == NULL)
		tool_fail("no memory");
	items->list[items->n++] = item;
}

void items_free(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		free(items->list[i].value);
	free(items->list);
}

const char *item_state_name(enum item_state state)
{
	static const char *const names[] = {"yes", "no", "unknown", "value"};

	return names[state];
}

char *item_line(const char *path)
{
	FILE *from = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int error;

	if (from == NULL)
		return NULL;
	errno = 0;
	len = getline(&line, &room, from);
	error = errno;
	fclose(from);
	if (len < 0) {
		free(line);
		errno = error != 0 ? error : ENODATA;
		return NULL;
	}
	if (len > 0 && line[len - 1] == '\n')
		line[len - 1] = '\0';
	return line;
}

char *item_field(const char *path, const char *name)
{
	FILE *from = fopen(path, "re");
	char *line = NULL, *value = NULL;
	size_t room = 0, len = strlen(name);
	ssize_t got;

	if (from == NULL)
		return NULL;
	while (value == NULL && (got = getline(&line, &room, from)) > 0) {
		char *at = line + len;

		if (strncmp(line, name, len) != 0 || !(isspace((unsigned char)*at) || *at == ':'))
			continue;
		if (line[got - 1] == '\n')
			line[got - 1] = '\0';
		at += strspn(at, " \t");
		if (*at == ':')
			at++;
		value = tool_copy_text(at + strspn(at, " \t"));
	}
	free(line);
	fclose(from);
	return value;
}

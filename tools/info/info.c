/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c - mcsafe info: what this machine, kernel and process can survive and detect */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/tool.h"
#include "common/usage.h"
#include "info/items.h"

int mcsafe_info_main(int argc, char **argv);

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "Write JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	(void)arg;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

static void write_text(const struct items *items)
{
	const char *group = "";

	for (size_t i = 0; i < items->n; i++) {
		const struct item *item = &items->list[i];
		char *value = text_visible(item->value);
		const char *state = item->state == ITEM_VALUE ? "" : item_state_name(item->state);

		if (strcmp(group, item->group) != 0)
			printf("%s%s\n", i > 0 ? "\n" : "", item->group);
		group = item->group;
		printf("  %s: %s%s%s\n", item->name, state,
		       *state != '\0' && *value != '\0' ? ", " : "", value);
		if (item->advice != NULL)
			printf("      advice: %s\n", item->advice);
		free(value);
	}
}

static struct json_object *json_of(const struct item *item)
{
	struct json_object *one = json_object_new_object();

	json_add_text(one, "state", item_state_name(item->state));
	json_add_text(one, "value", item->value);
	json_add_text(one, "advice", item->advice);
	return one;
}

static void write_json(const struct items *items)
{
	struct json_object *all = json_object_new_object(), *group = NULL;

	for (size_t i = 0; i < items->n; i++) {
		const struct item *item = &items->list[i];

		if (!json_object_object_get_ex(all, item->group, &group)) {
			group = json_object_new_object();
			json_add(all, item->group, group);
		}
		json_add(group, item->name, json_of(item));
	}
	json_write(all);
}

int mcsafe_info_main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		NULL,
		"Tell what this machine, its kernel and the limits of a process here can survive "
		"and detect.",
		NULL,
		NULL,
		NULL,
	};
	struct items items = {0};
	bool json = false;

	usage_parse(&argp, argc, argv, 0, &json);
	info_unblock();
	info_engine(&items);
	info_processor(&items);
	info_kernel(&items);
	info_memory(&items);
	info_process(&items);
	if (json)
		write_json(&items);
	else
		write_text(&items);
	items_free(&items);
	return tool_end(STATUS_FINE);
}

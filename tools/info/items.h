/* SPDX-License-Identifier: BSD-3-Clause */
/* items.h - what mcsafe info has found out: groups of items */
#ifndef MCSAFE_TOOLS_ITEMS_H
#define MCSAFE_TOOLS_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

enum item_state {
	ITEM_YES,     /* it is there, or it works */
	ITEM_NO,      /* it is not */
	ITEM_UNKNOWN, /* it could not be read or tried */
	ITEM_VALUE,   /* a value that is neither */
};

struct item {
	const char *group, *name;
	enum item_state state;
	char *value;        /* for people; "" if the state tells all */
	const char *advice; /* one line; NULL: nothing to do */
};

struct items {
	struct item *list;
	size_t n;
};

/* Add an item to a group. The items of a group follow each other. */
void items_add(struct items *items, const char *group, const char *name, enum item_state state,
	       const char *advice, const char *format, ...) __attribute__((format(printf, 6, 7)));

void items_free(struct items *items);

/* The name of a state: "yes", "no", "unknown", "value". */
const char *item_state_name(enum item_state state);

/*
 * Read the first line of a small file, without its newline. NULL and errno if it cannot be read.
 * Free it with free(3).
 */
char *item_line(const char *path);

/*
 * Read the value of a line "NAME  : value" or "NAME value" of a file in /proc. NULL if there is
 * none, or the file cannot be read. Free it with free(3).
 */
char *item_field(const char *path, const char *name);

/*
 * Note which signals this program has found blocked, and unblock them: a fault would kill it. This
 * is called before the parts.
 */
void info_unblock(void);

/* Whether a fault of a copy is survived, so that one may be provoked. */
bool info_can_fault(void);

/* The parts. Each adds its groups. */
void info_engine(struct items *items);
void info_processor(struct items *items);
void info_kernel(struct items *items);
void info_memory(struct items *items);
void info_process(struct items *items);

#endif /* MCSAFE_TOOLS_ITEMS_H */

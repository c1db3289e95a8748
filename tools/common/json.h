/* SPDX-License-Identifier: BSD-3-Clause */
/* json.h - results of a command for machines (json-c), and text from outside */
#ifndef MCSAFE_TOOLS_JSON_H
#define MCSAFE_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include <mcsafe/badblocks.h>

/*
 * A copy of a text from outside that is safe for terminals and valid in UTF-8: bytes that are
 * neither printable ASCII nor visible characters in UTF-8 become \xNN. Free it with free(3).
 */
char *text_visible(const char *text);

/* Add a member to an object. The name must stay: it is not copied. Text becomes visible; NULL is
 * null. */
void json_add(struct json_object *to, const char *name, struct json_object *value);
void json_add_text(struct json_object *to, const char *name, const char *text);
void json_add_size(struct json_object *to, const char *name, uint64_t number);
void json_add_bool(struct json_object *to, const char *name, bool value);

/* Add a list of objects with the members start and length: the ranges of a registry. */
void json_add_ranges(struct json_object *to, const char *name, const struct mcsafe_badblocks *bad);

/* Write an object to standard output, with a newline at the end, and free it. */
void json_write(struct json_object *object);

#endif /* MCSAFE_TOOLS_JSON_H */

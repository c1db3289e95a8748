/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h - tell what a program did with its failing copies: text, JSON, JUnit */
#ifndef MCSAFE_TOOLS_INJECT_REPORT_H
#define MCSAFE_TOOLS_INJECT_REPORT_H

#include "inject/outcome.h"

/* Standard output, while the runs are made. */
void walk_begin(const struct results *results);
void walk_result(const struct results *results, const struct result *result);
void walk_end(const struct results *results);

/* Standard output, at the end. */
void walk_json(const struct results *results);

/* A file in the form of JUnit, which systems of continuous integration read. */
void walk_junit(const struct results *results, const char *path);

/* Write "mcsafe_memcpy of 100 bytes failed at byte 50" to a text. */
void walk_copy_text(const struct trace_copy *copy, char *text, size_t room);

/* Write "read_record+0x12 (backup)" to a text. */
void walk_frame_text(const struct trace_frame *frame, char *text, size_t room);

/* The last bytes of a stream, as visible text with newlines. Free it with free(3). */
char *walk_tail(FILE *stream);

#endif /* MCSAFE_TOOLS_INJECT_REPORT_H */

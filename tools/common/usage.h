/* SPDX-License-Identifier: BSD-3-Clause */
/* usage.h - the options of a command, and what is told of wrong ones */
#ifndef MCSAFE_TOOLS_USAGE_H
#define MCSAFE_TOOLS_USAGE_H

#include <argp.h>

/*
 * Read the options of a command with argp(3). `input` is handed to the parser. Wrong usage ends the
 * program as usage_error() does. Each command also has --help, --usage and --version: they write to
 * standard output, and end the program with STATUS_FINE, or with STATUS_ERROR if the text could not
 * be written.
 */
void usage_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input);

/*
 * Tell what is wrong as tool_warn() does, say where the options are listed, and end with
 * STATUS_ERROR. Parsers call this, and not argp_error(3), which writes bytes as they are.
 */
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* MCSAFE_TOOLS_USAGE_H */

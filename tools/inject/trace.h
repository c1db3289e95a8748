/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.h - what libmcsafe-inject has written about the copies of one run (src/inject/log.c) */
#ifndef MCSAFE_TOOLS_TRACE_H
#define MCSAFE_TOOLS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A caller. */
struct trace_frame {
	uint64_t offset;   /* of the return address, from the start of the module; or the address */
	char *module;      /* a path; empty: not known */
	char *function;    /* NULL: not known */
	uint64_t distance; /* from the start of the function */
};

/* A copy that was made to fail. */
struct trace_copy {
	long process;
	size_t order; /* its number in that process, from 1 on */
	char *function;
	size_t len, offset;
	struct trace_frame *frames;
	size_t nframes;
};

struct trace {
	size_t processes; /* that the injector was in; 0: it was in none */
	size_t copies;    /* the most that one process has made; 0: none, or not known */
	char *kind;       /* of the failures; NULL if there was no process */
	struct trace_copy *failed;
	size_t nfailed;
};

/* Read a trace. Lines that are not understood are passed over. A missing file is an empty trace.
 * Ends the program with a message if the file cannot be read. */
void trace_read(struct trace *trace, const char *path);
void trace_free(struct trace *trace);

#endif /* MCSAFE_TOOLS_TRACE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* rescue.h - copy what a map has as not finished, and keep the map file up to date */
#ifndef MCSAFE_TOOLS_RESCUE_H
#define MCSAFE_TOOLS_RESCUE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/losses.h"
#include "common/mapfile.h"
#include "common/source.h"
#include "copy/image.h"

enum rescue_result {
	RESCUE_DONE = 0,
	RESCUE_STOPPED, /* a signal asked to stop */
	RESCUE_AWAY,    /* the source cannot be read any more */
	RESCUE_FULL,    /* the image cannot be written */
};

struct rescue {
	struct source *source;
	struct image *image;
	struct map map;
	struct losses found;  /* what this run has found to be lost */
	uint64_t start, end;  /* the part to copy */
	const char *map_path; /* NULL: there is no map file */
	const char *command;  /* for the map file */
	unsigned interval;    /* seconds between two writes of the map file; 0: after each piece */
	unsigned retries;
	unsigned char fill;
	bool sparse;    /* lost ranges become holes */
	bool refill;    /* fill also what the map file had as bad */
	bool is_unsure; /* the medium did not take data: the map file stays as it is */
	int64_t saved;  /* when the map file was written; seconds of CLOCK_MONOTONIC */
};

/* A signal handler sets it to the signal's number: the rescue stops after the piece at hand. */
extern volatile sig_atomic_t rescue_stop;

/*
 * Copy all that is not finished and not bad, then retry what is bad. Errors are told on standard
 * error. Whatever the result is, the map file then says what the image has, unless the medium did
 * not take the data: then the map file is left as it was.
 */
enum rescue_result rescue_run(struct rescue *rescue);

#endif /* MCSAFE_TOOLS_RESCUE_H */

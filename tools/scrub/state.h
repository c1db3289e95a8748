/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.h - how far a scrub has come, in a file
 *
 * The file is a list of bad ranges in the text form of the library. The first line, which the
 * library takes for a heading, has the offset and the size:
 *
 *	# mcsafe scrub: 65536 of 1048576 bytes checked
 *
 * Lines with "# unread 4096 512" have the ranges with I/O errors that may pass.
 *
 * The file has a name only as a whole (files.h): after a crash there is an older state, or none.
 */
#ifndef MCSAFE_TOOLS_STATE_H
#define MCSAFE_TOOLS_STATE_H

#include <stddef.h>

#include <mcsafe/badblocks.h>

/* The registries that a state fills, and what it says. */
struct scrub_state {
	struct mcsafe_badblocks *bad, *unread;
	size_t offset, size;
};

/*
 * Read a state: its ranges are added, and the offset is set. If there is no file, the offset is 0.
 * Ends the program with a message if the file is no state, or is one of a file with another size.
 */
void scrub_state_read(struct scrub_state *state, const char *path);
void scrub_state_write(const struct scrub_state *state, const char *path);
void scrub_state_remove(const char *path);

#endif /* MCSAFE_TOOLS_STATE_H */

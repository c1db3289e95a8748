/* SPDX-License-Identifier: BSD-3-Clause */
/* decode.h - decode a mapped file, of which one page may fail, under a shield */
#ifndef DECODE_H
#define DECODE_H

#include <stddef.h>

struct input {
	const unsigned char *bytes; /* a mapping; the decoder reads it with its own instructions */
	size_t size;
};

/* Decode the input, and print what has come out. Returns 0, or 1 if the decoder has an error. */
typedef int decode_fn(const struct input *input);

/*
 * The main() of such a program:
 *
 *	PROGRAM [--plain] [--lose OFFSET] FILE
 *
 * The file is copied to memory that has a descriptor (memfd_create(2)), and is mapped from there.
 * --lose makes the page at an offset fail in that copy, so the file itself is safe. --plain opens
 * no shield.
 *
 * Exit status: 0, decoded; 1, usage, or the decoder has found an error; 74 (EX_IOERR), a part of
 * the input was a stand-in, so the result is not to be trusted, whatever the decoder says; 77, this
 * machine cannot make the page fail.
 */
int decode_main(int argc, char **argv, decode_fn *decode);

#endif /* DECODE_H */

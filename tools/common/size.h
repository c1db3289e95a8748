/* SPDX-License-Identifier: BSD-3-Clause */
/* size.h - sizes and offsets as people write and read them */
#ifndef MCSAFE_TOOLS_SIZE_H
#define MCSAFE_TOOLS_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read a number of bytes: decimal, or hexadecimal after 0x; then nothing, or one of k M G T P
 * (multiples of 1024; a capital K, and an iB after it, are allowed), or kB MB GB TB PB (multiples
 * of 1000), or s (sectors of 512 bytes). Returns false if the text is no such number, or the
 * number is above INT64_MAX.
 */
bool size_read(const char *text, uint64_t *size);

/* Room for size_text(). */
#define SIZE_TEXT 16

/* Write a number of bytes for people, with at most four digits: "512 B", "4.0 KiB", "1.5 GiB". */
const char *size_text(uint64_t size, char text[SIZE_TEXT]);

#endif /* MCSAFE_TOOLS_SIZE_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* pattern.h - what sources and destinations hold, so that no byte can be mistaken for another */
#ifndef MCSAFE_TESTS_PATTERN_H
#define MCSAFE_TESTS_PATTERN_H

#include <stddef.h>

/*
 * The period is a prime. If data was copied from a wrong place, every byte differs, unless the
 * distance to the right place is a multiple of 127. No power of two is.
 */
#define T_PATTERN_PERIOD 127

/* Byte i of a source: 0 to 126. */
static inline unsigned char t_data(size_t i)
{
	return (unsigned char)(i % T_PATTERN_PERIOD);
}

/* Byte i of a destination before a copy: 128 to 254, so it is never data. */
static inline unsigned char t_fill(size_t i)
{
	return (unsigned char)(0x80 + i % T_PATTERN_PERIOD);
}

#endif /* MCSAFE_TESTS_PATTERN_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * escape.h - text that comes from outside, made harmless for a terminal and for a reader of lines
 *
 * Names of files, threads and functions, and values of the environment, can hold anything but 0.
 * What is kept: printable ASCII, and characters of well-formed UTF-8. All other bytes become \xNN.
 * That includes control characters, also those of U+0080 to U+009F, which some terminals obey, and
 * the characters that change the order or the ends of lines on a screen without being visible.
 */
#ifndef MCSAFE_SRC_BASE_ESCAPE_H
#define MCSAFE_SRC_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MCSAFE__ESCAPED_LEN 4 /* \xNN */

/* Characters of General Category Cc, Cf, Zl and Zp of the Unicode standard that are common. */
static inline bool mcsafe__is_invisible(uint32_t code)
{
	return code < 0xa0 || code == 0xad || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
}

/* The length of the visible character at s; 0 if there is none. s ends with 0. */
static inline size_t mcsafe__visible_len(const char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800,
					 0x10000}; /* by length: no longer forms */
	const unsigned char *u = (const unsigned char *)s;
	uint32_t code;
	size_t len;

	if (u[0] < 0x80)
		return u[0] >= 0x20 && u[0] != 0x7f;
	if (u[0] < 0xc0 || u[0] >= 0xf8)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	code = u[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3fu);
	}
	if (code < least[len] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
		return 0;
	return mcsafe__is_invisible(code) ? 0 : len;
}

/*
 * Write s to out, with a 0 at the end, and return the length. What has no room is left out; a
 * character or \xNN is never cut. room > 0. AS-Safe.
 */
static inline size_t mcsafe__escape(char *out, size_t room, const char *s)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	while (*s != '\0') {
		size_t len = mcsafe__visible_len(s), written = len != 0 ? len : MCSAFE__ESCAPED_LEN;
		unsigned char byte = (unsigned char)*s;

		if (written >= room - n)
			break;
		if (len == 0) {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = digits[byte >> 4];
			out[n++] = digits[byte & 15];
			s++;
		}
		while (len-- > 0)
			out[n++] = *s++;
	}
	out[n] = '\0';
	return n;
}

#endif /* MCSAFE_SRC_BASE_ESCAPE_H */

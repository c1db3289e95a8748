/* SPDX-License-Identifier: BSD-3-Clause */
/* match.c - compare the first and the last byte of the needle at 16 places at a time
 *
 * A letter that is frequent in the text makes a search for the first byte alone slow.
 */
#include "match.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WIDTH = 16 };

/* One bit for each of 16 places at which the first and the last byte are right. */
static unsigned candidates(const struct needle *needle, const char *text, __m128i first,
			   __m128i last)
{
	__m128i begin = _mm_loadu_si128((const __m128i *)text);
	__m128i end = _mm_loadu_si128((const __m128i *)(text + needle->len - 1));

	return (unsigned)_mm_movemask_epi8(
		_mm_and_si128(_mm_cmpeq_epi8(begin, first), _mm_cmpeq_epi8(end, last)));
}

static bool is_match(const struct needle *needle, const char *text)
{
	return needle->len <= 2 || memcmp(text + 1, needle->text + 1, needle->len - 2) == 0;
}

size_t match_first(const struct needle *needle, const char *text, size_t n)
{
	__m128i first = _mm_set1_epi8(needle->text[0]);
	__m128i last = _mm_set1_epi8(needle->text[needle->len - 1]);
	size_t places = n < needle->len ? 0 : n - needle->len + 1, misses = 0;

	for (size_t at = 0; at < places; at += WIDTH) {
		unsigned bits = candidates(needle, text + at, first, last);

		if (places - at < WIDTH)
			bits &= (1u << (places - at)) - 1;
		for (; bits != 0; bits &= bits - 1) {
			size_t place = at + (size_t)__builtin_ctz(bits);

			if (is_match(needle, text + place))
				return place;
			/* Such a text could take the length of the needle for each byte. */
			if (++misses > at / 4 + 64) {
				const char *match = memmem(text + place + 1, n - place - 1,
							   needle->text, needle->len);

				return match ? (size_t)(match - text) : SIZE_MAX;
			}
		}
	}
	return SIZE_MAX;
}

size_t match_last(const struct needle *needle, const char *text, size_t n, size_t starts)
{
	__m128i first = _mm_set1_epi8(needle->text[0]);
	__m128i last = _mm_set1_epi8(needle->text[needle->len - 1]);
	size_t places = n < needle->len ? 0 : n - needle->len + 1;

	if (places > starts)
		places = starts;
	while (places != 0) {
		size_t at = (places - 1) / WIDTH * WIDTH;
		unsigned bits = candidates(needle, text + at, first, last);

		if (places - at < WIDTH)
			bits &= (1u << (places - at)) - 1;
		while (bits != 0) {
			unsigned highest = 31 - (unsigned)__builtin_clz(bits);

			if (is_match(needle, text + at + highest))
				return at + highest;
			bits &= ~(1u << highest);
		}
		places = at;
	}
	return SIZE_MAX;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inflate_shield.c - uncompress a mapped gzip file with zlib, and survive the loss of a page
 *
 *	inflate_shield [--plain] [--lose OFFSET] FILE
 *
 * zlib reads its input with its own instructions: crc32() and inflate() would die of SIGBUS. Under
 * a shield they find zeros. crc32() then returns a number that is wrong, and says nothing.
 * inflate() may go on for a while, or report an error. The program does not rely on either: it asks
 * the shield whether anything that they have read was a stand-in. decode.h has the options and the
 * exit status.
 */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "decode.h"

#define GZIP_OR_ZLIB (15 + 32) /* inflateInit2(): the largest window, and find out the format */

static int inflate_all(const struct input *input)
{
	static unsigned char out[65536];
	z_stream stream;
	size_t n = 0;
	int rc;

	memset(&stream, 0, sizeof(stream));
	stream.next_in = (z_const Bytef *)(size_t)input->bytes;
	stream.avail_in = (uInt)input->size;
	rc = inflateInit2(&stream, GZIP_OR_ZLIB);
	while (rc == Z_OK) {
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		rc = inflate(&stream, Z_NO_FLUSH);
		n += sizeof(out) - stream.avail_out;
	}
	printf("inflate: %zu bytes, %s\n", n,
	       rc == Z_STREAM_END ? "the end" : (stream.msg != NULL ? stream.msg : zError(rc)));
	inflateEnd(&stream);
	return rc == Z_STREAM_END ? 0 : 1;
}

static int decode(const struct input *input)
{
	printf("crc32 of the file: %08lx\n", crc32_z(0, input->bytes, input->size));
	return inflate_all(input);
}

int main(int argc, char **argv)
{
	return decode_main(argc, argv, decode);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Keep a library alive over a file" */
#include "frame.h"

#include <zlib.h>

int main(int argc, char **argv)
{
	static unsigned char expected[2 * PAGE];
	unsigned size = sizeof(expected);
	unsigned char *map = map_shrunk_file(argv[argc - 1]);
	unsigned long sum = 0;

	fill(expected, PAGE);
	NEED(mcsafe_install() == 0);
#include "lines.inc"
	NEED(sum == crc32(0, expected, size));
	return 0;
}

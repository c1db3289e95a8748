/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Read a mapped file that may shrink" */
#include "frame.h"

int main(int argc, char **argv)
{
	static char copy[2 * PAGE];
	size_t size = sizeof(copy);
	const void *map = map_shrunk_file(argv[argc - 1]);

	NEED(mcsafe_install() == 0);
#include "lines.inc"
	NEED(left == PAGE && is_good(copy, PAGE) && copy[PAGE] == 0);
	return 0;
}

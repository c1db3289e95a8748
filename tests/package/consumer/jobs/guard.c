/* SPDX-License-Identifier: BSD-3-Clause */
/* README: "Guard a parser" */
#include "frame.h"

static bool finished;

/* A parser that knows nothing of libmcsafe: it goes from record to record. */
static void parse(const unsigned char *map, size_t size)
{
	size_t at = 0;

	while (at < size)
		at += 64U + map[at] % 2U * 64U;
	finished = true;
}

int main(int argc, char **argv)
{
	size_t size = 2 * PAGE;
	unsigned char *map = map_shrunk_file(argv[argc - 1]);

	NEED(mcsafe_install() == 0);
#include "lines.inc"
	NEED(!finished);
	/* With a file that is whole, the parser comes to its end. */
	map = map_file(argv[argc - 1], size, &(int){-1});
	parse(map, size);
	NEED(finished);
	return 0;
}

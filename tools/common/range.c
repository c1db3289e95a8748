/* SPDX-License-Identifier: BSD-3-Clause */
/* range.c - options of commands that read a part of a file */
#include "common/range.h"

#include <inttypes.h>
#include <string.h>

#include "common/size.h"
#include "common/tool.h"

uint64_t range_number(const char *text, const char *option)
{
	uint64_t number;

	if (!size_read(text, &number))
		tool_fail("%s: \"%s\" is no number of bytes", option, text);
	return number;
}

unsigned char range_byte(const char *text)
{
	uint64_t number;

	if (!size_read(text, &number) || number > 255)
		tool_fail("--fill: \"%s\" is no number from 0 to 255", text);
	return (unsigned char)number;
}

enum source_way range_way(const char *text)
{
	if (strcmp(text, "auto") == 0)
		return SOURCE_AUTO;
	if (strcmp(text, "map") == 0)
		return SOURCE_MAP;
	if (strcmp(text, "read") == 0)
		return SOURCE_READ;
	tool_fail("--method: \"%s\" is none of auto, map and read", text);
}

uint64_t range_end(const struct range *range, uint64_t size, const char *path)
{
	if (range->offset > size)
		tool_fail("%s: offset %" PRIu64 " is past the end; there are %" PRIu64 " bytes",
			  path, range->offset, size);
	return range->length < size - range->offset ? range->offset + range->length : size;
}

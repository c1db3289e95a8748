/* SPDX-License-Identifier: BSD-3-Clause */
/* smaps.c - what the kernel says of a mapping */
#include "smaps.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static bool begins_with(const char *line, const char *start)
{
	return strncmp(line, start, strlen(start)) == 0;
}

static void append(char text[T_MAPPING_ROOM], const char *more)
{
	size_t n = strlen(text);

	(void)snprintf(text + n, T_MAPPING_ROOM - n, "%s", more);
}

void t_describe_mapping(const void *at, char text[T_MAPPING_ROOM])
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool inside = false;
	char line[512], perms[5];

	CHECK_PTR_NE(smaps, NULL);
	text[0] = '\0';
	while (fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%lx-%lx %4s ", &start, &end, perms) == 3) {
			inside = start <= (uintptr_t)at && (uintptr_t)at < end;
			if (inside) {
				append(text, perms);
				append(text, strrchr(line, ' '));
			}
		} else if (inside &&
			   (begins_with(line, "VmFlags:") || begins_with(line, "ProtectionKey:"))) {
			append(text, line);
		}
	}
	CHECK_EQ(fclose(smaps), 0);
	CHECK_PTR_NE(strstr(text, "VmFlags:"), NULL);
}

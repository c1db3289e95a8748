/* SPDX-License-Identifier: BSD-3-Clause */
/* losses.c - where another library has mapped a file, and what was lost of it */
#include "losses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of /proc/self/maps with the path of the file at its end. */
static bool find_mapping(const char *path, void **base, size_t *len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096 + 128], *real = realpath(path, NULL), *name;
	bool found = false;

	while (maps != NULL && real != NULL && !found && fgets(line, sizeof(line), maps) != NULL) {
		char *end;
		unsigned long first = strtoul(line, &end, 16), last = strtoul(end + 1, NULL, 16);

		line[strcspn(line, "\n")] = '\0';
		name = strchr(line, '/');
		found = name != NULL && strcmp(name, real) == 0;
		*base = (void *)first;
		*len = last - first;
	}
	if (maps != NULL)
		fclose(maps);
	free(real);
	return found;
}

bool shield_mapping_of(const char *path, struct mcsafe_shield **shield)
{
	void *base;
	size_t len;

	return mcsafe_install() == 0 && find_mapping(path, &base, &len) &&
	       mcsafe_shield_open(shield, base, len, NULL) == 0;
}

size_t close_and_tell(struct mcsafe_shield *shield)
{
	struct mcsafe_range lost;
	size_t all;

	if (shield == NULL)
		return 0;
	for (size_t at = 0; mcsafe_shield_next(shield, at, &lost); at = lost.start + lost.len)
		fprintf(stderr, "lost: %zu bytes at %zu\n", lost.len, lost.start);
	all = mcsafe_shield_lost(shield);
	(void)mcsafe_shield_close(shield);
	return all;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* mappings.c - find what is mapped at an address, in /proc/self/maps (proc_pid_maps(5)) */
#include "injection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

static void describe(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end,
		     const char perms[4])
{
	piece->start = start;
	piece->len = end - start;
	piece->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		      (perms[2] == 'x' ? PROT_EXEC : 0);
	piece->shared = perms[3] == 's';
}

int mcsafe__inject_mapping_at(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t from, to;
	char perms[5];
	int result = mcsafe__inject_fail(-ENOMEM, "part of the range is not mapped");

	if (maps == NULL)
		return mcsafe__inject_fail(-errno, "/proc/self/maps cannot be read");
	/* One line for each mapping, in ascending order. */
	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes them, and no number is too large. */
	while (fscanf(maps, "%" SCNxPTR "-%" SCNxPTR " %4s%*[^\n]", &from, &to, perms) == 3) {
		if (to <= start)
			continue;
		if (from <= start) {
			describe(piece, start, to < end ? to : end, perms);
			result = 0;
		}
		break;
	}
	fclose(maps);
	return result;
}

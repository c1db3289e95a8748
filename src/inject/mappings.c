/* SPDX-License-Identifier: BSD-3-Clause */
/* mappings.c - find what is mapped at an address, in /proc/self/smaps (proc_pid_smaps(5)) */
#include "injection.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_ROOM 512

static void describe(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end,
		     const char perms[4])
{
	piece->start = start;
	piece->len = end - start;
	piece->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
		      (perms[2] == 'x' ? PROT_EXEC : 0);
	piece->shared = perms[3] == 's';
}

/* Read a line, without what does not fit: a name may be long. */
static bool read_line(char line[LINE_ROOM], FILE *file)
{
	if (fgets(line, LINE_ROOM, file) == NULL)
		return false;
	if (strchr(line, '\n') == NULL)
		for (int c = getc(file); c != '\n' && c != EOF;)
			c = getc(file);
	return true;
}

/* Words of two letters, each with a blank after it. */
static bool has_flag(const char *flags, const char *flag)
{
	const char *found = strstr(flags, flag);

	return found != NULL && found[strlen(flag)] == ' ';
}

static void note_flags(struct mcsafe__injection *piece, const char *flags)
{
	piece->watched = has_flag(flags, " um") || has_flag(flags, " uw") || has_flag(flags, " ui");
	piece->dont_fork = has_flag(flags, " dc");
	piece->dont_dump = has_flag(flags, " dd");
	piece->is_huge = has_flag(flags, " ht");
}

/* Read the lines of one mapping up to its flags, which are the last. */
static void find_flags(struct mcsafe__injection *piece, FILE *file)
{
	static const char name[] = "VmFlags:";
	char line[LINE_ROOM];

	while (read_line(line, file))
		if (strncmp(line, name, sizeof(name) - 1) == 0) {
			note_flags(piece, line);
			return;
		}
}

/* A kernel without CONFIG_PROC_PAGE_MONITOR has the first line of each mapping only. */
static FILE *open_mappings(bool *has_flags)
{
	FILE *file = fopen("/proc/self/smaps", "re");

	*has_flags = file != NULL;
	if (file == NULL)
		file = fopen("/proc/self/maps", "re");
	/* The kernel gives a page at a time; what stdio would ask for is less. */
	if (file != NULL)
		setvbuf(file, NULL, _IOFBF, MCSAFE__PAGE);
	return file;
}

int mcsafe__inject_mapping_at(struct mcsafe__injection *piece, uintptr_t start, uintptr_t end)
{
	uintptr_t from, to;
	uintmax_t offset;
	char line[LINE_ROOM], perms[5];
	bool has_flags;
	FILE *file = open_mappings(&has_flags);
	int result = mcsafe__inject_fail(-ENOMEM, "part of the range is not mapped");

	if (file == NULL)
		return mcsafe__inject_fail(-errno, "/proc/self/maps cannot be read");
	/* One line for each mapping, in ascending order; in smaps, lines about it follow. */
	while (read_line(line, file)) {
		if (isupper((
			    unsigned char)line[0])) /* of a line about a mapping; not of a number */
			continue;
		/* NOLINTNEXTLINE(cert-err34-c): the kernel writes them, none is too large. */
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNxMAX, &from, &to, perms,
			   &offset) != 4 ||
		    to <= start)
			continue;
		if (from <= start) {
			describe(piece, start, to < end ? to : end, perms);
			piece->whole = (struct mcsafe__file_part){
				.start = from, .end = to, .offset = (off_t)offset};
			if (has_flags)
				find_flags(piece, file);
			result = 0;
		}
		break;
	}
	fclose(file);
	return result;
}

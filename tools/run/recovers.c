/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recovers.c - which processes answer SIGBUS themselves
 *
 * A handler alone says little: those of Go, of Rust and of LLVM print what happened, and end the
 * process. So a process is left alone only if it has a handler of SIGBUS, and code of something
 * whose handler is known to go on: libmcsafe, the Java virtual machine, or libyara, which the
 * programs yara and yarac may have in themselves. libmcsafe is recognised by the section of its
 * rows, also in static and stripped programs: strip(1) keeps the sections that are loaded.
 */
#include "run/recovers.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/mapping.h"

#define SECTION       "mcsafe_extable"
#define MOST_SECTIONS 100000 /* more is no sensible file */

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

static bool has_name(const char *names, uint64_t size, const Elf64_Shdr *section)
{
	return section->sh_name < size && size - section->sh_name >= sizeof(SECTION) &&
	       memcmp(names + section->sh_name, SECTION, sizeof(SECTION)) == 0;
}

static bool look_at_sections(int fd, const Elf64_Ehdr *header)
{
	Elf64_Shdr *sections = calloc(header->e_shnum, sizeof(*sections));
	const Elf64_Shdr *strings;
	char *names = NULL;
	bool found = false;

	if (sections != NULL &&
	    read_at(fd, sections, header->e_shnum * sizeof(*sections), header->e_shoff)) {
		strings = &sections[header->e_shstrndx];
		if (strings->sh_size < MOST_SECTIONS * sizeof(SECTION))
			names = malloc(strings->sh_size);
		if (names != NULL && read_at(fd, names, strings->sh_size, strings->sh_offset))
			for (size_t i = 0; !found && i < header->e_shnum; i++)
				found = has_name(names, strings->sh_size, &sections[i]);
	}
	free(names);
	free(sections);
	return found;
}

static bool has_rows(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	Elf64_Ehdr header;
	bool found;

	if (fd < 0)
		return false;
	found = read_at(fd, &header, sizeof(header), 0) &&
		memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
		header.e_ident[EI_CLASS] == ELFCLASS64 &&
		header.e_shentsize == sizeof(Elf64_Shdr) && header.e_shnum > 0 &&
		header.e_shstrndx < header.e_shnum && look_at_sections(fd, &header);
	close(fd);
	return found;
}

static bool is_known(const char *path, const char *name)
{
	static const char *const known[] = {"libjvm.so", "libyara.so", "yara"};
	const char *last = strrchr(name, '/');

	last = last != NULL ? last + 1 : name;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(last, known[i], strlen(known[i])) == 0)
			return true;
	return has_rows(path);
}

bool recovers_itself(struct task *task, const struct proc *proc, enum handlers handlers)
{
	if (handlers == HANDLERS_NONE || !proc_has(proc->caught, SIGBUS))
		return false;
	if (handlers == HANDLERS_ALL)
		return true;
	if (task->space->recovers == RECOVERS_UNKNOWN)
		task->space->recovers =
			mapping_any_code(proc->pid, is_known) ? RECOVERS : RECOVERS_NOT;
	return task->space->recovers == RECOVERS;
}

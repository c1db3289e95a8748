/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * known.c - code whose handler of SIGBUS is known to recover
 *
 * A handler alone says little: those of Go, of Rust and of LLVM print what happened, and end the
 * process. So a process is left alone only if it has a handler of SIGBUS, and code of something
 * whose handler is known to go on: libmcsafe, the Java virtual machine, or libyara, which the
 * programs yara and yarac may have in themselves. libmcsafe is recognised by the section of its
 * rows, also in static and stripped programs: strip(1) keeps the sections that are loaded.
 *
 * Like mapping.c, this allocates nothing.
 */
#include "run/known.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "run/mapping.h"

#define SECTION "mcsafe_extable"

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

/* Whether the table of names has the name of the section at `at`. */
static bool has_name(int fd, const Elf64_Shdr *names, uint64_t at)
{
	char name[sizeof(SECTION)];

	return at < names->sh_size && read_at(fd, name, sizeof(name), names->sh_offset + at) &&
	       memcmp(name, SECTION, sizeof(SECTION)) == 0;
}

static bool look_at_sections(int fd, const Elf64_Ehdr *header)
{
	Elf64_Shdr names, section;

	if (!read_at(fd, &names, sizeof(names),
		     header->e_shoff + header->e_shstrndx * sizeof(names)))
		return false;
	for (size_t i = 0; i < header->e_shnum; i++)
		if (read_at(fd, &section, sizeof(section), header->e_shoff + i * sizeof(section)) &&
		    has_name(fd, &names, section.sh_name))
			return true;
	return false;
}

static bool has_rows(const char *path)
{
	int fd = mcsafe__above_standard(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
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

bool known_to_recover(pid_t pid)
{
	return mapping_any_code(pid, is_known);
}

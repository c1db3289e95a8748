/* SPDX-License-Identifier: BSD-3-Clause */
/* loads.c - whether a library can be loaded into a program */
#include "run/loads.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCRIPTS 4 /* the kernel follows so many interpreters of interpreters, and one more */
#define LOADER  "ld-linux-x86-64.so."

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

/* ---- notes ----------------------------------------------------------------------------------- */

#define GO_BUILD_ID 4 /* type of the note with the name "Go", which the linker of Go adds */

/* Names and contents have a multiple of 4 bytes. */
static uint64_t up(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

static bool has_go_note(int fd, const Elf64_Phdr *notes)
{
	uint64_t at = notes->p_offset, end = at + notes->p_filesz;
	Elf64_Nhdr note;
	char name[4];

	while (at < end && end - at >= sizeof(note) && read_at(fd, &note, sizeof(note), at)) {
		at += sizeof(note);
		if (note.n_namesz == sizeof(name) && note.n_type == GO_BUILD_ID &&
		    read_at(fd, name, sizeof(name), at) && memcmp(name, "Go\0\0", 4) == 0)
			return true;
		at += up(note.n_namesz) + up(note.n_descsz);
	}
	return false;
}

/* ---- ELF ------------------------------------------------------------------------------------- */

static const char *look_at_loader(int fd, const Elf64_Phdr *interp)
{
	char name[256] = "";
	size_t n = interp->p_filesz < sizeof(name) - 1 ? interp->p_filesz : sizeof(name) - 1;
	const char *last;

	if (!read_at(fd, name, n, interp->p_offset))
		return NULL;
	last = strrchr(name, '/');
	last = last != NULL ? last + 1 : name;
	return strncmp(last, LOADER, sizeof(LOADER) - 1) == 0 ? NULL
							      : "its loader is not that of glibc";
}

static const char *look_at_segments(int fd, const Elf64_Ehdr *header)
{
	bool has_loader = false, is_go = false;
	const char *why = NULL;
	Elf64_Phdr segment;

	for (size_t i = 0; i < header->e_phnum; i++) {
		if (!read_at(fd, &segment, sizeof(segment), header->e_phoff + i * sizeof(segment)))
			return NULL;
		if (segment.p_type == PT_NOTE)
			is_go = is_go || has_go_note(fd, &segment);
		if (segment.p_type != PT_INTERP)
			continue;
		has_loader = true;
		why = look_at_loader(fd, &segment);
	}
	if (is_go)
		return "a program in Go makes its system calls itself";
	return has_loader ? why : "it is linked statically";
}

static const char *look_at_program(int fd)
{
	Elf64_Ehdr header;

	if (!read_at(fd, &header, sizeof(header), 0) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return "it is a 32-bit program";
	if (header.e_machine != EM_X86_64)
		return "it is for another processor";
	if (header.e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	return look_at_segments(fd, &header);
}

/* ---- scripts --------------------------------------------------------------------------------- */

/* Find the interpreter: execve(2), "#!interpreter [argument]". False: it is no script. */
static bool find_interpreter(int fd, char *path, size_t room)
{
	char line[256];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	char *at;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	at = line + 2 + strspn(line + 2, " \t");
	at[strcspn(at, " \t")] = '\0';
	snprintf(path, room, "%s", at);
	return path[0] != '\0';
}

const char *loads_not(char *path, size_t room)
{
	for (int scripts = 0; scripts <= SCRIPTS; scripts++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		const char *why = NULL;
		bool is_script;

		if (fd < 0)
			return NULL;
		is_script = find_interpreter(fd, path, room);
		if (!is_script)
			why = look_at_program(fd);
		close(fd);
		if (!is_script)
			return why;
	}
	return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* symbols.c - the function that contains an instruction, from this program's own symbol table */
#include "lab.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	const char *names;
	const Elf64_Sym *first, *end;
} table;

/* The program is in a file system in memory, so the mapping can stay. */
static void read_table(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const Elf64_Shdr *sections, *symbols;
	struct stat status = {.st_size = 0};
	const Elf64_Ehdr *file;

	lab_need(fd != -1 && fstat(fd, &status) == 0, "no /proc/self/exe");
	file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	lab_need(file != MAP_FAILED, "cannot map /proc/self/exe");
	close(fd);
	sections = (const void *)((const char *)file + file->e_shoff);
	symbols = sections;
	while (symbols < sections + file->e_shnum && symbols->sh_type != SHT_SYMTAB)
		symbols++;
	lab_need(symbols < sections + file->e_shnum, "the program is stripped");
	table.first = (const void *)((const char *)file + symbols->sh_offset);
	table.end = table.first + symbols->sh_size / sizeof(*table.first);
	table.names = (const char *)file + sections[symbols->sh_link].sh_offset;
}

struct lab_function lab_function_of(uintptr_t insn)
{
	struct lab_function function = {"no function", 0};

	if (table.names == NULL)
		read_table();
	for (const Elf64_Sym *symbol = table.first; symbol < table.end; symbol++)
		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_value <= insn &&
		    insn - symbol->st_value < symbol->st_size)
			function = (struct lab_function){table.names + symbol->st_name,
							 symbol->st_value};
	return function;
}

const char *lab_insn_name(uintptr_t insn)
{
	struct lab_function function = lab_function_of(insn);
	static char text[128];

	snprintf(text, sizeof(text), "%s+%#zx", function.name, (size_t)(insn - function.start));
	return text;
}

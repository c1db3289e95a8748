/* SPDX-License-Identifier: BSD-3-Clause */
/* elf_file.c - what an ELF file is, and which function of it is at an address (elf(5)) */
#include "inject/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST ((off_t)1 << 30)

/* Find an array of the file. NULL if it is not all in the file, or not aligned. */
static const void *array(const struct elf_file *file, uint64_t at, uint64_t n, size_t each)
{
	uint64_t len, end;

	if (__builtin_mul_overflow(n, each, &len) || __builtin_add_overflow(at, len, &end) ||
	    end > file->size || at % 8 != 0)
		return NULL;
	return file->data + at;
}

static const Elf64_Ehdr *header(const struct elf_file *file)
{
	return (const void *)file->data;
}

static enum elf_kind kind_of(const struct elf_file *file)
{
	const Elf64_Ehdr *head = header(file);
	const Elf64_Phdr *part;
	enum elf_kind kind = ELF_STATIC;

	if (file->size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
		return ELF_NONE;
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != EM_X86_64)
		return ELF_FOREIGN;
	part = array(file, head->e_phoff, head->e_phnum, sizeof(*part));
	if (part == NULL)
		return ELF_NONE;
	/* A static program that can run at any address (static-pie) has PT_DYNAMIC too. */
	for (unsigned i = 0; i < head->e_phnum; i++)
		if (part[i].p_type == PT_INTERP)
			kind = ELF_DYNAMIC;
	return kind;
}

static bool read_all(struct elf_file *file, int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
	    status.st_size > LARGEST)
		return false;
	file->data = calloc((size_t)status.st_size, 1);
	if (file->data == NULL)
		return false;
	while (file->size < (size_t)status.st_size) {
		ssize_t got =
			read(fd, file->data + file->size, (size_t)status.st_size - file->size);

		if (got <= 0)
			return false;
		file->size += (size_t)got;
	}
	return true;
}

void elf_open(struct elf_file *file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*file = (struct elf_file){.kind = ELF_NONE};
	if (fd < 0)
		return;
	if (read_all(file, fd))
		file->kind = kind_of(file);
	close(fd);
}

void elf_close(struct elf_file *file)
{
	free(file->data);
	*file = (struct elf_file){.kind = ELF_NONE};
}

static bool is_of_this_processor(const struct elf_file *file)
{
	return file->kind == ELF_STATIC || file->kind == ELF_DYNAMIC;
}

/* Find the sections, and how many there are. */
static const Elf64_Shdr *sections(const struct elf_file *file, size_t *n)
{
	const Elf64_Ehdr *head = header(file);

	*n = 0;
	if (!is_of_this_processor(file) || head->e_shoff == 0)
		return NULL;
	*n = head->e_shnum;
	return array(file, head->e_shoff, head->e_shnum, sizeof(Elf64_Shdr));
}

/* Find a text of a section of texts. NULL if it is not all in the section and the file. */
static const char *text_at(const struct elf_file *file, const Elf64_Shdr *texts, uint64_t at)
{
	uint64_t end;
	const char *text;

	if (__builtin_add_overflow(texts->sh_offset, texts->sh_size, &end) || end > file->size ||
	    at >= texts->sh_size)
		return NULL;
	text = (const char *)file->data + texts->sh_offset + at;
	return memchr(text, '\0', texts->sh_size - at) != NULL ? text : NULL;
}

bool elf_has_section(const struct elf_file *file, const char *name)
{
	size_t n;
	const Elf64_Shdr *section = sections(file, &n);
	unsigned names = is_of_this_processor(file) ? header(file)->e_shstrndx : 0;

	if (section == NULL || names >= n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *found = text_at(file, &section[names], section[i].sh_name);

		if (found != NULL && strcmp(found, name) == 0)
			return true;
	}
	return false;
}

/* The lowest address that is mapped, in whole pages. 0 for all that can run at any address. */
static uint64_t lowest(const struct elf_file *file)
{
	const Elf64_Ehdr *head = header(file);
	const Elf64_Phdr *part = array(file, head->e_phoff, head->e_phnum, sizeof(*part));
	uint64_t address = UINT64_MAX;

	for (unsigned i = 0; part != NULL && i < head->e_phnum; i++)
		if (part[i].p_type == PT_LOAD && part[i].p_vaddr < address)
			address = part[i].p_vaddr;
	return address & ~UINT64_C(4095);
}

static const char *function_in(const struct elf_file *file, const Elf64_Shdr *table,
			       const Elf64_Shdr *texts, uint64_t address, uint64_t *distance)
{
	size_t n = table->sh_size / sizeof(Elf64_Sym);
	const Elf64_Sym *symbol = array(file, table->sh_offset, n, sizeof(*symbol));

	for (size_t i = 0; symbol != NULL && i < n; i++) {
		const char *name;

		if (ELF64_ST_TYPE(symbol[i].st_info) != STT_FUNC ||
		    symbol[i].st_shndx == SHN_UNDEF || address < symbol[i].st_value ||
		    address - symbol[i].st_value >= symbol[i].st_size)
			continue;
		name = text_at(file, texts, symbol[i].st_name);
		*distance = address - symbol[i].st_value;
		if (name != NULL)
			return name;
	}
	return NULL;
}

const char *elf_function_at(const struct elf_file *file, uint64_t offset, uint64_t *distance)
{
	static const unsigned tables[] = {SHT_SYMTAB, SHT_DYNSYM};
	size_t n;
	const Elf64_Shdr *section = sections(file, &n);

	if (section == NULL)
		return NULL;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (size_t i = 0; i < n; i++) {
			const char *name;

			if (section[i].sh_type != tables[t] || section[i].sh_link >= n)
				continue;
			name = function_in(file, &section[i], &section[section[i].sh_link],
					   lowest(file) + offset, distance);
			if (name != NULL)
				return name;
		}
	return NULL;
}

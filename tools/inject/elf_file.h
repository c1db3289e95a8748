/* SPDX-License-Identifier: BSD-3-Clause */
/* elf_file.h - what an ELF file is, and which function of it is at an address (elf(5)) */
#ifndef MCSAFE_TOOLS_ELF_FILE_H
#define MCSAFE_TOOLS_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum elf_kind {
	ELF_NONE,    /* no ELF file, or it cannot be read */
	ELF_FOREIGN, /* not for x86-64 */
	ELF_STATIC,  /* a program without a dynamic loader: nothing can be preloaded */
	ELF_DYNAMIC, /* a program with a dynamic loader, or a shared library */
};

/* An open file. The content comes from outside, so every offset in it is checked. */
struct elf_file {
	enum elf_kind kind;
	unsigned char *data;
	size_t size;
};

/* Read a file. kind is ELF_NONE if that fails. Free it with elf_close(). */
void elf_open(struct elf_file *file, const char *path);
void elf_close(struct elf_file *file);

/* Whether the file has a section of that name. */
bool elf_has_section(const struct elf_file *file, const char *name);

/*
 * Find the function at an offset from the lowest address of the file. Returns its name, which stays
 * until elf_close(), and how far the offset is from its start. NULL: there is no such function.
 */
const char *elf_function_at(const struct elf_file *file, uint64_t offset, uint64_t *distance);

#endif /* MCSAFE_TOOLS_ELF_FILE_H */

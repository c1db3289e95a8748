/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mapping.h - what is mapped at an address of a process, and which file that is
 *
 * The process 0 is this one. Only one thread may call these functions at a time. They allocate
 * nothing.
 */
#ifndef MCSAFE_TOOLS_RUN_MAPPING_H
#define MCSAFE_TOOLS_RUN_MAPPING_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/types.h>

#include "base/vma.h"

struct mapping {
	struct mcsafe__vma vma;   /* vma.page is known */
	char path[PATH_MAX + 16]; /* as the kernel shows it, without " (deleted)"; "": no name */
	bool is_deleted;
};

/* Find the mapping that holds addr. 0; ENOENT: nothing is mapped there; another errno value: /proc
 * does not tell. */
int mapping_find(pid_t pid, uintptr_t addr, struct mapping *mapping);

/* Whether it is memory without a file, which only the process and its children have. */
bool mapping_is_private_memory(const struct mapping *mapping);

/* The file behind a mapping. */
struct mapped_file {
	int64_t size; /* of a regular file; -1: not known */
	bool is_full; /* its file system has no room left */
	bool is_huge; /* it is of huge pages, and has those that the pool gives it */
};

void mapping_ask_file(pid_t pid, const struct mapping *mapping, struct mapped_file *file);

/* Whether the process executes code of the same file. */
bool mapping_is_executed(pid_t pid, const struct mapping *mapping);

/* Call fn with the path in /proc of each file that the process executes code of, until it returns
 * true. Returns whether it did. The name is that of the file, as the kernel shows it. */
bool mapping_any_code(pid_t pid, bool (*fn)(const char *path, const char *name));

#endif /* MCSAFE_TOOLS_RUN_MAPPING_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shared.h - what mcsafe run --preload and the processes that it helps have in common
 *
 * The command makes a file of memory, and the library (inside/) maps it in each process. The
 * processes only add to it. A process may be killed at any time, so each entry says itself when it
 * is complete, and there is no lock. The command reads it at the end.
 */
#ifndef MCSAFE_TOOLS_RUN_SHARED_H
#define MCSAFE_TOOLS_RUN_SHARED_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/known.h"
#include "run/lost.h"
#include "run/told.h"

/* The file, as "PID FD DEVICE INODE" in decimal: the descriptor FD of the process itself, or that
 * of the process PID, which is the command. */
#define SHARED_VARIABLE "MCSAFE_RUN"
#define SHARED_LIBRARY  "libmcsafe-run.so"

/* The library and the command are of one version: the size of struct shared is part of it. */
#define SHARED_MAGIC 0x6d637366

#define SHARED_FILES  256
#define SHARED_RANGES 32768
#define SHARED_NOTES  256

/* What a process has written can be anything: uint8_t can hold all that a bool cannot. */
struct shared_file {
	_Atomic uint8_t is_complete;
	uint8_t is_deleted, is_memory;
	uint64_t inode;
	dev_t device;
	char path[PATH_MAX + 16];
};

struct shared_range {
	_Atomic uint8_t is_complete;
	uint32_t file;
	struct lost_range range;
};

struct shared_note {
	_Atomic uint8_t is_complete;
	enum told told;
	int error;
	uint64_t at;
	pid_t pid;
	char process[COMM];
};

struct shared {
	/* Written before the first process starts. */
	uint32_t magic;
	uint32_t size;
	enum handlers handlers;
	bool stops;
	bool has_mirror;

	/* Written by the processes. */
	_Atomic uint32_t started;     /* processes that have the library */
	_Atomic uint32_t changes;     /* a futex(2), on which the command waits */
	_Atomic uint32_t has_stopped; /* something was lost, and all must stop */
	_Atomic uint32_t has_no_room; /* something was lost that is not in the lists */
	_Atomic uint32_t mirrored;    /* the number of the file that the mirror is of, plus 1 */
	_Atomic uint32_t files, ranges,
		notes; /* so many were begun; can be more than there is room for */

	/* A process touches only the first page as long as nothing is lost. */
	char mirror[PATH_MAX]; /* absolute */
	dev_t mirror_device;
	uint64_t mirror_inode;
	struct shared_file file[SHARED_FILES];
	struct shared_range range[SHARED_RANGES];
	struct shared_note note[SHARED_NOTES];
};

#endif /* MCSAFE_TOOLS_RUN_SHARED_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scene.h - memory that fails for a known reason
 *
 * A scene is made in a child process that has a mount namespace of its own, so the kernel takes
 * mounts and loop devices back when the child ends. Most scenes need root.
 */
#ifndef MCSAFE_TESTS_EXPLAIN_SCENE_H
#define MCSAFE_TESTS_EXPLAIN_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/mcsafe.h>

#define SCENE_PATH 4200

/* What a scene has made. */
struct scene {
	const char *dir;   /* an empty directory for its files, which the test removes */
	unsigned char *at; /* the address that fails */
	off_t offset;      /* of it in the file; -1: no file */
	size_t len;        /* what is lost from there on */
	off_t file_size;   /* -1: unknown */
	unsigned flags;
	/* Nothing fails: the test makes a record with this cause itself. NONE: the memory fails. */
	enum mcsafe_cause imitated;
	char path[SCENE_PATH];
};

struct scene_kind {
	const char *name;
	/* Makes the memory fail. Returns NULL, or why this machine cannot do that. */
	const char *(*make)(struct scene *scene);
	enum mcsafe_side side; /* which access fails */
	enum mcsafe_reason reason;
	enum mcsafe_memory memory;
	int error;
	const char *text;   /* what the line says after the place */
	bool needs_no_proc; /* the record alone has the reason */
};

extern const struct scene_kind scene_kinds[];
extern const size_t scene_n_kinds;

/* In a child: give the process mounts of its own. False: it is not root. */
bool scene_own_mounts(void);

/* Start a FUSE server that has one file, `name`, of `size` bytes of 0x5a, mounted at dir. Returns
 * its process, or -1. */
pid_t scene_fuse_server(const char *dir, const char *name, size_t size);

#endif /* MCSAFE_TESTS_EXPLAIN_SCENE_H */

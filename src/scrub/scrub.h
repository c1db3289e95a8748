/* SPDX-License-Identifier: BSD-3-Clause */
/* scrub.h - the state of a scrub */
#ifndef MCSAFE_SRC_SCRUB_SCRUB_H
#define MCSAFE_SRC_SCRUB_SCRUB_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mcsafe/scrub.h>

/* Who uses the scrub. */
enum mcsafe__scrub_state {
	MCSAFE__SCRUB_IDLE,
	MCSAFE__SCRUB_RUNNING, /* in mcsafe_scrub_run() */
	MCSAFE__SCRUB_STARTING,
	MCSAFE__SCRUB_THREAD,  /* its thread runs, or has ended and must be joined */
	MCSAFE__SCRUB_WAITING, /* mcsafe_scrub_wait() joins the thread */
};

/* The number of bytes, of n at an offset, that are all in a hole of the file, or all not. *hole
 * says which. */
typedef size_t mcsafe__hole_fn(void *arg, size_t offset, size_t n, bool *hole);

struct mcsafe_scrub {
	const unsigned char *base;
	size_t len;
	struct mcsafe_badblocks *badblocks;
	struct mcsafe_scrub_options options;
	_Atomic int state;
	_Atomic int cancelled;
	sem_t wake; /* posted by mcsafe_scrub_cancel() */
	_Atomic size_t offset;
	_Atomic size_t bad;
	_Atomic size_t skipped;
	_Atomic size_t readable;
	_Atomic size_t failed;
	uintptr_t block_start, block_end; /* walk.c, remember_block() */
	pthread_t thread;
	int result; /* of the run in the thread */
	/* Holes have nothing to lose, and reading them may cost memory. NULL: there are none. */
	mcsafe__hole_fn *hole;
	void *hole_arg;
	bool is_memory; /* the kernel reads none of it from a disk */
};

/* walk.c: scrub from scrub->offset to the end, or until something stops the run. 0 or -errno. */
int mcsafe__scrub_walk(struct mcsafe_scrub *scrub);

#endif /* MCSAFE_SRC_SCRUB_SCRUB_H */

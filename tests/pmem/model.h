/* SPDX-License-Identifier: BSD-3-Clause */
/* model.h - what a mapping of pmem.h must give: a file with holes, byte by byte */
#ifndef MCSAFE_TESTS_PMEM_MODEL_H
#define MCSAFE_TESTS_PMEM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/copy.h>
#include <mcsafe/inject.h>

#include "basics.h"

#define MODEL_PAGES ((size_t)64)
#define MODEL_SIZE  (MODEL_PAGES * T_PAGE)

struct model {
	unsigned char content[MODEL_SIZE]; /* of the file; zeros past its end */
	unsigned char aside[MODEL_SIZE];   /* content of pages before they were made bad */
	bool known[MODEL_SIZE];            /* bytes that the registry knows to be bad */
	enum mcsafe_inject_kind bad[MODEL_PAGES];
	bool lost[MODEL_PAGES]; /* what pread(2) says of a bad page */
	bool hole[MODEL_PAGES]; /* the file system has given no page yet */
	size_t room;            /* how many it can give still */
	bool poison_is_io;      /* this kernel reports injected poison as an I/O error */
	bool has_file;          /* so that pread(2) can be asked */
	size_t size;            /* size of the file */
	size_t seen;            /* size at the last open or refresh */
};

/* The offset of the first byte in [at, end) that cannot be accessed, or end. */
size_t model_stop(const struct model *model, size_t at, size_t end);

/* The same for stores: they also end at a hole for which there is no page. */
size_t model_store_stop(const struct model *model, size_t at, size_t end);

/* Bytes were stored, so that the holes there have pages now. */
void model_store(struct model *model, size_t at, const void *from, size_t n);

/* How many bytes of [offset, offset + n) lie before the end that the library saw. */
size_t model_clip(const struct model *model, size_t offset, size_t n);

/* An access met the byte at `stop`, and its page becomes known as bad if the fault says so. */
void model_meet(struct model *model, size_t stop);

/*
 * Fills in the holes of [offset, offset + n), all of which a salvage meets, and returns their
 * number.
 */
size_t model_holes(struct model *model, size_t offset, size_t n, struct mcsafe_range *holes);

void model_truncate(struct model *model, size_t size);
void model_refresh(struct model *model);

#endif /* MCSAFE_TESTS_PMEM_MODEL_H */

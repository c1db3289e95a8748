/* SPDX-License-Identifier: BSD-3-Clause */
/* model.h - what a mapping of pmem.h must give: a file with holes, byte by byte */
#ifndef MCSAFE_TESTS_PMEM_MODEL_H
#define MCSAFE_TESTS_PMEM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <mcsafe/copy.h>
#include <mcsafe/inject.h>

#define MODEL_PAGE  ((size_t)4096)
#define MODEL_PAGES ((size_t)64)
#define MODEL_SIZE  (MODEL_PAGES * MODEL_PAGE)

struct model {
	unsigned char content[MODEL_SIZE]; /* of the file; zeros behind its end */
	unsigned char aside[MODEL_SIZE];   /* of pages that were made bad, as they were */
	bool known[MODEL_SIZE];            /* to be bad, by the registry */
	enum mcsafe_inject_kind bad[MODEL_PAGES];
	size_t size; /* of the file */
	size_t seen; /* at the last open or refresh */
};

/* The offset, from `at` on, of the first byte that cannot be accessed; no more than `end`. */
size_t model_stop(const struct model *model, size_t at, size_t end);

/* How much of [offset, offset + n) lies before the end that was seen. */
size_t model_clip(const struct model *model, size_t offset, size_t n);

/* An access met the byte at `stop` and what is wrong with it. */
void model_meet(struct model *model, size_t stop);

/* The holes of [offset, offset + n), all of which a salvage meets; how many. */
size_t model_holes(struct model *model, size_t offset, size_t n, struct mcsafe_range *holes);

void model_truncate(struct model *model, size_t size);
void model_refresh(struct model *model);

#endif /* MCSAFE_TESTS_PMEM_MODEL_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_model.h - an iterator as a list of single bytes: slow, obvious, and right */
#ifndef MCSAFE_TESTS_ITER_MODEL_H
#define MCSAFE_TESTS_ITER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <mcsafe/fault.h>

#define MODEL_MAX  ((size_t)1 << 18) /* the most bytes in one iterator */
#define MODEL_FILE ((size_t)1 << 16)

enum model_flavour {
	MODEL_UBUF,
	MODEL_IOVEC,
	MODEL_KVEC,
	MODEL_BVEC,
	MODEL_DISCARD,
	MODEL_FILES,
	MODEL_STREAM,
	MODEL_FLAVOURS
};

struct model {
	enum model_flavour flavour;
	enum mcsafe_side side;
	size_t pos, end, total;
	int error;
	unsigned char *file;           /* MODEL_FILES: the content of the file, MODEL_FILE bytes */
	uintptr_t at[MODEL_MAX];       /* where byte i is: an address or an offset in the file */
	unsigned short seg[MODEL_MAX]; /* the number of the segment that holds byte i */
};

void model_begin(struct model *m, enum model_flavour flavour, enum mcsafe_side side);
/* Appends bytes. The count then includes all bytes of the model. */
void model_add(struct model *m, uintptr_t start, size_t len, unsigned short seg);

/* These return what the control functions of the library must return, and they move the model. */
int model_advance(struct model *m, size_t n);
int model_revert(struct model *m, size_t n);
void model_truncate(struct model *m, size_t n);
int model_reexpand(struct model *m, size_t n);

/* These return what the queries of the library must return. */
size_t model_single_seg_count(const struct model *m);
size_t model_nr_segs(const struct model *m);
size_t model_npages(const struct model *m, size_t max);
size_t model_alignment(const struct model *m);
size_t model_gap_alignment(const struct model *m);
size_t model_to_iovec(const struct model *m, struct iovec *iov, size_t room);

/* One side of a copy: an iterator, memory that starts at addr, or endless zeros. */
struct model_end {
	struct model *m;
	uintptr_t addr;
	bool zeros;
};

struct model_result {
	size_t done;
	int error;
	bool faulted; /* if set, the fault record must have these values: */
	enum mcsafe_side side;
	enum mcsafe_cause cause;
	uintptr_t addr;
};

/*
 * Copies byte by byte in the model of the pool and of the files, and stops at the first byte that
 * cannot be copied. The positions of the iterators do not change: call model_moved() for that.
 * Bytes that go to a stream are put in sent[].
 */
struct model_result model_copy(const struct model_end *dst, const struct model_end *src, size_t n,
			       unsigned char *sent);

/* Moves the models of the iterators in the pair by done bytes, and sets their error. */
void model_moved(const struct model_end *dst, const struct model_end *src, size_t done, int error);

#endif /* MCSAFE_TESTS_ITER_MODEL_H */

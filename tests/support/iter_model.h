/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_model.h - an iterator as a list of single bytes: slow, obvious, and right */
#ifndef MCSAFE_TESTS_ITER_MODEL_H
#define MCSAFE_TESTS_ITER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <mcsafe/fault.h>

#define MODEL_MAX  ((size_t)1 << 18) /* bytes of an iterator */
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
	unsigned char *file;           /* MODEL_FILES: what it holds, MODEL_FILE bytes */
	uintptr_t at[MODEL_MAX];       /* where byte i is: an address, or an offset in the file */
	unsigned short seg[MODEL_MAX]; /* the number of the segment that it is in */
};

void model_begin(struct model *m, enum model_flavour flavour, enum mcsafe_side side);
/* Add bytes at the end; the count becomes all there are. */
void model_add(struct model *m, uintptr_t start, size_t len, unsigned short seg);

/* What the control functions answer; the model moves. */
int model_advance(struct model *m, size_t n);
int model_revert(struct model *m, size_t n);
void model_truncate(struct model *m, size_t n);
int model_reexpand(struct model *m, size_t n);

/* What the queries answer. */
size_t model_single_seg_count(const struct model *m);
size_t model_nr_segs(const struct model *m);
size_t model_npages(const struct model *m, size_t max);
size_t model_alignment(const struct model *m);
size_t model_gap_alignment(const struct model *m);
size_t model_to_iovec(const struct model *m, struct iovec *iov, size_t room);

/* One side of a copy: an iterator, or memory from addr on, or zeros without end. */
struct model_end {
	struct model *m;
	uintptr_t addr;
	bool zeros;
};

struct model_result {
	size_t done;
	int error;
	bool faulted; /* then the record must be: */
	enum mcsafe_side side;
	enum mcsafe_cause cause;
	uintptr_t addr;
};

/*
 * Copy byte by byte in the model of the pool and of the files, up to the first that cannot be
 * done. Positions stay: model_moved() is for that. What goes to a stream is put in sent[].
 */
struct model_result model_copy(const struct model_end *dst, const struct model_end *src, size_t n,
			       unsigned char *sent);

/* The iterators among the two have moved by done bytes, and say error. */
void model_moved(const struct model_end *dst, const struct model_end *src, size_t done, int error);

#endif /* MCSAFE_TESTS_ITER_MODEL_H */

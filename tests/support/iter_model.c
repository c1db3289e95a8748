/* SPDX-License-Identifier: BSD-3-Clause */
/* iter_model.c - an iterator as a list of single bytes: slow, obvious, and right */
#include "iter_model.h"

#include <errno.h>
#include <stdlib.h>

#include "iter_pool.h"

void model_begin(struct model *m, enum model_flavour flavour, enum mcsafe_side side)
{
	m->flavour = flavour;
	m->side = side;
	m->pos = m->end = m->total = 0;
	m->error = 0;
	m->file = NULL;
}

void model_add(struct model *m, uintptr_t start, size_t len, unsigned short seg)
{
	if (len > MODEL_MAX - m->total)
		abort();
	for (size_t i = 0; i < len; i++) {
		m->at[m->total] = start + i;
		m->seg[m->total] = seg;
		m->total++;
	}
	m->end = m->total;
}

int model_advance(struct model *m, size_t n)
{
	if (n > m->end - m->pos)
		return -EINVAL;
	if (n != 0 && m->flavour == MODEL_STREAM)
		return -ESPIPE;
	m->pos += n;
	return 0;
}

int model_revert(struct model *m, size_t n)
{
	if (n > m->pos)
		return -EINVAL;
	if (n != 0 && m->flavour == MODEL_STREAM)
		return -ESPIPE;
	m->pos -= n;
	return 0;
}

void model_truncate(struct model *m, size_t n)
{
	if (n < m->end - m->pos)
		m->end = m->pos + n;
}

int model_reexpand(struct model *m, size_t n)
{
	if (n > m->total - m->pos)
		return -EINVAL;
	m->end = m->pos + n;
	return 0;
}

static bool has_memory(const struct model *m)
{
	return m->flavour != MODEL_DISCARD && m->flavour != MODEL_FILES &&
	       m->flavour != MODEL_STREAM;
}

static bool begins_piece(const struct model *m, size_t i)
{
	return i == m->pos || m->seg[i] != m->seg[i - 1];
}

size_t model_single_seg_count(const struct model *m)
{
	size_t i = m->pos;

	if (!has_memory(m))
		return m->end - m->pos;
	while (i < m->end && (i == m->pos || !begins_piece(m, i)))
		i++;
	return i - m->pos;
}

size_t model_to_iovec(const struct model *m, struct iovec *iov, size_t room)
{
	size_t n = 0;

	if (!has_memory(m))
		return 0;
	for (size_t i = m->pos; i < m->end; i++) {
		if (begins_piece(m, i)) {
			if (n == room)
				break;
			iov[n].iov_base = (void *)m->at[i];
			iov[n].iov_len = 0;
			n++;
		}
		iov[n - 1].iov_len++;
	}
	return n;
}

size_t model_nr_segs(const struct model *m)
{
	size_t n = 0;

	for (size_t i = m->pos; has_memory(m) && i < m->end; i++)
		n += begins_piece(m, i);
	return n;
}

size_t model_npages(const struct model *m, size_t max)
{
	size_t n = 0;

	for (size_t i = m->pos; has_memory(m) && i < m->end; i++)
		n += begins_piece(m, i) || m->at[i] % T_PAGE == 0;
	return n < max ? n : max;
}

size_t model_alignment(const struct model *m)
{
	size_t bits = 0, len = 0;

	for (size_t i = m->pos; has_memory(m) && i < m->end; i++) {
		if (begins_piece(m, i)) {
			bits |= m->at[i] | len;
			len = 0;
		}
		len++;
	}
	return bits | len;
}

size_t model_gap_alignment(const struct model *m)
{
	size_t bits = 0;

	for (size_t i = m->pos; has_memory(m) && i < m->end; i++) {
		if (i != m->pos && begins_piece(m, i))
			bits |= (m->at[i - 1] + 1) | m->at[i];
	}
	return bits;
}

enum outcome { DONE, BAD_MEMORY, NO_DATA };

static uintptr_t place(const struct model_end *end, size_t i)
{
	return end->m != NULL ? end->m->at[end->m->pos + i] : end->addr + i;
}

static bool is_flavour(const struct model_end *end, enum model_flavour flavour)
{
	return end->m != NULL && end->m->flavour == flavour;
}

static enum outcome get(const struct model_end *src, size_t i, unsigned char *byte)
{
	*byte = 0;
	if (src->zeros)
		return DONE;
	if (is_flavour(src, MODEL_FILES)) {
		if (place(src, i) >= MODEL_FILE)
			return NO_DATA;
		*byte = src->m->file[place(src, i)];
		return DONE;
	}
	if (!pool_readable(place(src, i)))
		return BAD_MEMORY;
	*byte = *pool_model(place(src, i));
	return DONE;
}

static enum outcome put(const struct model_end *dst, size_t i, unsigned char byte,
			unsigned char *sent)
{
	if (is_flavour(dst, MODEL_STREAM)) {
		sent[i] = byte;
		return DONE;
	}
	if (is_flavour(dst, MODEL_FILES)) {
		dst->m->file[place(dst, i)] = byte;
		return DONE;
	}
	if (!pool_writable(place(dst, i)))
		return BAD_MEMORY;
	*pool_model(place(dst, i)) = byte;
	return DONE;
}

static void stop_at_fault(struct model_result *result, enum mcsafe_side side, uintptr_t addr)
{
	result->faulted = true;
	result->side = side;
	result->addr = addr;
	result->cause = pool_cause(addr);
	result->error = result->cause == MCSAFE_CAUSE_IO ? -EIO : -EFAULT;
}

static size_t limited(const struct model_end *end, size_t n)
{
	if (end->m != NULL && end->m->end - end->m->pos < n)
		n = end->m->end - end->m->pos;
	return n;
}

struct model_result model_copy(const struct model_end *dst, const struct model_end *src, size_t n,
			       unsigned char *sent)
{
	struct model_result result = {0};
	size_t i;

	n = limited(dst, limited(src, n));
	for (i = 0; i < n && !is_flavour(dst, MODEL_DISCARD); i++) {
		unsigned char byte;
		enum outcome read = get(src, i, &byte);

		if (read == NO_DATA) {
			result.error = -ENODATA;
			break;
		}
		if (read == BAD_MEMORY) {
			stop_at_fault(&result, MCSAFE_SIDE_SOURCE, place(src, i));
			break;
		}
		if (put(dst, i, byte, sent) == BAD_MEMORY) {
			stop_at_fault(&result, MCSAFE_SIDE_DESTINATION, place(dst, i));
			break;
		}
	}
	result.done = is_flavour(dst, MODEL_DISCARD) ? n : i;
	return result;
}

void model_moved(const struct model_end *dst, const struct model_end *src, size_t done, int error)
{
	const struct model_end *ends[] = {dst, src};

	for (int i = 0; i < 2; i++) {
		if (ends[i]->m != NULL) {
			ends[i]->m->pos += done;
			ends[i]->m->error = error;
		}
	}
}

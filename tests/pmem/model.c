/* SPDX-License-Identifier: BSD-3-Clause */
/* model.c - what a mapping of pmem.h must give: a file with holes, byte by byte */
#include "model.h"

#include <string.h>

#define LINE ((size_t)64)

static size_t page_up(size_t n)
{
	return (n + T_PAGE - 1) / T_PAGE * T_PAGE;
}

/* A byte is not touched if any byte of its cache line is known to be bad. */
static bool is_known(const struct model *model, size_t at)
{
	return memchr(model->known + at / LINE * LINE, true, LINE) != NULL;
}

static bool is_in_file(const struct model *model, size_t at)
{
	return at < page_up(model->size);
}

static bool fails(const struct model *model, size_t at)
{
	return model->bad[at / T_PAGE] != MCSAFE_INJECT_NONE || !is_in_file(model, at);
}

size_t model_stop(const struct model *model, size_t at, size_t end)
{
	/* Bad ranges begin at the start of a line. */
	for (; at < end && !is_known(model, at) && !fails(model, at); at = (at / LINE + 1) * LINE)
		;
	return at < end ? at : end;
}

size_t model_store_stop(const struct model *model, size_t at, size_t end)
{
	size_t room = model->room;

	end = model_stop(model, at, end);
	for (; at < end; at = (at / T_PAGE + 1) * T_PAGE)
		if (model->hole[at / T_PAGE] && room-- == 0)
			return at;
	return end;
}

void model_store(struct model *model, size_t at, const void *from, size_t n)
{
	memcpy(model->content + at, from, n);
	for (size_t page = at / T_PAGE; n != 0 && page * T_PAGE < at + n; page++) {
		model->room -= model->hole[page];
		model->hole[page] = false;
	}
}

size_t model_clip(const struct model *model, size_t offset, size_t n)
{
	if (offset >= model->seen)
		return 0;
	return n < model->seen - offset ? n : model->seen - offset;
}

void model_meet(struct model *model, size_t stop)
{
	enum mcsafe_inject_kind kind = model->bad[stop / T_PAGE];

	if (is_known(model, stop) || !is_in_file(model, stop))
		return;
	/* Poison is remembered. An I/O error may pass, unless the medium says that it does not. */
	if ((kind == MCSAFE_INJECT_POISON && !model->poison_is_io) ||
	    ((kind == MCSAFE_INJECT_POISON || kind == MCSAFE_INJECT_EOF) && model->has_file &&
	     model->lost[stop / T_PAGE]))
		memset(model->known + stop / T_PAGE * T_PAGE, true, T_PAGE);
}

size_t model_holes(struct model *model, size_t offset, size_t n, struct mcsafe_range *holes)
{
	size_t found = 0, end = offset + n;

	for (size_t at = offset; (at = model_stop(model, at, end)) < end;) {
		size_t next = (at / LINE + 1) * LINE;

		if (!is_known(model, at)) {
			model_meet(model, at);
			next = (at / T_PAGE + 1) * T_PAGE;
		}
		next = next < end ? next : end;
		if (found != 0 && holes[found - 1].start + holes[found - 1].len == at)
			holes[found - 1].len += next - at;
		else
			holes[found++] = (struct mcsafe_range){at, next - at};
		at = next;
	}
	return found;
}

void model_truncate(struct model *model, size_t size)
{
	if (size < model->size)
		memset(model->content + size, 0, MODEL_SIZE - size);
	model->size = size;
}

void model_refresh(struct model *model)
{
	memset(model->known + model->size, false, MODEL_SIZE - model->size);
	model->seen = model->size;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* right.c - results and the caller's state, in good memory: without faults and without steps */
#include <string.h>

#include "asmcheck.h"
#include "pattern.h"
#include "run.h"
#include "state.h"

#define MOST   600
#define SIZE   (MOST + 512)
#define BEFORE 128 /* bytes before the destination; more than a line */

#include <mcsafe/fault.h>

static _Alignas(64) unsigned char src[SIZE], dst[SIZE];

static const char *wrong(const struct t_copy *copy, size_t n, size_t src_at, size_t dst_at)
{
	for (size_t i = 0; i < SIZE; i++) {
		unsigned char expected = t_fill(i);

		if (i >= dst_at && i < dst_at + n && copy->work == T_SETS)
			expected = T_SET_TO;
		if (i >= dst_at && i < dst_at + n && copy->work == T_COPIES)
			expected = t_data(src_at + i - dst_at);
		if (dst[i] != expected)
			return i < dst_at || i >= dst_at + n
				       ? "a byte outside the destination was written"
				       : "a byte is wrong";
	}
	return NULL;
}

static const char *try(struct t_state *state, const struct t_copy *copy, size_t n, size_t src_at,
		       size_t dst_at)
{
	struct mcsafe_fault record;
	const char *complaint;
	uint64_t args[4];
	size_t left;

	if (copy->is.whole_lines) {
		n -= n % 64;
		dst_at -= dst_at % 64;
	}
	for (size_t i = 0; i < SIZE; i++)
		dst[i] = t_fill(i);
	t_copy_arguments(copy, args, dst + dst_at, src + src_at, n, &record);
	left = t_state_call(state, copy->fn, args[0], args[1], args[2], args[3]);
	complaint = left == 0 ? wrong(copy, n, src_at, dst_at) : "bytes are left";
	if (complaint == NULL && t_state_damage(state) != 0)
		complaint = t_state_damage_name(t_state_damage(state));
	if (complaint == NULL)
		return NULL;
	return complain("%s: n %zu from %zu to %zu: %s", copy->name, n, src_at, dst_at, complaint);
}

const char *check_right(const struct t_copy *copy)
{
	const char *complaint = NULL;
	struct t_state state;

	t_state_init(&state);
	for (size_t i = 0; i < SIZE; i++)
		src[i] = t_data(i);
	for (size_t n = 0; n <= MOST; n += n < 140 ? 1 : 23)
		for (size_t s = 0; s < 64; s += copy->work == T_COPIES ? 3 : 64)
			for (size_t d = 0; d < 64 && complaint == NULL; d += 7)
				complaint = try(&state, copy, n, BEFORE + s, BEFORE + d);
	return complaint;
}

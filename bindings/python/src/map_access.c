/* SPDX-License-Identifier: BSD-3-Clause */
/* map_access.c - every access of a method of mcsafe.mmap to the mapped memory */
#include "map.h"

#include <string.h>

/* A long copy runs without the lock of the interpreter. The map counts as exported meanwhile, so
 * that no other thread closes it. */
static size_t copy_long(struct map *map, void *to, const void *from, size_t n,
			struct mcsafe_fault *fault)
{
	size_t left;

	map->exports++;
	WITHOUT_LOCK(left = mcsafe_memcpy(to, from, n, fault));
	map->exports--;
	return left;
}

static inline size_t copy(struct map *map, void *to, const void *from, size_t n,
			  struct mcsafe_fault *fault)
{
	return n < LONG_COPY ? mcsafe_memcpy(to, from, n, fault)
			     : copy_long(map, to, from, n, fault);
}

/* The bytes as a new object. */
PyObject *map_bytes(struct map *map, size_t at, size_t n)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
	struct mcsafe_fault fault;
	size_t left;

	/* Python has one object for all empty bytes: nothing may be stored there. */
	if (!bytes || n == 0)
		return bytes;
	left = copy(map, PyBytes_AsString(bytes), map->data + at, n, &fault);
	if (left == 0 && map_is_whole(map, at, n, "read"))
		return bytes;
	Py_DECREF(bytes);
	if (left != 0)
		set_raised(error_of_map_fault(map, &fault, n - left));
	return NULL;
}

/* Copy through a buffer, in pieces, since the ranges overlap. A piece is read before it is
 * overwritten. */
static size_t copy_overlapping(char *to, const char *from, size_t n, struct mcsafe_fault *fault)
{
	enum { PIECE = 16384 };
	char piece[PIECE];
	size_t done = 0;

	while (done < n) {
		size_t len = n - done < PIECE ? n - done : PIECE;
		/* The last piece first, if the destination lies above the source. */
		size_t at = to < from ? done : n - done - len;

		if (mcsafe_memcpy(piece, from + at, len, fault) != 0 ||
		    mcsafe_memcpy(to + at, piece, len, fault) != 0)
			return n - done;
		done += len;
	}
	return 0;
}

static size_t copy_any(struct map *map, char *to, const char *from, size_t n,
		       struct mcsafe_fault *fault)
{
	if (from < to + n && to < from + n)
		return copy_overlapping(to, from, n, fault);
	return copy(map, to, from, n, fault);
}

bool map_put(struct map *map, size_t at, const char *from, size_t n)
{
	struct mcsafe_fault fault;
	size_t left = copy_any(map, map->data + at, from, n, &fault);

	if (left != 0) {
		set_raised(error_of_map_fault(map, &fault, n - left));
		return false;
	}
	return map_is_whole(map, at, n, "write");
}

bool map_move(struct map *map, size_t to, size_t from, size_t n)
{
	return map_put(map, to, map->data + from, n) && map_is_whole(map, from, n, "read");
}

bool map_get_byte(struct map *map, size_t at, unsigned char *value)
{
	struct mcsafe_fault fault;

	if (mcsafe_load_explicit_u8((unsigned char *)map->data + at, value, __ATOMIC_RELAXED,
				    &fault) != MCSAFE_CAUSE_NONE) {
		set_raised(error_of_map_fault(map, &fault, 0));
		return false;
	}
	return map_is_whole(map, at, 1, "read");
}

/* n bytes, 1 or more, of which each is `step` from the one before. */
bool map_get_step(struct map *map, char *to, size_t at, Py_ssize_t step, size_t n)
{
	const unsigned char *from = (const unsigned char *)map->data;
	size_t last = at + (n - 1) * (size_t)step;
	size_t low = last < at ? last : at, high = last < at ? at : last;
	struct mcsafe_fault fault;

	/* Unrolled, it takes two thirds of the time. clang cannot unroll accesses with rows. */
#ifndef __clang__
# pragma GCC unroll 4
#endif
	for (size_t i = 0; i < n; i++, at += (size_t)step) {
		unsigned char value;

		if (mcsafe_load_explicit_u8(from + at, &value, __ATOMIC_RELAXED, &fault) !=
		    MCSAFE_CAUSE_NONE) {
			set_raised(error_of_map_fault(map, &fault, i));
			return false;
		}
		to[i] = (char)value;
	}
	return map_is_whole(map, low, high - low + 1, "read");
}

bool map_put_byte(struct map *map, size_t at, unsigned char value)
{
	struct mcsafe_fault fault;

	if (mcsafe_store_explicit_u8((unsigned char *)map->data + at, value, __ATOMIC_RELAXED,
				     &fault) != MCSAFE_CAUSE_NONE) {
		set_raised(error_of_map_fault(map, &fault, 0));
		return false;
	}
	return map_is_whole(map, at, 1, "write");
}

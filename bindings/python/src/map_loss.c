/* SPDX-License-Identifier: BSD-3-Clause */
/* map_loss.c - what the shield of a map has replaced: told, given back, salvaged */
#include "map.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that stand-ins have replaced since the map was made. It never decreases. */
size_t map_lost(const struct map *map)
{
	return map->lost_before + (map->shield ? mcsafe_shield_lost(map->shield) : 0);
}

/* The first stand-in that has a byte in [start, end). */
static bool next_lost(const struct map *map, size_t start, size_t end, struct mcsafe_range *range)
{
	if (!map->shield || start >= end || !mcsafe_shield_next(map->shield, start, range) ||
	    range->start >= end)
		return false;
	/* It can begin before start, with the page, and end past the map, with the page. */
	if (range->start < start) {
		range->len -= start - range->start;
		range->start = start;
	}
	if (range->start + range->len > map->size)
		range->len = map->size - range->start;
	return true;
}

/* Ask why a page of the file fails: map it at another address, and touch it there. The stand-in
 * itself no longer tells. The kernel knows the page by now, so that this raises no machine check.
 */
static bool why(const struct map *map, size_t at, struct mcsafe_explanation *e)
{
	struct mcsafe_fault fault;
	struct stat file;
	size_t granule = PAGE, before;
	off_t offset = map->offset + (off_t)at;
	char *page, byte;
	bool failed;

	if (map->fd < 0 || fstat(map->fd, &file) != 0)
		return false;
	/* A file of huge pages is mapped in whole ones, and st_blksize is their size. */
	if (file.st_blksize > PAGE && (file.st_blksize & (file.st_blksize - 1)) == 0)
		granule = (size_t)file.st_blksize;
	before = (size_t)offset & (granule - 1);
	page = mmap(NULL, granule, PROT_READ, MAP_SHARED, map->fd, offset - (off_t)before);
	if (page == MAP_FAILED)
		return false;
	failed = mcsafe_memcpy(&byte, page + before, 1, &fault) != 0 &&
		 mcsafe_explain(&fault, e) == 0;
	munmap(page, granule);
	return failed;
}

/* The name of the file that the map keeps open; NULL without an error: there is none. */
static PyObject *path_of(const struct map *map)
{
	char name[64], target[PATH_MAX];
	ssize_t len;

	if (map->fd < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", map->fd);
	len = readlink(name, target, sizeof(target));
	return len < 0 ? NULL : PyUnicode_DecodeFSDefaultAndSize(target, len);
}

/* A FaultError for the stand-ins in [start, end). It is made while the map is open. */
PyObject *loss_error(struct map *map, size_t start, size_t end, const char *access)
{
	struct told told = {.error = EIO,
			    .reason = mcsafe_reason_name(MCSAFE_REASON_UNKNOWN),
			    .access = access,
			    .offset = -1,
			    .file_size = -1};
	struct mcsafe_explanation e;
	struct mcsafe_range range = {0, 0};
	size_t lost = map_lost(map), here = 0, first = 0;
	bool listed = false;
	PyObject *text;

	for (size_t at = start; next_lost(map, at, end, &range); at = range.start + range.len) {
		if (!listed)
			first = range.start;
		listed = true;
		here += range.len;
	}
	if (listed && why(map, first, &e)) {
		e.len = here;
		e.side =
			strcmp(access, "write") == 0 ? MCSAFE_SIDE_DESTINATION : MCSAFE_SIDE_SOURCE;
		return error_of_explanation(
			state_of_map(map), &e, 0,
			PyUnicode_FromFormat("%zu bytes were lost, and zeros stood in", here));
	}
	told.path = path_of(map);
	if (!told.path && PyErr_Occurred())
		return NULL;
	told.len = listed ? here : lost;
	if (listed && map->fd >= 0)
		told.offset = map->offset + (off_t)first;
	if (listed)
		text = PyUnicode_FromFormat(
			"%V, offset %zu: %zu bytes were lost, and zeros stood in", told.path,
			"mapped memory", (size_t)map->offset + first, here);
	else
		text = PyUnicode_FromFormat(
			"%V: %zu bytes were lost for a time, and zeros stood in", told.path,
			"mapped memory", lost);
	return fault_error(state_of_map(map), &told, text);
}

/* An error for the stand-ins in a range; NULL without an error: there are none. */
PyObject *map_stand_in(struct map *map, size_t at, size_t n, const char *access)
{
	struct mcsafe_range range;

	return next_lost(map, at, at + n, &range) ? loss_error(map, at, at + n, access) : NULL;
}

bool map_has_no_stand_in(struct map *map, size_t at, size_t n, const char *access)
{
	set_raised(map_stand_in(map, at, n, access));
	return !PyErr_Occurred();
}

PyObject *map_losses(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	PyObject *list = NULL;
	struct mcsafe_range range;
	size_t lost;

	(void)unused;
	if (!map_is_open(map))
		return NULL;
	lost = map_lost(map);
	list = PyList_New(0);
	for (size_t at = 0; list && next_lost(map, at, map->size, &range);
	     at = range.start + range.len) {
		PyObject *pair =
			Py_BuildValue("(nn)", (Py_ssize_t)range.start, (Py_ssize_t)range.len);

		if (!pair || PyList_Append(list, pair) < 0)
			Py_CLEAR(list);
		Py_XDECREF(pair);
	}
	if (list)
		map->told = lost;
	return list;
}

PyObject *map_restore(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	int err = 0;

	(void)unused;
	if (!map_is_open(map))
		return NULL;
	if (map->shield && mcsafe_shield_lost(map->shield) != 0) {
		struct mcsafe_shield *shield = map->shield;
		size_t size = map->size;

		map->exports++;
		WITHOUT_LOCK(err = mcsafe_shield_restore(shield, 0, size));
		map->exports--;
	}
	if (err == -EIO)
		return set_raised(loss_error(map, 0, map->size, "read"));
	if (err != 0) {
		errno = -err;
		return PyErr_SetFromErrno(PyExc_OSError);
	}
	map->told = map_lost(map);
	Py_RETURN_NONE;
}

/* What follows is for salvage(). A list of ranges that can grow. */
struct ranges {
	struct mcsafe_range *of;
	size_t n, room;
};

static bool append(struct ranges *ranges, struct mcsafe_range range)
{
	if (ranges->n == ranges->room) {
		size_t room = ranges->room * 2 + 16;
		void *of = PyMem_Realloc(ranges->of, room * sizeof(*ranges->of));

		if (!of) {
			PyErr_NoMemory();
			return false;
		}
		ranges->of = of;
		ranges->room = room;
	}
	ranges->of[ranges->n++] = range;
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct mcsafe_range *one = a, *two = b;

	return one->start < two->start ? -1 : one->start > two->start;
}

/* Sort, and join what touches or overlaps. */
static void join(struct ranges *ranges)
{
	size_t last = 0;

	if (ranges->n == 0)
		return;
	qsort(ranges->of, ranges->n, sizeof(*ranges->of), by_start);
	for (size_t i = 1; i < ranges->n; i++) {
		struct mcsafe_range *one = &ranges->of[last], *two = &ranges->of[i];

		if (two->start > one->start + one->len)
			ranges->of[++last] = *two;
		else if (two->start + two->len > one->start + one->len)
			one->len = two->start + two->len - one->start;
	}
	ranges->n = last + 1;
}

/* Bytes and holes of the whole map. Stand-ins are holes too. */
PyObject *map_salvage(struct map *map, int fill)
{
	size_t n = map->size, holes = n / PAGE / 2 + 2;
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n), *list = NULL;
	struct ranges ranges = {PyMem_Malloc(holes * sizeof(*ranges.of)), 0, holes};
	struct mcsafe_range range;
	char *to;

	if (!ranges.of)
		PyErr_NoMemory();
	if (!bytes || !ranges.of)
		goto out;
	to = PyBytes_AsString(bytes);
	map->exports++;
	WITHOUT_LOCK((void)!mcsafe_memcpy_holes_fd(to, map->data, n, fill, ranges.of, &holes,
						   map->fd, map->offset));
	map->exports--;
	ranges.n = holes;
	for (size_t at = 0; next_lost(map, at, n, &range); at = range.start + range.len) {
		memset(to + range.start, fill, range.len);
		if (!append(&ranges, range))
			goto out;
	}
	join(&ranges);
	list = list_of_ranges(ranges.of, ranges.n);
out:
	PyMem_Free(ranges.of);
	if (!list) {
		Py_XDECREF(bytes);
		return NULL;
	}
	return Py_BuildValue("(NN)", bytes, list);
}

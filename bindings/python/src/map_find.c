/* SPDX-License-Identifier: BSD-3-Clause */
/* map_find.c - find, rfind and readline: searches in the order of the bytes, up to the bad one */
#include "map.h"
#include "match.h"

#include <stdint.h>
#include <string.h>

struct search {
	struct needle needle;
	size_t start, end;
	size_t found; /* SIZE_MAX: not found */
	bool failed;  /* then bad and fault say where and why */
	size_t bad;   /* the first byte that a search upwards could not read */
	struct mcsafe_fault fault;
};

enum {
	PIECE = 16384,
	NEAR = 512 /* what is searched with a buffer on the stack, before memory is allocated */
};

/* Room for a piece, and for what a match needs of its neighbour. */
static size_t room_size(size_t piece, size_t len)
{
	return piece + len + MATCH_SLACK;
}

/* Copy piece by piece, and search the copies. So the search ends where the copy does. */
static void search_up(const char *data, struct search *s, char *room, size_t piece)
{
	size_t at = s->start, have = 0, keep, overlap = s->needle.len - 1;

	for (;;) {
		size_t next = at + have;
		size_t want = s->end - next < piece ? s->end - next : piece;
		size_t left = mcsafe_memcpy(room + have, data + next, want, &s->fault), match;

		have += want - left;
		match = match_first(&s->needle, room, have);
		if (match != SIZE_MAX) {
			s->found = at + match;
			return;
		}
		if (left != 0 || at + have == s->end) {
			s->failed = left != 0;
			s->bad = at + have;
			return;
		}
		keep = have < overlap ? have : overlap;
		memmove(room, room + have - keep, keep);
		at += have - keep;
		have = keep;
	}
}

/* mcsafe_memchr() tells the address of the vector that it has loaded, which can start before the
 * byte that is bad. Poison is told by its page. */
static void begin_at(struct mcsafe_fault *fault, char *byte)
{
	if (fault->cause != MCSAFE_CAUSE_POISON)
		fault->addr = byte;
}

static void search_byte(char *data, struct search *s)
{
	size_t at;

	if (mcsafe_memchr(data + s->start, s->needle.text[0], s->end - s->start, &at, &s->fault) !=
	    MCSAFE_CAUSE_NONE) {
		s->failed = true;
		s->bad = s->start + at;
		begin_at(&s->fault, data + s->bad);
	} else if (at < s->end - s->start) {
		s->found = s->start + at;
	}
}

/* The same downwards, page by page: what lies above a bad page is searched before the page. Pages
 * are copied to the end of the room, and below each other. */
static void search_down(const char *data, struct search *s, char *room, size_t size)
{
	size_t first = size, have = 0, at = s->end, overlap = s->needle.len - 1;

	while (at != s->start) {
		uintptr_t page = ((uintptr_t)data + at - 1) & ~(uintptr_t)(PAGE - 1);
		size_t low = page < (uintptr_t)data + s->start ? s->start
							       : (size_t)(page - (uintptr_t)data);
		size_t n = at - low, match;

		if (have > overlap)
			have = overlap;
		if (n > first) {
			memmove(room + size - have, room + first, have);
			first = size - have;
		}
		if (mcsafe_memcpy(room + first - n, data + low, n, &s->fault) != 0) {
			s->failed = true;
			return;
		}
		first -= n;
		have += n;
		match = match_last(&s->needle, room + first, have, n);
		if (match != SIZE_MAX) {
			s->found = low + match;
			return;
		}
		at = low;
	}
}

/* Search the first bytes, in which many programs find what they look for. Whether that decides. */
static bool search_near(const char *data, struct search *s)
{
	char room[2 * NEAR + MATCH_SLACK];
	size_t end = s->end, start = s->start;

	if (s->needle.len > NEAR)
		return false;
	if (end - start > NEAR + s->needle.len - 1)
		s->end = start + NEAR + s->needle.len - 1;
	search_up(data, s, room, NEAR + s->needle.len - 1);
	if (s->found != SIZE_MAX || s->failed || s->end == end) {
		s->end = end;
		return true;
	}
	s->end = end;
	s->start = start + NEAR;
	return false;
}

/* Whether there was memory for it. */
static bool search_far(struct map *map, struct search *s, bool down)
{
	size_t len = s->needle.len, piece = len < PIECE / 2 ? PIECE : 2 * len;
	/* Downwards, what is kept moves once for each piece. */
	size_t size = room_size(piece + (down ? len + PAGE : 0), len);
	char *room = PyMem_Malloc(size);
	bool is_long = s->end - s->start >= LONG_COPY;
	PyThreadState *thread;

	if (!room)
		return false;
	thread = is_long ? PyEval_SaveThread() : NULL;
	if (down)
		search_down(map->data, s, room, size - MATCH_SLACK);
	else
		search_up(map->data, s, room, piece);
	if (is_long)
		PyEval_RestoreThread(thread);
	PyMem_Free(room);
	return true;
}

static void search_long_byte(struct map *map, struct search *s)
{
	WITHOUT_LOCK(search_byte(map->data, s));
}

static PyObject *search(struct map *map, struct search *s, bool down)
{
	size_t start = s->start, low, high;
	bool done = true;

	s->found = SIZE_MAX;
	s->failed = false;
	s->bad = start;
	map->exports++;
	if (down)
		done = search_far(map, s, true);
	else if (s->needle.len > 1)
		done = search_near(map->data, s) || search_far(map, s, false);
	else if (s->end - s->start < LONG_COPY)
		search_byte(map->data, s);
	else
		search_long_byte(map, s);
	map->exports--;
	if (!done)
		return PyErr_NoMemory();
	if (s->failed)
		return set_raised(error_of_map_fault(map, &s->fault, s->bad - start));
	/* What was searched must have been the file's. */
	low = down && s->found != SIZE_MAX ? s->found : start;
	high = !down && s->found != SIZE_MAX ? s->found + s->needle.len : s->end;
	if (!map_is_whole(map, low, high - low, "read"))
		return NULL;
	return PyLong_FromSsize_t(s->found == SIZE_MAX ? -1 : (Py_ssize_t)s->found);
}

/* An optional argument: an index that counts from the end if it is negative, or *at as it is. */
static bool index_argument(PyObject *const *args, Py_ssize_t n, Py_ssize_t i, Py_ssize_t *at)
{
	if (i >= n)
		return true;
	*at = PyNumber_AsSsize_t(args[i], PyExc_OverflowError);
	return *at != -1 || !PyErr_Occurred();
}

static size_t clipped(Py_ssize_t at, size_t size)
{
	if (at < 0)
		at += (Py_ssize_t)size;
	if (at < 0)
		return 0;
	return (size_t)at > size ? size : (size_t)at;
}

static PyObject *find(PyObject *self, PyObject *const *args, Py_ssize_t n, bool down)
{
	struct map *map = (struct map *)self;
	struct search s;
	Py_buffer needle;
	Py_ssize_t start, end;
	PyObject *result = NULL;

	if (!map_is_open(map))
		return NULL;
	if (n < 1 || n > 3) {
		PyErr_Format(PyExc_TypeError, "%s() takes from 1 to 3 arguments, not %zd",
			     down ? "rfind" : "find", n);
		return NULL;
	}
	start = (Py_ssize_t)map->pos;
	end = (Py_ssize_t)map->size;
	if (PyObject_GetBuffer(args[0], &needle, PyBUF_SIMPLE) < 0)
		return NULL;
	if (index_argument(args, n, 1, &start) && index_argument(args, n, 2, &end) &&
	    map_is_open(map)) {
		s.start = clipped(start, map->size);
		s.end = clipped(end, map->size);
		s.needle.text = needle.buf;
		s.needle.len = (size_t)needle.len;
		if (s.start > s.end || s.needle.len > s.end - s.start)
			result = PyLong_FromLong(-1);
		else if (s.needle.len == 0)
			result = PyLong_FromSize_t(down ? s.end : s.start);
		else
			result = search(map, &s, down);
	}
	PyBuffer_Release(&needle);
	return result;
}

PyObject *map_find(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return find(self, args, n, false);
}

PyObject *map_rfind(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	return find(self, args, n, true);
}

PyObject *map_readline(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	struct mcsafe_fault fault;
	PyObject *line;
	size_t left, n;

	(void)unused;
	if (!map_is_open(map))
		return NULL;
	left = map->pos < map->size ? map->size - map->pos : 0;
	if (mcsafe_memchr(map->data + map->pos, '\n', left, &n, &fault) != MCSAFE_CAUSE_NONE) {
		begin_at(&fault, map->data + map->pos + n);
		return set_raised(error_of_map_fault(map, &fault, n));
	}
	if (n < left)
		n++;
	line = map_bytes(map, map->pos, n);
	if (line)
		map->pos += n;
	return line;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* map_find.c - find, rfind and readline: searches in the order of the bytes, up to the bad one */
#include "map.h"

#include <stdint.h>
#include <string.h>

struct search {
	const char *needle;
	size_t len; /* 1 or more */
	size_t start, end;
	size_t found; /* SIZE_MAX: not found */
	bool failed;  /* then done and fault say where and why */
	size_t done;
	struct mcsafe_fault fault;
	char *room; /* buffer_size() bytes */
};

enum { PIECE = 16384 };

static size_t piece_size(size_t len)
{
	return len < PIECE / 2 ? PIECE : 2 * len;
}

/* Room for a piece, and for what a match needs of its neighbour. */
static size_t buffer_size(size_t len)
{
	return 2 * piece_size(len) + PAGE;
}

/* The first match in a copy. The first byte finds most candidates fastest. Where it is frequent,
 * memmem() is faster. */
static const char *first_match(const struct search *s, const char *text, size_t n)
{
	const char *at = text, *end = text + n;
	size_t misses = 0;

	while ((size_t)(end - at) >= s->len) {
		at = memchr(at, s->needle[0], (size_t)(end - at) - s->len + 1);
		if (!at)
			return NULL;
		if (at[s->len - 1] == s->needle[s->len - 1] && memcmp(at, s->needle, s->len) == 0)
			return at;
		at++;
		if (++misses * 64 > (size_t)(at - text) + 1024)
			return memmem(at, (size_t)(end - at), s->needle, s->len);
	}
	return NULL;
}

/* Copy piece by piece, and search the copies. So the search ends where the copy does. */
static void search_up(const char *data, struct search *s)
{
	size_t at = s->start, have = 0, keep;

	for (;;) {
		size_t next = at + have, piece = piece_size(s->len);
		size_t want = s->end - next < piece ? s->end - next : piece;
		size_t left = mcsafe_memcpy(s->room + have, data + next, want, &s->fault);
		const char *match;

		have += want - left;
		match = first_match(s, s->room, have);
		if (match) {
			s->found = at + (size_t)(match - s->room);
			return;
		}
		if (left != 0 || at + have == s->end) {
			s->failed = left != 0;
			s->done = at + have - s->start;
			return;
		}
		keep = have < s->len - 1 ? have : s->len - 1;
		memmove(s->room, s->room + have - keep, keep);
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

	if (mcsafe_memchr(data + s->start, s->needle[0], s->end - s->start, &at, &s->fault) !=
	    MCSAFE_CAUSE_NONE) {
		s->failed = true;
		s->done = at;
		begin_at(&s->fault, data + s->start + at);
	} else if (at < s->end - s->start) {
		s->found = s->start + at;
	}
}

/* The last match in text that starts in the first n bytes. SIZE_MAX: none. */
static size_t last_match(const struct search *s, const char *text, size_t n, size_t have)
{
	size_t end = have < s->len ? 0 : have - s->len + 1;
	const char *at;

	if (end > n)
		end = n;
	while (end != 0 && (at = memrchr(text, s->needle[0], end)) != NULL) {
		if (memcmp(at, s->needle, s->len) == 0)
			return (size_t)(at - text);
		end = (size_t)(at - text);
	}
	return SIZE_MAX;
}

/* The same downwards, page by page: what lies above a bad page is searched before the page. */
static void search_down(const char *data, struct search *s)
{
	size_t size = buffer_size(s->len), first = size, have = 0, at = s->end;

	while (at != s->start) {
		uintptr_t page = ((uintptr_t)data + at - 1) & ~(uintptr_t)(PAGE - 1);
		size_t low = page < (uintptr_t)data + s->start ? s->start
							       : (size_t)(page - (uintptr_t)data);
		size_t n = at - low, match;

		if (have > s->len - 1)
			have = s->len - 1;
		if (n > first) {
			memmove(s->room + size - have, s->room + first, have);
			first = size - have;
		}
		if (mcsafe_memcpy(s->room + first - n, data + low, n, &s->fault) != 0) {
			s->failed = true;
			s->done = s->end - at;
			return;
		}
		first -= n;
		have += n;
		match = last_match(s, s->room + first, n, have);
		if (match != SIZE_MAX) {
			s->found = low + match;
			return;
		}
		at = low;
	}
}

static PyObject *search(struct map *map, struct search *s, bool down)
{
	char *room = NULL;
	bool is_long = s->end - s->start >= LONG_COPY;

	s->found = SIZE_MAX;
	s->failed = false;
	if (s->len > 1 || down) {
		room = PyMem_Malloc(buffer_size(s->len));
		if (!room)
			return PyErr_NoMemory();
		s->room = room;
	}
	map->exports++;
	PyThreadState *thread = is_long ? PyEval_SaveThread() : NULL;
	if (down)
		search_down(map->data, s);
	else if (s->len == 1)
		search_byte(map->data, s);
	else
		search_up(map->data, s);
	if (is_long)
		PyEval_RestoreThread(thread);
	map->exports--;
	PyMem_Free(room);
	if (s->failed)
		return set_raised(error_of_map_fault(map, &s->fault, s->done));
	/* What was searched must have been the file's. */
	if (down ? !map_is_whole(map, s->found == SIZE_MAX ? s->start : s->found,
				 s->end - (s->found == SIZE_MAX ? s->start : s->found), "read")
		 : !map_is_whole(map, s->start,
				 (s->found == SIZE_MAX ? s->end : s->found + s->len) - s->start,
				 "read"))
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
		s.needle = needle.buf;
		s.len = (size_t)needle.len;
		if (s.start > s.end || s.len > s.end - s.start)
			result = PyLong_FromLong(-1);
		else if (s.len == 0)
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

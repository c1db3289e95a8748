/* SPDX-License-Identifier: BSD-3-Clause */
/* map_sequence.c - len(m), m[i], m[a:b:c], and assignment to them */
#include "map.h"

Py_ssize_t map_length(PyObject *self)
{
	const struct map *map = (const struct map *)self;

	return map_is_open(map) ? (Py_ssize_t)map->size : -1;
}

/* What iteration gives: bytes of length 1, as that of mmap.mmap. */
PyObject *map_item(PyObject *self, Py_ssize_t index)
{
	struct map *map = (struct map *)self;

	if (!map_is_open(map))
		return NULL;
	if (index < 0 || (size_t)index >= map->size) {
		PyErr_SetString(PyExc_IndexError, "mmap index out of range");
		return NULL;
	}
	return map_bytes(map, (size_t)index, 1);
}

/* The index that a key names. The key can run code of the program, which can close the map. */
static bool index_of(const struct map *map, PyObject *key, size_t *at)
{
	Py_ssize_t index = -1;

	/* The shortest way, for most keys. */
	if (PyLong_CheckExact(key))
		index = PyLong_AsSsize_t(key);
	if (index < 0) {
		PyErr_Clear();
		index = PyNumber_AsSsize_t(key, PyExc_IndexError);
		if ((index == -1 && PyErr_Occurred()) || !map_is_open(map))
			return false;
	}
	if (index < 0)
		index += (Py_ssize_t)map->size;
	if (index < 0 || (size_t)index >= map->size) {
		PyErr_SetString(PyExc_IndexError, "mmap index out of range");
		return false;
	}
	*at = (size_t)index;
	return true;
}

struct slice {
	Py_ssize_t start, step;
	size_t n;
};

static inline bool slice_of(const struct map *map, PyObject *key, struct slice *slice)
{
	Py_ssize_t stop;

	if (PySlice_Unpack(key, &slice->start, &stop, &slice->step) < 0 || !map_is_open(map))
		return false;
	/* What needs no adjustment: most slices, and the call would be a tenth of a short one. */
	if (slice->step == 1 && slice->start >= 0 && slice->start <= stop &&
	    stop <= (Py_ssize_t)map->size) {
		slice->n = (size_t)(stop - slice->start);
		return true;
	}
	slice->n = (size_t)PySlice_AdjustIndices((Py_ssize_t)map->size, &slice->start, &stop,
						 slice->step);
	return true;
}

static PyObject *get_extended(struct map *map, const struct slice *slice)
{
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)slice->n);

	if (bytes && slice->n != 0 &&
	    !map_get_step(map, PyBytes_AsString(bytes), (size_t)slice->start, slice->step,
			  slice->n))
		Py_CLEAR(bytes);
	return bytes;
}

PyObject *map_subscript(PyObject *self, PyObject *key)
{
	struct map *map = (struct map *)self;

	if (!map_is_open(map))
		return NULL;
	if (PySlice_Check(key)) {
		struct slice slice;

		if (!slice_of(map, key, &slice))
			return NULL;
		if (slice.step != 1)
			return get_extended(map, &slice);
		return map_bytes(map, (size_t)slice.start, slice.n);
	}
	if (PyLong_CheckExact(key) || PyIndex_Check(key)) {
		size_t at;
		unsigned char value;

		if (!index_of(map, key, &at) || !map_get_byte(map, at, &value))
			return NULL;
		return PyLong_FromLong(value);
	}
	PyErr_SetString(PyExc_TypeError, "mmap indices must be integers");
	return NULL;
}

static int put_slice(struct map *map, PyObject *key, PyObject *value)
{
	struct slice slice;
	Py_buffer from;
	size_t size;
	bool done = true;

	if (!slice_of(map, key, &slice))
		return -1;
	size = map->size;
	if (PyObject_GetBuffer(value, &from, PyBUF_SIMPLE) < 0)
		return -1;
	/* The value can have run code that has closed or resized the map. */
	if (!map_is_open(map)) {
		done = false;
	} else if ((size_t)from.len != slice.n || size != map->size) {
		PyErr_SetString(PyExc_IndexError, "mmap slice assignment is wrong size");
		done = false;
	} else if (slice.step == 1) {
		done = map_put(map, (size_t)slice.start, from.buf, slice.n);
	} else {
		/* Unsigned, since the sum can overflow after the last byte. */
		size_t at = (size_t)slice.start;

		for (size_t i = 0; done && i < slice.n; i++, at += (size_t)slice.step)
			done = map_put_byte(map, at, ((unsigned char *)from.buf)[i]);
	}
	PyBuffer_Release(&from);
	return done ? 0 : -1;
}

static int put_item(struct map *map, PyObject *key, PyObject *value)
{
	size_t at;
	Py_ssize_t byte;

	if (!index_of(map, key, &at))
		return -1;
	if (!PyIndex_Check(value)) {
		PyErr_SetString(PyExc_TypeError, "mmap item value must be an int");
		return -1;
	}
	byte = PyNumber_AsSsize_t(value, PyExc_TypeError);
	if (byte == -1 && PyErr_Occurred())
		return -1;
	if (byte < 0 || byte > 255) {
		PyErr_SetString(PyExc_ValueError, "mmap item value must be in range(0, 256)");
		return -1;
	}
	/* The value can have run code that has closed or resized the map. */
	if (!map_is_open(map))
		return -1;
	if (at >= map->size) {
		PyErr_SetString(PyExc_IndexError, "mmap index out of range");
		return -1;
	}
	return map_put_byte(map, at, (unsigned char)byte) ? 0 : -1;
}

int map_ass_subscript(PyObject *self, PyObject *key, PyObject *value)
{
	struct map *map = (struct map *)self;

	if (!map_is_open(map))
		return -1;
	if (!map_is_writable(map))
		return -1;
	if (!value) {
		PyErr_SetString(PyExc_TypeError, "mmap object doesn't support item deletion");
		return -1;
	}
	if (PySlice_Check(key))
		return put_slice(map, key, value);
	if (PyIndex_Check(key))
		return put_item(map, key, value);
	PyErr_SetString(PyExc_TypeError, "mmap indices must be integers");
	return -1;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* map_control.c - flush, madvise, resize, size: what asks the kernel for something */
#include "map.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static PyObject *os_error(int error)
{
	errno = error;
	return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *map_flush(PyObject *self, PyObject *args)
{
	struct map *map = (struct map *)self;
	Py_ssize_t offset = 0, len = map->data ? (Py_ssize_t)map->size : 0;
	char *data;
	int err;

	if (!PyArg_ParseTuple(args, "|nn:flush", &offset, &len) || !map_is_open(map))
		return NULL;
	if (offset < 0 || len < 0 || offset > (Py_ssize_t)map->size ||
	    (Py_ssize_t)map->size - offset < len) {
		PyErr_SetString(PyExc_ValueError, "flush values out of range");
		return NULL;
	}
	if (map->access == ACCESS_READ || map->access == ACCESS_COPY)
		Py_RETURN_NONE;
	data = map->data + offset;
	map->exports++;
	WITHOUT_LOCK(err = msync(data, (size_t)len, MS_SYNC) == 0 ? 0 : errno);
	map->exports--;
	if (err != 0)
		return os_error(err);
	/* What was stored to a stand-in does not reach the file. */
	if (!map_is_whole(map, (size_t)offset, (size_t)len, "write"))
		return NULL;
	Py_RETURN_NONE;
}

PyObject *map_madvise(PyObject *self, PyObject *args)
{
	struct map *map = (struct map *)self;
	Py_ssize_t start = 0, len = map->data ? (Py_ssize_t)map->size : 0;
	int option;

	if (!PyArg_ParseTuple(args, "i|nn:madvise", &option, &start, &len) || !map_is_open(map))
		return NULL;
	if (start < 0 || (size_t)start >= map->size) {
		PyErr_SetString(PyExc_ValueError, "madvise start out of bounds");
		return NULL;
	}
	if (len < 0) {
		PyErr_SetString(PyExc_ValueError, "madvise length invalid");
		return NULL;
	}
	if (PY_SSIZE_T_MAX - start < len) {
		PyErr_SetString(PyExc_OverflowError, "madvise length too large");
		return NULL;
	}
	if ((size_t)len > map->size - (size_t)start)
		len = (Py_ssize_t)map->size - start;
	if (madvise(map->data + start, (size_t)len, option) != 0)
		return os_error(errno);
	Py_RETURN_NONE;
}

PyObject *map_file_size(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	struct stat file;

	(void)unused;
	if (!map_is_open(map))
		return NULL;
	if (fstat(map->fd, &file) != 0)
		return os_error(errno);
	return PyLong_FromLongLong(file.st_size);
}

static bool may_resize(const struct map *map, Py_ssize_t size)
{
	if (map->exports > 0)
		PyErr_SetString(PyExc_BufferError,
				"mmap can't resize with extant pointers exported.");
	else if (!map->trackfd)
		PyErr_SetString(PyExc_ValueError, "mmap can't resize with trackfd=False.");
	else if (map->access == ACCESS_READ || map->access == ACCESS_COPY)
		PyErr_SetString(PyExc_TypeError,
				"mmap can't resize a readonly or copy-on-write memory map.");
	else if (size < 0 || PY_SSIZE_T_MAX - size < map->offset)
		PyErr_SetString(PyExc_ValueError, "new size out of range");
	else if (map->fd < 0 && (map->flags & MAP_PRIVATE) == 0 && (size_t)size > map->size)
		/* The kernel keeps the size of the object that it has made for the memory. */
		PyErr_SetString(PyExc_ValueError, "mmap: can't expand a shared anonymous mapping");
	else
		return true;
	return false;
}

PyObject *map_resize(PyObject *self, PyObject *arg)
{
	struct map *map = (struct map *)self;
	Py_ssize_t size;
	void *data;

	if (!map_is_open(map))
		return NULL;
	size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
	if ((size == -1 && PyErr_Occurred()) || !map_is_open(map) || !may_resize(map, size))
		return NULL;
	if (map->fd >= 0 && ftruncate(map->fd, map->offset + size) != 0)
		return os_error(errno);
	if (map->shield) {
		size_t lost = mcsafe_shield_lost(map->shield);
		int err = mcsafe_shield_close(map->shield);

		if (err != 0)
			return os_error(-err);
		map->shield = NULL;
		map->lost_before += lost;
		/* The stand-ins have made several mappings of it, which mremap() refuses. */
		if (lost != 0 && map->fd >= 0) {
			data = mmap(NULL, (size_t)size, map->prot, map->flags, map->fd,
				    map->offset);
			if (data == MAP_FAILED)
				return os_error(errno);
			munmap(map->data, map->size);
			goto done;
		}
	}
	data = mremap(map->data, map->size, (size_t)size, MREMAP_MAYMOVE);
	if (data == MAP_FAILED)
		return os_error(errno);
done:
	map->data = data;
	map->size = (size_t)size;
	Py_RETURN_NONE;
}

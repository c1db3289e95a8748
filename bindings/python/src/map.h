/* SPDX-License-Identifier: BSD-3-Clause */
/* map.h - the object mcsafe.mmap */
#ifndef MCSAFE_PYTHON_MAP_H
#define MCSAFE_PYTHON_MAP_H

#include "module.h"

/* The values of the module mmap. */
enum access { ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY };

struct map {
	PyObject_HEAD PyObject *weakrefs;
	PyObject *module;
	char *data; /* NULL: closed */
	size_t size;
	size_t pos;
	off_t offset;
	Py_ssize_t exports; /* buffers, and calls that run without the lock of the interpreter */
	int fd;             /* a duplicate; -1: none */
	enum access access;
	int prot, flags;
	bool trackfd;
	bool wants_shield;            /* buffers lie in a shield */
	bool tells;                   /* a loss that nobody has been told of raises at the end */
	struct mcsafe_shield *shield; /* NULL until the first buffer */
	size_t lost_before;           /* bytes lost in shields that were closed */
	size_t told;                  /* of the bytes lost, those that somebody was told of */
};

/* map.c */
struct state *state_of_map(const struct map *map);
PyObject *error_of_map_fault(struct map *map, const struct mcsafe_fault *fault, size_t done);
PyObject *map_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int map_traverse(PyObject *self, visitproc visit, void *arg);
void map_dealloc(PyObject *self);
PyObject *map_close(PyObject *self, PyObject *unused);
PyObject *map_enter(PyObject *self, PyObject *unused);
PyObject *map_exit(PyObject *self, PyObject *args);
int map_getbuffer(PyObject *self, Py_buffer *view, int flags);
void map_releasebuffer(PyObject *self, Py_buffer *view);

/* map_loss.c */
size_t map_lost(const struct map *map);
PyObject *loss_error(struct map *map, size_t start, size_t end, const char *access);
PyObject *map_stand_in(struct map *map, size_t at, size_t n, const char *access);
bool map_has_no_stand_in(struct map *map, size_t at, size_t n, const char *access);
PyObject *map_losses(PyObject *self, PyObject *unused);
PyObject *map_restore(PyObject *self, PyObject *unused);
PyObject *map_salvage(struct map *map, int fill);

/* map_control.c: methods that ask the kernel for something */
PyObject *map_flush(PyObject *self, PyObject *args);
PyObject *map_madvise(PyObject *self, PyObject *args);
PyObject *map_resize(PyObject *self, PyObject *arg);
PyObject *map_file_size(PyObject *self, PyObject *unused);

/* map_access.c: reads and writes. Each returns whether it has succeeded; if not, an error is set.
 * The range lies in the map. */
bool map_put(struct map *map, size_t at, const char *from, size_t n);
bool map_move(struct map *map, size_t to, size_t from, size_t n);
bool map_get_step(struct map *map, char *to, size_t at, Py_ssize_t step, size_t n);
bool map_get_byte(struct map *map, size_t at, unsigned char *value);
bool map_put_byte(struct map *map, size_t at, unsigned char value);
PyObject *map_bytes(struct map *map, size_t at, size_t n);

/* map_find.c */
PyObject *map_find(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *map_rfind(PyObject *self, PyObject *const *args, Py_ssize_t n);
PyObject *map_readline(PyObject *self, PyObject *unused);

/* map_sequence.c: the slots of items and slices */
Py_ssize_t map_length(PyObject *self);
PyObject *map_item(PyObject *self, Py_ssize_t index);
PyObject *map_subscript(PyObject *self, PyObject *key);
int map_ass_subscript(PyObject *self, PyObject *key, PyObject *value);

/* Whether the map is open. If not, an error is set. */
static inline bool map_is_open(const struct map *map)
{
	if (map->data)
		return true;
	PyErr_SetString(PyExc_ValueError, "mmap closed or invalid");
	return false;
}

/* Whether an access that succeeded met the file itself, and no stand-in. If not, an error is set.
 */
static inline bool map_is_whole(struct map *map, size_t at, size_t n, const char *access)
{
	return !map->shield || mcsafe_shield_lost(map->shield) == 0 ||
	       map_has_no_stand_in(map, at, n, access);
}

/* Whether the map may be written. If not, an error is set. */
static inline bool map_is_writable(const struct map *map)
{
	if (map->access != ACCESS_READ)
		return true;
	PyErr_SetString(PyExc_TypeError, "mmap can't modify a readonly memory map.");
	return false;
}

#endif /* MCSAFE_PYTHON_MAP_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - the life of an mcsafe.mmap: open, buffers, the end */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct state *state_of_map(const struct map *map)
{
	return state_of(map->module);
}

/* The mapping stays meanwhile, although other threads run. */
PyObject *error_of_map_fault(struct map *map, const struct mcsafe_fault *fault, size_t done)
{
	PyObject *error;

	map->exports++;
	error = error_of_fault(state_of_map(map), fault, done, map->data + map->size);
	map->exports--;
	return error;
}

/* ---- open ---- */

struct wanted {
	Py_ssize_t len;
	long long offset;
	int fd, flags, prot, access;
	int trackfd, shield, tells;
};

/* The flags and the protection of an access, as mmap.mmap has them. */
static bool settle_access(struct wanted *wanted)
{
	if (wanted->access != ACCESS_DEFAULT &&
	    (wanted->flags != MAP_SHARED || wanted->prot != (PROT_READ | PROT_WRITE))) {
		PyErr_SetString(PyExc_ValueError,
				"mmap can't specify both access and flags, prot.");
		return false;
	}
	switch (wanted->access) {
	case ACCESS_READ:
		wanted->prot = PROT_READ;
		break;
	case ACCESS_WRITE:
		break;
	case ACCESS_COPY:
		wanted->flags = MAP_PRIVATE;
		break;
	case ACCESS_DEFAULT:
		if ((wanted->prot & PROT_WRITE) == 0)
			wanted->access = ACCESS_READ;
		else if ((wanted->prot & PROT_READ) == 0)
			wanted->access = ACCESS_WRITE;
		break;
	default:
		PyErr_SetString(PyExc_ValueError, "mmap invalid access parameter.");
		return false;
	}
	return true;
}

/* The length, if the file says it; and whether the file has what is wanted. */
static bool settle_length(struct wanted *wanted)
{
	struct stat file;

	if (wanted->len < 0) {
		PyErr_SetString(PyExc_OverflowError, "memory mapped length must be positive");
		return false;
	}
	if (wanted->offset < 0) {
		PyErr_SetString(PyExc_OverflowError, "memory mapped offset must be positive");
		return false;
	}
	if (wanted->fd == -1 || fstat(wanted->fd, &file) != 0 || !S_ISREG(file.st_mode))
		return true;
	if (wanted->len == 0) {
		if (file.st_size == 0) {
			PyErr_SetString(PyExc_ValueError, "cannot mmap an empty file");
			return false;
		}
		if (wanted->offset >= file.st_size) {
			PyErr_SetString(PyExc_ValueError, "mmap offset is greater than file size");
			return false;
		}
		wanted->len = (Py_ssize_t)(file.st_size - wanted->offset);
	} else if (wanted->offset > file.st_size || file.st_size - wanted->offset < wanted->len) {
		PyErr_SetString(PyExc_ValueError, "mmap length is greater than file size");
		return false;
	}
	return true;
}

/* The module of the type, or of the base of a subclass. */
static PyObject *module_of(PyTypeObject *type)
{
	for (; type; type = PyType_GetSlot(type, Py_tp_base)) {
		PyObject *module = PyType_GetModule(type);

		if (module && PyModule_GetDef(module) == &mcsafe_python_def)
			return Py_NewRef(module);
		PyErr_Clear();
	}
	PyErr_SetString(PyExc_TypeError, "this is no subclass of mcsafe.mmap");
	return NULL;
}

static struct map *open_map(PyTypeObject *type, const struct wanted *wanted)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct map *map = (struct map *)alloc(type, 0);
	int flags = wanted->flags;

	if (!map)
		return NULL;
	map->fd = -1;
	map->access = (enum access)wanted->access;
	map->prot = wanted->prot;
	map->offset = wanted->offset;
	map->trackfd = wanted->trackfd != 0;
	map->wants_shield = wanted->shield != 0;
	map->tells = wanted->tells != 0;
	map->module = module_of(type);
	if (!map->module || ensure_installed() < 0)
		goto failed;
	if (wanted->fd == -1) {
		flags |= MAP_ANONYMOUS;
	} else if (wanted->trackfd) {
		map->fd = fcntl(wanted->fd, F_DUPFD_CLOEXEC, 3);
		if (map->fd < 0)
			goto os_failed;
	}
	map->flags = flags;
	map->data =
		mmap(NULL, (size_t)wanted->len, wanted->prot, flags, wanted->fd, wanted->offset);
	if (map->data == MAP_FAILED) {
		map->data = NULL;
		goto os_failed;
	}
	map->size = (size_t)wanted->len;
	return map;
os_failed:
	PyErr_SetFromErrno(PyExc_OSError);
failed:
	Py_DECREF(map);
	return NULL;
}

PyObject *map_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = {"fileno", "length",  "flags",  "prot",  "access",
				"offset", "trackfd", "shield", "check", NULL};
	struct wanted wanted = {.flags = MAP_SHARED,
				.prot = PROT_READ | PROT_WRITE,
				.access = ACCESS_DEFAULT,
				.trackfd = 1,
				.shield = 1,
				.tells = 1};

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "in|iiiL$ppp:mmap", names, &wanted.fd,
					 &wanted.len, &wanted.flags, &wanted.prot, &wanted.access,
					 &wanted.offset, &wanted.trackfd, &wanted.shield,
					 &wanted.tells) ||
	    !settle_length(&wanted) || !settle_access(&wanted))
		return NULL;
	return (PyObject *)open_map(type, &wanted);
}

/* ---- the end ---- */

/* 0, or a negated error number; then the map is still open. */
static int unmap(struct map *map)
{
	char *data = map->data;
	size_t size = map->size;
	int fd = map->fd;
	PyThreadState *thread;

	if (map->shield) {
		int err = mcsafe_shield_close(map->shield);

		if (err != 0)
			return err;
		map->shield = NULL;
	}
	map->data = NULL;
	map->fd = -1;
	thread = PyEval_SaveThread();
	if (data)
		munmap(data, size);
	if (fd >= 0)
		close(fd);
	PyEval_RestoreThread(thread);
	return 0;
}

/* The error for a loss that nobody has been told of; NULL without an error: there is none. */
static PyObject *untold(struct map *map)
{
	size_t lost = map_lost(map);
	PyObject *error = NULL;

	if (map->tells && map->data && lost > map->told) {
		map->told = lost;
		error = loss_error(map, 0, map->size, "read");
	}
	return error;
}

static bool close_map(struct map *map)
{
	int err;

	if (map->exports > 0) {
		PyErr_SetString(PyExc_BufferError, "cannot close exported pointers exist");
		return false;
	}
	err = unmap(map);
	if (err != 0) {
		errno = -err;
		PyErr_SetFromErrno(PyExc_OSError);
	}
	return err == 0;
}

PyObject *map_close(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	PyObject *loss;
	size_t told = map->told;

	(void)unused;
	loss = untold(map);
	if (!loss && PyErr_Occurred())
		return NULL;
	if (!close_map(map)) {
		/* It stays open, and can be closed again. */
		map->told = told;
		Py_XDECREF(loss);
		return NULL;
	}
	if (loss)
		return set_raised(loss);
	Py_RETURN_NONE;
}

PyObject *map_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return map_is_open((struct map *)self) ? Py_NewRef(self) : NULL;
}

/* Raise a loss; or add it as a note to the exception that is on its way. */
PyObject *map_exit(PyObject *self, PyObject *args)
{
	struct map *map = (struct map *)self;
	PyObject *type, *exception, *trace, *loss, *text, *done;

	if (!PyArg_ParseTuple(args, "OOO:__exit__", &type, &exception, &trace))
		return NULL;
	loss = untold(map);
	if (!loss && PyErr_Occurred())
		return NULL;
	if (!close_map(map)) {
		if (!loss)
			return NULL;
		/* Buffers are still there: the loss matters more. */
		PyErr_Clear();
	}
	if (!loss)
		Py_RETURN_NONE;
	if (exception == Py_None)
		return set_raised(loss);
	text = PyObject_Str(loss);
	Py_DECREF(loss);
	done = text ? PyObject_CallMethod(exception, "add_note", "O", text) : NULL;
	Py_XDECREF(text);
	Py_XDECREF(done);
	if (!done)
		return NULL;
	Py_RETURN_NONE;
}

int map_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((struct map *)self)->module);
	return 0;
}

/* Nobody has closed the map. A loss is told through sys.unraisablehook. */
static void tell_at_last(struct map *map)
{
	PyObject *type, *value, *trace, *loss;

	PyErr_Fetch(&type, &value, &trace);
	loss = untold(map);
	if (loss)
		set_raised(loss);
	if (PyErr_Occurred())
		PyErr_WriteUnraisable((PyObject *)Py_TYPE((PyObject *)map));
	PyErr_Restore(type, value, trace);
}

void map_dealloc(PyObject *self)
{
	struct map *map = (struct map *)self;
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

	PyObject_GC_UnTrack(self);
	if (map->weakrefs)
		PyObject_ClearWeakRefs(self);
	if (map->shield)
		tell_at_last(map);
	/* If the shield cannot be closed, the memory stays mapped: it must not become another's
	 * while it is in the shield. */
	unmap(map);
	Py_XDECREF(map->module);
	release(self);
	Py_DECREF(type);
}

/* ---- buffers ---- */

static bool open_shield(struct map *map)
{
	struct mcsafe_shield_options options = {.size = sizeof(options)};
	PyObject *type, *value, *trace, *why;
	int err;

	if (map->fd >= 0) {
		options.flags = MCSAFE_SHIELD_FILE;
		options.file_fd = map->fd;
	}
	if (ensure_installed() < 0)
		return false;
	err = mcsafe_shield_open(&map->shield, map->data, map->size, &options);
	if (err == 0)
		return true;
	errno = -err;
	PyErr_SetFromErrno(PyExc_OSError);
	PyErr_Fetch(&type, &value, &trace);
	why = err == -EACCES ? PyUnicode_FromString("the memory may be executed")
			     : PyObject_Str(value);
	if (why)
		PyErr_Format(PyExc_BufferError,
			     "no shield: %U; shield=False gives buffers without one", why);
	Py_XDECREF(why);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return false;
}

int map_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
	struct map *map = (struct map *)self;

	if (!map_is_open(map) || (map->wants_shield && !map->shield && !open_shield(map)))
		return -1;
	if (PyBuffer_FillInfo(view, self, map->data, (Py_ssize_t)map->size,
			      map->access == ACCESS_READ, flags) < 0)
		return -1;
	map->exports++;
	return 0;
}

void map_releasebuffer(PyObject *self, Py_buffer *view)
{
	(void)view;
	((struct map *)self)->exports--;
}

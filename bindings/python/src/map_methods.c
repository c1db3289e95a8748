/* SPDX-License-Identifier: BSD-3-Clause */
/* map_methods.c - the methods of mcsafe.mmap that know its position, and the type */
#include "map.h"

#include <structmember.h>
#include <unistd.h>

static const char *const access_names[] = {
	[ACCESS_DEFAULT] = "ACCESS_DEFAULT",
	[ACCESS_READ] = "ACCESS_READ",
	[ACCESS_WRITE] = "ACCESS_WRITE",
	[ACCESS_COPY] = "ACCESS_COPY",
};

static PyObject *map_read(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	struct map *map = (struct map *)self;
	Py_ssize_t want = -1;
	size_t left;
	PyObject *bytes;

	if (!map_is_open(map))
		return NULL;
	if (n > 1) {
		PyErr_Format(PyExc_TypeError, "read() takes at most 1 argument, not %zd", n);
		return NULL;
	}
	if (n == 1 && args[0] != Py_None) {
		if (!PyIndex_Check(args[0])) {
			PyErr_SetString(PyExc_TypeError, "argument should be integer or None");
			return NULL;
		}
		want = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
		if ((want == -1 && PyErr_Occurred()) || !map_is_open(map))
			return NULL;
	}
	left = map->pos < map->size ? map->size - map->pos : 0;
	if (want >= 0 && (size_t)want < left)
		left = (size_t)want;
	bytes = map_bytes(map, map->pos, left);
	if (bytes)
		map->pos += left;
	return bytes;
}

static PyObject *map_read_byte(PyObject *self, PyObject *unused)
{
	struct map *map = (struct map *)self;
	unsigned char value;

	(void)unused;
	if (!map_is_open(map))
		return NULL;
	if (map->pos >= map->size) {
		PyErr_SetString(PyExc_ValueError, "read byte out of range");
		return NULL;
	}
	if (!map_get_byte(map, map->pos, &value))
		return NULL;
	map->pos++;
	return PyLong_FromLong(value);
}

static PyObject *map_write(PyObject *self, PyObject *arg)
{
	struct map *map = (struct map *)self;
	Py_buffer from;
	PyObject *result = NULL;

	if (!map_is_open(map))
		return NULL;
	if (PyObject_GetBuffer(arg, &from, PyBUF_SIMPLE) < 0)
		return NULL;
	if (!map_is_open(map) || !map_is_writable(map)) {
		;
	} else if (map->pos > map->size || map->size - map->pos < (size_t)from.len) {
		PyErr_SetString(PyExc_ValueError, "data out of range");
	} else if (map_put(map, map->pos, from.buf, (size_t)from.len)) {
		map->pos += (size_t)from.len;
		result = PyLong_FromSsize_t(from.len);
	}
	PyBuffer_Release(&from);
	return result;
}

static PyObject *map_write_byte(PyObject *self, PyObject *arg)
{
	struct map *map = (struct map *)self;
	Py_ssize_t value;

	if (!map_is_open(map))
		return NULL;
	value = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
	if ((value == -1 && PyErr_Occurred()) || !map_is_open(map))
		return NULL;
	if (value < 0 || value > 255) {
		PyErr_SetString(PyExc_OverflowError,
				"the value of a byte must be in range(0, 256)");
		return NULL;
	}
	if (!map_is_writable(map))
		return NULL;
	if (map->pos >= map->size) {
		PyErr_SetString(PyExc_ValueError, "write byte out of range");
		return NULL;
	}
	if (!map_put_byte(map, map->pos, (unsigned char)value))
		return NULL;
	map->pos++;
	Py_RETURN_NONE;
}

static PyObject *map_seek(PyObject *self, PyObject *args)
{
	struct map *map = (struct map *)self;
	Py_ssize_t by, from = 0, to;
	int whence = SEEK_SET;

	if (!PyArg_ParseTuple(args, "n|i:seek", &by, &whence) || !map_is_open(map))
		return NULL;
	if (whence == SEEK_CUR) {
		from = (Py_ssize_t)map->pos;
	} else if (whence == SEEK_END) {
		from = (Py_ssize_t)map->size;
	} else if (whence != SEEK_SET) {
		PyErr_SetString(PyExc_ValueError, "unknown seek type");
		return NULL;
	}
	if (__builtin_add_overflow(from, by, &to) || to < 0 || to > (Py_ssize_t)map->size) {
		PyErr_SetString(PyExc_ValueError, "seek out of range");
		return NULL;
	}
	map->pos = (size_t)to;
	return PyLong_FromSsize_t(to);
}

static PyObject *map_tell(PyObject *self, PyObject *unused)
{
	const struct map *map = (struct map *)self;

	(void)unused;
	return map_is_open(map) ? PyLong_FromSize_t(map->pos) : NULL;
}

static PyObject *map_seekable(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	Py_RETURN_TRUE;
}

static PyObject *map_move_method(PyObject *self, PyObject *args)
{
	struct map *map = (struct map *)self;
	Py_ssize_t to, from, n;

	if (!PyArg_ParseTuple(args, "nnn:move", &to, &from, &n) || !map_is_open(map) ||
	    !map_is_writable(map))
		return NULL;
	if (to < 0 || from < 0 || n < 0 || (Py_ssize_t)map->size - to < n ||
	    (Py_ssize_t)map->size - from < n) {
		PyErr_SetString(PyExc_ValueError, "source, destination, or count out of range");
		return NULL;
	}
	if (n != 0 && !map_move(map, (size_t)to, (size_t)from, (size_t)n))
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *map_repr(PyObject *self)
{
	const struct map *map = (struct map *)self;
	PyObject *name = PyType_GetName(Py_TYPE(self)), *text;

	if (!name)
		return NULL;
	if (!map->data)
		text = PyUnicode_FromFormat("<mcsafe.%U closed=True>", name);
	else
		text = PyUnicode_FromFormat(
			"<mcsafe.%U closed=False, access=%s, length=%zu, pos=%zu, offset=%lld>",
			name, access_names[map->access], map->size, map->pos,
			(long long)map->offset);
	Py_DECREF(name);
	return text;
}

static PyObject *map_closed(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct map *)self)->data == NULL);
}

static PyObject *map_address(PyObject *self, void *unused)
{
	const struct map *map = (struct map *)self;

	(void)unused;
	return map_is_open(map) ? PyLong_FromVoidPtr(map->data) : NULL;
}

/* ---- the type ---- */

#define FAULTS "\n\nRaises FaultError if a byte of it cannot be accessed"
#define CLOSED ", ValueError if the map is closed."

static PyMethodDef methods[] = {
	{"close", map_close, METH_NOARGS,
	 PyDoc_STR(
		 "close()\n--\n\nUnmap the memory. Nothing happens if that was done.\n\n"
		 "Raises BufferError while a buffer, or a call of another thread, uses the\n"
		 "memory. After the memory was unmapped, raises FaultError if a buffer has met a\n"
		 "loss of which neither lost() nor restore() has told. check=False of the\n"
		 "constructor prevents that.")},
	{"find", (PyCFunction)(void (*)(void))map_find, METH_FASTCALL,
	 PyDoc_STR("find(sub[, start[, end]])\n\nThe lowest index of sub in the slice, or -1. The\n"
		   "default is from the position to the end." FAULTS
		   "\nbefore sub was found" CLOSED)},
	{"flush", map_flush, METH_VARARGS,
	 PyDoc_STR("flush([offset[, size]])\n\nWrite changes to the file: msync(2).\n\n"
		   "Raises OSError if the kernel reports an error, FaultError if a part of the\n"
		   "range was lost, so that what a buffer has stored there does not reach the\n"
		   "file" CLOSED)},
	{"lost", map_losses, METH_NOARGS,
	 PyDoc_STR(
		 "lost()\n--\n\nThe ranges that buffers have found lost, and in which zeros stand\n"
		 "now: a list of (start, length), empty if all is well. Ask after each use of a\n"
		 "buffer.\n\nRaises ValueError if the map is closed.")},
	{"madvise", map_madvise, METH_VARARGS,
	 PyDoc_STR("madvise(option[, start[, length]])\n\nAdvise the kernel: madvise(2).\n\n"
		   "Raises OSError if the kernel reports an error" CLOSED)},
	{"move", map_move_method, METH_VARARGS,
	 PyDoc_STR("move(dest, src, count)\n\nCopy bytes inside the map. They may overlap." FAULTS
		   ":\na part may have been copied. TypeError if the map is read-only" CLOSED)},
	{"read", (PyCFunction)(void (*)(void))map_read, METH_FASTCALL,
	 PyDoc_STR(
		 "read([n])\n\nUp to n bytes from the position, which moves on. All that is left,\n"
		 "if n is negative, None or not given." FAULTS
		 ":\nthe position stays, and its member `done` says how many bytes can be "
		 "read" CLOSED)},
	{"read_byte", map_read_byte, METH_NOARGS,
	 PyDoc_STR("read_byte()\n--\n\nThe byte at the position, which moves on, as an int." FAULTS
		   ",\nValueError at the end or if the map is closed.")},
	{"readline", map_readline, METH_NOARGS,
	 PyDoc_STR("readline()\n--\n\nThe bytes up to the next newline, with it." FAULTS CLOSED)},
	{"resize", map_resize, METH_O,
	 PyDoc_STR("resize(newsize)\n\nResize the map and its file.\n\nRaises BufferError while a\n"
		   "buffer is used, TypeError if the map is read-only or private, OSError if the\n"
		   "kernel reports an error" CLOSED)},
	{"restore", map_restore, METH_NOARGS,
	 PyDoc_STR(
		 "restore()\n--\n\nGive buffers the file's own pages again where zeros stand in,\n"
		 "for example after the file has grown. What was stored to the zeros is lost.\n\n"
		 "Raises FaultError if some pages still fail" CLOSED)},
	{"rfind", (PyCFunction)(void (*)(void))map_rfind, METH_FASTCALL,
	 PyDoc_STR(
		 "rfind(sub[, start[, end]])\n\nThe highest index of sub in the slice, or -1. The\n"
		 "search begins at the end." FAULTS "\nbefore sub was found" CLOSED)},
	{"seek", map_seek, METH_VARARGS,
	 PyDoc_STR("seek(pos[, whence])\n\nSet the position, and return it. whence is 0 (from the\n"
		   "start), 1 (from the position) or 2 (from the end).\n\nRaises ValueError if\n"
		   "that is outside the map, or if the map is closed.")},
	{"seekable", map_seekable, METH_NOARGS, PyDoc_STR("seekable()\n--\n\nTrue.")},
	{"size", map_file_size, METH_NOARGS,
	 PyDoc_STR("size()\n--\n\nThe size of the file now, which need not be len().\n\nRaises\n"
		   "OSError if there is no file" CLOSED)},
	{"tell", map_tell, METH_NOARGS,
	 PyDoc_STR("tell()\n--\n\nThe position.\n\nRaises ValueError if the map is closed.")},
	{"write", map_write, METH_O,
	 PyDoc_STR("write(bytes)\n\nStore bytes at the position, which moves on. Returns their\n"
		   "number." FAULTS
		   ":\nits member `done` says how many bytes were stored. TypeError\n"
		   "if the map is read-only, ValueError if there is not enough room or the map is\n"
		   "closed.")},
	{"write_byte", map_write_byte, METH_O,
	 PyDoc_STR(
		 "write_byte(byte)\n\nStore a byte, an int, at the position, which moves on." FAULTS
		 ",\nTypeError if the map is read-only, ValueError at the end or if the map is\n"
		 "closed.")},
	{"__enter__", map_enter, METH_NOARGS, NULL},
	{"__exit__", map_exit, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyGetSetDef members[] = {
	{"closed", map_closed, NULL, PyDoc_STR("Whether the map was closed."), NULL},
	{"address", map_address, NULL,
	 PyDoc_STR(
		 "The address of the memory, for ctypes. Ordinary accesses to it are in no shield\n"
		 "until there was a buffer of the map."),
	 NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef weak[] = {
	{"__weaklistoffset__", T_PYSSIZET, offsetof(struct map, weakrefs), READONLY, NULL},
	{NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
	map_doc,
	"mmap(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE,\n"
	"     access=ACCESS_DEFAULT, offset=0, *, trackfd=True, shield=True, check=True)\n"
	"\n"
	"Map a file, like mmap.mmap, whose arguments, methods and errors it has. fileno -1 maps\n"
	"anonymous memory. length 0 maps all of the file.\n"
	"\n"
	"Where memory fails, because the file was truncated, the disk or memory is broken or the\n"
	"file system is full, mmap.mmap kills the process. Here, methods, items and slices raise\n"
	"FaultError. Buffers (memoryview, numpy, struct, re) lie in a shield: they find zeros\n"
	"there. lost() lists them. Leaving a `with` block, or close(), raises FaultError if\n"
	"nobody has asked.\n"
	"\n"
	"trackfd=False keeps no descriptor: then size() and resize() do not work.\n"
	"shield=False gives buffers without a shield, whose faults kill the process.\n"
	"check=False: the end of the map does not raise for a loss.\n"
	"\n"
	"Raises ValueError for wrong arguments and an empty or too short file, OSError if the\n"
	"kernel reports an error.");

static PyType_Slot slots[] = {
	{Py_tp_doc, (void *)(uintptr_t)map_doc},
	{Py_tp_new, map_new},
	{Py_tp_dealloc, map_dealloc},
	{Py_tp_traverse, map_traverse},
	{Py_tp_repr, map_repr},
	{Py_tp_methods, methods},
	{Py_tp_getset, members},
	{Py_tp_members, weak},
	{Py_sq_length, map_length},
	{Py_sq_item, map_item},
	{Py_mp_length, map_length},
	{Py_mp_subscript, map_subscript},
	{Py_mp_ass_subscript, map_ass_subscript},
	{Py_bf_getbuffer, map_getbuffer},
	{Py_bf_releasebuffer, map_releasebuffer},
	{0, NULL},
};

PyType_Spec map_spec = {
	.name = "mcsafe.mmap",
	.basicsize = sizeof(struct map),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
		 Py_TPFLAGS_IMMUTABLETYPE,
	.slots = slots,
};
